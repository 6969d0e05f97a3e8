"""The index: what the registry holds of projects, asked once for each.

It fails closed: a project is only absent from a repository that exists, and a download is only used
with the sha256 that the index gives. That a repository exists is proven by any page of a project;
else Artifact Registry's API is asked, and of another registry the page that lists its projects.
"""

from __future__ import annotations

import hashlib
import logging
import re
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName, canonicalize_name
from requests import RequestException, codes

from steps.host.children import each
from steps.host.errors import (
    ApiUnavailable,
    NoRepository,
    RegistryError,
    counted,
    quoted,
    shorten,
    visible,
    warn,
)
from steps.host.progress import current_work, progress
from steps.registry.address import shown
from steps.registry.page import FAILS_CLOSED, PublishedProject, parse_page, parse_root
from steps.registry.repository_api import RepositoryApi
from steps.registry.retry import Transient, retry
from steps.registry.transport import WORKERS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import requests

    from steps.registry.address import Registry
    from steps.registry.page import PublishedFile
    from steps.registry.transport import Transport

MAX_FILE_BYTES = 4 * 1024**3
_CHUNK = 1024 * 1024
_NAMED = 3
_SHA256 = re.compile("[0-9a-f]{64}")

_logger = logging.getLogger("shipwheel")


class Index:
    """The Simple index of a registry; threads may share it.

    *uploads* refuses a repository that takes none, where it is asked what it is. *first_release*
    takes a missing project for a new one without having seen the repository.
    """

    def __init__(
        self,
        registry: Registry,
        transport: Transport,
        *,
        uploads: bool = False,
        first_release: bool = False,
    ) -> None:
        self.registry = registry
        self._transport = transport
        self._uploads = uploads
        self._first_release = first_release
        self._seen = False
        self._lock = Lock()
        self.api = RepositoryApi(registry, transport) if registry.is_artifact_registry else None
        """What Artifact Registry's API tells; None for another registry."""

    def read(self, name: str) -> PublishedProject:
        """Return what the registry holds of *name*; raise RegistryError when that is unknown."""
        project = self._read(canonicalize_name(name))
        if not project.exists:
            self._require_repository()
        return project

    def read_many(self, names: Iterable[str]) -> dict[NormalizedName, PublishedProject]:
        """Read every project once, concurrently; raise all that went wrong as one error."""
        wanted = tuple(dict.fromkeys(map(canonicalize_name, names)))
        with progress.whole("Asking the registry for", len(wanted)):
            found = dict(zip(wanted, each(self._look_up, wanted, workers=WORKERS), strict=True))
        if not all(it.exists for it in found.values()):
            self._require_repository()
        return found

    def require_repository(self) -> None:
        """Raise RegistryError unless the repository exists, where that can be asked.

        Raises AccessError for an account that may not read it, and InputError for a repository
        that takes no uploads.
        """
        if self.api:
            self._require_repository()
        else:
            with suppress(RegistryError):  # it may have no page that lists its projects
                self._root()

    def names(self) -> tuple[NormalizedName, ...]:
        """Return the names of all projects of the repository, in their order."""
        if self.api:
            return self.api.package_names()
        return tuple(sorted(self._root()))

    def _look_up(self, normal: NormalizedName) -> PublishedProject:
        with progress.work(normal, "asking"):
            return self._read(normal)

    def _read(self, normal: NormalizedName) -> PublishedProject:
        url = f"{self.registry.index_url}{normal}/"
        response = self._transport.get_page(url)
        elsewhere = response.is_redirect and not self.api
        if elsewhere:  # to the public index, which holds what is not here
            _logger.info("The registry does not hold %s: %s", normal, _status(response))
        if elsewhere or response.status_code == codes.not_found:
            return PublishedProject(name=normal, exists=False)
        _require_ok(response)
        project = parse_page(
            response.content,
            name=normal,
            url=response.url or url,
            content_type=response.headers.get("Content-Type", ""),
        )
        self._seen = True
        _narrate_unreadable(project)
        return project

    def _root(self) -> tuple[NormalizedName, ...]:
        """Return the names on the page that lists the projects."""
        response = self._transport.get_page(self.registry.index_url)
        _require_ok(response)
        return parse_root(
            response.content,
            url=response.url or self.registry.index_url,
            content_type=response.headers.get("Content-Type", ""),
        )

    def _require_repository(self) -> None:
        """Raise RegistryError unless the repository exists, as far as the registry tells."""
        with self._lock:
            if self._seen:
                return
            if self.api:
                self._ask_api(self.api)
            elif not self._first_release:
                self._ask_root()
            self._seen = True

    def _ask_api(self, api: RepositoryApi) -> None:
        try:
            api.require_uploadable() if self._uploads else api.repository()
        except ApiUnavailable as error:
            if not self._first_release:
                warn(
                    f"whether the repository exists was not checked: {error.problems[0].message};"
                    " an upload cannot create one"
                )

    def _ask_root(self) -> None:
        try:
            self._root()
        except RegistryError as error:
            raise NoRepository(
                f"Repository not found: {str(self.registry)!r} has no page of the project, and"
                f" {error.problems[0].message}",
                "check its address; if it exists, and has no page that lists its projects, name"
                " --first-release",
            ) from None

    def download(self, file: PublishedFile, folder: Path) -> Path:
        """Download *file* into *folder* and return its path.

        Raises RegistryError, and leaves nothing, when its bytes do not have the sha256 that the
        index gives or are more than a registry holds.
        """
        with progress.work(file.filename, "downloading", size=file.size or 0):
            return self._checked(file, folder / file.filename)

    def _checked(self, file: PublishedFile, path: Path) -> Path:
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


def _narrate_unreadable(project: PublishedProject) -> None:
    names = [quoted(name) for name in project.unreadable]
    if names:
        _logger.warning(
            "Ignored %s of %s, whose names tell no version that PEP 440 knows: %s",
            counted(len(names), "file"),
            project.name,
            shorten(names, _NAMED),
        )


def _require_ok(response: requests.Response) -> None:
    if response.status_code != codes.ok:
        raise RegistryError(f"{shown(response.url)!r} answers {_status(response)}", FAILS_CLOSED)


def _status(response: requests.Response) -> str:
    """Return the status of an answer, and where a redirect leads."""
    to = f", a redirect to {shown(response.headers['Location'])!r}" if response.is_redirect else ""
    return f"{response.status_code} {visible(response.reason or '')}{to}"


def _check_digest(digest: str, file: PublishedFile) -> None:
    if file.sha256 and not _SHA256.fullmatch(file.sha256):
        raise RegistryError(
            f"The index gives {quoted(file.sha256)} as the sha256 of {file.filename!r}: that is not"
            " 64 hexadecimal digits",
            "its contents cannot be compared: fix the index, or publish another version",
        )
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
            current_work().sent = size
            stream.write(chunk)
    return digest.hexdigest()
