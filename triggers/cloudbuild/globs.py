"""Globs of `includedFiles` and `ignoredFiles`: which files they match, and writing them."""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from steps.host.errors import Problem
from steps.project.globs import BadGlobError, Literal, parse_glob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from steps.project.globs import Glob

# No way to take these literally is documented for all of Cloud Build's readers.
_SPECIAL = frozenset("*?[]{}\\,$")
# Separates paths; no path holds it.
_BETWEEN = "\0"


class FileIndex:
    """Paths of files, and which of them match a glob; each glob is asked once."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.files = frozenset(paths)
        self.paths = sorted(self.files)
        self._joined = _BETWEEN.join(self.paths)
        self._starts = [0, *accumulate(len(path) + 1 for path in self.paths)]
        self._globs: dict[str, Glob] = {}
        self._found: dict[str, frozenset[str]] = {}

    def matching(self, text: str) -> frozenset[str]:
        """Return the paths that match the glob *text*.

        Raises BadGlobError, which quotes it.
        """
        if text not in self._found:
            try:
                glob = self._globs[text] = parse_glob(text)
            except BadGlobError as error:
                raise BadGlobError(f"the glob {text!r} is malformed: {error}") from None
            near = {path for literal in glob.literals for path in self._near(literal)}
            is_folder = glob.literals == (Literal(text.removesuffix("**"), leads=True),)
            # Every path in a folder matches; most globs are such.
            whole = is_folder and text.endswith("/**")
            self._found[text] = frozenset(near if whole else filter(glob.matches, near))
        return self._found[text]

    def undocumented(self) -> list[str]:
        """Return what no document says about the globs that were asked for."""
        return [
            f"The glob {glob.text!r}: {glob.undocumented}; Google does not document it"
            for glob in self._globs.values()
            if glob.undocumented
        ]

    def _near(self, literal: Literal) -> Iterator[str]:
        """Yield the paths that have *literal* where it has to be."""
        if literal.leads:
            # No path goes on with the last of all characters.
            end = bisect_left(self.paths, literal.text + chr(sys.maxunicode))
            yield from self.paths[bisect_left(self.paths, literal.text) : end]
            return
        place = self._joined.find(literal.text)
        while place >= 0:
            index = bisect_right(self._starts, place) - 1
            yield self.paths[index]
            place = self._joined.find(literal.text, self._starts[index + 1])


def glob_in(directory: str, glob: str) -> str:
    """Return from the root what *glob* is from *directory*."""
    return glob if directory == "." else f"{directory}/{glob}"


def below(directory: str) -> str:
    """Return the glob of everything in *directory*: `dir/*` would miss its subdirectories."""
    return glob_in(directory, "**")


def without_covered(directories: Iterable[str], files: Iterable[str]) -> list[str]:
    """Return globs for *directories* and *files*, none of which another one includes."""
    folders = dict.fromkeys(directories)
    outer = [folder for folder in folders if folders.keys().isdisjoint(above(folder))]
    single = [path for path in dict.fromkeys(files) if folders.keys().isdisjoint(above(path))]
    return [*map(below, outer), *single]


def above(path: str) -> Iterator[str]:
    """Yield the directories that *path* is in, the innermost first."""
    if path == ".":
        return
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
    yield "."


def unwritable(paths: Iterable[str]) -> Iterator[Problem]:
    """Yield a problem per path that a glob cannot name."""
    for path in dict.fromkeys(paths):
        if special := sorted(_SPECIAL & set(path)):
            yield Problem(
                f"The path {path!r} cannot be a glob: it has {' '.join(special)}",
                "rename the directory, or exclude it in the manifest",
            )
