"""A standard repository: what was uploaded, a folder per project, indexed by pypiserver.

What Artifact Registry does otherwise than pypiserver is here: the paths of files, the answer to
a file that exists, and that nothing can be deleted or searched.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import tempfile
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pypiserver
from packaging.utils import (
    InvalidName,
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version
from pypiserver.backend import BackendProxy, SimpleFileBackend, valid_packages
from pypiserver.bottle_wrapper import HTTPError, HTTPResponse, request
from pypiserver.config import Config

from builder.emulator.answers import answer_file, answer_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_INDEX = re.compile(r"/simple(/[A-Za-z0-9][A-Za-z0-9._-]*)?/?")
_FILE = re.compile(r"/(?P<project>[a-z0-9-]+)/(?P<filename>[^/]+(?:\.whl|\.tar\.gz|\.zip))")


class StandardRepository:
    """A WSGI application that answers below `/PROJECT/REPO` and keeps its files in *root*."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pypiserver = _pypiserver(root)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer an upload, a page of the index, or a download."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if method == "POST" and path == "/":
            try:
                return self._pypiserver(environ, start_response)
            finally:
                # pypiserver puts what it has read of a large upload into a file of its own.
                environ["wsgi.input"].close()
        if method in {"GET", "HEAD"}:
            if match := _FILE.fullmatch(path):
                try:
                    file = self._root / match["project"] / match["filename"]
                    return answer_file(environ, start_response, file)
                except (OSError, ValueError):  # ValueError: a NUL in the name
                    pass
            elif _INDEX.fullmatch(path):
                return self._pypiserver(environ, start_response)
        return answer_text(start_response, HTTPStatus.NOT_FOUND, f"There is nothing at {path!r}.")


def _pypiserver(root: Path) -> WSGIApplication:
    config = Config.default_with_overrides(
        roots=[root],
        authenticate=[],
        password_file=".",  # noqa: S106 - its way to say: none
        disable_fallback=True,
    )
    config.backend = BackendProxy(_Files(config))
    app = pypiserver.app_from_config(config)
    app.add_hook("before_request", _refuse_bad_upload)
    app.install(_link_files_at_the_base)
    app.default_error_handler = lambda error: f"{error.body}\n"
    application: WSGIApplication = app
    return application


def _link_files_at_the_base(page: Callable[..., Any]) -> Callable[..., Any]:
    """Link `/PROJECT/REPO/name/file`, where pypiserver links `/PROJECT/REPO/packages/name/file`."""

    def call(**arguments: str) -> Any:
        answer = page(**arguments)
        base = request.script_name
        if isinstance(answer, str):
            return answer.replace(f'href="{base}packages/', f'href="{base}')
        return answer

    return call


class _Files(SimpleFileBackend):  # type: ignore[misc] # pypiserver ships no types
    """Files of project `a-b` in the folder `a-b`: added once, all at once, and never replaced."""

    def find_project_packages(self, project: str) -> Iterator[Any]:
        folder: Path = self.roots[0] / canonicalize_name(project)
        files = folder.iterdir() if folder.is_dir() else ()
        return valid_packages(self.roots[0], files)  # type: ignore[no-any-return]

    def get_projects(self) -> set[str]:
        return {folder.name for folder in self.roots[0].iterdir() if folder.is_dir()}

    def digest(self, pkg: Any) -> str:
        """Return `sha256=…`; computed once, as Artifact Registry does, and not for every page."""
        return _digest(pkg.fn, os.stat(pkg.fn).st_mtime_ns)  # noqa: PTH116 - pypiserver has a string

    def exists(self, filename: str) -> bool:  # noqa: ARG002 - pypiserver's signature
        """Leave it to `add_package`, which can tell and add without anybody coming between."""
        return False

    def add_package(self, filename: str, stream: BinaryIO) -> None:
        name, _ = _parse_filename(filename)
        folder: Path = self.roots[0] / name
        with tempfile.NamedTemporaryFile(dir=self.roots[0], prefix=".upload-") as temporary:
            while chunk := stream.read(1 << 20):
                temporary.write(chunk)
            temporary.flush()
            folder.mkdir(exist_ok=True)
            try:
                # Unlike a rename, a link never replaces the file of a faster upload.
                (folder / filename).hardlink_to(temporary.name)
            except FileExistsError:
                raise _bad_request("Requested entity already exists.") from None


@functools.lru_cache(maxsize=4096)
def _digest(path: str, _modified: int) -> str:
    with open(path, "rb") as file:  # noqa: PTH123 - pypiserver has a string
        return f"sha256={hashlib.file_digest(file, 'sha256').hexdigest()}"


def _refuse_bad_upload() -> None:
    """Answer 400 with the reasons, before pypiserver writes anything."""
    if request.method != "POST":
        return
    try:
        form, content = request.forms, request.files.get("content")
    except HTTPError:
        raise
    except Exception as error:
        # Whatever the parser of forms stumbles over is the client's doing.
        raise _bad_request(f"The body is not a form: {error}") from error
    problems = [*_problems_of_form(form), *_problems_of_content(form, content)]
    if problems:
        raise _bad_request("\n".join(problems))


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
    except (InvalidName, InvalidSdistFilename, InvalidWheelFilename) as error:
        yield f"'content' is named like no sdist and no wheel: {content.raw_filename!r} ({error})"
        return
    if canonicalize_name(form.get("name", "")) != name:
        yield f"'name' is not the file's: {form.get('name')!r}"
    if _version(form.get("version", "")) != version:
        yield f"'version' is not the file's: {form.get('version')!r}"
    digest = hashlib.file_digest(content.file, "sha256").hexdigest()
    content.file.seek(0)
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
    except InvalidVersion:
        return None


def _bad_request(reason: str) -> HTTPResponse:
    return HTTPResponse(
        f"{reason}\n", HTTPStatus.BAD_REQUEST.value, Content_Type="text/plain; charset=utf-8"
    )
