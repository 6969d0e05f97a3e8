"""A remote repository: the cache of another index, which fetches what it is asked for."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from builder.server.repository import ListedFile, Repository
from steps.host.errors import ShipwheelError
from steps.host.files import move_together, write_whole
from steps.registry.credentials import Credentials
from steps.registry.index import Index
from steps.registry.page import PublishedProject, parse_page
from steps.registry.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steps.registry.address import Registry

_logger = logging.getLogger("shipwheel")

_RETRY_SECONDS = 2.0
_PATIENCE_SECONDS = 20.0


class RemoteRepository(Repository):
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
        """Return the names that somebody has asked for: the service's answer is not known."""
        return {path.stem for path in self._kept.iterdir()}

    def files_of(self, project: str) -> Sequence[ListedFile]:
        """Return what the upstream lists, or did when it last answered."""
        return [
            ListedFile(filename=it.filename, version=it.version, sha256=it.sha256, source=self)
            for it in self._read(project).files
        ]

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
