"""Who requires the packages of a repository, in which words, and whether that is the highest.

Packages and functions are read as for triggers; lock files of uv, Poetry and PDM, `pylock.toml`
and other requirements files are found beside them.
"""

from __future__ import annotations

import fnmatch
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from steps.project.dependencies import list_in, parse_dependency, read_text, table_in
from steps.project.references import read_references
from steps.project.repository import walk
from steps.project.requirements_file import parse_requirements
from steps.release.gate import is_final
from triggers.discovery.dependencies import relative_path
from triggers.overview.model import Consumer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from steps.project.dependencies import Dependency
    from triggers.discovery.inventory import Component
    from triggers.overview.model import ConsumerKind, Fit

_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "pylock.*.toml")
_REQUIREMENTS = ("*requirements*.txt", "*requirements*.in", "*requirements*.txt.tmpl")
# How a lock file says that a package is a directory of this repository.
_LOCAL = {"editable", "virtual", "directory", "path"}
# The operators of clauses that end a range of versions.
_ENDS = {"==", "===", "~=", "<", "<="}


@dataclass(frozen=True, kw_only=True)
class Mention:
    """A place where *package* is required: by *specifier*, or *local*, from its directory.

    Without either it is not known which versions it admits.
    """

    kind: ConsumerKind
    name: str
    path: str
    package: str
    requirement: str
    specifier: SpecifierSet | None = None
    local: bool = False


def find_mentions(root: Path, components: Sequence[Component]) -> tuple[list[Mention], list[str]]:
    """Return every mention of a package of *components* below *root*, and what cannot be read."""
    names = {it.path: it.name for it in components if it.kind == "package"}
    packages = {*names.values()}
    mentions = [
        mention for it in components for mention in _of_component(root, it, names, packages)
    ]
    by_owner = {(it.path, *_key(it)): it for it in mentions}
    notes: list[str] = []
    for folder, files in walk(root):
        for name in sorted(files):
            path = relative_path(root, Path(folder, name))
            owner = path.rpartition("/")[0] or "."
            found = [
                *(_of_lock(root, path, packages, notes) if _is_one_of(name, _LOCKS) else ()),
                *(_of_requirements(root, path) if _is_one_of(name, _REQUIREMENTS) else ()),
            ]
            for it in found:  # a function's own file was read with the function
                if it.package in packages and (owner, *_key(it)) not in by_owner:
                    by_owner[path, *_key(it)] = it
    return [*by_owner.values()], notes


def judge(mention: Mention, versions: Sequence[Version]) -> Consumer:
    """Return *mention* with the version that it takes of those that are published, in their order.

    A pre-release above the highest release is not older.
    """
    fit, takes = _fit(mention, versions)
    return Consumer(
        kind=mention.kind,
        name=mention.name,
        path=mention.path,
        requirement=mention.requirement,
        fit=fit,
        takes=str(takes) if takes else None,
    )


def highest(versions: Sequence[Version]) -> Version | None:
    """Return the highest release of *versions*, or the highest of all where none is final."""
    return max(filter(is_final, versions), default=max(versions, default=None))


def _fit(mention: Mention, versions: Sequence[Version]) -> tuple[Fit, Version | None]:
    top, specifier = highest(versions), mention.specifier
    if mention.local:
        return "current", None
    if specifier is None or top is None:
        return "unknown", None
    if specifier.contains(top, prereleases=True):
        return "current", top
    if admitted := [*specifier.filter(versions)]:
        return ("current" if admitted[-1] > top else "older"), admitted[-1]
    return ("older" if _ends_below(specifier, top) else "ahead"), None


def _ends_below(specifier: SpecifierSet, top: Version) -> bool:
    """Return whether *specifier* admits only what is lower than *top*, and no longer published."""
    with suppress(InvalidVersion):
        return any(
            it.operator in _ENDS and Version(it.version.removesuffix(".*")) <= top
            for it in specifier
        )
    return False


def _key(mention: Mention) -> tuple[str, str]:
    return mention.package, mention.requirement


def _is_one_of(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, it) for it in patterns)


def _of_component(
    root: Path, component: Component, names: Mapping[str, str], packages: Collection[str]
) -> list[Mention]:
    """Return what the files of a package or function require, for whatever use."""
    references = read_references(root / component.path)
    found = []
    for it in (*references.runtime, *references.build, *references.development):
        here = names.get(relative_path(root, it.path)) if it.path else None
        package, specifier = here or it.name or "", _specifier(it)
        # Bounds beside a path are what is published of a package.
        local = here is not None and not specifier
        if package in packages and package != component.name:
            mention = Mention(
                kind=component.kind,
                name=component.name,
                path=component.path,
                package=package,
                requirement="its directory" if local else _bounds(it),
                specifier=specifier,
                local=local,
            )
            found.append(mention)
    # A tool's table says where a package comes from that is required elsewhere, with its bounds.
    bound = {it.package for it in found if not it.local}
    return [it for it in found if not (it.local and it.package in bound)]


def _specifier(dependency: Dependency) -> SpecifierSet | None:
    """Return what *dependency* admits; None where it names a place, or has no such form."""
    plain = dependency.requirement and not (dependency.url or dependency.fault)
    return dependency.requirement.specifier if dependency.requirement and plain else None


def _bounds(dependency: Dependency) -> str:
    """Return what *dependency* says of the versions, as people read it."""
    if dependency.url or dependency.fault:
        return dependency.url or dependency.constraint or dependency.text
    return str(dependency.requirement.specifier if dependency.requirement else "") or "any"


def _of_requirements(root: Path, path: str) -> Iterator[Mention]:
    for line in parse_requirements(read_text(root / path)).lines:
        found = parse_dependency(line.body, root) if line.body else None
        if found and found.name and not found.path:
            yield Mention(
                kind="requirements",
                name=path,
                path=path,
                package=found.name,
                requirement=_bounds(found),
                specifier=_specifier(found),
            )


def _of_lock(
    root: Path, path: str, packages: Collection[str], notes: list[str]
) -> Iterator[Mention]:
    """Yield the versions of *packages* that a lock file takes from an index."""
    try:
        table = tomllib.loads((root / path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        notes.append(f"{path} cannot be read: {error}")
        return
    for entry in (*list_in(table, "package"), *list_in(table, "packages")):
        name, version = (table_in({"": entry}, "").get(key) for key in ("name", "version"))
        if not (isinstance(name, str) and isinstance(version, str)):
            continue
        package = canonicalize_name(name)
        if package in packages and not _is_local(entry):
            with suppress(InvalidVersion, InvalidSpecifier):
                yield Mention(
                    kind="lock file",
                    name=path,
                    path=path,
                    package=package,
                    requirement=f"=={Version(version)}",
                    specifier=SpecifierSet(f"=={Version(version)}"),
                )


def _is_local(entry: Mapping[str, object]) -> bool:
    source = table_in(entry, "source")
    return bool(_LOCAL & {*entry, *source}) or source.get("type") in {"directory", "file"}
