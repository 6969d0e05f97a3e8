"""What init says of files that are there, and how it brings them up to date."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import pytest
import yaml

from builder.__main__ import main
from tests.tree import commit, git, write
from tests.unit.triggers.manifest.answers import GITHUB, REGISTRY
from triggers.manifest.starting import shared_build_configs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("here")


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
            "{{ name }}/pyproject.toml": f"{builds}[project]\nname='x'\nversion='1'\n",
            "{f}/main.py": "import functions_framework\n",
            "{f}/requirements.txt": "",
        },
    )

    assert main(["init", *REGISTRY, *GITHUB]) == 0

    text = (tmp_path / "shipwheel.yaml").read_text()
    assert "    - \"template\"  # The project's name is not valid: '{{ name }}'" in text
    assert '    - "packages/a/tests/[[]1]"  # packages/a has the same name: a\n' in text
    assert """    - "{{ name }}"  # The path '{{ name }}' cannot be a glob: it has { }\n""" in text
    assert "in 'pyproject.toml'" in text
    assert str(tmp_path) not in text
    assert "warning: broken is left out: 'pyproject.toml' is not valid TOML" in (
        capsys.readouterr().err
    )
    assert "# packages:" not in text
    assert "# releases: when-bumped\n" in text
    assert main(["triggers", "render"]) == 0
    assert capsys.readouterr().out.count("\nname: ") == 2


def test_functions_whose_folders_name_cannot_be_theirs_get_names_from_their_paths(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = f"2026-{'x' * 60}"
    paths = ["orders/function", "billing/Function", f"{long}/function", "alone", "functions/2fa"]
    files = {f"{path}/main.py": "import functions_framework\n" for path in paths}
    write(tmp_path, files | {f"{path}/requirements.txt": "" for path in paths})

    assert main(["init", *REGISTRY, *GITHUB]) == 0

    said = "orders/function: deployed as orders-function, since its folder's name is not unique"
    assert said in capsys.readouterr().err
    assert main(["triggers", "render"]) == 0
    rendered = [it for it in yaml.safe_load_all(capsys.readouterr().out) if it]
    names = [it["substitutions"]["_FUNCTION"] for it in rendered]
    end = f"{'x' * 54}-function"
    assert names == [end, "alone", "billing-function", "functions-2fa", "orders-function"]
    assert "# overrides:" not in (tmp_path / "shipwheel.yaml").read_text()


@pytest.mark.parametrize(
    ("main_py", "entry_point"),
    [
        ("import functions_framework\n@functions_framework.http\ndef find(request): ...\n", "find"),
        ("import functions_framework as ff\n@ff.cloud_event\ndef on(event): ...\n", "on"),
        ("from functions_framework import typed as t\n@t(dict)\ndef get(it): ...\n", "get"),
        ("import functions_framework\n@functions_framework.http\ndef main(request): ...\n", None),
        ("import functions_framework as f\n@f.http\ndef a(r): ...\n@f.http\ndef b(r): ...\n", None),
        ("import functions_framework\n@wrap\n@other.http\ndef find(request): ...\n", None),
        ("import functions_framework\n@functions_framework.http\ndef fähre(request): ...\n", None),
        ("import functions_framework\n@functions_framework.http\ndef find(:\n", None),
    ],
)
def test_the_entry_point_of_a_function_is_read_from_its_decorator(
    tmp_path: Path, main_py: str, entry_point: str | None
) -> None:
    function = {"main.py": main_py, "requirements.txt": "functions-framework\n"}
    files = {f"{path}/{it}": text for path in ("f", "out/f") for it, text in function.items()}
    write(tmp_path, {**files, "out/pyproject.toml": "[["})

    assert main(["init", *REGISTRY, *GITHUB]) == 0

    overrides = yaml.safe_load((tmp_path / "shipwheel.yaml").read_text()).get("overrides")
    expected = {"f": {"deploy": {"function": {"entryPoint": entry_point}}}}
    assert overrides == (expected if entry_point else None)
    assert entry_point is None or main(["triggers", "lint"]) == 0


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


@pytest.mark.parametrize("manifest", [True, False])
def test_an_update_brings_up_to_date_what_no_trigger_uses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, manifest: bool
) -> None:
    """Such a file may be run by hand; lint finds it, and its hint has to help."""
    path, own = "cloudbuild/publish-package-native.yaml", "cloudbuild/deploy-function.yaml"
    earlier = (EARLIER / "publish-package-native.1.yaml").read_text()
    write(tmp_path, {path: earlier, own: "steps: [{name: bash}]\n", "setup.py": ""})
    if manifest:
        main(["init", *REGISTRY, *GITHUB])
    main(["triggers", "lint"])
    assert "SW510" in capsys.readouterr().out

    assert main(["init", "--update", "--force"]) == 0

    main(["triggers", "lint"])
    assert "SW510" not in capsys.readouterr().out
    assert (tmp_path / path).read_text() == shared_build_configs()[path]
    assert (tmp_path / own).read_text() == "steps: [{name: bash}]\n"
