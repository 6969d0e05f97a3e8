"""What the manifest `shipwheel.yaml` says to every command: the registry, and which packages count.

The whole manifest is read and judged by `triggers`; here only what steps need is looked at.
"""

from __future__ import annotations

import fnmatch
import functools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steps.host.documents import YamlError, read_yaml
from steps.host.errors import InputError, Problem
from steps.host.files import read_whole
from steps.project.dependencies import list_in, table_in
from steps.project.globs import glob_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MANIFEST = "shipwheel.yaml"
RELEASES = ("each-merge", "when-bumped")
_BUILD_CONFIG = "cloudbuild.yaml"
# What says how a repository is built; some backends pack all that git tracks.
_AT_THE_ROOT = (MANIFEST, _BUILD_CONFIG, "cloudbuild/*.yaml")


@dataclass(frozen=True)
class Defaults:
    """What holds below *root*, the directory of a manifest, where no option says otherwise.

    *unversioned* are globs from each project's directory, *releases* when changes are released.
    """

    root: Path
    registry: str = ""
    excluded: tuple[str, ...] = ()
    unversioned: tuple[str, ...] = ()
    releases: str = "each-merge"

    def excludes(self, directory: Path) -> bool:
        """Return whether the package in *directory* is left out."""
        path = os.path.relpath(directory, self.root).replace(os.sep, "/")
        return is_excluded(path, self.excluded)

    def needing_no_release(self, directory: Path) -> tuple[str, ...]:
        """Return globs of files in the project in *directory* whose changes need no release."""
        at_root = directory.samefile(self.root)
        return (*self.unversioned, *(_AT_THE_ROOT if at_root else (_BUILD_CONFIG,)))


def find_defaults(start: Path) -> Defaults | None:
    """Return what the nearest manifest says, from *start* upwards to the repository's root.

    Raises InputError, with the line, for a file that is not YAML, and for what would make another
    verdict of the gate and cannot be read.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / MANIFEST).is_file():
            return _read(folder / MANIFEST)
        if (folder / ".git").exists():
            return None
    return None


def is_excluded(path: str, patterns: Iterable[str]) -> bool:
    """Return whether one of *patterns* matches *path*, or a directory that it is in."""
    parts = path.split("/")
    upwards = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return any(fnmatch.fnmatchcase(part, pattern) for pattern in patterns for part in upwards)


def _read(file: Path) -> Defaults:
    try:
        data = _parse(read_whole(file, "let this user read it, as UTF-8"))
    except YamlError as error:
        raise InputError(
            f"{file}:{error.line}: parsing as YAML: {error}", "fix it at that line"
        ) from None
    excluded = list_in(table_in(data, "packages"), "exclude")
    registry = data.get("registry") if isinstance(data, dict) else ""
    given = data if isinstance(data, dict) else {}
    unversioned, releases = given.get("unversioned", []), given.get("releases", RELEASES[0])
    InputError.raise_all(_problems(unversioned, releases, file))
    return Defaults(
        root=file.parent,
        registry=registry if isinstance(registry, str) else "",
        excluded=tuple(it for it in excluded if isinstance(it, str)),
        unversioned=tuple(unversioned),
        releases=releases,
    )


@functools.cache  # each project asks for the same text
def _parse(text: str) -> Any:
    return read_yaml(text).data


def _problems(unversioned: object, releases: object, file: Path) -> Iterator[Problem]:
    if releases not in RELEASES:
        what = f"`releases` in {os.fspath(file)!r} is {releases!r}"
        yield Problem(what, f"choose one of: {', '.join(RELEASES)}")
    where = f"`unversioned` in {os.fspath(file)!r}"
    if isinstance(unversioned, list) and all(isinstance(it, str) for it in unversioned):
        yield from glob_problems(unversioned, where)
    else:
        yield Problem(f"{where} is {unversioned!r}", "list globs of files: unversioned: [tests/**]")
