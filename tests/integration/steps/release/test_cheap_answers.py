"""What the registry refuses is reported before a backend is called; the rest is built first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.program import environment, shipwheel
from tests.integration.selection import exhaustive, sample
from tests.integration.steps.backend.projects import copied
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

    from builder.server import Emulator

TOKEN = "ya29.planted-token"
COUNTING_BACKEND = """\
import os

from flit_core import buildapi
from flit_core.buildapi import *


def counted(name):
    def hook(*arguments, **keywords):
        with open(os.environ["HOOKS_LOG"], "a") as log:
            print(name, file=log)
        return getattr(buildapi, name)(*arguments, **keywords)

    return hook


build_sdist = counted("build_sdist")
build_wheel = counted("build_wheel")
get_requires_for_build_sdist = counted("get_requires_for_build_sdist")
get_requires_for_build_wheel = counted("get_requires_for_build_wheel")
prepare_metadata_for_build_wheel = counted("prepare_metadata_for_build_wheel")
"""
_TOOL = """\
[tool.flit.sdist]
include = ["backend.py"]

[tool.shipwheel]
environment = ["HOOKS_LOG"]

"""


class Counted:
    """A project whose backend writes each call of a hook into a log, and the program run on it."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.directory = make_project(folder, "tides", "1.0")
        self._file = self.directory / "pyproject.toml"
        self.edit('"flit_core.buildapi"', '"backend"\nbackend-path = ["."]')
        self.edit("[project]", f"{_TOOL}[project]")
        (self.directory / "backend.py").write_text(COUNTING_BACKEND)
        (self.directory / "tides/__init__.py").write_text('"""Tides."""\n__version__ = "1.0"\n')
        self._log = folder / "hooks.log"
        self.environ = {**environ, "HOOKS_LOG": str(self._log)}

    def edit(self, old: str, new: str) -> None:
        text = self._file.read_text()
        assert old in text
        self._file.write_text(text.replace(old, new))

    def make_dynamic(self) -> None:
        self.edit('version = "1.0"', 'dynamic = ["version"]')

    def run(self, *arguments: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        """Return what came of it, and the hooks that it called but for those that only ask."""
        self._log.write_text("")
        done = shipwheel(self.environ, *arguments, self.directory)
        return done, [it for it in self._log.read_text().split() if "requires" not in it]


@pytest.fixture(name="tides")
def _tides(tmp_path: Path, emulator: Emulator) -> Counted:
    return Counted(tmp_path / "repository", environment(emulator.host))


@pytest.mark.emulator(token=TOKEN)
@pytest.mark.parametrize("dynamic", [pytest.param(False, marks=exhaustive), True])
@sample("command", ["publish", "check"], "publish")
def test_without_credentials_no_hook_is_called(command: str, dynamic: bool, tides: Counted) -> None:
    if dynamic:
        tides.make_dynamic()

    done, hooks = tides.run(command)

    assert (done.returncode, done.stdout, hooks) == (5, "", [])
    assert done.stderr.startswith("error: The registry asks for credentials and there are none")


@pytest.mark.emulator(repositories=["demo/pypi"])
@pytest.mark.parametrize("dynamic", [pytest.param(False, marks=exhaustive), True])
@sample("command", ["publish", "check"], "check")
def test_for_a_repository_that_does_not_exist_no_hook_is_called(
    command: str, dynamic: bool, tides: Counted
) -> None:
    if dynamic:
        tides.make_dynamic()

    done, hooks = tides.run(command, "--registry", "us-central1/demo/pipy")

    assert (done.returncode, done.stdout, hooks) == (4, "", [])
    assert done.stderr.startswith("error: Repository not found: ")


@sample("command", ["publish", "check"], "check")
def test_for_a_static_version_that_is_not_bumped_no_hook_is_called(
    command: str, tides: Counted, tmp_path: Path
) -> None:
    later = make_project(tmp_path, "tides", "2.0")
    make_distributions(later)
    assert shipwheel(tides.environ, "upload", later).returncode == 0

    done, hooks = tides.run(command)

    assert (done.returncode, hooks) == (1, [])
    assert done.stderr.splitlines()[-2:] == [
        ("error: tides 1.0 is not greater than 2.0, the highest published release"),
        "  hint: set the version to one of: 2.0.1, 2.1, 3.0, 2.0.1rc1",
    ]


def test_one_project_that_is_not_bumped_keeps_the_others_of_a_publish_from_being_built(
    tides: Counted, tmp_path: Path
) -> None:
    later = make_project(tmp_path, "berths", "2.0")
    make_distributions(later)
    assert shipwheel(tides.environ, "upload", later).returncode == 0
    make_project(tmp_path, "berths", "1.0")

    published, hooks = tides.run("publish", str(later))
    checked, checked_hooks = tides.run("check", str(later))

    assert (published.returncode, hooks) == (1, [])
    assert (checked.returncode, checked_hooks) == (1, ["build_sdist", "build_wheel"])
    assert [line.split()[:4] for line in checked.stdout.splitlines()[1:]] == [
        ["berths", "2.0", "1.0", "not-bumped"],
        ["tides", "-", "1.0", "new"],
    ]


def test_a_version_that_a_backend_works_out_is_prepared_and_the_contents_are_built(
    tides: Counted,
) -> None:
    tides.make_dynamic()
    prepared, built = ["prepare_metadata_for_build_wheel"], ["build_sdist", "build_wheel"]

    quick = tides.run("check", "--no-build")
    whole = tides.run("check")
    published = tides.run("publish")
    again = tides.run("check")

    assert [done.returncode for done, _ in (quick, whole, published, again)] == [0, 0, 0, 0]
    assert quick[1] == prepared
    assert whole[1] == again[1] == [*prepared, *built]
    assert published[1] == built
    assert [done.stdout.split()[-6:][3] for done, _ in (quick, whole)] == ["new", "new"]


_PYTHON = 'requires-python = ">=3.11"'
_PATH = f'{_PYTHON}\ndependencies = ["berths @ file:///srv/berths"]'
_HATCHLING_PATH = f"""{_PYTHON}
dependencies = ["berths @ {{root:uri}}/../berths"]

[tool.hatch.metadata]
allow-direct-references = true
"""
_POETRY_PATH = f"""{_PYTHON}
dynamic = ["dependencies"]

[tool.poetry.dependencies]
berths = {{ path = "../berths" }}
"""
_FOLDER = "it requires a folder of this machine: 'berths @ file:///"
# What a pull request changes per backend, how its check ends, and what it says.
BROKEN = {
    ("setuptools", "no package"): (
        ('py-modules = ["condition_setuptools"]', 'packages = ["tides"]'),
        (3, "error: package directory 'tides' does not exist"),
    ),
    ("setuptools", "empty"): (
        ('py-modules = ["condition_setuptools"]', 'packages.find = {include = ["tides*"]}'),
        (1, "W008: Wheel is empty"),
    ),
    ("setuptools", "path"): ((_PYTHON, _PATH), (1, _FOLDER)),
    ("hatchling", "no readme"): (
        ('"README.md"', '"README.rst"'),
        (3, "OSError: Readme file does not exist: README.rst"),
    ),
    ("hatchling", "path"): ((_PYTHON, _HATCHLING_PATH), (1, _FOLDER)),
    ("flit", "no module"): (
        ('"condition-flit"', '"tides"'),
        (3, "ValueError: No file/folder found for module tides"),
    ),
    ("flit", "path"): ((_PYTHON, _PATH), (1, _FOLDER)),
    ("poetry-core", "no package"): (
        ('"condition-poetry-core"', '"tides"'),
        (3, "No file/folder found for package tides"),
    ),
    ("poetry-core", "path"): ((_PYTHON, _POETRY_PATH), (1, _FOLDER)),
    ("pdm-backend", "no readme"): (
        ('"README.md"', '"README.rst"'),
        (3, "Readme file not found ('README.rst')"),
    ),
    ("pdm-backend", "empty"): (
        (_PYTHON, f'{_PYTHON}\n\n[tool.pdm.build]\nincludes = ["tides"]'),
        (1, "W008: Wheel is empty"),
    ),
    ("pdm-backend", "path"): (
        (_PYTHON, _PATH.replace("/srv", "/${PROJECT_ROOT}/..")),
        (1, _FOLDER),
    ),
    ("uv-build", "no module"): (
        ('"condition-uv-build"', '"tides"'),
        (3, "Expected a Python module at: src/tides/__init__.py"),
    ),
    ("uv-build", "path"): ((_PYTHON, _PATH), (1, _FOLDER)),
}


@sample(
    "case",
    BROKEN,
    ("setuptools", "empty"),
    ("hatchling", "no readme"),
    ("flit", "no module"),
    ("poetry-core", "path"),
)
def test_a_new_version_that_cannot_be_built_or_installed_is_red_before_the_merge(
    case: tuple[str, str], emulator: Emulator, tmp_path: Path
) -> None:
    (old, new), (code, said) = BROKEN[case]
    project = copied(case[0], tmp_path / "project")
    file = project / "pyproject.toml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))

    done = shipwheel(environment(emulator.host), "check", project)
    quick = shipwheel(environment(emulator.host), "check", "--no-build", project)

    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "\nerror: " in f"\n{done.stderr}"
    assert said in done.stderr
    assert quick.returncode == 0, quick.stderr  # it calls no backend, so that it cannot see any
