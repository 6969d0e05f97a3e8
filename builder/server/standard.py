"""A standard repository: what was uploaded, a folder per project."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from packaging.utils import (
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from builder.server.repository import ListedFile, Repository
from steps.distribution.files import file_sha256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from packaging.version import Version


class StandardRepository(Repository):
    """A repository that keeps in *root* what was uploaded, and lists it after *visible_after* s."""

    mode: ClassVar[str] = "STANDARD_REPOSITORY"

    def __init__(self, root: Path, *, visible_after: float = 0.0) -> None:
        self.root = root
        self._visible_after = visible_after
        self._digests: dict[tuple[Path, int], str] = {}

    def projects(self) -> set[str]:
        """Return the names of the folders in which there is anything to see, or was."""
        folders = {folder.name for folder in self.root.iterdir() if folder.is_dir()}
        return {name for name in folders if self.files_of(name) or self.is_emptied(name)}

    def is_emptied(self, project: str) -> bool:
        """Return whether the project's folder is there, and nothing in it."""
        folder = self.root / project
        return folder.is_dir() and not any(folder.iterdir())

    def files_of(self, project: str) -> Sequence[ListedFile]:
        """Return the sdists and wheels in the folder that have been there long enough."""
        folder = self.root / project
        found = []
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            with suppress(ValueError, FileNotFoundError):  # another file, or deleted by now
                _, version = parse_filename(path.name)
                changed = path.stat().st_mtime_ns
                if time.time() - changed / 1e9 < self._visible_after:
                    continue
                digest = self._sha256(path, changed)
                found.append(
                    ListedFile(filename=path.name, version=version, sha256=digest, source=self)
                )
        return found

    def _sha256(self, path: Path, changed: int) -> str:
        """Return it; computed once, as Artifact Registry does, and not for every page."""
        if (path, changed) not in self._digests:
            self._digests[path, changed] = file_sha256(path)
        return self._digests[path, changed]

    def path_of(self, project: str, filename: str) -> Path:
        """Return where an upload puts the file, whether it is there or not."""
        return self.root / project / filename

    def add(self, project: str, filename: str, received: Path, digest: str) -> bool:
        """Store the *received* file all at once; return False when there is one of its name."""
        path = self.root / project / filename
        path.parent.mkdir(exist_ok=True)
        try:
            # Unlike a rename, a link never replaces the file of a faster upload.
            path.hardlink_to(received)
        except FileExistsError:
            return False
        self._digests[path, path.stat().st_mtime_ns] = digest
        return True

    def delete(self, project: str, version: Version | None) -> bool:
        """Delete one version, or without one the project; return whether there was such a thing."""
        files = [it for it in self.files_of(project) if version in {None, it.version}]
        for file in files:
            (self.root / project / file.filename).unlink()
        if version is None and (files or self.is_emptied(project)):
            shutil.rmtree(self.root / project)
            return True
        return bool(files)


def parse_filename(filename: str) -> tuple[str, Version]:
    """Return the canonical name and the version of an sdist or wheel; raise ValueError."""
    if filename.endswith(".whl"):
        name, version, _, _ = parse_wheel_filename(filename)
    else:
        name, version = parse_sdist_filename(filename)
    return canonicalize_name(name, validate=True), version
