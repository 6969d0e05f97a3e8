"""What publishing many projects would do, over an index in memory."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from steps.host.errors import BuildFailed, InputError
from steps.project.source import Project, read_project
from steps.registry.page import PublishedFile, PublishedProject
from steps.release.gate import Rules
from steps.release.judgement import check
from tests.tiny import make_distributions, make_project
from tests.unit.steps.registry.published_tides import build, published

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.utils import NormalizedName

    from steps.distribution.files import Distribution

RULES = Rules()


class MemoryIndex:
    """What `check` uses of an index; every project that it was not given is new."""

    def __init__(self, *projects: PublishedProject) -> None:
        self._projects = {it.name: it for it in projects}
        self.asked: list[str] = []

    def require_repository(self) -> None:
        self.asked.append("the repository")

    def read_many(self, names: Iterable[str]) -> dict[str, PublishedProject]:
        wanted = [canonicalize_name(name) for name in names]
        self.asked += wanted
        return {it: self._projects.get(it, PublishedProject(name=it)) for it in wanted}

    def download(self, file: PublishedFile, folder: Path) -> Path:
        self.folder = folder
        return Path(shutil.copy(file.url, folder))


class Builder:
    """Builds tiny projects, and keeps count."""

    def __init__(self) -> None:
        self.built: list[str] = []

    def __call__(self, project: Project) -> tuple[Distribution, ...]:
        self.built.append(project.directory.name)
        return make_distributions(project.directory)


def identify(project: Project) -> tuple[NormalizedName, Version]:
    """Say what the metadata says that is prepared for a tiny project."""
    static = read_project(project.directory)
    assert static.name is not None
    assert static.version is not None
    return static.name, static.version


def run(projects: list[Project], index: MemoryIndex, builder: Builder) -> list[str]:
    found = check(
        projects,
        index,  # type: ignore[arg-type]  # enough of an index
        RULES,
        builder,
        identify,
        workers=1,
    )
    return [f"{it.project} {it.version} {it.outcome}" for it in found]


@pytest.mark.parametrize("named", [True, False])
def test_only_a_project_whose_version_may_not_be_published_is_not_built(
    named: bool, tmp_path: Path
) -> None:
    folders = {
        name: make_project(tmp_path, name, version)
        for name, version in (("tides", "1.0"), ("berths", "1.0"), ("dues", "0.9"))
    }
    projects = [read_project(it) if named else Project(directory=it) for it in folders.values()]
    dues = PublishedProject(name=canonicalize_name("dues"), listed=(Version("1.0"),))
    index, builder = MemoryIndex(published(*build(tmp_path / "old")), dues), Builder()

    assert run(projects, index, builder) == [
        "tides 1.0 identical",
        "berths 1.0 new",
        "dues 0.9 not-bumped",
    ]
    assert builder.built == ["tides", "berths"]
    assert index.asked == [*([] if named else ["the repository"]), "tides", "berths", "dues"]


def test_a_version_that_is_published_and_not_built_may_have_other_contents(tmp_path: Path) -> None:
    index, builder = MemoryIndex(published(*build(tmp_path / "old"))), Builder()
    tides = read_project(make_project(tmp_path, "tides"))

    found = check([tides], index, RULES, lambda _: (), identify, workers=1)  # type: ignore[arg-type]  # as below

    assert [(it.outcome, it.allowed, it.published) for it in found] == [
        ("published", True, (Version("1.0"),))
    ]
    assert builder.built == []


def test_the_published_file_is_fetched_into_a_folder_that_does_not_stay(tmp_path: Path) -> None:
    theirs = published(*build(tmp_path / "old", text="before"))
    index = MemoryIndex(theirs)

    assert run([read_project(make_project(tmp_path, "tides"))], index, Builder()) == [
        "tides 1.0 changed"
    ]
    assert index.folder.name.startswith("shipwheel-")
    assert not index.folder.exists()


def test_a_backend_is_only_asked_what_the_files_do_not_tell(tmp_path: Path) -> None:
    tides, berths, dues = (
        read_project(make_project(tmp_path, name)) for name in ("tides", "berths", "dues")
    )
    asked = []

    def ask(project: Project) -> tuple[NormalizedName, Version]:
        asked.append(project.directory.name)
        return identify(project)

    found = check(
        [replace(tides, version=None), berths, replace(dues, name=None)],
        MemoryIndex(),  # type: ignore[arg-type]  # enough of an index
        RULES,
        Builder(),
        ask,
        workers=2,
    )

    assert [str(it.project) for it in found] == ["tides", "berths", "dues"]
    assert sorted(asked) == ["dues", "tides"]


@pytest.mark.parametrize(("static", "expected"), [(True, "new"), (False, "not-bumped")])
def test_only_a_version_that_a_backend_worked_out_can_be_invented(
    static: bool, expected: str, tmp_path: Path
) -> None:
    directory = make_project(tmp_path, "tides", "0.0.0")
    project = read_project(directory) if static else Project(directory=directory)

    assert run([project], MemoryIndex(), Builder()) == [f"tides 0.0.0 {expected}"]


def test_two_projects_that_turn_out_to_have_one_name_are_refused(tmp_path: Path) -> None:
    one = Project(directory=make_project(tmp_path / "a", "tides"))
    two = read_project(make_project(tmp_path / "b", "tides"))

    with pytest.raises(InputError) as caught:
        run([one, two], MemoryIndex(), Builder())

    (problem,) = caught.value.problems
    assert str(problem) == (
        f"2 projects have the name 'tides': '{tmp_path}/a/tides', '{tmp_path}/b/tides'\n"
        "  hint: give each a name of its own; a registry knows a package by its name"
    )


def test_every_backend_that_fails_is_reported(tmp_path: Path) -> None:
    projects = [Project(directory=make_project(tmp_path, name)) for name in ("tides", "berths")]

    def fail(project: Project) -> tuple[NormalizedName, Version]:
        raise BuildFailed(f"{project} failed")

    with pytest.raises(BuildFailed) as caught:
        check(projects, MemoryIndex(), RULES, Builder(), fail, workers=1)  # type: ignore[arg-type]  # as above

    assert [it.message for it in caught.value.problems] == ["tides failed", "berths failed"]


def test_what_is_refused_without_a_build_is_told_beside_a_build_that_fails(tmp_path: Path) -> None:
    tides, berths = (read_project(make_project(tmp_path, it)) for it in ("tides", "berths"))
    index = MemoryIndex(published(*build(tmp_path / "old", version="9.0")))

    def fail(project: Project) -> tuple[Distribution, ...]:
        raise BuildFailed(f"{project} failed")

    with pytest.raises(BuildFailed) as caught:
        check([tides, berths], index, RULES, fail, identify, workers=1)  # type: ignore[arg-type]  # as above

    told = [it.message for it in caught.value.problems]
    assert told == [
        "berths failed",
        "tides 1.0 is not greater than 9.0, the highest published release",
    ]
