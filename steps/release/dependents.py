"""Who requires whom: the order of a publish, and what a bump means for dependents."""

from __future__ import annotations

import graphlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from steps.host.errors import Problem, warn
from steps.project.dependencies import valid_requirements
from steps.release.judgement import Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from packaging.version import Version

    from steps.distribution.files import Distribution
    from steps.project.source import Project
    from steps.release.judgement import Judgement

Needs = dict[NormalizedName, set[NormalizedName]]


@dataclass(frozen=True)
class Note:
    """Something to fix in *dependent* when the project *on*, which it requires, changes."""

    dependent: str
    on: str
    message: str

    def __str__(self) -> str:
        """Return the sentence."""
        return self.message


def notes_on_dependents(
    judgements: Sequence[Judgement], repository: Iterable[Project]
) -> tuple[Note, ...]:
    """Return what to fix in the projects of *repository* that require a judged one.

    Their own requirement excludes its new version, or it was changed without a bump of their own.
    What is unreleased is not the new version's, and may wait.
    """
    by_name = {it.project: it for it in judgements if it.outcome is not Outcome.UNRELEASED}
    return tuple(
        note
        for dependent in repository
        if dependent.name
        for requirement in (*dependent.all_requirements, *dependent.extra_requirements)
        if (judgement := by_name.get(canonicalize_name(requirement.name)))
        if judgement.project != dependent.name
        for note in _notes(dependent, requirement, judgement, by_name.get(dependent.name))
    )


def missing_bounds(projects: Iterable[Project], repository: Iterable[Project]) -> Iterator[Problem]:
    """Yield a problem per requirement of *projects* on another of *repository* without a minimum.

    What is published so is installed with any old version, such as one without what it uses.
    """
    others = {it.name: it for it in repository if it.name}
    for project in projects:
        for requirement in dict.fromkeys((*project.requirements, *project.extra_requirements)):
            other = others.get(canonicalize_name(requirement.name))
            if not other or other.name == project.name or requirement.url:
                continue
            if not any(it.operator not in {"<", "<=", "!="} for it in requirement.specifier):
                yield Problem(
                    f"{project} requires '{requirement}', of this repository, without a minimum",
                    f"{_with_minimum(requirement, other.version)}: without, an old {other.name}"
                    " that lacks what it uses may be installed",
                )


def _with_minimum(requirement: Requirement, version: Version | None) -> str:
    """Return what to write in the place of *requirement*, for example with *version* as minimum."""
    if version is None or not _admits(requirement, version):
        return "add a lower bound"
    bounded = Requirement(str(requirement))
    bounded.specifier &= SpecifierSet(f">={version.public}")
    return f"write '{bounded}'"


def _notes(
    dependent: Project, requirement: Requirement, judgement: Judgement, own: Judgement | None
) -> Iterator[Note]:
    on = judgement.project
    excluded = [str(it) for it in _next(judgement) if not _admits(requirement, it)]
    if excluded:
        yield Note(
            str(dependent),
            on,
            f"{dependent} requires '{requirement}', which excludes {on} {', '.join(excluded)}",
        )
    if own and _requirement_changed(own, on):
        yield Note(
            str(dependent),
            on,
            f"{dependent} {own.version} was not bumped though its requirement is now"
            f" '{requirement}'",
        )


def _next(judgement: Judgement) -> tuple[Version, ...]:
    """Return the version that comes, or those that may come instead."""
    if judgement.outcome is Outcome.NEW:
        return (judgement.version,)
    return judgement.suggestions


def _admits(requirement: Requirement, version: Version) -> bool:
    return requirement.specifier.contains(version, prereleases=True)


def _requirement_changed(judgement: Judgement, on: str) -> bool:
    """Return whether what it requires of *on* differs, or may differ for want of detail."""
    says = re.compile(rf"'{re.escape(on)}(?![\w-])")
    return any(
        it.name == "Requires-Dist" and (not it.detail or says.search(it.detail))
        for it in judgement.differences
    )


def dependency_order(files: Collection[Distribution], projects: Iterable[Project] = ()) -> Needs:
    """Return for each project of *files* the others that those require; never a cycle.

    What the builds of *projects* require counts as well, and requirements of extras unless they
    make a cycle. Where projects really need one another no order is right: that is said, and one
    of them goes first.
    """
    builds = {it.name: it.build_requirements for it in projects if it.name}
    needs = _needs(files, builds, with_extras=True)
    if _cycle(needs):
        needs = _needs(files, builds, with_extras=False)
    while cycle := _cycle(needs):
        first, second = cycle[0], cycle[1]
        warn(f"{first!r} and {second!r} need one another; {second!r} goes first")
        needs[second].discard(first)
    return needs


def _needs(
    files: Iterable[Distribution],
    builds: Mapping[NormalizedName, Iterable[Requirement]],
    *,
    with_extras: bool,
) -> Needs:
    needs: Needs = {file.name: set() for file in files}
    for file in files:
        wanted = {*_required(file.requires, with_extras=with_extras)}
        wanted |= {canonicalize_name(it.name) for it in builds.get(file.name, ())}
        needs[file.name] |= needs.keys() & wanted - {file.name}
    return needs


def _required(lines: Iterable[str], *, with_extras: bool) -> Iterator[NormalizedName]:
    for requirement in valid_requirements(lines):
        if with_extras or "extra" not in str(requirement.marker):
            yield canonicalize_name(requirement.name)


def _cycle(needs: Needs) -> list[NormalizedName]:
    """Return a cycle in which each name is needed by the next, or nothing."""
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        cycle: list[NormalizedName] = error.args[1]
        return cycle
    return []
