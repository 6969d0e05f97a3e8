"""The plan of a bump: new versions, the projects that have to follow, and the texts of all files.

Nothing is written here: the plan is made of the texts that the files are to have.
"""

from __future__ import annotations

import os
import tomllib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from steps.host.errors import InputError, Problem
from steps.host.files import kind_at, read_whole
from steps.project.dependencies import declared_dependencies, parse_dependency, read_text
from steps.project.references import read_references
from steps.project.repository import walk
from steps.project.requirements_file import parse_requirements
from steps.project.setup_files import (
    config_options,
    parse_config,
    setup_arguments,
    setup_dependencies,
)
from steps.release.gate import next_release
from steps.version.bounds import BoundsError, move_bounds, move_requirement
from steps.version.places import FilePlace, find_place, replace_once

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from packaging.utils import NormalizedName

    from steps.project.dependencies import Dependency
    from steps.project.source import Project
    from steps.version.bounds import Bounds
    from steps.version.places import Place

UNTAGGED = Version("0.0.0")
_PLACES = ("major", "minor", "patch")


@dataclass(frozen=True, kw_only=True)
class Bump:
    """A project's *old* version and the *new* one, where it is, and why it changes."""

    project: NormalizedName
    place: Place
    old: Version | None
    new: Version
    why: str

    @property
    def tag(self) -> str:
        """The git tag that makes the new version, where it is in no file."""
        return "" if isinstance(self.place, FilePlace) else self.place.tag(self.new)

    @property
    def file(self) -> Path | None:
        """The file that the new version is written in, if it is in one."""
        return self.place.path if isinstance(self.place, FilePlace) else None


@dataclass(frozen=True, kw_only=True)
class VersionGroup:
    """The projects *names* that have one version, *current*: None where there is no tag yet."""

    names: tuple[NormalizedName, ...]
    current: Version | None


@dataclass(frozen=True, kw_only=True)
class Move:
    """A requirement in *file* that changes from *old* to *new*."""

    file: Path
    old: str
    new: str


@dataclass(frozen=True, kw_only=True)
class BumpPlan:
    """All that a bump changes; *texts* are the files as they are to be, *skipped* is left alone."""

    bumps: tuple[Bump, ...]
    moves: tuple[Move, ...]
    texts: Mapping[Path, str]
    skipped: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Files:
    """The files below *roots* that may have requirements, with their texts as they are.

    *paths* has for each the directory that it speaks for, *packages* the projects by theirs.
    """

    roots: Sequence[Path]
    paths: Mapping[Path, Path]
    packages: Mapping[Path, Project]
    texts: dict[Path, str] = field(default_factory=dict)

    def text(self, path: Path) -> str:
        """Return the text of the file at *path*; raise InputError where it cannot be read."""
        if path not in self.texts:
            self.texts[path] = read_whole(path, "make it a text in UTF-8", newline="")
        return self.texts[path]


def next_version(to: str, current: Version) -> Version:
    """Return what *to* makes of *current*: a part to raise, a kind of pre-release, or a version.

    A part of a pre-release that is raised already is only made final. Raises InputError.
    """
    base = Version(current.base_version)
    is_open = current.is_prerelease and current.post is None
    if to in _PLACES:
        place = _PLACES.index(to)
        is_raised = is_open and not any(base.release[place + 1 :])
        return base if is_raised else _raised(base, place)
    if to in {"rc", "dev"}:
        return _next_of_kind(to, current, base if is_open else _raised(base, 2))
    try:
        return Version(to)
    except InvalidVersion:
        raise InputError(
            f"--to is neither a part of a version nor a version: {to!r}",
            "take patch, minor, major, rc, dev, or a version such as 1.2.0",
        ) from None


def _raised(version: Version, place: int) -> Version:
    return next_release(version, place, len(version.release))


def _next_of_kind(kind: str, current: Version, release: Version) -> Version:
    """Return the next release candidate or dev-release of *release* after *current*."""
    letter, number = current.pre or ("", 0)
    if kind == "rc":
        following = number + (current.dev is None) if letter == "rc" else 1
        return release.__replace__(pre=("rc", following))
    if current.dev is not None and current.post is None:
        return current.__replace__(dev=current.dev + 1, local=None)
    return release.__replace__(pre=(letter, number + 1) if current.pre else None, dev=1)


def sharing(projects: Sequence[Project], repository: Iterable[Project]) -> tuple[Project, ...]:
    """Return *projects*, and those of *repository* whose versions are in the same files."""
    return tuple(chain.from_iterable(_groups(projects, repository)))


def _groups(projects: Collection[Project], repository: Iterable[Project]) -> list[list[Project]]:
    """Return *projects*, each with those of them and of *repository* that share its version."""
    groups: dict[object, list[Project]] = {}
    for it in projects:
        groups.setdefault(_written(it) or it, []).append(it)
    own = {*projects}
    for it in repository:
        if it.version is None and it not in own and (written := _written(it)) in groups:
            groups[written].append(it)
    return [*groups.values()]


def _written(project: Project) -> tuple[Path, str] | None:
    """Return the file that has the version of *project*, and what it is; None for no file."""
    with suppress(InputError):
        place = find_place(project)
        if isinstance(place, FilePlace):
            return place.path, place.version(read_text(place.path))
    return None


def make_plan(
    targets: Mapping[Project, Version],
    follow: Callable[[Sequence[VersionGroup]], Sequence[Version]],
    files: Files,
    bounds: Bounds | None,
) -> BumpPlan:
    """Return the plan that gives *targets* their versions, and bumps what has to follow.

    *follow* returns the next version for each group of projects that have to, and share theirs.
    Raises InputError with every place and every requirement that cannot be edited.
    """
    new = {it.name: version for it, version in targets.items() if it.name}
    bumps = [_bump(it, version, "asked for") for it, version in targets.items()]
    while True:
        edited = _move_all(new, replace(files, texts={**files.texts}), bounds)
        reasons = {
            project: f"requires {move.new!r}"
            for directory, move in {files.paths[it.file]: it for it in edited.moves}.items()
            if (project := files.packages.get(directory)) and project.name
            if project.name not in new
        }
        if not reasons:
            break
        groups = _groups(reasons, files.packages.values())
        versions = follow([_version_group(it) for it in groups])
        for group, version in zip(groups, versions, strict=True):
            why = f"shares its version with {group[0]}"
            found = [_bump(it, version, reasons.get(it, why)) for it in group]
            new |= dict.fromkeys((it.project for it in found), version)
            bumps += found
    texts = dict(edited.texts)
    problems: list[Problem] = []
    for it in bumps:
        if isinstance(it.place, FilePlace):
            path = it.place.path
            try:
                texts[path] = it.place.write(texts.get(path) or files.text(path), it.new)
            except InputError as error:
                problems.extend(error.problems)
    InputError.raise_all(problems)
    changed = {path: text for path, text in texts.items() if text != files.text(path)}
    return replace(edited, bumps=tuple(bumps), texts=changed)


def current_version(project: Project, place: Place) -> Version | None:
    """Return the version of *project* at *place*; None where there is no git tag yet."""
    if not isinstance(place, FilePlace):
        return place.latest
    text = place.version(place.path.read_text(encoding="utf-8"))
    with suppress(InvalidVersion):
        return Version(text)
    raise InputError(
        f"The version of {project} in {os.fspath(place.path)!r} is not valid (PEP 440): {text!r}",
        "write it as N.N.N, with aN, bN, rcN, .postN or .devN behind it",
    )


def _version_group(projects: Sequence[Project]) -> VersionGroup:
    current = current_version(projects[0], find_place(projects[0]))
    return VersionGroup(names=tuple(it.name for it in projects if it.name), current=current)


def _bump(project: Project, version: Version, why: str) -> Bump:
    place = find_place(project)
    if project.name is None:
        where = os.fspath(project.directory)
        hint = "write it there as a plain text, such as name = 'tides'"
        raise InputError(f"The project in {where!r} has no name in its files", hint)
    old = current_version(project, place)
    return Bump(project=project.name, place=place, old=old, new=version, why=why)


def _move_all(
    new: Mapping[NormalizedName, Version], files: Files, bounds: Bounds | None
) -> BumpPlan:
    """Move every requirement in *files* that excludes a version of *new*."""
    moves: list[Move] = []
    skipped: list[str] = []
    problems: list[Problem] = []
    for path, directory in files.paths.items():
        package = files.packages.get(directory)
        for index, entry in enumerate(_entries(path, files.text(path))):
            version = new.get(entry.name) if entry.name else None
            has_choice = "|" in (entry.constraint or "")
            is_own = package and package.name == entry.name
            if version is None or is_own or (entry.fault and not has_choice):
                continue
            published = bounds if entry.kind != "development" else None
            try:
                old, text = _moved(entry, version, published)
            except BoundsError:
                where = f"{entry.text!r} in {os.fspath(path)!r} excludes {version}"
                problems.append(Problem(where, "change this requirement, and bump again"))
                continue
            if not text:
                continue
            if "--hash" in entry.text:
                skipped.append(f"{os.fspath(path)!r} pins {old!r} by its hash: make it anew")
                continue
            after = _edited(path, files.text(path), index, old, text)
            if after is None:
                where = f"{entry.text!r} in {os.fspath(path)!r} cannot be edited"
                problems.append(Problem(where, f"write it as {text!r}, and bump again"))
            else:
                files.texts[path] = after
                moves.append(Move(file=path, old=old, new=text))
    InputError.raise_all(problems)
    texts = {**files.texts}
    return BumpPlan(bumps=(), moves=tuple(moves), texts=texts, skipped=tuple(skipped))


def _moved(entry: Dependency, version: Version, bounds: Bounds | None) -> tuple[str, str]:
    """Return what changes in *entry*, and into what; nothing where it admits *version*."""
    if entry.constraint is None:
        return move_requirement(entry.text.partition(" --hash")[0], version, bounds)
    after = move_bounds(entry.constraint, version, bounds) if entry.constraint else ""
    return (entry.constraint, after) if after != entry.constraint else ("", "")


def _edited(path: Path, text: str, index: int, old: str, new: str) -> str | None:
    """Return *text* with *old* replaced by *new* in the entry at *index*, and in nothing else."""
    wanted = [it.constraint or it.text for it in _entries(path, text)]
    wanted[index] = wanted[index].replace(old, new, 1)

    def is_right(candidate: str) -> bool:
        return [it.constraint or it.text for it in _entries(path, candidate)] == wanted

    return replace_once(text, old, new, is_right)


def _entries(path: Path, text: str) -> tuple[Dependency, ...]:
    """Return what *text*, the file at *path*, requires; nothing where it cannot be read."""
    text = text.removeprefix("\ufeff")
    if path.name == "pyproject.toml":
        try:
            return tuple(declared_dependencies(path.parent, tomllib.loads(text)))
        except tomllib.TOMLDecodeError:
            return ()
    if path.name == "setup.py":
        return setup_dependencies(path.parent, setup_arguments(text))
    if path.name == "setup.cfg":
        return setup_dependencies(path.parent, config_options(parse_config(text)))
    return tuple(_lines(path, text))


def _lines(path: Path, text: str) -> Iterator[Dependency]:
    for line in parse_requirements(text).lines:
        if line.body:
            found = parse_dependency(line.body, path.parent)
            yield replace(found, text=f"{line.body} --hash") if line.hashes else found


def requirement_files(
    root: Path, packages: Mapping[Path, Project], *, functions: bool
) -> Iterator[tuple[Path, Path]]:
    """Yield each file below *root* that has requirements of projects, or of *functions*.

    Behind it is the directory that it speaks for. A function is a folder with a `main.py` that is
    not a package.
    """
    for folder, names in walk(root):
        directory = Path(folder)
        is_function = "main.py" in names and directory not in packages
        if is_function and not functions:
            continue
        for name in ("pyproject.toml", "setup.cfg", "setup.py"):
            if name in names:
                yield directory / name, directory
        if is_function or directory in packages:
            for it in sorted(read_references(directory).lists):
                if it.is_relative_to(root) and kind_at(it) == "file":
                    yield it, directory
