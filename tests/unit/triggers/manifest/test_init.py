from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING

import pytest
import yaml

from builder.__main__ import main
from tests.tree import commit, git, write
from tests.unit.triggers.rendering.rendering import package
from triggers.discovery.inventory import Inventory
from triggers.manifest.build_configs import shared_build_configs
from triggers.manifest.manifest import SCHEMA_URL, read_manifest
from triggers.manifest.starting import source_of_remote
from triggers.rendering.rendering import render

if TYPE_CHECKING:
    from pathlib import Path

REGISTRY = ["--registry", "us-central1/my-project/pypi"]
GITHUB = ["--github", "acme/monorepo"]
FILES = [
    "shipwheel.yaml",
    "cloudbuild/check-package.yaml",
    "cloudbuild/deploy-function.yaml",
    "cloudbuild/publish-package.yaml",
]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHIPWHEEL_REGISTRY", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


def test_it_writes_the_manifest_and_the_build_configs_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", *REGISTRY, *GITHUB]) == 0

    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == (
        "".join(f"{path}: written\n" for path in FILES)
        + "Next: look through shipwheel.yaml, then run `shipwheel setup`\n"
    )
    assert sorted(FILES) == sorted(
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.yaml")
    )
    manifest = read_manifest(tmp_path / "shipwheel.yaml")
    assert (manifest.project, manifest.region) == ("my-project", "us-central1")
    assert manifest.registry == "us-central1/my-project/pypi"
    assert manifest.image.startswith("us-central1-docker.pkg.dev/my-project/docker/shipwheel:")


@pytest.mark.parametrize(
    ("registry", "connected_in", "region"),
    [
        ("us-east4", "", "us-central1"),
        ("northamerica-northeast1", "", "us-central1"),
        ("europe-west3", "", "europe-west1"),
        ("asia-northeast1", "", "asia-east1"),
        ("us-west2", "", "us-west2"),
        ("us-west2", "us-central1", "us-central1"),
    ],
)
def test_triggers_are_where_every_project_may_build_and_the_registry_stays(
    tmp_path: Path,
    registry: str,
    connected_in: str,
    region: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    connected = f"projects/p/locations/{connected_in}/connections/hub/repositories/r"
    source = ["--repository", connected] if connected_in else GITHUB

    assert main(["init", "--registry", f"{registry}/my-project/pypi", *source]) == 0

    manifest = read_manifest(tmp_path / "shipwheel.yaml")
    assert (manifest.region, manifest.registry) == (region, f"{registry}/my-project/pypi")
    said = (
        f"The triggers' region is {region!r}, the registry's {registry!r}; --region names another"
    )
    assert (said in capsys.readouterr().err) is (region != registry)


def test_a_region_where_not_every_project_may_build_is_taken_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", *REGISTRY, *GITHUB, "--region", "us-east4"]) == 0
    assert main(["setup"]) == 0

    warning = (
        "warning: New and small projects may not build in 'us-east4', the `region` of the triggers"
    )
    assert capsys.readouterr().err.count(warning) == 2
    assert read_manifest(tmp_path / "shipwheel.yaml").region == "us-east4"


def test_the_manifest_begins_with_its_schema_for_editors(tmp_path: Path) -> None:
    main(["init", *REGISTRY, *GITHUB])

    first, *_ = (tmp_path / "shipwheel.yaml").read_text().splitlines()
    assert first == f"# yaml-language-server: $schema={SCHEMA_URL}"


def test_the_examples_in_the_comments_are_valid(tmp_path: Path) -> None:
    main(["init", *REGISTRY, *GITHUB])
    lines = (tmp_path / "shipwheel.yaml").read_text().splitlines()
    paragraphs = "\n".join(lines[1:]).split("\n\n")
    examples = [
        "\n".join(line.removeprefix("# ") for line in paragraph.splitlines()[1:])
        for paragraph in paragraphs
        if all(line.startswith("#") for line in paragraph.splitlines())
    ]
    assert len(examples) == 3

    (tmp_path / "shipwheel.yaml").write_text("\n".join([*lines, *examples]))

    assert read_manifest(tmp_path / "shipwheel.yaml").packages.exclude == ("examples", "tests")


def test_every_build_config_logs_where_an_account_of_the_users_may(tmp_path: Path) -> None:
    main(["init", *REGISTRY, *GITHUB])

    for path in FILES[1:]:
        config = yaml.safe_load((tmp_path / path).read_text())
        assert config["options"]["logging"] == "CLOUD_LOGGING_ONLY", path
        assert config["timeout"].endswith("s"), path
        assert all(step["id"] for step in config["steps"]), path


def test_a_second_time_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init", *REGISTRY, *GITHUB])
    capsys.readouterr()
    before = {path: (tmp_path / path).stat().st_mtime_ns for path in FILES}

    assert main(["init", *REGISTRY, *GITHUB, "--json"]) == 0

    written = json.loads(capsys.readouterr().out)
    assert written == {"files": [{"path": path, "outcome": "unchanged"} for path in FILES]}
    assert {path: (tmp_path / path).stat().st_mtime_ns for path in FILES} == before


def test_nothing_is_replaced_without_force_and_nothing_else_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shipwheel.yaml").write_text("mine\n")
    (tmp_path / "cloudbuild").mkdir()
    (tmp_path / FILES[1]).write_bytes(b"\xff")

    assert main(["init", *REGISTRY, *GITHUB]) == 2

    hint = "  hint: --force replaces it; without, nothing at all was written\n"
    assert capsys.readouterr().err == (
        f"error: The file 'shipwheel.yaml' is there already, with other contents\n{hint}"
        f"error: The file '{FILES[1]}' is there already, with other contents\n{hint}"
    )
    assert (tmp_path / "shipwheel.yaml").read_text() == "mine\n"
    assert [path.name for path in (tmp_path / "cloudbuild").iterdir()] == ["check-package.yaml"]


def test_force_replaces_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "shipwheel.yaml").write_text("mine\n")

    assert main(["init", *REGISTRY, *GITHUB, "--force", "--json"]) == 0

    [manifest, *others] = json.loads(capsys.readouterr().out)["files"]
    assert manifest == {"path": "shipwheel.yaml", "outcome": "replaced"}
    assert {each["outcome"] for each in others} == {"written"}
    assert (tmp_path / "shipwheel.yaml").read_text() != "mine\n"


def test_a_place_that_cannot_be_written_is_one_clean_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cloudbuild").write_text("a file, where a directory has to be\n")

    assert main(["init", *REGISTRY, *GITHUB]) == 2

    assert "'cloudbuild/check-package.yaml' cannot be written" in capsys.readouterr().err
    assert not (tmp_path / "shipwheel.yaml").exists()


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_nothing_is_written_where_a_symbolic_link_leads(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    force: list[str],
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (tmp_path / "shipwheel.yaml").symlink_to(elsewhere / "nothing.yaml")
    (tmp_path / "cloudbuild").symlink_to(elsewhere)

    assert main(["init", *REGISTRY, *GITHUB, *force]) == 2

    said = capsys.readouterr().err
    assert f"'shipwheel.yaml' is a symbolic link, to '{elsewhere}/nothing.yaml'" in said
    assert "The folder of 'cloudbuild/check-package.yaml' is a symbolic link, to " in said
    assert [*elsewhere.iterdir()] == []


@pytest.mark.parametrize(
    "url",
    [
        "git@github.com:acme/monorepo.git",
        "https://github.com/acme/monorepo",
        "https://github.com/acme/monorepo.git/",
        "https://token@github.com/acme/monorepo.git",
        "ssh://git@github.com:22/acme/monorepo.git",
        "git+ssh://git@github.com/acme/monorepo",
    ],
)
def test_the_remote_names_the_repository(url: str) -> None:
    assert source_of_remote(url) == {"github": {"owner": "acme", "name": "monorepo"}}


@pytest.mark.parametrize(
    "url",
    ["", "/srv/git/monorepo.git", "https://gitlab.com/acme/monorepo", "git@github.com:monorepo",
     "https://notgithub.com/acme/monorepo", "https://github.com.example.org/acme/monorepo"],
)  # fmt: skip
def test_a_remote_elsewhere_names_none(url: str) -> None:
    assert source_of_remote(url) is None


def test_the_origin_of_a_git_repository_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "remote", "add", "origin", "git@github.com:a/b.git")

    assert main(["init", *REGISTRY]) == 0

    source = read_manifest(tmp_path / "shipwheel.yaml").source
    assert source.github is not None
    assert (source.github.owner, source.github.name) == ("a", "b")
    assert "shipwheel.yaml: written" in capsys.readouterr().err


def test_without_an_origin_the_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", *REGISTRY]) == 2

    assert capsys.readouterr().err == (
        "error: The git remote origin does not say where on GitHub this repository is\n"
        "  hint: name it with --github OWNER/NAME, --repository or --git-repository-link\n"
    )


@pytest.mark.parametrize(
    ("registry", "said"),
    [
        (
            "",
            (
                "No registry was named\n  hint: use https://REGION-python.pkg.dev/PROJECT/REPO/ or"
                " REGION/PROJECT/REPO, as --registry or in SHIPWHEEL_REGISTRY"
            ),
        ),
        (
            "https://example.org/pypi",
            (
                "Cloud Build's triggers need a repository of Artifact Registry:"
                " 'https://example.org/pypi/'\n  hint: name it as REGION/PROJECT/REPO"
            ),
        ),
    ],
)
def test_a_registry_and_a_repository_that_are_missing_are_told_at_once(
    registry: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHIPWHEEL_REGISTRY", registry)

    assert main(["init"]) == 2

    assert capsys.readouterr().err == (
        f"error: {said}\n"
        "error: The git remote origin does not say where on GitHub this repository is\n"
        "  hint: name it with --github OWNER/NAME, --repository or --git-repository-link\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([*REGISTRY, "--github", "acme"], "what was given: `source.github.name`"),
        ([*REGISTRY, "--repository", "x"], "what was given: `source.repository` is 'x'"),
        ([*REGISTRY, *GITHUB, "--git-repository-link", "x"], "`source.gitRepositoryLink` is 'x'"),
        ([*REGISTRY, *GITHUB, "--project", "P"], "what was given: `project` is 'P'"),
        (["--registry", "https://example.org/pypi", *GITHUB], "a repository of Artifact Registry"),
        (GITHUB, "No registry was named"),
    ],
)
def test_bad_answers_write_nothing(
    tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", *arguments]) == 2

    assert said in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


def test_a_registry_in_another_project_is_what_triggers_give_the_build_configs(
    tmp_path: Path,
) -> None:
    """An edited manifest holds, too: no build config names a project."""
    arguments = ["--registry", "europe/example.com:shared/pypi", "--project", "team-project"]
    assert main(["init", *arguments, *GITHUB]) == 0

    manifest = read_manifest(tmp_path / "shipwheel.yaml")
    assert (manifest.project, manifest.region) == ("team-project", "global")
    for path in FILES[1:]:
        text = (tmp_path / path).read_text()
        assert "-python.pkg.dev/${_PROJECT}/${_REPO}" in text, path
    [trigger, *_] = render(manifest, Inventory(components=(package("a"),))).triggers
    assert trigger.substitutions["_PROJECT"] == "example.com/shared"


@pytest.mark.parametrize(
    ("commands", "branch"),
    [
        ([["init", "--quiet", "--initial-branch=master"]], "master"),
        ([["init", "--quiet", "--initial-branch=release/1.x"]], r"release/1\.x"),
        (
            [
                ["init", "--quiet", "--initial-branch=topic"],
                ["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk"],
            ],
            "trunk",
        ),
        ([], "main"),
    ],
)
def test_triggers_wait_for_the_default_branch(
    tmp_path: Path, commands: list[list[str]], branch: str
) -> None:
    for command in commands:
        git(tmp_path, *command)

    assert main(["init", *REGISTRY, *GITHUB]) == 0

    manifest = read_manifest(tmp_path / "shipwheel.yaml")
    assert {manifest.check.branch, manifest.publish.branch, manifest.deploy.branch} == {branch}


def test_what_cannot_be_read_is_left_out_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    builds = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    write(
        tmp_path,
        {
            "packages/a/pyproject.toml": f"{builds}[project]\nname='a'\nversion='1'\n",
            "template/pyproject.toml": f"{builds}[project]\nname='{{{{ name }}}}'\nversion='1'\n",
            "packages/a/tests/[1]/pyproject.toml": f"{builds}[project]\nname='A'\nversion='1'\n",
            "broken/pyproject.toml": "[[\n",
            "broken/main.py": "",
        },
    )

    assert main(["init", *REGISTRY, *GITHUB]) == 0

    text = (tmp_path / "shipwheel.yaml").read_text()
    assert "    - \"template\"  # The project's name is not valid: '{{ name }}'" in text
    assert '    - "packages/a/tests/[[]1]"  # packages/a has the same name: a\n' in text
    assert "in 'pyproject.toml'" in text
    assert str(tmp_path) not in text
    assert "warning: broken is left out: 'pyproject.toml' is not valid TOML" in (
        capsys.readouterr().err
    )
    assert main(["triggers", "render"]) == 0
    assert capsys.readouterr().out.count("\nname: ") == 2


def test_what_was_written_by_hand_is_mentioned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    builds = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    trigger = "name: old\nfilename: cloudbuild.yaml\ngithub: {owner: a, name: b}\n"
    write(
        tmp_path,
        {
            "a/pyproject.toml": f"{builds}[project]\nname='a'\nversion='1'\n",
            "a/cloudbuild.yaml": "steps: []\n",
            "cloudbuild.yaml": "steps: []\n",
            "ci/old.yml": trigger,
            "docs/x.yaml": "name: x\n",
        },
    )

    assert main(["init", *REGISTRY, *GITHUB]) == 0

    said = capsys.readouterr().err
    assert "a/cloudbuild.yaml: stays, and publishes a in place of the shared build config\n" in said
    assert "\ncloudbuild.yaml: stays as it is; no trigger of shipwheel.yaml runs it\n" in said
    assert "ci/old.yml: stays as it is; `shipwheel triggers diff` tells" in said
    assert "docs/x.yaml" not in said
    assert not (tmp_path / "cloudbuild/publish-package.yaml").exists()


OURS, MINE = "CLOUD_LOGGING_ONLY\n", "CLOUD_LOGGING_ONLY\n  machineType: E2_HIGHCPU_8\n"
EARLIER = resources.files("triggers.manifest") / "earlier"


def test_an_update_writes_what_is_missing_and_brings_the_rest_up_to_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init", *REGISTRY, *GITHUB])
    write(
        tmp_path,
        {
            "a/setup.py": "from setuptools import setup\nsetup(name='a')\n",
            "cloudbuild/check-package.yaml": (EARLIER / "check-package.1.yaml").read_text(),
        },
    )
    edited = (EARLIER / "publish-package.1.yaml").read_text().replace(OURS, MINE)
    (tmp_path / "cloudbuild/publish-package.yaml").write_text(edited)
    assert main(["triggers", "lint"]) == 1
    assert capsys.readouterr().out.count("SW510") == 2
    manifest = (tmp_path / "shipwheel.yaml").read_text()

    assert main(["init", "--update"]) == 0

    current = shared_build_configs()
    checks, publishes = "cloudbuild/check-package.yaml", "cloudbuild/publish-package.yaml"
    assert (tmp_path / checks).read_text() == current[checks]
    assert (tmp_path / publishes).read_text() == current[publishes].replace(OURS, MINE)
    assert (tmp_path / "shipwheel.yaml").read_text() == manifest
    assert main(["triggers", "lint"]) == 0
    capsys.readouterr()
    (tmp_path / checks).unlink()
    assert main(["init", "--update"]) == 0
    assert capsys.readouterr().err == f"{checks}: written\n{publishes}: unchanged\n"


def test_an_update_shows_a_conflict_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"a/setup.py": "from setuptools import setup\nsetup(name='a')\n"})
    main(["init", *REGISTRY, *GITHUB])
    file = tmp_path / "cloudbuild/publish-package.yaml"
    mine = (EARLIER / "publish-package.1.yaml").read_text().replace("${PROJECT_ID}", "elsewhere")
    file.write_text(mine)
    (tmp_path / "cloudbuild/check-package.yaml").unlink()
    capsys.readouterr()

    assert main(["init", "--update"]) == 2

    printed = capsys.readouterr()
    assert "<<<<<<< yours\n" in printed.out
    assert ">>>>>>> new\n" in printed.out
    assert "'cloudbuild/publish-package.yaml' was edited where this version" in printed.err
    assert file.read_text() == mine
    assert not (tmp_path / "cloudbuild/check-package.yaml").exists()
    assert main(["init", "--update", "--force"]) == 0
    assert file.read_text() == shared_build_configs()["cloudbuild/publish-package.yaml"]


def test_lint_says_when_no_branch_matches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"a/setup.py": "from setuptools import setup\nsetup(name='a')\n"})
    commit(tmp_path, "One")
    git(tmp_path, "branch", "--quiet", "--move", "master")
    assert main(["init", *REGISTRY, *GITHUB]) == 0
    assert main(["triggers", "lint"]) == 0
    manifest = tmp_path / "shipwheel.yaml"
    manifest.write_text(manifest.read_text().replace("branch: master", "branch: main"))
    capsys.readouterr()

    assert main(["triggers", "lint"]) == 1

    found = capsys.readouterr().out
    assert "SW606 warning: no branch matches the pattern '^main$'\n" in found
    assert "hint: there is master\n" in found


def test_what_looks_like_a_function_is_mentioned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"tool/main.py": "def main(): ...\n", "tool/requirements.txt": "click\n"})

    assert main(["init", *REGISTRY, *GITHUB]) == 0

    assert "tool: has a main.py and no functions-framework; if it is" in capsys.readouterr().err
