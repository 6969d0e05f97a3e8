"""`shipwheel triggers lint` from the outside: what it prints, its exit codes, its documentation."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from builder.__main__ import main
from tests.tree import git, write
from tests.unit.triggers.rules.repository_cases import FUNCTION, MANIFEST

ROOT = Path(__file__).parents[4]
SAMPLE = ROOT / "tests" / "example"
INVALID = "main.py is not valid Python: invalid syntax"
BAD = "name: a\ngithub: {owner: acme, name: mono, push: {branch: main}}\nautodetect: true\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


def test_findings_are_printed_with_their_places_and_hints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("t.yaml").write_text(BAD)

    assert main(["triggers", "lint", "t.yaml"]) == 1

    output = capsys.readouterr()
    assert output.out == (
        "t.yaml:1: SW204 warning: the trigger 'a' names no service account\n"
        "  hint: serviceAccount: projects/PROJECT/serviceAccounts/ADDRESS\n"
        "t.yaml:2: SW201 warning: the pattern 'main' is found anywhere in a name\n"
        "  hint: write '^main$'\n"
    )
    assert output.err == "2 findings in 1 file\n"


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.yaml").write_text(f"{BAD}disabled: 1\n")

    assert main(["triggers", "lint", "t.yaml", "--json", "--ignore", "SW201,sw204"]) == 1

    assert json.loads(capsys.readouterr().out) == {
        "findings": [
            {
                "code": "SW007",
                "level": "error",
                "file": "t.yaml",
                "line": 4,
                "message": ".disabled: Expected type <class 'bool'> for field disabled,"
                " found 1 (type <class 'int'>)",
                "hint": "",
            }
        ],
        "files": ["t.yaml"],
    }


@pytest.mark.parametrize(
    ("text", "setting", "found"),
    [
        ("def mian(request): ...\n", "", "1: SW803 error: main.py has no entry point 'main'"),
        ("def handle(event): ...\n", "entryPoint: handle", ""),
        ("from lib import *\n", "", ""),
        ("\ndef main(:\n", "runtime: python311", f"2: SW802 error: {INVALID}"),
        ("def main(:\n", "runtime: python399", ""),
        (None, "", "1: SW801 error: There is no main.py in 'functions/f'"),
    ],
)
def test_a_function_needs_its_entry_point(
    capsys: pytest.CaptureFixture[str], text: str | None, setting: str, found: str
) -> None:
    function = f"deploy: {{function: {{buildServiceAccount: builder, {setting}}}}}\n"
    chosen = "functions: {include: [functions/f]}\n"
    write(Path(), {**FUNCTION, "shipwheel.yaml": f"{MANIFEST}{function}{chosen}"})
    Path("functions/f/main.py").unlink()
    write(Path(), {} if text is None else {"functions/f/main.py": text})

    assert main(["triggers", "lint", "--ignore", "SW703"]) == bool(found)

    place = f"functions/f/main.py:{found}" if found else ""
    assert capsys.readouterr().out.partition("\n")[0] == place


def test_no_finding_is_said_out_loud(capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.yaml").write_text(BAD)

    assert main(["triggers", "lint", "t.yaml", "--ignore", "SW201", "--ignore", "SW204"]) == 0

    assert capsys.readouterr() == ("", "No findings in 1 file\n")


def test_an_unknown_code_is_refused_with_the_near_miss(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["triggers", "lint", "--ignore", "SW2001"]) == 2

    assert "there is no code 'SW2001': did you mean 'SW201'?" in capsys.readouterr().err


def test_files_that_cannot_be_read_are_all_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    Path("bytes").write_bytes(b"\xff")

    hint = "  hint: name a text file that this user can read\n"
    assert main(["triggers", "lint", "gone", "folder", "bytes"]) == 2

    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == (
        f"error: 'gone' cannot be read: No such file or directory\n{hint}"
        f"error: 'folder' cannot be read: Is a directory\n{hint}"
        "error: 'bytes' cannot be read: it is not UTF-8:"
        f" invalid start byte at byte 0\n{hint}"
    )


def test_nothing_to_lint_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["triggers", "lint"]) == 2

    assert capsys.readouterr().err == (
        "error: There is nothing to lint: no 'shipwheel.yaml', and no cloudbuild.yaml below\n"
        "  hint: name trigger files and build configs, or write a manifest with"
        " `shipwheel init`\n"
    )


@pytest.mark.parametrize(
    "path",
    [
        *("a/.cloudbuild/b.yaml", "a.cloudbuild.yaml", "cloudbuild-a.yml", "cloudbuild.json"),
        *(".gcb/a.yaml", "a-cloudbuild.yaml", "b/cloud-build.yml", "cloudbuild/a/b.json"),
    ],
)
def test_a_build_config_is_found_by_its_name(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    no_configs = {".cloudbuild/triggers.yaml": "name: a\n", "cloudbuild-notes.yaml": "a: b\n"}
    write(Path(), {path: '{\n  "steps": [{"nome": "bash"}]\n}\n', **no_configs})

    assert main(["triggers", "lint", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["files"] == [path]


@pytest.mark.parametrize(
    "text",
    [
        " steps:\n  - nome: bash\n",
        "'steps': [{nome: bash}]\n",
        '{\n    "timeout": "60s",\n    "steps": [{"nome": "bash"}]\n}\n',
    ],
)
def test_a_build_config_of_any_name_is_known_by_its_steps(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("release.yaml").write_text(text)

    assert main(["triggers", "lint", "release.yaml"]) == 1
    assert ".steps[0].nome: unused" in capsys.readouterr().out


def test_a_value_of_the_wrong_type_is_one_finding(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cloudbuild.yaml").write_text(
        "steps: [{name: bash, secretEnv: [S]}]\nsecrets: [{kmsKeyName: k, secretEnv: {S: [x]}}]\n"
    )

    assert main(["triggers", "lint"]) == 1

    assert "SW007" in capsys.readouterr().out.partition("\n")[0]
    assert main(["triggers", "lint", "--ignore", "SW007"]) == 0


def test_files_that_git_ignores_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    git(Path(), "init", "--quiet")
    Path("cloudbuild.yaml").write_text("steps: [{name: bash}]\n")
    Path("build").mkdir()
    Path("build/cloudbuild.yaml").write_text("steps: []\n")
    Path(".gitignore").write_text("build\n")

    assert main(["triggers", "lint"]) == 0

    assert capsys.readouterr().err == "No findings in 1 file\n"


def test_triggers_of_another_repository_are_not_held_against_the_files_here(
    capsys: pytest.CaptureFixture[str],
) -> None:
    git(Path(), "init", "--quiet")
    git(Path(), "remote", "add", "origin", "git@github.com:acme/infra.git")
    Path("t.yaml").write_text(
        "name: a\ngithub: {owner: acme, name: Mono, push: {branch: ^main$}}\n"
        "filename: there.yaml\nincludedFiles: ['there/**']\nserviceAccount: projects/p/"
        "serviceAccounts/s\n---\nname: b\nfilename: here.yaml\nserviceAccount: projects/p/"
        "serviceAccounts/s\ngithub: {owner: Acme, name: infra, push: {branch: ^main$}}\n"
    )

    assert main(["triggers", "lint", "t.yaml"]) == 1

    assert [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()[::2]] == [
        "SW501 error"
    ]


def test_the_sample_repository_is_clean(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(SAMPLE)

    assert main(["triggers", "lint"]) == 0

    assert capsys.readouterr() == ("", "No findings in 11 files\n")


def test_the_samples_rendered_triggers_are_clean_as_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "harbour"
    shutil.copytree(SAMPLE, root)
    manifest = str(root / "shipwheel.yaml")
    for options in ([], ["--inline"]):
        assert main(["triggers", "render", "--manifest", manifest, *options]) == 0
        (root / "triggers.yaml").write_text(capsys.readouterr().out)

        assert main(["triggers", "lint", "--manifest", manifest, str(root / "triggers.yaml")]) == 0


def test_what_init_writes_is_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(SAMPLE / "packages", tmp_path / "packages")
    arguments = ["--registry", "us-central1/my-project/pypi", "--github", "acme/monorepo"]
    assert main(["init", *arguments]) == 0
    capsys.readouterr()

    assert main(["triggers", "lint"]) == 0

    assert capsys.readouterr() == ("", "No findings in 3 files\n")


def test_this_repositorys_own_build_configs_are_clean() -> None:
    own = [*(ROOT / "triggers" / "build_configs").iterdir(), *ROOT.glob("cloudbuild.yaml")]

    assert main(["triggers", "lint", *map(str, own)]) == 0


def test_the_pre_commit_hook_runs_on_the_files_that_it_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *arguments = shlex.split(hook["entry"])
    named = re.compile(hook["files"])
    monkeypatch.chdir(SAMPLE)

    assert program == "shipwheel"
    assert main(arguments) == 0
    assert capsys.readouterr().err == "No findings in 11 files\n"
    assert all(
        named.search(path)
        for path in (
            "shipwheel.yaml",
            "a/cloudbuild.yaml",
            "cloudbuild/check.yml",
            "cloudbuild.json",
        )
    )
    assert not named.search("a/other.yaml")


@pytest.mark.parametrize("code", ["SW201", "sw811"])
def test_a_code_is_explained(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["triggers", "lint", "--explain", code]) == 0

    assert capsys.readouterr().out.startswith(f"{code.upper()} (")


def test_a_code_that_there_is_not_is_named_with_its_near_miss(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["triggers", "lint", "--explain", "SW2011"]) == 2

    assert "there is no code 'SW2011': did you mean 'SW211'?" in capsys.readouterr().err
