"""Build requirements that are private: siblings in the repository, and packages of the registry.

The installer gets each as a file, by its URL. So no index can answer with another package of that
name, and the publisher's credentials do not leave this process: the installer runs the backends of
what it finds as sdists only.
"""

from __future__ import annotations

import graphlib
import re
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import (
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_wheel_filename,
)

from steps.distribution.files import allows_python, read_distribution
from steps.host.children import OncePerKey
from steps.host.errors import BuildFailed, InputError, Problem, RegistryError, quoted
from steps.project.dependencies import needed_requirements
from steps.project.repository import neighbours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from packaging.version import Version

    from steps.distribution.files import Distribution
    from steps.project.source import Project
    from steps.registry.index import Index
    from steps.registry.page import PublishedFile, PublishedProject

_NEWEST = 5
_VARIABLE = re.compile(r"\$\{\w+\}")  # as pip and uv have them in files
Found = dict[NormalizedName, "Distribution"]
Python = tuple[int, ...]  # the version of the interpreter, as in (3, 12)
_THIS = sys.version_info[:2]


@dataclass
class PrivateRequirements:
    """Finds private build requirements for *projects*; threads may share it.

    *build* builds the wheel of a sibling, *index* is the registry's, where there is one.
    """

    projects: Sequence[Project]
    build: Callable[[Project], Distribution]
    index: Index | None
    folder: Path
    _built: OncePerKey[Project, Distribution] = field(default_factory=OncePerKey)
    _read: OncePerKey[NormalizedName, PublishedProject] = field(default_factory=OncePerKey)
    _downloaded: OncePerKey[str, Distribution] = field(default_factory=OncePerKey)

    def siblings(self, requirements: Iterable[str]) -> Found:
        """Return the wheels of siblings among *requirements* and what they require."""
        return _closure(requirements, self._sibling)

    def all(self, requirements: Iterable[str], python: Python) -> Found:
        """Return the same for *python*, and what the registry holds of the others."""
        return _closure(
            requirements, lambda it: self._sibling(it) or self._published(it, python), python
        )

    @cached_property
    def _known(self) -> Mapping[NormalizedName, Project]:
        return {it.name: it for it in neighbours(self.projects) if it.name}

    def _sibling(self, requirement: Requirement) -> Distribution | None:
        project = self._known.get(canonicalize_name(requirement.name))
        if project is None or not _may_be(requirement, project):
            return None
        if project.name in _needed_to_build(project, self._known):
            return None  # it builds itself with a released version
        require_build_order(project, self._known)
        return self._built.get(project, lambda: self.build(project))

    def _published(self, requirement: Requirement, python: Python) -> Distribution | None:
        if self.index is None:
            return None
        name = canonicalize_name(requirement.name)
        published = self._read.get(name, partial(self.index.read, name))
        files = [*published.files]
        while file := choose(files, requirement.specifier, python):
            download = partial(_download, self.index, file, self.folder)
            distribution = self._downloaded.get(file.filename, download)
            if allows_python(_specifiers(distribution.requires_python), python):
                return distribution
            files.remove(file)
        if published.files:
            raise _none_fits(requirement, published, python)
        return None


def _download(index: Index, file: PublishedFile, folder: Path) -> Distribution:
    try:
        return read_distribution(index.download(file, folder))
    except InputError as error:
        raise RegistryError(
            f"The registry holds a file that no build can use: {error.problems[0].message}",
            "publish a new version of it",
        ) from None


def _specifiers(text: str) -> SpecifierSet:
    with suppress(InvalidSpecifier):
        return SpecifierSet(text)
    return SpecifierSet()  # as installers have it


def _none_fits(
    requirement: Requirement, published: PublishedProject, python: Python
) -> BuildFailed:
    newest = ", ".join(map(str, published.versions[-_NEWEST:]))
    fits = any(requirement.specifier.filter(published.versions))
    other = "name a Python that it fits with --python, or " if fits else ""
    return BuildFailed(
        f"The registry holds {published.name!r}, and no file of it that fits '{requirement}' and"
        f" Python {'.'.join(map(str, python))}; its newest versions: {newest}",
        f"{other}publish one that fits; a package of the registry never comes from another index",
    )


def require_plain(requirements: Iterable[str]) -> None:
    """Raise InputError for what the installer would take for more than a requirement.

    It takes options from a line, and puts values of variables, which may be secret, into URLs.
    """
    problems = []
    for line in sorted(requirements):
        try:
            url = Requirement(line).url or ""
        except InvalidRequirement:
            what = f"A build requirement is not valid (PEP 508): {quoted(line)}"
            problems.append(Problem(what, "write it as in 'name>=1.0', without options"))
        else:
            if variable := _VARIABLE.search(url):
                what = f"The URL of a build requirement names a variable: {quoted(variable[0])}"
                problems.append(Problem(what, "write the URL without it: its value would be sent"))
    InputError.raise_all(problems)


def choose(
    files: Sequence[PublishedFile], specifier: SpecifierSet, python: Python
) -> PublishedFile | None:
    """Return the file of the newest version in *specifier* that *python* can install.

    A wheel goes before the sdist of its version, and the best wheel before others; what is yanked
    is taken only where *specifier* names its version.
    """
    is_pinned = any(it.operator in {"==", "==="} and "*" not in it.version for it in specifier)
    files = [it for it in files if is_pinned or not it.yanked]
    tags = (*cpython_tags(python), *compatible_tags(python, "cp" + "".join(map(str, python))))
    ranks = {tag: rank for rank, tag in enumerate(tags)}
    usable = {it.filename: _rank(it, ranks) for it in files}
    versions = {it.version for it in files if usable[it.filename] is not None}
    for version in sorted(specifier.filter(versions), reverse=True):
        own = [it for it in files if it.version == version and usable[it.filename] is not None]
        return min(own, key=lambda it: usable[it.filename] or 0)
    return None


def _rank(file: PublishedFile, ranks: Mapping[Tag, int]) -> int | None:
    """Return how well *file* suits, the lowest best; None where it cannot be installed."""
    if file.kind == "sdist":
        return len(ranks) if file.filename.endswith(".tar.gz") else None
    with suppress(InvalidWheelFilename):
        tags = parse_wheel_filename(file.filename)[3]
        return min((ranks[tag] for tag in tags if tag in ranks), default=None)
    return None


def require_build_order(project: Project, known: Mapping[NormalizedName, Project]) -> None:
    """Raise InputError where building *project* needs a build that needs *project* built."""
    graph: dict[NormalizedName, set[NormalizedName]] = {}
    waiting = [project]
    while waiting:
        current = waiting.pop()
        if current.name and current.name not in graph:
            needed = _needed_to_build(current, known)
            graph[current.name] = {*needed}
            waiting += needed.values()
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        raise InputError(
            f"Projects need one another to be built: {' -> '.join(reversed(error.args[1]))}",
            "take one of these names out of its build-system.requires",
        ) from None


def _needed_to_build(
    project: Project, known: Mapping[NormalizedName, Project]
) -> dict[NormalizedName, Project]:
    """Return those of *known* that are installed where *project* is built."""
    found: dict[NormalizedName, Project] = {}
    waiting = [*project.build_requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in known and name not in found and _may_be(requirement, known[name]):
            found[name] = known[name]
            waiting += known[name].requirements
    return found


def _may_be(requirement: Requirement, project: Project) -> bool:
    version: Version | None = project.version
    return version is None or requirement.specifier.contains(version, prereleases=True)


def _closure(
    requirements: Iterable[str],
    find: Callable[[Requirement], Distribution | None],
    python: Python = _THIS,
) -> Found:
    """Return what *find* finds of *requirements*, and of what that requires in turn.

    Where several require one package, it is looked for once more with all their bounds.
    """
    found: Found = {}
    bounds: dict[NormalizedName, Requirement] = {}
    waiting = [*_required(requirements, frozenset(), python)]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        before = bounds.get(name)
        if before:
            requirement.specifier &= before.specifier
            requirement.extras |= before.extras
        bounds[name] = requirement
        fits = name in found and requirement.specifier.contains(
            found[name].version, prereleases=True
        )
        if before and (fits or name not in found) and requirement.extras == before.extras:
            continue
        if distribution := find(requirement):
            found[name] = distribution
            waiting += _required(distribution.requires, frozenset(requirement.extras), python)
    return found


def _required(
    lines: Iterable[str], extras: frozenset[str], python: Python
) -> Iterator[Requirement]:
    """Return the requirements by name among *lines* that count here, with *extras*."""
    version = ".".join(map(str, python))
    known = {"python_version": version, "python_full_version": f"{version}.0"}
    return (it for it in needed_requirements(lines, extras, known) if not it.url)
