"""What a refused or bumped project means for those of the repository that require it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from steps.release.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from packaging.requirements import Requirement
    from packaging.version import Version

    from steps.project.source import Project
    from steps.release.outcome import Judgement


@dataclass(frozen=True)
class Note:
    """Something to mend in *dependent* beside the project *on* that it requires."""

    dependent: str
    on: str
    message: str

    def __str__(self) -> str:
        """Return the sentence."""
        return self.message


def notes_on_dependents(
    judgements: Sequence[Judgement], repository: Iterable[Project]
) -> tuple[Note, ...]:
    """Return what to mend in the projects of *repository* that require a judged one.

    Their own requirement excludes its new version, or it was changed without a bump of their own.
    """
    by_name = {it.project: it for it in judgements}
    return tuple(
        note
        for dependent in repository
        if dependent.name
        for requirement in dependent.requirements
        if (judgement := by_name.get(canonicalize_name(requirement.name)))
        if judgement.project != dependent.name
        for note in _notes(dependent, requirement, judgement, by_name.get(dependent.name))
    )


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
    """Return whether what it requires of *on* differs; where no detail is told it may."""
    says = re.compile(rf"'{re.escape(on)}(?![\w-])")
    return any(
        it.name == "Requires-Dist" and (not it.detail or says.search(it.detail))
        for it in judgement.differences
    )
