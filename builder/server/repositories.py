"""Repositories of each mode: their projects, the files of each, and where a file is on disk."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from steps.distribution.files import file_sha256
from steps.host.errors import ShipwheelError
from steps.host.files import move_together, write_whole
from steps.registry.credentials import Credentials
from steps.registry.index import Index
from steps.registry.page import PublishedFile, PublishedProject, parse_page
from steps.registry.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packaging.version import Version

    from steps.registry.address import Registry

_logger = logging.getLogger("shipwheel")

_RETRY_SECONDS = 2.0
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class ListedFile(PublishedFile):
    """A file on an index page, and the repository that it comes from."""

    source: ServedRepository


class ServedRepository(ABC):
    """A repository; *mode* is its mode in the words of the service's API."""

    mode: ClassVar[str]

    @abstractmethod
    def projects(self) -> set[str]:
        """Return the names of its projects, normalised."""

    @abstractmethod
    def files_of(self, project: str) -> Sequence[ListedFile]:
        """Return the files of *project*; raise ShipwheelError when an upstream does not tell."""

    @abstractmethod
    def path_of(self, project: str, filename: str) -> Path:
        """Return where the file lies; raise OSError when there is none, or ShipwheelError."""

    def is_emptied(self, project: str) -> bool:  # noqa: ARG002 - where nothing is deleted
        """Return whether every version of *project* was deleted."""
        return False


class StandardRepository(ServedRepository):
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
                status = path.stat()
                changed = status.st_mtime_ns
                if time.time() - changed / 1e9 < self._visible_after:
                    continue
                found.append(
                    ListedFile(
                        filename=path.name,
                        url="",
                        kind="wheel" if path.suffix == ".whl" else "sdist",
                        version=version,
                        sha256=self._sha256(path, changed),
                        source=self,
                        size=status.st_size,
                        uploaded=datetime.fromtimestamp(status.st_mtime, UTC).isoformat(),
                    )
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


class VirtualRepository(ServedRepository):
    """A repository of what its *upstreams* have; each comes with its priority, the higher first.

    The priority decides which upstream serves a version that several have, and nothing else: other
    versions of the same name are listed whatever upstream they are in, so a client that takes the
    highest may take it from the upstream with the lowest priority.
    """

    mode: ClassVar[str] = "VIRTUAL_REPOSITORY"

    def __init__(self, upstreams: Mapping[ServedRepository, int]) -> None:
        self._upstreams = sorted(upstreams, key=lambda it: upstreams[it], reverse=True)

    def projects(self) -> set[str]:
        """Return the names that an upstream lists."""
        return set().union(*(it.projects() for it in self._upstreams))

    def files_of(self, project: str) -> Sequence[ListedFile]:
        """Return the files of every version, each version's from one upstream."""
        files: list[ListedFile] = []
        for upstream in self._upstreams:
            served = {file.version for file in files}
            files += [it for it in upstream.files_of(project) if it.version not in served]
        return files

    def path_of(self, project: str, filename: str) -> Path:
        """Return where the upstream that serves this version has the file."""
        for file in self.files_of(project):
            if file.filename == filename:
                return file.source.path_of(project, filename)
        raise FileNotFoundError(filename)


class RemoteRepository(ServedRepository):
    """A repository that keeps in *root* what it fetched of *upstream*, without credentials.

    An index page is used for *kept_for* seconds, and longer when there is no answer. A file is
    fetched once.
    """

    mode: ClassVar[str] = "REMOTE_REPOSITORY"

    def __init__(self, root: Path, upstream: Registry, *, kept_for: float = 0.0) -> None:
        self._root = root
        self._kept_for = kept_for
        self._kept = root / ".pages"
        self._kept.mkdir(exist_ok=True)
        transport = Transport(
            upstream,
            Credentials(lambda: None),
            retry_for=_RETRY_SECONDS,
            timeout=_PATIENCE_SECONDS,
        )
        # The upstream's list of all projects would be a large page to prove little with.
        self._index = Index(upstream, transport, first_release=True)
        self._upstream = upstream

    def projects(self) -> set[str]:
        """Return the names that were asked for: the service's answer is not known."""
        return {path.stem for path in self._kept.iterdir()}

    def files_of(self, project: str) -> Sequence[ListedFile]:
        """Return what the upstream lists, or did when it last answered."""
        return [ListedFile(**vars(it), source=self) for it in self._read(project).files]

    def path_of(self, project: str, filename: str) -> Path:
        """Return the file's place in the cache, and fetch it first when it is not there."""
        path = self._root / project / filename
        if path.exists():
            return path
        for file in self._read(project).files:
            if file.filename == filename:
                with tempfile.TemporaryDirectory(dir=self._root, prefix=".fetch-") as folder:
                    fetched = self._index.download(file, Path(folder))
                    path.parent.mkdir(exist_ok=True)
                    move_together({fetched: path})
                return path
        raise FileNotFoundError(filename)

    def _read(self, project: str) -> PublishedProject:
        page = self._kept / f"{project}.json"
        if page.exists() and time.time() - page.stat().st_mtime < self._kept_for:
            return self._parse(page)
        try:
            found = self._index.read(project)
        except ShipwheelError as error:
            if not page.exists():
                raise
            _logger.warning("Using the page of %s that was kept: %s", project, error.problems[0])
            return self._parse(page)
        if found.exists:
            self._keep(page, found)
        return found

    def _parse(self, page: Path) -> PublishedProject:
        return parse_page(
            page.read_bytes(),
            name=page.stem,
            url=f"{self._upstream.index_url}{page.stem}/",
            content_type="application/json",
        )

    def _keep(self, page: Path, found: PublishedProject) -> None:
        """Write what was found in the form of PEP 691, all at once."""
        files = [
            {
                "filename": file.filename,
                "url": file.url,
                "hashes": {"sha256": file.sha256} if file.sha256 else {},
            }
            for file in found.files
        ]
        text = json.dumps({"meta": {"api-version": "1.0"}, "name": found.name, "files": files})
        write_whole(page, text)
