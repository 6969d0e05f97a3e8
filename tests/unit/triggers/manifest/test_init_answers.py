"""What init finds out or is given: the repository, its remote, and the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from builder.__main__ import main
from tests.tree import git, write
from tests.unit.triggers.manifest.answers import FILES, GITHUB, REGISTRY
from tests.unit.triggers.rendering.rendering import package
from triggers.discovery.inventory import Inventory
from triggers.manifest.manifest import read_manifest
from triggers.manifest.starting import source_of_remote
from triggers.rendering.rendering import render

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("here")


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
def test_a_registry_and_a_repository_that_are_missing_are_reported_at_once(
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


def test_in_a_checkout_of_shipwheel_the_trigger_is_the_one_of_the_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["init", "--image-trigger", *REGISTRY, "--github", "acme/shipwheel"]
    write(tmp_path, {"cloudbuild.yaml": "steps: [{name: bash}]\n", "setup.py": ""})
    assert main(arguments) == 2
    assert "there is no builder/Dockerfile in '.'" in capsys.readouterr().err
    write(tmp_path, {"builder/Dockerfile": ""})

    assert main(arguments) == 0

    assert capsys.readouterr().err.startswith("shipwheel.yaml: written\n")
    assert main(["triggers", "render"]) == 0
    [trigger] = yaml.safe_load_all(capsys.readouterr().out)
    assert (trigger["name"], trigger["filename"]) == ("shipwheel-image", "cloudbuild.yaml")
    assert trigger["serviceAccount"].partition("@")[0].endswith("/shipwheel-image")
    assert trigger["substitutions"]["_IMAGE"].startswith("us-central1-docker.pkg.dev/my-project/")
    assert trigger["github"]["push"] == {"branch": "^main$"}
