"""Which projects changed files touch; git itself is asked in the integration tests."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from steps.host.errors import InputError
from steps.project.history import affected, changed_since
from steps.project.source import Project, read_project
from tests.tiny import make_project
from tests.tree import commit, git
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


def test_a_path_dependency_counts_though_its_project_was_not_named(
    projects: list[Project], tmp_path: Path
) -> None:
    assert touched([projects[3]], tmp_path / "tides/tides/__init__.py") == ["charts"]


def test_a_project_is_touched_by_what_its_build_requires(tmp_path: Path) -> None:
    tool = read_project(make_project(tmp_path, "tool"))
    app = make_project(tmp_path, "app")
    text = (app / "pyproject.toml").read_text().replace(',<4"', ',<4", "Tool>=1"')
    (app / "pyproject.toml").write_text(text)

    assert touched([read_project(app), tool], tool.directory / "tool/new.py") == ["app", "tool"]


def test_a_file_belongs_to_the_innermost_project(tmp_path: Path) -> None:
    outer = read_project(make_project(tmp_path, "outer"))
    inner = read_project(make_project(tmp_path / "outer/packages", "inner"))

    assert touched([outer, inner], inner.directory / "inner/__init__.py") == ["inner"]
    assert touched([outer, inner], outer.directory / "packages/README") == ["outer"]


def test_projects_that_need_one_another_end(tmp_path: Path) -> None:
    one = read_project(make_project(tmp_path, "one", requires=["two"]))
    two = read_project(make_project(tmp_path, "two", requires=["one"]))

    assert touched([one, two], one.directory / "a") == ["one", "two"]


@pytest.mark.attack("time and memory")
def test_a_change_below_a_thousand_projects_is_followed_in_no_time(tmp_path: Path) -> None:
    projects = [
        Project(
            directory=tmp_path / str(it),
            name=canonicalize_name(f"p{it}"),
            requirements=(Requirement(f"p{it - 50}"),),
        )
        for it in range(1000)
    ]
    began = time.monotonic()

    assert len(affected(projects, [it.directory / "a.py" for it in projects[:49]])) == 980
    assert time.monotonic() - began < 10


def test_what_is_in_no_repository_is_refused_whatever_language_git_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    project = read_project(make_project(tmp_path, "tides"))

    with pytest.raises(InputError, match=r"what changed in .*: not a git repo") as it:
        changed_since("main", [project])
    assert it.value.problems[0].hint == (
        "run it in a clone of the repository, or leave --changed-since out; `gcloud builds submit`"
        " and `shipwheel run` bring .git only where there is a .gcloudignore that does not name it"
    )


def test_another_users_repository_is_reported_with_gits_own_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet")
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


def test_a_machine_without_git_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = read_project(make_project(tmp_path, "tides"))
    monkeypatch.setenv("PATH", "")

    with pytest.raises(InputError, match="git is not installed"):
        changed_since("main", [project])


def names(ref: str, *projects: Path) -> list[str]:
    return [str(it) for it in changed_since(ref, [read_project(it) for it in projects])]


def test_each_clone_is_asked_for_its_own_projects(tmp_path: Path) -> None:
    one, two = (make_project(tmp_path / clone, clone) for clone in ("one", "two"))
    inner = make_project(two / "packages", "inner")  # a clone in a clone
    for clone in (inner, one.parent, two.parent):
        commit(clone)
    (two / "new.py").touch()

    assert names("main", one, two, inner) == ["two"]
    (two / "new.py").unlink()
    (inner / "new.py").touch()
    assert names("main", one, two, inner) == ["inner"]


@pytest.fixture(name="outer")
def _outer(tmp_path: Path) -> Path:
    """A repository that is the package `outer`, and has `tides` in a submodule."""
    elsewhere = make_project(tmp_path / "elsewhere", "tides").parent
    commit(elsewhere)
    outer = make_project(tmp_path, "outer")
    commit(outer)
    git(outer, "submodule", "add", "--quiet", elsewhere.as_uri(), "lib")
    commit(outer)
    git(outer, "tag", "before")
    return outer


def test_a_package_in_a_submodule_is_compared_with_the_commit_that_was_recorded(
    outer: Path,
) -> None:
    tides = outer / "lib/tides"
    assert names("before", outer, tides) == []

    (tides / "new.py").touch()
    assert names("before", outer, tides) == ["tides"]

    commit(outer / "lib")
    assert names("before", outer, tides) == ["outer", "tides"]  # what is recorded is outer's file
    commit(outer)
    assert names("before", tides) == ["tides"]
    assert names("main", outer, tides) == []


def test_a_submodule_that_was_not_there_or_lacks_the_commit_counts_as_changed(
    outer: Path, tmp_path: Path
) -> None:
    assert names("main~1", outer / "lib/tides") == ["tides"]

    commit(tmp_path / "elsewhere")
    git(outer / "lib", "pull", "--quiet")
    commit(outer)
    shallow = tmp_path / "shallow"
    options = ("--quiet", "--recurse-submodules", "--shallow-submodules")
    git(tmp_path, "clone", *options, outer.as_uri(), str(shallow))
    assert names("before", shallow / "lib/tides") == ["tides"]
    assert names("main", shallow / "lib/tides") == []


def test_a_path_dependency_in_another_clone_is_asked_there(tmp_path: Path) -> None:
    tides = make_project(tmp_path / "one", "tides")
    charts = make_project(tmp_path / "two", "charts")
    with (charts / "pyproject.toml").open("a") as file:
        file.write('[tool.uv.sources]\ntides = { path = "../../one/tides" }\n')
    commit(tides.parent)
    commit(charts.parent)
    assert names("main", charts) == []

    (tides / "new.py").touch()
    assert names("main", charts) == ["charts"]


def test_histories_without_a_commit_in_common_are_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path, "tides")
    commit(project)
    git(project, "checkout", "--quiet", "--orphan", "other")
    (project / "new.py").touch()
    commit(project)

    with pytest.raises(InputError, match="'main' and HEAD have no commit in common"):
        names("main", project)
