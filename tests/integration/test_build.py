"""Real builds, of one tiny project per condition."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv

from builder.__main__ import main
from steps.build import build
from steps.building.identify import identify
from steps.building.reproducible import FIXED_ENVIRONMENT
from steps.building.workshop import BuildOptions, open_workshop
from steps.errors import BuildFailed, InputError
from steps.project import read_project
from tests.archives import member_hashes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.building.workshop import Workshop
    from steps.distribution import Distribution

PACKAGES = Path(__file__).parents[1] / "packages"
BACKENDS = ["flit", "hatchling", "in-tree-backend", "pdm-backend", "poetry-core", "setuptools"]
BACKENDS += ["uv-build", "dynamic-version"]
AGES_AGO = 1_000_000_000


@pytest.fixture(scope="module", name="workshop")
def _workshop() -> Iterator[Workshop]:
    options = BuildOptions(workers=2, timeout=120)
    with open_workshop(options, os.environ) as workshop:
        yield workshop


def copied(condition: str, to: Path) -> Path:
    shutil.copytree(PACKAGES / condition, to, ignore=shutil.ignore_patterns("dist", "*.egg-info"))
    return to


def git(*arguments: str, at: Path) -> None:
    identity = ["-c", "user.name=n", "-c", "user.email=e"]
    subprocess.run(["git", *identity, *arguments], cwd=at, check=True)


def contents(distributions: tuple[Distribution, ...]) -> dict[str, str]:
    return {it.filename: hashlib.sha256(it.path.read_bytes()).hexdigest() for it in distributions}


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_gives_a_wheel_and_an_sdist(
    backend: str, workshop: Workshop, tmp_path: Path
) -> None:
    project = read_project(copied(backend, tmp_path / backend))

    built = build(project, workshop)

    assert [distribution.kind for distribution in built] == ["wheel", "sdist"]
    assert {it.path for it in built} == set((project.directory / "dist").iterdir())


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_prepared_metadata_says_what_is_built(
    backend: str, workshop: Workshop, tmp_path: Path
) -> None:
    project = read_project(copied(backend, tmp_path / backend))

    wheel, _ = build(project, workshop)

    assert identify(project, workshop) == (wheel.name, wheel.version)


PREPARED = """\
import os

from flit_core.buildapi import *


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    {body}
"""
WRITES = """os.mkdir(os.path.join(folder, "x.dist-info"))
    with open(os.path.join(folder, "x.dist-info", "METADATA"), "w") as file:
        file.write({text!r})
    return "x.dist-info\""""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            'return "nowhere"',
            "says that it prepared metadata in 'nowhere', and it cannot be read: No such file",
        ),
        ("return None", "says that it prepared metadata in "),
        (
            WRITES.format(text="Name: condition-in-tree-backend\nVersion: one\n"),
            "prepares metadata that is wrong: Invalid version: 'one'",
        ),
        (WRITES.format(text="Version: 1.0\n"), "prepares metadata that is wrong: "),
        (
            WRITES.format(text="Name: other\nVersion: 1.0\n"),
            "prepares metadata of 'other', and the project says 'condition-in-tree-backend'",
        ),
    ],
)
def test_metadata_that_is_prepared_wrongly_is_an_error(
    body: str, message: str, workshop: Workshop, tmp_path: Path
) -> None:
    directory = copied("in-tree-backend", tmp_path / "project")
    (directory / "backend.py").write_text(PREPARED.format(body=body))

    with pytest.raises((BuildFailed, InputError)) as caught:
        identify(read_project(directory), workshop)

    assert message in str(caught.value)


def test_a_backend_that_prepares_no_metadata_builds(workshop: Workshop, tmp_path: Path) -> None:
    directory = copied("in-tree-backend", tmp_path / "project")
    (directory / "backend.py").write_text(
        "from flit_core.buildapi import build_sdist, build_wheel  # noqa: F401\n"
    )

    assert identify(read_project(directory), workshop)[0] == "condition-in-tree-backend"


@pytest.mark.parametrize("backend", [*BACKENDS, "wheel-only", "sdist-only"])
def test_two_builds_at_other_times_and_places_give_the_same_bytes(
    backend: str, workshop: Workshop, tmp_path: Path
) -> None:
    first = copied(backend, tmp_path / "first")
    git("init", "--quiet", at=first)
    git("add", ".", at=first)
    git("commit", "--quiet", "-m", "m", at=first)
    second = tmp_path / "elsewhere/second"
    git("clone", "--quiet", str(first), str(second), at=tmp_path)
    for path in second.rglob("*"):
        if ".git" not in path.parts:
            os.utime(path, (AGES_AGO, AGES_AGO))
            path.chmod(0o700 if path.is_dir() else 0o640)

    if backend == "sdist-only":
        options = dataclasses.replace(workshop.options, kinds="sdist")
        workshop = dataclasses.replace(workshop, options=options)

    builds = [build(read_project(directory), workshop) for directory in (first, second)]

    assert contents(builds[0]) == contents(builds[1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_built_is_what_pypa_build_makes(
    backend: str, workshop: Workshop, tmp_path: Path
) -> None:
    """Only the archive around an sdist may be packed again; what is in it is the backend's."""
    directory = copied(backend, tmp_path / "project")
    theirs = tmp_path / "theirs"
    options = ["--installer", "uv", "--outdir", str(theirs), str(directory)]
    environ = {**os.environ, **FIXED_ENVIRONMENT, "SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run(
        [sys.executable, "-m", "build", *options], env=environ, check=True, capture_output=True
    )

    ours = build(read_project(directory), workshop)

    for distribution in ours:
        expected = member_hashes(theirs / distribution.filename)
        assert member_hashes(distribution.path) == expected


def test_an_older_file_of_the_version_is_replaced_and_another_version_left_alone(
    workshop: Workshop, tmp_path: Path
) -> None:
    project = read_project(copied("flit", tmp_path / "flit"))
    dist = project.directory / "dist"
    dist.mkdir()
    for name in ("condition_flit-1.0-py2-none-any.whl", "condition_flit-0.9.tar.gz", "notes.txt"):
        (dist / name).touch()

    build(project, workshop)

    assert sorted(path.name for path in dist.iterdir()) == [
        "condition_flit-0.9.tar.gz",
        "condition_flit-1.0-py3-none-any.whl",
        "condition_flit-1.0.tar.gz",
        "notes.txt",
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("dist", "File exists"), ("dist/condition_flit-1.0.tar.gz/x", "Is a directory")],
)
def test_where_the_result_cannot_be_put_is_told_and_nothing_is_left_half(
    name: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("flit", tmp_path / "flit")
    (directory / name).parent.mkdir(parents=True, exist_ok=True)
    (directory / name).touch()

    assert main(["-q", "build", str(directory)]) == 2

    assert capsys.readouterr().err.startswith(
        f"error: What was built cannot be put into '{directory}/dist': {reason}\n  hint: "
    )
    assert not [*directory.rglob(".*")]


def test_a_backend_path_that_leads_out_of_the_project_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("in-tree-backend", tmp_path / "project")
    pyproject = directory / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('["."]', '[".."]'))

    assert main(["-q", "build", str(directory)]) == 2

    assert capsys.readouterr().err == (
        f"error: build-system.backend-path is wrong in '{pyproject}':"
        " paths must be inside source tree\n  hint: name folders of the project itself\n"
    )


def test_a_backend_that_makes_no_sdist_gives_a_wheel(workshop: Workshop, tmp_path: Path) -> None:
    built = build(read_project(copied("wheel-only", tmp_path / "project")), workshop)

    assert [distribution.kind for distribution in built] == ["wheel"]


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
        ("invalid-version", 2, "The project's version is not one that PEP 440 knows: "),
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


def test_a_home_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for variable in ("HOME", "XDG_CACHE_HOME", "UV_CACHE_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / "file" / "home"))

    assert main(["-q", "build", str(copied("flit", tmp_path / "flit"))]) == 3

    printed = capsys.readouterr().err
    assert printed.startswith("error: No build environment can be made in '")
    assert printed.endswith("  hint: see that HOME and TMPDIR are folders that can be written\n")


def test_what_a_backend_prints_when_it_fails_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["build", str(copied("failing-backend", tmp_path / "project"))])

    assert "RuntimeError: the backend fails on purpose" in capsys.readouterr().err


def test_all_that_fails_is_reported_and_what_can_be_built_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = copied("flit", tmp_path / "a-good")
    bad = [copied("failing-backend", tmp_path / "b"), copied("missing-backend", tmp_path / "c")]

    assert main(["-q", "build", *map(str, (good, *bad))]) == 3

    assert capsys.readouterr().err.count("error: The build backend of ") == 2
    assert len([*(good / "dist").iterdir()]) == 2


@pytest.mark.parametrize(
    "answer",
    [
        "'../../elsewhere.whl'",
        "'/etc/hostname'",
        "'nothing-1.0-py3-none-any.whl'",
        "link(folder)",
        "None",
    ],
)
def test_a_backend_that_names_a_file_which_it_did_not_write_is_not_believed(
    answer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("in-tree-backend", tmp_path / "project")
    (elsewhere := tmp_path / "elsewhere.whl").write_bytes(b"mine")
    backend = next(directory.rglob("*backend*.py"))
    backend.write_text(
        f"{backend.read_text()}\n\nimport os\n\n"
        "def link(folder):\n"
        f"    os.symlink({str(elsewhere)!r}, f'{{folder}}/a-1.0-py3-none-any.whl')\n"
        "    return 'a-1.0-py3-none-any.whl'\n\n"
        f"def build_wheel(folder, *_):\n    return {answer}\n"
    )

    assert main(["-q", "build", str(directory), "--wheel"]) == 3

    assert "and there is no such file where it was to be" in capsys.readouterr().err
    assert elsewhere.read_bytes() == b"mine"
    assert not (directory / "dist").exists()


@pytest.mark.parametrize(
    "harm",
    [
        "os.remove('pyproject.toml')",
        "os.remove('pyproject.toml'); os.mkdir('pyproject.toml')",
        "open('pyproject.toml', 'w').write('][')",
        "shutil.rmtree(os.getcwd())",
    ],
)
def test_a_backend_that_destroys_the_project_is_one_clean_message(
    harm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("wheel-only", tmp_path / "project")
    backend = directory / "backend.py"
    backend.write_text(
        f"{backend.read_text()}\n\nimport os, shutil\n\n_build_sdist = build_sdist\n\n"
        f"def build_sdist(*arguments):\n    {harm}\n    return _build_sdist(*arguments)\n"
    )

    assert main(["-q", "build", str(directory)]) == 3

    printed = capsys.readouterr().err
    assert printed.startswith(
        "error: The build backend of 'condition-wheel-only' left no pyproject.toml to build by: "
    )
    assert len(printed.splitlines()) == 2
    assert not (directory / "dist").exists()


def test_of_a_flood_of_output_the_end_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("in-tree-backend", tmp_path / "project")
    backend = directory / "backend.py"
    backend.write_text(
        f"{backend.read_text()}\n\nfor number in range(1_000_000):\n"
        "    print(f'line {number:06} of the flood and of nothing else', flush=not number % 1000)\n"
        "raise SystemExit('the reason')\n"
    )

    assert main(["-q", "build", str(directory)]) == 3

    printed = capsys.readouterr().err
    lines = printed.splitlines()
    assert lines[1] == "[the first 44934475 bytes are left out, and kept nowhere]"
    assert lines[-3:-1] == ["line 999999 of the flood and of nothing else", "the reason"]
    assert len(printed) < 70_000


def test_a_checkout_of_another_user_is_as_old_as_its_last_commit(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of root is to the user of a build; git calls it dubious, and tells nothing of it."""
    monkeypatch.setenv("GIT_COMMITTER_DATE", "1700000000 +0000")
    directory = copied("setuptools", tmp_path / "theirs")
    git("init", "--quiet", at=directory)
    git("add", ".", at=directory)
    git("commit", "--quiet", "-m", "m", at=directory)
    if os.geteuid() == 0:  # nobody else may give files away, so git is asked to believe it, too
        for path in (directory, *directory.rglob("*")):
            os.chown(path, 65534, 65534)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    told = subprocess.run(
        ["git", "log"], cwd=directory, capture_output=True, text=True, check=False
    )
    assert "dubious ownership" in told.stderr

    built = build(read_project(directory), workshop)

    assert {_time_in(it.path) for it in built} == {1_700_000_000}


@pytest.mark.parametrize("backend", ["flit", "setuptools"])
def test_without_git_a_build_is_as_old_as_the_newest_file(backend: str, tmp_path: Path) -> None:
    directory = copied(backend, tmp_path / "project")
    for path in (directory, *directory.rglob("*")):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    environ = {**os.environ, "PATH": str(tmp_path / "empty")}

    done = subprocess.run(
        [sys.executable, "-I", "-m", "builder", "-q", "build", str(directory)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert {_time_in(path) for path in (directory / "dist").iterdir()} == {1_600_000_000}


def _time_in(path: Path) -> int:
    """Return the time that the first member of a wheel, or the last of an sdist, shows."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            time = dt.datetime(*wheel.infolist()[0].date_time, tzinfo=dt.UTC)
            return int(time.timestamp())
    with tarfile.open(path) as sdist:
        return max(int(member.mtime) for member in sdist)


def test_a_hook_that_takes_too_long_is_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("in-tree-backend", tmp_path / "project")
    backend = next(directory.rglob("*backend*.py"))
    backend.write_text(backend.read_text() + "\n\nimport time\n\ntime.sleep(600)\n")

    assert main(["-q", "build", str(directory), "--build-timeout", "1"]) == 3

    assert "took longer than 1 seconds" in capsys.readouterr().err


def test_warnings_are_told_and_refused_when_strict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = copied("flit", tmp_path / "project")
    path = directory / "pyproject.toml"
    path.write_text(path.read_text().replace('readme = "README.md"\n', ""))

    assert main(["-q", "build", str(directory)]) == 0
    told = capsys.readouterr().err
    assert told.count("warning: condition_flit-1.0-py3-none-any.whl: `long_description` m") == 1
    assert "tar.gz" not in told  # the sdist's metadata is the wheel's
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


def test_environments_serve_for_later_runs_unless_told_otherwise(
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
