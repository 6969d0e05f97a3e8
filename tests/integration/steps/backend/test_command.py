"""`shipwheel build` from the outside: what it makes, keeps, warns of and refuses."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv

from builder.__main__ import main
from steps.backend.building import build
from steps.project.source import read_project
from tests.integration.program import shipwheel, without_times
from tests.integration.steps.backend.projects import copied

if TYPE_CHECKING:
    from steps.backend.context import BuildContext


def test_an_older_file_of_the_version_is_replaced_and_another_version_left_alone(
    context: BuildContext, tmp_path: Path
) -> None:
    project = read_project(copied("flit", tmp_path / "flit"))
    dist = project.directory / "dist"
    dist.mkdir()
    for name in ("condition_flit-1.0-py2-none-any.whl", "condition_flit-0.9.tar.gz", "notes.txt"):
        (dist / name).touch()

    build(project, context)

    assert sorted(path.name for path in dist.iterdir()) == [
        ".gitignore",
        "condition_flit-0.9.tar.gz",
        "condition_flit-1.0-py3-none-any.whl",
        "condition_flit-1.0.tar.gz",
        "notes.txt",
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("dist", "File exists"), ("dist/condition_flit-1.0.tar.gz/x", "Is a directory")],
)
def test_where_the_result_cannot_be_put_is_reported_and_nothing_is_left_half(
    name: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("flit", tmp_path / "flit")
    (directory / name).parent.mkdir(parents=True, exist_ok=True)
    (directory / name).touch()

    assert main(["-q", "build", str(directory)]) == 2

    assert capsys.readouterr().err.startswith(
        f"error: What was built cannot be moved into '{directory}/dist': {reason}\n  hint: "
    )
    assert [it.name for it in directory.rglob(".*")] == [".gitignore"] * (name != "dist")


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_one_kind_alone_is_built_when_asked(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    condition = "sdist-only" if kind == "sdist" else "wheel-only"
    directory = copied(condition, tmp_path / condition)

    code = main(["-q", "build", str(directory), f"--{kind}", "--json"])

    rows = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [row["kind"] for row in rows] == [kind]
    assert rows[0]["sha256"] == hashlib.sha256(Path(rows[0]["path"]).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("condition", "code", "message"),
    [
        ("no-pyproject", 2, "The project directory has no pyproject.toml: {directory!r}"),
        ("invalid-toml", 2, "'{directory}/pyproject.toml' is not valid TOML: "),
        ("no-name", 2, "[project] has no name in '{directory}/pyproject.toml'"),
        ("no-version", 2, "[project] has no version in '{directory}/pyproject.toml'"),
        ("invalid-version", 2, "The project's version is not valid (PEP 440): "),
        ("other-name", 2, "'someone_else-1.0.tar.gz' was built as someone-else 1.0, and the "),
        ("other-version", 2, "'condition_other_version-9.9.tar.gz' was built as "),
        ("failing-backend", 3, "The build backend of 'condition-failing-backend' failed: "),
        ("missing-backend", 3, "The build backend of 'condition-missing-backend' is missing: "),
        ("uninstallable-backend", 3, "The build requirements cannot be installed: "),
    ],
)
def test_a_project_that_cannot_be_built_is_one_clean_message(
    condition: str, code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied(condition, tmp_path / condition)

    assert main(["-q", "build", str(directory)]) == code

    printed = capsys.readouterr()
    assert printed.out == ""
    expected = message.format(directory=str(directory))
    assert printed.err.startswith(f"error: {expected}")
    assert printed.err.splitlines()[-1].startswith("  hint: ")
    assert "Traceback" not in printed.err or condition == "failing-backend"
    assert not (directory / "dist").exists()


def test_a_home_that_cannot_be_written_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for variable in ("HOME", "XDG_CACHE_HOME", "UV_CACHE_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / "file" / "home"))

    assert main(["-q", "build", str(copied("flit", tmp_path / "flit"))]) == 3

    printed = capsys.readouterr().err
    assert printed.startswith("error: No build environment can be made in '")
    assert printed.endswith("  hint: see that HOME and TMPDIR are folders that can be written\n")


def test_all_that_fails_is_reported_and_what_can_be_built_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = copied("flit", tmp_path / "a-good")
    bad = [copied("failing-backend", tmp_path / "b"), copied("missing-backend", tmp_path / "c")]

    assert main(["-q", "build", *map(str, (good, *bad))]) == 3

    assert capsys.readouterr().err.count("error: The build backend of ") == 2
    assert len([*(good / "dist").glob("*-*")]) == 2


def test_warnings_are_reported_and_refused_when_strict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("flit", tmp_path / "project")
    path = directory / "pyproject.toml"
    path.write_text(path.read_text().replace('readme = "README.md"\n', ""))

    assert main(["-q", "build", str(directory)]) == 0
    # Not that nothing has no type; and the sdist's metadata is the wheel's.
    told = "warning: `long_description` missing (condition-flit)\n"
    assert capsys.readouterr().err == told
    shutil.rmtree(directory / "dist")
    assert main(["-q", "build", str(directory), "--strict"]) == 1
    assert "error: condition_flit-1.0" in capsys.readouterr().err
    assert not (directory / "dist").exists()


def test_a_requirement_on_a_folder_of_this_machine_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("flit", tmp_path / "project")
    path = directory / "pyproject.toml"
    text = path.read_text()
    path.write_text(
        text.replace(
            'version = "1.0"\n', f'version = "1.0"\ndependencies = ["a @ file://{tmp_path}/a"]\n'
        )
    )

    assert main(["-q", "build", str(directory)]) == 1

    assert "it requires a folder of this machine" in capsys.readouterr().err


def test_environments_serve_for_later_runs_unless_set_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = copied("flit", tmp_path / "flit")
    uv_cache = subprocess.run(
        [uv.find_uv_bin(), "cache", "dir"], capture_output=True, text=True, check=True
    )
    monkeypatch.setenv("UV_CACHE_DIR", uv_cache.stdout.strip())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kept = tmp_path / "cache/shipwheel/environments"

    assert main(["build", "--no-build-cache", str(project)]) == 0
    assert not kept.exists()
    assert main(["build", str(project)]) == 0
    (first,) = kept.glob("*/environment.json")
    made = first.stat()
    assert main(["build", str(project)]) == 0

    assert [path.stat() for path in kept.glob("*/environment.json")] == [made]


def test_what_was_built_is_a_table_and_with_v_the_backend_is_heard_and_hashes_are_shown(
    tmp_path: Path,
) -> None:
    directory = copied("setuptools", tmp_path / "setuptools")

    brief = shipwheel(os.environ, "build", directory, cwd=tmp_path)
    verbose = shipwheel(os.environ, "-v", "build", directory, cwd=tmp_path)

    wheel, sdist = (next((directory / "dist").glob(it)) for it in ("*.whl", "*.tar.gz"))
    name = "condition-setuptools"
    table = brief.stdout.splitlines()
    assert table[0].split() == ["PROJECT", "VERSION", "SIZE", "FILE"]
    assert [(row.split()[0], row.split()[-1]) for row in table[1:]] == [
        (name, f"setuptools/dist/{it.name}") for it in (wheel, sdist)
    ]
    assert without_times(brief.stderr).splitlines()[0] == f"Built {name} 1.0 in T s"
    assert without_times(brief.stderr).splitlines()[-1] == "1 package: 1 built, in T s"
    assert f"\n{name}: running sdist\n" in verbose.stderr
    assert verbose.stdout.splitlines()[: len(table)] == table
    assert [line.split()[0] for line in verbose.stdout.splitlines()[len(table) :]] == [
        hashlib.sha256(it.read_bytes()).hexdigest() for it in (wheel, sdist)
    ]
