"""The local dependency graph: which directories of the repository a directory builds upon."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from steps.host.errors import Problem
from steps.project.references import read_references

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Dependencies:
    """What a directory depends on, as paths from the root; never itself.

    *direct* are the folders that it names, *folders* those and theirs in turn, *files* the single
    files that any of them names, such as shared constraints.
    """

    direct: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass
class DependencyReader:
    """Reads each directory below *root* once; *packages* maps normalised names to their paths."""

    root: Path
    packages: Mapping[str, str]
    warnings: list[Problem] = field(default_factory=list)
    _read: dict[str, tuple[frozenset[str], frozenset[str]]] = field(default_factory=dict)

    def dependencies(self, path: str) -> Dependencies:
        """Return what the directory *path* depends on, transitively; a cycle does no harm."""
        folders, files, waiting = set[str](), set[str](), [path]
        while waiting:
            found_folders, found_files = self._direct(waiting.pop())
            files |= found_files
            waiting.extend(found_folders - folders)
            folders |= found_folders
        direct = self._direct(path)[0]
        return Dependencies(
            tuple(sorted(direct - {path})), tuple(sorted(folders - {path})), tuple(sorted(files))
        )

    def _direct(self, path: str) -> tuple[frozenset[str], frozenset[str]]:
        if path not in self._read:
            self._read[path] = self._read_direct(path)
        return self._read[path]

    def _read_direct(self, path: str) -> tuple[frozenset[str], frozenset[str]]:
        references = read_references(self.root / path)
        folders = {self.packages[name] for name in references.names & self.packages.keys()}
        files = set()
        for target in sorted(references.paths):
            relative = os.path.relpath(target, self.root).replace(os.sep, "/")
            if relative.startswith("../") or relative == "..":
                self._warn(path, relative, "is outside of the repository", "no trigger can see it")
            elif target.is_dir():
                folders.add(relative)
            elif target.is_file():
                files.add(relative)
            else:
                self._warn(path, relative, "does not exist", "mend the path, or take it out")
        return frozenset(folders), frozenset(files)

    def _warn(self, path: str, reference: str, what: str, hint: str) -> None:
        self.warnings.append(Problem(f"{path!r} depends on {reference!r}, which {what}", hint))
