"""Every backend, and a build of it that another one made: alike to the byte."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from steps.backend.building import build, identify
from steps.backend.variables import FIXED_ENVIRONMENT
from steps.project.source import read_project
from tests.archives import member_hashes
from tests.integration.program import shipwheel
from tests.integration.selection import sample
from tests.integration.steps.backend.projects import BACKENDS, copied
from tests.tree import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from steps.backend.context import BuildContext
    from steps.distribution.files import Distribution

AGES_AGO = 1_000_000_000


def contents(distributions: tuple[Distribution, ...]) -> dict[str, str]:
    return {it.filename: hashlib.sha256(it.path.read_bytes()).hexdigest() for it in distributions}


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_gives_a_wheel_and_an_sdist_as_its_prepared_metadata_says(
    backend: str, context: BuildContext, tmp_path: Path
) -> None:
    project = read_project(copied(backend, tmp_path / backend))

    built = build(project, context)

    assert [distribution.kind for distribution in built] == ["wheel", "sdist"]
    ignored = project.directory / "dist/.gitignore"
    assert {*(it.path for it in built), ignored} == set(ignored.parent.iterdir())
    assert ignored.read_text() == "*\n"
    assert identify(project, context) == (built[0].name, built[0].version)


@sample("backend", [*BACKENDS, "wheel-only", "sdist-only"], "setuptools")
def test_two_builds_at_other_times_and_places_give_the_same_bytes(
    backend: str, context: BuildContext, tmp_path: Path
) -> None:
    first = copied(backend, tmp_path / "first")
    commit(first)
    second = tmp_path / "elsewhere/second"
    git(tmp_path, "clone", "--quiet", str(first), str(second))
    for path in second.rglob("*"):
        if ".git" not in path.parts:
            os.utime(path, (AGES_AGO, AGES_AGO))
            path.chmod(0o700 if path.is_dir() else 0o640)

    if backend == "sdist-only":
        options = dataclasses.replace(context.options, kinds="sdist")
        context = dataclasses.replace(context, options=options)

    builds = [build(read_project(directory), context) for directory in (first, second)]

    assert contents(builds[0]) == contents(builds[1])


@sample("backend", BACKENDS, "setuptools")
def test_what_is_built_is_what_pypa_build_makes(
    backend: str, context: BuildContext, tmp_path: Path
) -> None:
    """Only the archive around an sdist may be packed again; what is in it is the backend's."""
    directory = copied(backend, tmp_path / "project")
    theirs = tmp_path / "theirs"
    options = ["--installer", "uv", "--outdir", str(theirs), str(directory)]
    environ = {**os.environ, **FIXED_ENVIRONMENT, "SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run(
        [sys.executable, "-m", "build", *options], env=environ, check=True, capture_output=True
    )

    ours = build(read_project(directory), context)

    for distribution in ours:
        expected = member_hashes(theirs / distribution.filename)
        assert member_hashes(distribution.path) == expected


def test_a_backend_that_makes_no_sdist_gives_a_wheel(context: BuildContext, tmp_path: Path) -> None:
    built = build(read_project(copied("wheel-only", tmp_path / "project")), context)

    assert [distribution.kind for distribution in built] == ["wheel"]


def test_a_checkout_of_another_user_is_as_old_as_its_last_commit(
    context: BuildContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of root is to the user of a build; git calls it dubious, and tells nothing of it."""
    monkeypatch.setenv("GIT_COMMITTER_DATE", "1700000000 +0000")
    directory = copied("setuptools", tmp_path / "theirs")
    commit(directory)
    if os.geteuid() == 0:  # only root may give files away; git is asked to believe it, too
        for path in (directory, *directory.rglob("*")):
            os.chown(path, 65534, 65534)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    told = subprocess.run(
        ["git", "log"], cwd=directory, capture_output=True, text=True, check=False
    )
    assert "dubious ownership" in told.stderr

    built = build(read_project(directory), context)

    assert {_time_in(it.path) for it in built} == {1_700_000_000}


@pytest.mark.parametrize("backend", ["flit", "setuptools"])
def test_without_git_a_build_is_as_old_as_the_newest_file(backend: str, tmp_path: Path) -> None:
    directory = copied(backend, tmp_path / "project")
    for path in (directory, *directory.rglob("*")):
        os.utime(path, (1_600_000_000, 1_600_000_000))

    environ = {**os.environ, "PATH": str(tmp_path / "empty")}

    done = shipwheel(environ, "-q", "build", directory)

    assert (done.returncode, done.stderr) == (0, "")
    assert {_time_in(path) for path in (directory / "dist").glob("*-*")} == {1_600_000_000}


def _time_in(path: Path) -> int:
    """Return the time that the first member of a wheel, or the last of an sdist, shows."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            time = dt.datetime(*wheel.infolist()[0].date_time, tzinfo=dt.UTC)
            return int(time.timestamp())
    with tarfile.open(path) as sdist:
        return max(int(member.mtime) for member in sdist)
