"""What all repositories have in common: a WSGI application that lists files and sends them.

A repository says which projects and files it has and where each file lies; how its mode comes to
them is its own affair.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from builder.server.sending import answer_file, answer_text, upstream_fault
from steps.host.errors import ShipwheelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from packaging.version import Version

# A folder's name has no more characters.
_INDEX = re.compile(r"/simple(/[A-Za-z0-9][A-Za-z0-9._-]{0,254})?/?")
_FILE = re.compile(r"/(?P<project>[a-z0-9-]+)/(?P<filename>[^/]+(?:\.whl|\.tar\.gz|\.zip))")


@dataclass(frozen=True, kw_only=True)
class ListedFile:
    """A file on an index page, and the repository that it comes from."""

    filename: str
    version: Version
    sha256: str | None
    source: Repository


class Repository(ABC):
    """A WSGI application that answers below `/PROJECT/REPO`; *pages* are its index."""

    pages: WSGIApplication

    @abstractmethod
    def projects(self) -> set[str]:
        """Return the names that the index lists, normalised."""

    @abstractmethod
    def files_of(self, project: str) -> Sequence[ListedFile]:
        """Return the files of *project*; raise ShipwheelError when an upstream does not tell."""

    @abstractmethod
    def path_of(self, project: str, filename: str) -> Path:
        """Return where the file lies; raise OSError when there is none, or ShipwheelError."""

    @abstractmethod
    def upload(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer an upload."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer an upload, a page of the index, or a download."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if method == "POST" and path == "/":
            try:
                return self.upload(environ, start_response)
            finally:
                # pypiserver puts what it has read of a large upload into a file of its own.
                environ["wsgi.input"].close()
        if method in {"GET", "HEAD"}:
            if match := _FILE.fullmatch(path):
                try:
                    file = self.path_of(match["project"], match["filename"])
                    return answer_file(environ, start_response, file)
                except ShipwheelError as error:
                    text = upstream_fault(error)
                    return answer_text(environ, start_response, HTTPStatus.BAD_GATEWAY, text)
                except (OSError, ValueError):  # ValueError: a NUL in the name
                    pass
            elif _INDEX.fullmatch(path):
                return self.pages(environ, start_response)
        text = f"There is nothing at {path!r}."
        return answer_text(environ, start_response, HTTPStatus.NOT_FOUND, text)


class ReadOnlyRepository(Repository):
    """A repository whose files come from elsewhere; *mode* is its mode in the service's words."""

    mode: str

    def upload(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Refuse it.

        That only standard repositories take uploads is documented. In which words and with which
        status the service says so is not known.
        """
        name = environ["SCRIPT_NAME"].strip("/")
        return answer_text(
            environ,
            start_response,
            HTTPStatus.BAD_REQUEST,
            f"{name} is a {self.mode} repository, which takes no uploads:"
            " upload to a standard repository.",
        )
