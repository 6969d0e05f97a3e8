"""Collects the distributions to upload: a project's `dist/`, or files and folders.

A project's `dist/` has to hold one version of that project alone. Elsewhere any number of packages
and versions may lie side by side. Two of one version that are for the same installers have to be
the same: a wheel's file name says it by its tags (PEP 425) and its build number, an sdist is for
all.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

from steps.distribution.contents import compare
from steps.distribution.files import file_sha256, parse_filename, read_whole
from steps.host.children import each
from steps.host.errors import InputError, Problem, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from steps.distribution.files import Distribution
    from steps.project.source import Project

_logger = logging.getLogger("shipwheel")

_SHOWN = 5
_WHAT_TO_NAME = "name a project, wheels and .tar.gz sdists, or a folder of them"

# What other tools write next to distributions, and no registry accepts by itself.
_NOT_UPLOADED = re.compile(
    r".*\.(asc|sig|minisig|sigstore(\.json)?|(publish\.)?attestation|provenance|intoto\.jsonl|crt|pem"
    r"|sha\d+|md5|blake2[bs]?|metadata|(cdx|spdx)\.json)|((sha\d+|md5|check)sums?)(\.txt)?",
    re.IGNORECASE,
)


def collect(
    project: Project, sha256: Callable[[Path], str] = file_sha256
) -> tuple[Distribution, ...]:
    """Return the distributions in `dist/` of *project*, wheels before the sdist.

    *sha256* hashes them. Raises one InputError for all that does not belong there.
    """
    folder = project.directory / "dist"
    files, problems = _read_all(_in_folder(folder) if folder.is_dir() else [], sha256)
    problems.extend(_foreign(project, folder, files))
    if not files and not problems:
        problems.append(Problem(f"{os.fspath(folder)!r} {_state(folder)}", _build(project)))
    InputError.raise_all(problems)
    return tuple(replace(it, project=project) for it in files)


def collect_files(
    paths: Sequence[Path], sha256: Callable[[Path], str] = file_sha256, *, workers: int = 1
) -> tuple[Distribution, ...]:
    """Return the distributions among *paths*, and in the folders among them.

    Raises one InputError for all that is not a distribution.
    """
    found = [*_named(paths)]
    named = {it.resolve(): it for it in found if not isinstance(it, Problem)}
    files, problems = _read_all([*named.values()], sha256, workers)
    problems = [*(it for it in found if isinstance(it, Problem)), *problems]
    if not files and not problems:
        where = ", ".join(repr(os.fspath(path)) for path in paths)
        problems.append(Problem(f"There is no distribution in {where}", _WHAT_TO_NAME))
    InputError.raise_all(problems)
    return tuple(files)


def by_version(files: Sequence[Distribution]) -> tuple[tuple[Distribution, ...], ...]:
    """Return the *files* of each version of each package, a later version after an earlier one.

    Raises InputError where different files have one name; the same file may come twice.
    """
    InputError.raise_all(_ambiguous(files))
    names = {name: at for at, name in enumerate(dict.fromkeys(it.name for it in files))}
    groups: dict[object, dict[str, Distribution]] = {}
    for file in sorted(files, key=lambda it: (names[it.name], it.version)):
        groups.setdefault((file.name, file.version), {})[file.filename] = file
    return tuple(tuple(group.values()) for group in groups.values())


def _named(paths: Iterable[Path]) -> Iterator[Path | Problem]:
    """Yield the files among *paths* and in the folders among them, and what is wrong with these."""
    for path in paths:
        if not path.is_dir():
            what = f"There is no such file or folder: {os.fspath(path)!r}"
            yield path if path.exists() else Problem(what, _WHAT_TO_NAME)
            continue
        inside = {it.name: it for it in _in_folder(path)}
        others = [name for name in inside if not _belongs(name)]
        yield from (it for name, it in inside.items() if name not in others)
        if others:
            yield Problem(
                f"{os.fspath(path)!r} holds what is not a distribution: {shorten(others, _SHOWN)}",
                f"name the files to upload: shipwheel upload {_shown(path)}/*.whl",
            )


def _belongs(name: str) -> bool:
    """Return whether *name* is that of a distribution, or of what other tools add to one."""
    try:
        return bool(parse_filename(name))
    except ValueError:
        return bool(_NOT_UPLOADED.fullmatch(name))


def _in_folder(folder: Path) -> list[Path]:
    """Return what lies in *folder*, but for hidden files."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _read_all(
    paths: Sequence[Path], sha256: Callable[[Path], str], workers: int = 1
) -> tuple[list[Distribution], list[Problem]]:
    """Return the distributions among *paths*, wheels first, and a problem for each other file."""
    wanted = [path for path in paths if not _NOT_UPLOADED.fullmatch(path.name)]
    if others := [path.name for path in paths if path not in wanted]:
        _logger.info("Passed over, not being distributions: %s", ", ".join(others))
    read = each(partial(_read, sha256=sha256), wanted, workers=workers)
    files = [it for it in read if not isinstance(it, list)]
    problems = [problem for it in read if isinstance(it, list) for problem in it]
    return sorted(files, key=lambda it: (it.kind != "wheel", it.filename)), problems


def _read(path: Path, sha256: Callable[[Path], str]) -> Distribution | list[Problem]:
    try:
        return read_whole(path, sha256)
    except InputError as error:
        return [*error.problems]


def _state(folder: Path) -> str:
    if folder.is_dir():
        return "is empty"
    return "is a file, not a folder" if folder.exists() else "does not exist"


def _foreign(project: Project, folder: Path, files: Sequence[Distribution]) -> Iterator[Problem]:
    """Yield a problem per file of another project or version than what is to be uploaded."""
    if not files:
        return
    name = project.name or files[0].name
    own = [file for file in files if file.name == name]
    version = project.version or max((file.version for file in own), default=None)
    for file in sorted(files, key=lambda it: it.filename):
        where = os.fspath(file.path)
        if file.name != name:
            yield Problem(
                f"{where!r} is a distribution of {file.name!r}, and the project is {name!r}",
                f"upload the folder, and all packages in it: shipwheel upload {_shown(folder)}",
            )
        elif file.version != version:
            yield Problem(
                f"{where!r} is version {file.version}, and the project is at {version}",
                f"name the files to upload: shipwheel upload {_shown(folder)}/*-{version}*"
                if any(it.version == version for it in own)
                else _build(project),
            )


def _ambiguous(files: Iterable[Distribution]) -> Iterator[Problem]:
    """Yield a problem per file name that several files with different contents have."""
    first: dict[str, Distribution] = {}
    for file in files:
        other = first.setdefault(file.filename, file)
        if other.sha256 != file.sha256:
            yield Problem(
                f"Two different files have one name: {os.fspath(other.path)!r} and"
                f" {os.fspath(file.path)!r}",
                "name the one to upload",
            )


def _build(project: Project) -> str:
    return f"run `shipwheel build {_shown(project.directory)}`"


def _shown(path: Path) -> str:
    return os.path.relpath(path)


@dataclass(frozen=True)
class Slot:
    """What a distribution is for: its form, and for a wheel its build number and its tags.

    *tags* are the Pythons, the ABIs and the platforms of a wheel, in any order (PEP 425).
    """

    form: str
    build: str = ""
    tags: tuple[frozenset[str], ...] = ()

    @classmethod
    def of(cls, filename: str) -> Slot:
        """Return the slot that *filename* names, however the project's name is spelled there."""
        if not filename.endswith(".whl"):
            return cls(".zip" if filename.endswith(".zip") else ".tar.gz")
        _, _, *build, pythons, abis, platforms = filename.removesuffix(".whl").lower().split("-")
        tags = tuple(frozenset(each.split(".")) for each in (pythons, abis, platforms))
        return cls(".whl", "".join(build).lstrip("0"), tags)

    def overlaps(self, other: Slot) -> bool:
        """Return whether some installer may take either, of whatever build."""
        pairs = zip(self.tags, other.tags, strict=True) if self.form == other.form else ()
        return self.form == other.form and all(one & two for one, two in pairs)

    def covers(self, other: Slot) -> bool:
        """Return whether each installer that may take *other* may as well take this one."""
        same = (self.form, self.build) == (other.form, other.build)
        return same and all(one >= two for one, two in zip(self.tags, other.tags, strict=True))


def check_overlaps(distributions: Sequence[Distribution]) -> None:
    """Raise InputError for two wheels that one installer may take, with different contents."""
    slots = [(Slot.of(it.filename), it) for it in distributions]
    InputError.raise_all(
        Problem(
            f"{one.filename!r} and {two.filename!r} are for the same installers, and differ:"
            f" {shorten([*dict.fromkeys(differ)], _SHOWN)}",
            "keep one of them, or build both from the same source",
        )
        for (first, one), (second, two) in combinations(slots, 2)
        if first.overlaps(second)
        and (differ := [str(it) for it in compare(one, two.path) if not it.rebuilt])
    )
