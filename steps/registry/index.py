"""The index: what the registry holds of projects, asked once for each.

It fails closed: a project is only absent from a repository that was seen to exist, and a download
is only used with the sha256 that the index gives.
"""

from __future__ import annotations

import hashlib
import logging
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from packaging.utils import NormalizedName, canonicalize_name
from requests import RequestException, codes

from steps.host.errors import NoRepository, RegistryError
from steps.host.tasks import each
from steps.registry.address import shown
from steps.registry.page import FAILS_CLOSED, PublishedProject, parse_page, parse_root
from steps.registry.retry import Transient, retry
from steps.registry.transport import WORKERS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import requests

    from steps.registry.address import Registry
    from steps.registry.page import PublishedFile

ACCEPT = (
    "application/vnd.pypi.simple.v1+json,"
    " application/vnd.pypi.simple.v1+html;q=0.9, text/html;q=0.8"
)
MAX_FILE_BYTES = 4 * 1024**3
_CHUNK = 1024 * 1024
_NAMED = 3

_logger = logging.getLogger("shipwheel")


class Getter(Protocol):
    """What the index needs of a transport; see steps.registry.transport."""

    retry_for: float

    def get(self, url: str, *, accept: str = "", stream: bool = False) -> requests.Response:
        """Return the answer to GET *url*."""


class Index:
    """The Simple index of a registry; threads may share it.

    *first_release* takes a missing project for a new one without having seen the repository.
    """

    def __init__(
        self, registry: Registry, transport: Getter, *, first_release: bool = False
    ) -> None:
        self._registry = registry
        self._transport = transport
        self._seen = first_release
        self._lock = Lock()

    def read(self, name: str) -> PublishedProject:
        """Return what the registry holds of *name*; raise RegistryError when that is unknown."""
        normal = canonicalize_name(name)
        url = f"{self._registry.index_url}{normal}/"
        response = self._transport.get(url, accept=ACCEPT)
        if response.status_code == codes.not_found:
            self._require_repository(normal)
            return PublishedProject(name=normal, exists=False)
        _require_ok(response)
        project = parse_page(
            response.content,
            name=normal,
            url=response.url or url,
            content_type=response.headers.get("Content-Type", ""),
        )
        _narrate_unreadable(project)
        return project

    def read_many(self, names: Iterable[str]) -> dict[NormalizedName, PublishedProject]:
        """Read every project once, concurrently; raise all that went wrong as one error."""
        wanted = tuple(dict.fromkeys(map(canonicalize_name, names)))
        return dict(zip(wanted, each(self.read, wanted, workers=WORKERS), strict=True))

    def download(self, file: PublishedFile, folder: Path) -> Path:
        """Download *file* into *folder* and return its path.

        Raises RegistryError, and leaves nothing, when its bytes do not have the sha256 that the
        index gives or are more than a registry holds.
        """
        path = folder / file.filename
        try:
            digest = retry(
                lambda: self._download(file, path),
                what=f"The download of {file.filename!r}",
                retry_for=self._transport.retry_for,
            )
            _check_digest(digest, file)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def _download(self, file: PublishedFile, path: Path) -> str:
        """Write the file to *path* and return its sha256."""
        with self._transport.get(file.url, stream=True) as response:
            _require_ok(response)
            try:
                return _save(response, path)
            except RequestException as error:
                raise Transient(f"it broke off ({type(error).__name__})") from None

    def names(self) -> tuple[NormalizedName, ...]:
        """Return the names of all projects of the repository, in their order."""
        response = self._transport.get(self._registry.index_url, accept=ACCEPT)
        _require_ok(response)
        return tuple(
            sorted(
                parse_root(
                    response.content,
                    url=self._registry.index_url,
                    content_type=response.headers.get("Content-Type", ""),
                )
            )
        )

    def _require_repository(self, name: NormalizedName) -> None:
        """Raise RegistryError unless the repository itself was seen to exist."""
        with self._lock:
            if self._seen:
                return
            try:
                self.names()
            except RegistryError as error:
                raise NoRepository(
                    f"{name!r} is not in the registry, and the repository itself was not seen to"
                    f" exist: {error.problems[0].message}",
                    "check its address; if this is the first release in a repository that does not"
                    " show its index, say so with --first-release",
                ) from None
            self._seen = True


def _narrate_unreadable(project: PublishedProject) -> None:
    names = project.unreadable
    if names:
        _logger.warning(
            "The file names of %d files of %s tell no version that PEP 440 knows, and count for"
            " nothing: %s",
            len(names),
            project.name,
            ", ".join([*names[:_NAMED], *(["..."] if len(names) > _NAMED else [])]),
        )


def _require_ok(response: requests.Response) -> None:
    if response.status_code != codes.ok:
        raise RegistryError(
            f"{shown(response.url)!r} answers {response.status_code} {response.reason}",
            FAILS_CLOSED,
        )


def _check_digest(digest: str, file: PublishedFile) -> None:
    if file.sha256 and digest != file.sha256:
        raise RegistryError(
            f"{file.filename!r} was downloaded with sha256 {digest},"
            f" and the index gives {file.sha256}",
            "run it again; if it stays so, the registry or a proxy changes files",
        )


def _save(response: requests.Response, path: Path) -> str:
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as stream:
        for chunk in response.iter_content(_CHUNK):
            size += len(chunk)
            if size > MAX_FILE_BYTES:
                raise RegistryError(
                    f"{path.name!r} is larger than {MAX_FILE_BYTES} bytes",
                    "look at what the registry serves under that name",
                )
            digest.update(chunk)
            stream.write(chunk)
    return digest.hexdigest()
