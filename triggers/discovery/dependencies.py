"""What packages are built from and functions run with, in the directories of a repository.

Only files are read. Each directory is read once, however many others need it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from steps.host.errors import Problem
from steps.host.files import kind_at
from steps.project.references import links, read_references

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from steps.project.dependencies import Dependency


@dataclass(frozen=True)
class Dependencies:
    """What a directory depends on, as paths from the root; never itself.

    *direct* are the folders that it names for its build or to run with. *folders* and *files* are
    those whose changes change it: what a package is built from, what a function runs with.
    """

    direct: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass
class DependencyReader:
    """Reads each directory below *root* once; *packages* maps normalised names to their paths.

    What builds a package starts its builds; what a function runs with starts its own. Development
    dependencies start nothing: they change nothing that is built.
    """

    root: Path
    packages: Mapping[str, str]
    links: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)
    _read: dict[str, _Needs] = field(default_factory=dict)

    def of_package(self, path: str) -> Dependencies:
        """Return what the package in *path* is built from: whatever else it runs with is not."""
        found, seen, waiting = set[str](), set[str](), [path]
        while waiting:
            folder = waiting.pop()
            seen.add(folder)
            found |= self._needs(folder).sources
            # A package that builds another runs while it does, and was built before.
            tools = self._closure(self._needs(folder).build)
            found |= tools
            waiting += tools - seen
        return self._dependencies(path, found)

    def of_function(self, path: str) -> Dependencies:
        """Return what the function in *path* runs with, transitively, with its shared source."""
        folders = self._closure({(path, frozenset())}) | {path}
        unknown = ((it, self._needs(it).unknown) for it in sorted(folders))
        self.warnings += [
            Problem(
                f"{path!r} runs with {it!r}, and {why}" if it != path else f"{path!r}: {why}",
                f'what it needs in this repository: `overrides["{path}"].includedFiles`',
            )
            for it, why in unknown
            if why
        ]
        return self._dependencies(path, folders.union(*(self._needs(it).sources for it in folders)))

    def _closure(self, start: Iterable[_Use]) -> set[str]:
        """Return the folders of *start*, and of all that they run with; a cycle does no harm."""
        waiting, seen = [*start], set[_Use]()
        while waiting:
            use = waiting.pop()
            if use not in seen:
                seen.add(use)
                waiting += self._needs(use[0]).runtime_with(use[1])
        return {path for path, _ in seen}

    def _dependencies(self, path: str, found: set[str]) -> Dependencies:
        needs = self._needs(path)
        direct = {it for it, _ in (*needs.runtime.keys(), *needs.build)} | needs.sources
        folders = {it for it in found | direct if kind_at(self.root / it) == "folder"} - {path}
        return Dependencies(
            tuple(sorted(direct & folders)),
            tuple(sorted(found & folders)),
            tuple(sorted(found - folders - {path})),
        )

    def _needs(self, path: str) -> _Needs:
        if path not in self._read:
            self._read[path] = self._read_needs(path)
        return self._read[path]

    def _read_needs(self, path: str) -> _Needs:
        references = read_references(self.root / path)
        runtime: dict[_Use, set[str]] = {}
        for it in references.runtime:
            if use := self._use(path, it):
                runtime.setdefault(use, set()).update(it.extras or {""})
        named = {self._relative(path, it, must_exist=True) for it in sorted(references.files)}
        taken = (*sorted(references.sources), *self.links.get(path, ()))
        return _Needs(
            runtime=runtime,
            build=frozenset(filter(None, (self._use(path, it) for it in references.build))),
            sources=frozenset(filter(None, {*named, *(self._relative(path, it) for it in taken)})),
            unknown=references.unknown,
        )

    def _use(self, path: str, dependency: Dependency) -> _Use | None:
        """Return the directory here that answers *dependency*, and the extras asked of it."""
        extras = dependency.requirement.extras if dependency.requirement else ()
        wanted = frozenset(map(canonicalize_name, extras))
        if dependency.path:
            folder = self._relative(path, dependency.path, must_exist=True)
            return (folder, wanted) if folder and kind_at(self.root / folder) == "folder" else None
        folder = "" if dependency.url else self.packages.get(dependency.name or "", "")
        return (folder, wanted) if folder else None

    def _relative(self, path: str, target: Path, *, must_exist: bool = False) -> str:
        """Return *target* from the root; nothing, after a warning, where no trigger can see it."""
        relative = os.path.relpath(target, self.root).replace(os.sep, "/")
        if relative.startswith("../") or relative == "..":
            self._warn(path, relative, "is outside of the repository", "no trigger can see it")
        elif kind_at(target):
            return relative
        elif must_exist:
            self._warn(path, relative, "does not exist", "correct the path, or remove it")
        return ""

    def _warn(self, path: str, reference: str, what: str, hint: str) -> None:
        problem = Problem(f"{path!r} depends on {reference!r}, which {what}", hint)
        if problem not in self.warnings:
            self.warnings.append(problem)


# A directory, and the extras that are asked of it.
_Use = tuple[str, frozenset[str]]


@dataclass(frozen=True, kw_only=True)
class _Needs:
    """What one directory names; *runtime* has the extras that bring each use, "" for always."""

    runtime: Mapping[_Use, set[str]]
    build: frozenset[_Use]
    sources: frozenset[str]
    unknown: str

    def runtime_with(self, extras: frozenset[str]) -> list[_Use]:
        """Return what it runs with when it is installed with *extras*."""
        return [use for use, brought in self.runtime.items() if brought & {"", *extras}]


def links_out(
    root: Path, folders: Iterable[str], packages: Sequence[str]
) -> dict[str, tuple[Path, ...]]:
    """Return, by package, what symbolic links in its directory lead to outside of it.

    *folders* are those to look in, from the *root*.
    """
    by_length = sorted(packages, key=len, reverse=True)
    found: dict[str, tuple[Path, ...]] = {}
    resolved = Path(os.path.realpath(root))
    for link, target in links(os.path.join(root, folder) for folder in folders):  # noqa: PTH118 - one of many
        where, there = relative_path(root, link), relative_path(resolved, target)
        owner = next((it for it in by_length if it == "." or where.startswith(f"{it}/")), ".")
        if owner not in {".", there} and not there.startswith(f"{owner}/"):
            found[owner] = (*found.get(owner, ()), root / there)
    return found


def relative_path(root: Path, folder: Path | str) -> str:
    """Return the path from *root* to *folder*, with slashes."""
    inside, here = os.fspath(folder), f"{root}{os.sep}"
    if inside.startswith(here) and ".." not in inside:
        return inside[len(here) :].replace(os.sep, "/")
    return os.path.relpath(inside, root).replace(os.sep, "/")
