"""A standard repository: what was uploaded, a folder per project.

What Artifact Registry does otherwise than pypiserver is here: the paths of files, the answer to
a file that exists, and that nothing can be deleted or searched.
"""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from packaging.utils import (
    InvalidName,
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version
from pypiserver.bottle_wrapper import request

from builder.server.pages import ListedFiles, answer, pages_by
from builder.server.repository import ListedFile, Repository
from steps.distribution.files import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO
    from wsgiref.types import StartResponse, WSGIEnvironment

_DIGEST = "shipwheel.sha256"
"""Where a request keeps the sha256 of what it uploads."""


class StandardRepository(Repository):
    """A repository that keeps in *root* what was uploaded."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.digests: dict[tuple[Path, int], str] = {}
        self.pages = pages_by(
            lambda config: _Files(config, self), root=root, before=_refuse_bad_upload
        )

    def projects(self) -> set[str]:
        """Return the names of the folders."""
        return {folder.name for folder in self._root.iterdir() if folder.is_dir()}

    def files_of(self, project: str) -> Sequence[ListedFile]:
        """Return the sdists and wheels in the folder."""
        folder = self._root / project
        found = []
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            with suppress(InvalidName, InvalidSdistFilename, InvalidWheelFilename):
                _, version = _parse_filename(path.name)
                found.append(
                    ListedFile(
                        filename=path.name,
                        version=version,
                        sha256=self._sha256(path),
                        source=self,
                    )
                )
        return found

    def _sha256(self, path: Path) -> str:
        """Return it; computed once, as Artifact Registry does, and not for every page."""
        state = path, path.stat().st_mtime_ns
        if state not in self.digests:
            self.digests[state] = file_sha256(path)
        return self.digests[state]

    def path_of(self, project: str, filename: str) -> Path:
        """Return where an upload puts the file, whether it is there or not."""
        return self._root / project / filename

    def upload(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Store a file, unless there is one of its name."""
        return self.pages(environ, start_response)


class _Files(ListedFiles):
    """Files of project `a-b` in the folder `a-b`: added once, all at once, and never replaced."""

    def __init__(self, config: Any, repository: StandardRepository) -> None:
        super().__init__(config, repository)
        self._digests = repository.digests

    def exists(self, filename: str) -> bool:  # noqa: ARG002 - pypiserver's signature
        """Leave it to `add_package`, which can tell and add without anybody coming between."""
        return False

    def add_package(self, filename: str, stream: BinaryIO) -> None:
        name, _ = _parse_filename(filename)
        root: Path = self.roots[0]
        folder = root / name
        with tempfile.NamedTemporaryFile(dir=root, prefix=".upload-") as temporary:
            while chunk := stream.read(1 << 20):
                temporary.write(chunk)
            temporary.flush()
            folder.mkdir(exist_ok=True)
            try:
                # Unlike a rename, a link never replaces the file of a faster upload.
                (folder / filename).hardlink_to(temporary.name)
            except FileExistsError:
                reason = "Requested entity already exists."
                raise answer(reason, HTTPStatus.BAD_REQUEST) from None
        path = folder / filename
        self._digests[path, path.stat().st_mtime_ns] = request.environ[_DIGEST]


def _refuse_bad_upload() -> None:
    """Answer 400 with the reasons, before pypiserver writes anything."""
    if request.method != "POST":
        return
    try:
        form, content = request.forms, request.files.get("content")
    except (ValueError, TypeError, LookupError) as error:
        # What the parser of forms stumbles over is the client's doing.
        raise answer(f"The body is not a form: {error}", HTTPStatus.BAD_REQUEST) from error
    problems = [*_problems_of_form(form), *_problems_of_content(form, content)]
    if problems:
        raise answer("\n".join(problems), HTTPStatus.BAD_REQUEST)


def _problems_of_form(form: Any) -> Iterator[str]:
    # pypiserver knows more actions, such as removing a project.
    if form.get(":action") != "file_upload":
        yield f"':action' is not 'file_upload': {form.get(':action')!r}"
    if request.files.get("gpg_signature"):
        yield "signatures are not stored: 'gpg_signature'"


def _problems_of_content(form: Any, content: Any) -> Iterator[str]:
    if content is None or not content.raw_filename:
        yield "there is no file in 'content'"
        return
    try:
        name, version = _parse_filename(content.raw_filename)
    except ValueError as error:
        yield f"'content' is named like no sdist and no wheel: {content.raw_filename!r} ({error})"
        return
    if canonicalize_name(form.get("name", "")) != name:
        yield f"'name' is not the file's: {form.get('name')!r}"
    if _version(form.get("version", "")) != version:
        yield f"'version' is not the file's: {form.get('version')!r}"
    digest = hashlib.file_digest(content.file, "sha256").hexdigest()
    content.file.seek(0)
    request.environ[_DIGEST] = digest
    if form.get("sha256_digest", digest) != digest:
        yield f"'sha256_digest' is not the file's: {form.get('sha256_digest')!r}"


def _parse_filename(filename: str) -> tuple[str, Version]:
    """Return the canonical name and the version of an sdist or wheel; raise what packaging does."""
    if filename.endswith(".whl"):
        name, version, _, _ = parse_wheel_filename(filename)
    else:
        name, version = parse_sdist_filename(filename)
    return canonicalize_name(name, validate=True), version


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except ValueError:  # InvalidVersion, or more digits than Python reads
        return None
