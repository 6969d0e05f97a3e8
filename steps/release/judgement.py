"""The check: what publishing would do to each project, and whether it is allowed.

The registry's state decides, never git and never a guess. Cheap answers come first: a project is
not built when its version may not be published anyway. A version that its files do not tell is that
of its prepared metadata.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from steps.distribution.contents import Difference, compare
from steps.host.children import each
from steps.host.errors import InputError, Problem, Refused, RegistryError, counted
from steps.host.progress import progress
from steps.project.source import shared_names
from steps.release.collect import Slot, check_overlaps
from steps.release.gate import bump_hint, decide, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from steps.distribution.contents import Difference
    from steps.distribution.files import Distribution
    from steps.project.source import Project
    from steps.registry.index import Index
    from steps.registry.page import PublishedFile, PublishedProject
    from steps.release.gate import Rules

_NAMED = 5


class Outcome(StrEnum):
    """What the registry's state means for one version of a project."""

    NEW = "new"
    NOT_BUMPED = "not-bumped"
    PUBLISHED = "published"  # with what contents was not asked
    IDENTICAL = "identical"
    REBUILT = "rebuilt"
    PARTIAL = "partial"
    CHANGED = "changed"
    UNRELEASED = "unreleased"  # changed, and to be released when the version is bumped


REFUSED = frozenset({Outcome.NOT_BUMPED, Outcome.CHANGED})


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What publishing *version* of *project* would do, and why.

    *published* is sorted; *hint* is the next action, empty when there is nothing to do. A version
    is *invented* when a backend made it up for want of a tag. *unreadable* are published file names
    that tell no version. *source* is the sdist that was built.
    """

    project: NormalizedName
    version: Version
    outcome: Outcome
    reason: str
    hint: str = ""
    to_upload: tuple[Distribution, ...] = ()
    published: tuple[Version, ...] = ()
    suggestions: tuple[Version, ...] = ()
    differences: tuple[Difference, ...] = ()
    invented: bool = False
    unreadable: tuple[str, ...] = ()
    source: Distribution | None = None

    @property
    def allowed(self) -> bool:
        """Whether publishing may go on."""
        return self.outcome not in REFUSED

    @property
    def unreleased(self) -> tuple[str, ...]:
        """What changed and waits for a new version: files and metadata fields."""
        names = (it.name for it in self.differences if self.outcome is Outcome.UNRELEASED)
        return tuple(dict.fromkeys(names))

    def is_of(self, file: Distribution) -> bool:
        """Return whether *file* is one of this version."""
        return (file.name, file.version) == (self.project, self.version)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A version of a project to judge, and what was built of it.

    *distributions* are empty when it was not built; a *static* version is written in the project's
    files.
    """

    name: NormalizedName
    version: Version
    distributions: Sequence[Distribution] = ()
    static: bool = False


def check(
    projects: Sequence[Project],
    index: Index,
    rules: Rules,
    build: Callable[[Project], Sequence[Distribution]],
    identify: Callable[[Project], tuple[NormalizedName, Version]],
    *,
    workers: int,
) -> tuple[Judgement, ...]:
    """Judge every project, in their order, asking *index* once for each.

    *build* builds a project away from its `dist/`, whose files may be stale, or returns nothing,
    and *identify* asks its backend for name and version, *workers* at a time. Neither is called
    before the registry has answered. Raises what they raise, RegistryError when the index cannot be
    read, and InputError when two sources of a version disagree.
    """
    published = read_early(projects, index)
    candidates = _candidates(projects, identify, workers)
    InputError.raise_all(
        shared_names((it.name, project.directory) for project, it in candidates.items())
    )
    published |= index.read_many(it.name for it in candidates.values() if it.name not in published)
    early = {
        project: judge_absent(it, published[it.name], rules)
        for project, it in candidates.items()
        if it.version not in published[it.name].versions
    }
    to_build = [it for it in candidates if it not in early or early[it].allowed]
    with progress.whole("Building", len(to_build)):
        done = each(build, to_build, workers=workers, also=refusals(early.values()))
    for project, built in zip(to_build, done, strict=True):
        candidates[project] = replace(candidates[project], distributions=built)
    return judge_all(candidates.values(), published, index, rules)


def read_early(projects: Iterable[Project], index: Index) -> dict[NormalizedName, PublishedProject]:
    """Return what *index* holds of the *projects* whose files tell their name.

    No backend is called for it, and it fails without credentials or where there is no repository.
    """
    names = [it.name for it in projects if it.name]
    if not names:
        index.require_repository()
    return index.read_many(names)


def refused_early(
    projects: Iterable[Project], published: Mapping[NormalizedName, PublishedProject], rules: Rules
) -> tuple[Judgement, ...]:
    """Return the judgements of the *projects* that no build could make better.

    Their version is static, and it is neither published nor may it be.
    """
    static = [
        Candidate(name=it.name, version=it.version, static=True)
        for it in projects
        if it.name and it.version is not None and it.version not in published[it.name].versions
    ]
    judgements = (judge_absent(it, published[it.name], rules) for it in static)
    return tuple(it for it in judgements if not it.allowed)


def judge_all(
    candidates: Collection[Candidate],
    published: Mapping[NormalizedName, PublishedProject],
    index: Index,
    rules: Rules,
) -> tuple[Judgement, ...]:
    """Judge each of *candidates*; *index* gives the published files that have to be compared."""
    held = {**published}
    judgements: list[Judgement] = []
    with (
        progress.whole("Comparing", len(candidates)),
        tempfile.TemporaryDirectory(prefix="shipwheel-") as folder,
    ):
        fetch = partial(index.download, folder=Path(folder))
        for it in candidates:
            with progress.work(f"{it.name} {it.version}", "comparing"):
                judgements.append(judge(it, held[it.name], rules, fetch))
            # A later version of the package has to exceed this one, too.
            held[it.name] = replace(held[it.name], listed=(*held[it.name].listed, it.version))
    return tuple(judgements)


def judge(
    candidate: Candidate,
    published: PublishedProject,
    rules: Rules,
    fetch: Callable[[PublishedFile], Path],
) -> Judgement:
    """Judge one project by what the registry holds of it.

    *fetch* downloads a published file. Raises InputError when a distribution is of another project
    or version than *candidate* says, or when two for the same installers differ.
    """
    _check_identity(candidate)
    check_overlaps(candidate.distributions)
    source = next((it for it in candidate.distributions if it.kind == "sdist"), None)
    if candidate.version in published.versions:
        found = _judge_published(candidate, published, rules, fetch)
        return replace(found, unreadable=published.unreadable, source=source)
    return replace(judge_absent(candidate, published, rules), source=source)


def judge_absent(candidate: Candidate, published: PublishedProject, rules: Rules) -> Judgement:
    """Judge a version that is not published yet: those that are published decide."""
    versions = published.versions
    verdict = decide(candidate.version, versions, rules, static=candidate.static)
    return Judgement(
        project=candidate.name,
        version=candidate.version,
        outcome=Outcome.NEW if verdict.allowed else Outcome.NOT_BUMPED,
        reason=verdict.reason,
        hint=verdict.hint,
        to_upload=tuple(candidate.distributions) if verdict.allowed else (),
        published=versions,
        suggestions=verdict.suggestions,
        invented=verdict.invented,
        unreadable=published.unreadable,
    )


def refusals(judgements: Iterable[Judgement]) -> tuple[Problem, ...]:
    """Return a problem for every judgement that does not let its project be published."""
    return tuple(
        Problem(f"{it.project} {it.reason}", it.hint) for it in judgements if not it.allowed
    )


class ReleaseRefused(Refused):
    """The gate refused; *judgements* are what it said of the projects."""

    judgements: tuple[Judgement, ...] = ()


def require_allowed(judgements: Sequence[Judgement]) -> None:
    """Raise ReleaseRefused unless every project is allowed."""
    if problems := refusals(judgements):
        error = ReleaseRefused(problems[0], more=problems[1:])
        error.judgements = tuple(judgements)
        raise error


def _judge_published(
    candidate: Candidate,
    published: PublishedProject,
    rules: Rules,
    fetch: Callable[[PublishedFile], Path],
) -> Judgement:
    """Judge a version that is published already: its contents decide.

    Where bytes cannot, the source does: a wheel in which only what a compiler wrote differs is a
    rebuild, if the published sdist holds the same as ours.
    """
    version, distributions = candidate.version, candidate.distributions
    if not distributions:
        return Judgement(
            project=published.name,
            version=version,
            outcome=Outcome.PUBLISHED,
            reason=f"{version} is published; whether it has these contents takes a build",
            published=published.versions,
        )
    theirs = [(Slot.of(file.filename), file) for file in published.files_of(version)]
    missing: list[Distribution] = []
    matched: set[str] = set()
    differences: list[Difference] = []
    for ours in distributions:
        slot = Slot.of(ours.filename)
        same_slot = [(it, file) for it, file in theirs if it.overlaps(slot)]
        for _, file in same_slot:
            differences += published_differences(ours, file, fetch)
        matched |= {file.filename for _, file in same_slot}
        if not any(it.covers(slot) for it, _ in same_slot):
            missing.append(ours)
    has_source = any(file.kind == "sdist" and file.filename in matched for _, file in theirs)
    counting = [it for it in differences if not it.unversioned]
    if counting and not (has_source and all(it.rebuilt for it in counting)):
        return _changed(version, published, rules, tuple(counting))
    done = len(distributions) - len(missing)
    state = f"{done} of {counted(len(distributions), 'file')}" if missing else "all files"
    complete = Outcome.REBUILT if counting else Outcome.IDENTICAL
    others = [file for _, file in theirs if file.filename not in matched]
    return Judgement(
        project=published.name,
        version=version,
        outcome=Outcome.PARTIAL if missing else complete,
        reason=f"{version} is published, {state}, with the same contents"
        + _not_counting(differences)
        + _not_built(others),
        to_upload=tuple(missing),
        published=published.versions,
        differences=tuple(differences),
    )


def _changed(
    version: Version,
    published: PublishedProject,
    rules: Rules,
    differences: tuple[Difference, ...],
) -> Judgement:
    suggestions = suggest(version, published.versions, rules)
    hint = bump_hint(version, suggestions, rules)
    what = "is already published with different contents"
    if rules.when_bumped:
        what, hint = "is published, and has unreleased changes", f"to release them, {hint}"
    return Judgement(
        project=published.name,
        version=version,
        outcome=Outcome.UNRELEASED if rules.when_bumped else Outcome.CHANGED,
        reason=f"{version} {what}: {_listed(differences)}",
        hint=hint,
        published=published.versions,
        suggestions=suggestions,
        differences=differences,
    )


def published_differences(
    ours: Distribution, theirs: PublishedFile, fetch: Callable[[PublishedFile], Path]
) -> tuple[Difference, ...]:
    """Return how the contents differ; a file with our sha256 is not even fetched."""
    if theirs.sha256 == ours.sha256:
        return ()
    path = fetch(theirs)
    try:
        return compare(ours, path)
    except InputError as error:
        raise RegistryError(
            f"The registry holds a file that cannot be compared: {error.problems[0].message}",
            "look at how it came there; a new version does not need it",
        ) from None
    finally:
        path.unlink()


def _listed(differences: Sequence[Difference]) -> str:
    """Return the first differences in words; most are in the wheel and in the sdist alike."""
    found = [*dict.fromkeys(map(str, differences))]
    rest = len(found) - _NAMED
    more = f"; and {rest} more" if rest > 0 else ""
    return "; ".join(found[:_NAMED]) + more


def _not_counting(differences: Sequence[Difference]) -> str:
    """Return what differs and is no change, with the reason."""
    rebuilt = [it for it in differences if not it.unversioned]
    needless = [it for it in differences if it.unversioned]
    said = f"; rebuilt from the same source: {_listed(rebuilt)}" if rebuilt else ""
    return said + (f"; these need no release: {_listed(needless)}" if needless else "")


def _not_built(files: Iterable[PublishedFile]) -> str:
    names = [file.filename for file in files]
    return f"; the registry also holds, not built here: {', '.join(names)}" if names else ""


def _candidates(
    projects: Sequence[Project],
    identify: Callable[[Project], tuple[NormalizedName, Version]],
    workers: int,
) -> dict[Project, Candidate]:
    """Return a candidate for each of *projects*, in their order: static versions cost nothing."""
    found = {it: (it.name, it.version) for it in projects if it.name and it.version is not None}
    asked = [it for it in projects if it not in found]
    with progress.whole("Preparing the metadata of", len(asked)):
        found |= dict(zip(asked, each(identify, asked, workers=workers), strict=True))
    return {
        it: Candidate(name=found[it][0], version=found[it][1], static=it.version is not None)
        for it in projects
    }


def _check_identity(candidate: Candidate) -> None:
    InputError.raise_all(
        Problem(
            f"Two sources disagree: the project says {candidate.name} {candidate.version},"
            f" and {ours.filename!r} is {ours.name} {ours.version}",
            "keep the version in one place, or remove what was built before",
        )
        for ours in candidate.distributions
        if (ours.name, ours.version) != (candidate.name, candidate.version)
    )
