"""The files of a project whose changes need no release.

They are named by globs from its directory. Built files are of another layout: a wheel's members are
looked for in the project, and a description is that of the file which has its text.
"""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from steps.host.files import kind_at
from steps.project.globs import parse_glob
from steps.project.repository import walk

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Unversioned:
    """The files of the project in *directory* that *globs* match."""

    directory: Path
    globs: tuple[str, ...]

    def matches(self, path: str) -> bool:
        """Return whether the file at *path* from the directory is one of them."""
        return any(parse_glob(glob).matches(path) for glob in self.globs)

    def source_folders(self, members: Iterable[str]) -> dict[str, str]:
        """Return where in the project the top folders and files of a wheel's *members* are.

        Of several places the one that has most of them counts; for what is in none there is none.
        """
        tops: defaultdict[str, list[str]] = defaultdict(list)
        for member in members:
            tops[member.partition("/")[0]].append(member)
        found: dict[str, tuple[int, str]] = {}
        for name, _ in walk(self.directory) if self.globs else ():
            folder = Path(name)
            prefix = "" if folder == self.directory else f"{self._path(folder)}/"
            for top in (it for it in tops if kind_at(folder / it)):
                count = sum(kind_at(folder / member) == "file" for member in tops[top])
                if count > found.get(top, (0, ""))[0]:
                    found[top] = count, prefix
        return {top: prefix for top, (_, prefix) in found.items()}

    def explain(self, old: str, new: str) -> bool:
        """Return whether the description *new* is *old* but for the texts of these files."""
        pieces = [new]
        for text in sorted(self._texts(new), key=len, reverse=True):
            whole_lines = rf"(?m)^{re.escape(text)}$"
            pieces = [part for piece in pieces for part in re.split(whole_lines, piece)]
        if len(pieces) == 1:
            return False
        first, *between, last = map(re.escape, pieces)
        # Each takes the first place where it fits: trying all others might take for ever.
        pattern = f"{first}{''.join(f'(?>.*?{it})' for it in between)}.*{last}"
        return re.fullmatch(pattern, old, re.DOTALL) is not None

    def _texts(self, description: str) -> set[str]:
        """Return the texts of those of the files that are in *description*."""
        most = 2 * len(description.encode()) + 1
        texts = set()
        for file in (Path(folder, it) for folder, files in walk(self.directory) for it in files):
            with suppress(OSError, UnicodeDecodeError):
                small = file.is_file() and file.stat().st_size <= most
                if small and self.matches(self._path(file)):
                    texts.add(normal_text(file.read_text(encoding="utf-8")))
        return {text for text in texts if text and text in description}

    def _path(self, file: Path) -> str:
        return file.relative_to(self.directory).as_posix()


def normal_text(text: str) -> str:
    """Return *text* without what backends change of a description: space at the ends of lines."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
