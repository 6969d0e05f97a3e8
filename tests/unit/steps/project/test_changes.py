"""Which projects changed files touch; git itself is asked in the integration tests."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name

from steps.host.errors import InputError
from steps.project.changes import affected, changed_since
from steps.project.source import Project, read_project
from tests.tiny import make_project
from triggers.rendering.git_range import read_change

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def projects(tmp_path: Path) -> list[Project]:
    """`dues` needs `berths`, `berths` needs `tides`; `charts` takes `tides` by its path."""
    tides = make_project(tmp_path, "tides")
    berths = make_project(tmp_path, "berths", requires=["Tides>=1"])
    dues = make_project(tmp_path, "dues", requires=["berths"])
    charts = make_project(tmp_path, "charts")
    with (charts / "pyproject.toml").open("a") as file:
        file.write('[tool.uv.sources]\ntides = { path = "../tides" }\n')
    return [read_project(it) for it in (tides, berths, dues, charts)]


def touched(projects: list[Project], *files: Path) -> list[str]:
    return [str(it) for it in affected(projects, files)]


def test_a_project_is_touched_by_its_own_files_and_by_those_it_needs(
    projects: list[Project], tmp_path: Path
) -> None:
    assert touched(projects, tmp_path / "dues/dues/__init__.py") == ["dues"]
    assert touched(projects, tmp_path / "berths/new/deep.py") == ["berths", "dues"]
    assert touched(projects, tmp_path / "tides/gone.py") == ["tides", "berths", "dues", "charts"]
    assert touched(projects, tmp_path / "README.md", tmp_path / "tides.txt") == []


def test_a_path_dependency_counts_though_nobody_asked_for_its_project(
    projects: list[Project], tmp_path: Path
) -> None:
    assert touched([projects[3]], tmp_path / "tides/tides/__init__.py") == ["charts"]


def test_a_file_belongs_to_the_innermost_project(tmp_path: Path) -> None:
    outer = read_project(make_project(tmp_path, "outer"))
    inner = read_project(make_project(tmp_path / "outer/packages", "inner"))

    assert touched([outer, inner], inner.directory / "inner/__init__.py") == ["inner"]
    assert touched([outer, inner], outer.directory / "packages/README") == ["outer"]


def test_projects_that_need_one_another_end(tmp_path: Path) -> None:
    one = read_project(make_project(tmp_path, "one", requires=["two"]))
    two = read_project(make_project(tmp_path, "two", requires=["one"]))

    assert touched([one, two], one.directory / "a") == ["one", "two"]


def test_what_is_in_no_repository_is_refused_whatever_language_git_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    project = read_project(make_project(tmp_path, "tides"))

    with pytest.raises(InputError, match="git cannot tell what changed: not a git repo") as it:
        changed_since("main", [project])
    assert it.value.problems[0].hint == (
        "run it in a clone of the repository, or leave --changed-since out; `gcloud builds submit`"
        " and `shipwheel run` bring .git only where there is a .gcloudignore that does not name it"
    )


def test_another_users_repository_is_told_with_gits_own_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True, timeout=30)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    for scope in "SYSTEM", "GLOBAL":  # the image trusts every folder
        monkeypatch.setenv(f"GIT_CONFIG_{scope}", os.devnull)
    project = Project(directory=tmp_path, name=canonicalize_name("alone"))
    hint = (
        "if you trust what is in it, run"
        f" `git config --global --add safe.directory {tmp_path.resolve()}`"
    )

    with pytest.raises(InputError, match="dubious ownership") as since:
        changed_since("main", [project])
    with pytest.raises(InputError, match="dubious ownership") as explained:
        read_change("A..B", tmp_path)

    assert [it.value.problems[0].hint for it in (since, explained)] == [hint, hint]


def test_a_machine_without_git_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = read_project(make_project(tmp_path, "tides"))
    monkeypatch.setenv("PATH", "")

    with pytest.raises(InputError, match="git is not installed"):
        changed_since("main", [project])
