"""What a refused or bumped project means for those that require it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from steps.distribution.contents import Difference
from steps.project.repository import neighbours
from steps.project.source import Project, read_project
from steps.release.dependents import notes_on_dependents
from steps.release.judgement import Judgement, Outcome
from tests.tiny import make_project

if TYPE_CHECKING:
    from collections.abc import Sequence

PIN = Difference(
    filename="berths-1.0.tar.gz",
    change="changed",
    kind="metadata field",
    name="Requires-Dist",
    detail="-'tides==1' +'tides==2'",
)
OTHER = Difference(filename="a", change="changed", kind="file", name="berths.py")


def judged(
    name: str,
    outcome: Outcome,
    version: str = "1.0",
    *,
    suggestions: Sequence[str] = (),
    differences: tuple[Difference, ...] = (),
) -> Judgement:
    return Judgement(
        project=canonicalize_name(name),
        version=Version(version),
        outcome=outcome,
        reason="",
        suggestions=tuple(map(Version, suggestions)),
        differences=differences,
    )


def project(name: str, *requirements: str) -> Project:
    return Project(
        directory=Path("/") / name,
        name=canonicalize_name(name),
        requirements=tuple(map(Requirement, requirements)),
    )


def notes(repository: list[Project], *judgements: Judgement) -> list[str]:
    return [str(it) for it in notes_on_dependents(judgements, repository)]


def test_a_requirement_that_excludes_the_new_version_is_named() -> None:
    repository = [project("berths", "Tides>=1,<2"), project("dues", "tides>=1"), project("tides")]

    assert notes(repository, judged("tides", Outcome.NEW, "2.0")) == [
        "berths requires 'Tides<2,>=1', which excludes tides 2.0"
    ]
    assert notes(repository, judged("tides", Outcome.NEW, "1.5rc1")) == []


def test_a_build_requirement_that_excludes_the_new_version_is_named() -> None:
    built_with = replace(project("berths"), build_requirements=(Requirement("tides<2"),))

    assert notes([built_with], judged("tides", Outcome.NEW, "2.0")) == [
        "berths requires 'tides<2', which excludes tides 2.0"
    ]


def test_of_a_refused_project_the_suggestions_are_looked_at() -> None:
    repository = [project("berths", "tides~=1.0")]
    refused = judged("tides", Outcome.CHANGED, suggestions=["1.0.1", "1.1", "2.0", "3.0"])

    assert notes(repository, refused) == [
        "berths requires 'tides~=1.0', which excludes tides 2.0, 3.0"
    ]


def test_what_a_project_requires_of_itself_is_its_own_matter() -> None:
    assert notes([project("tides", "tides[all]<2")], judged("tides", Outcome.NEW, "2.0")) == []


def test_what_stays_as_it_is_is_not_mentioned() -> None:
    repository = [project("berths", "tides<1")]

    assert notes(repository, judged("tides", Outcome.IDENTICAL)) == []
    assert notes(repository, judged("tides", Outcome.PARTIAL)) == []


@pytest.mark.parametrize("detail", ["-'tides==1' +'tides==2'", "+'berths' +'tides'", ""])
def test_a_changed_pin_without_a_bump_is_named(detail: str) -> None:
    own = judged("berths", Outcome.CHANGED, differences=(OTHER, replace(PIN, detail=detail)))

    assert notes([project("berths", "tides==2")], judged("tides", Outcome.NEW, "2"), own) == [
        "berths 1.0 was not bumped though its requirement is now 'tides==2'"
    ]


@pytest.mark.parametrize(
    "other",
    [
        OTHER,
        replace(PIN, name="Summary"),
        replace(PIN, detail="-'moon==1' +'moon==2'"),
        replace(PIN, detail="-'tides-api==1' +'high-tides==2'"),
    ],
)
def test_another_change_without_a_bump_is_no_matter_of_its_requirements(other: Difference) -> None:
    own = judged("berths", Outcome.CHANGED, differences=(other,))

    assert notes([project("berths", "tides==2")], judged("tides", Outcome.NEW, "2"), own) == []


def test_the_neighbours_are_all_good_projects_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    tides = read_project(make_project(tmp_path / "packages", "tides"))
    berths = read_project(make_project(tmp_path, "berths"))
    (make_project(tmp_path, "broken") / "pyproject.toml").write_text("[project")

    assert neighbours([tides]) == (tides, berths)


def test_outside_a_repository_there_are_no_neighbours(tmp_path: Path) -> None:
    tides = read_project(make_project(tmp_path, "tides"))
    make_project(tmp_path, "berths")

    assert neighbours([tides]) == (tides,)
    assert neighbours([]) == ()
