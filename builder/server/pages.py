"""The index pages, by pypiserver, with links as Artifact Registry writes them."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pypiserver
from packaging.utils import canonicalize_name
from pypiserver.backend import BackendProxy, SimpleFileBackend
from pypiserver.bottle_wrapper import HTTPResponse, request
from pypiserver.config import Config
from pypiserver.core import PkgFile

from builder.server.sending import upstream_fault
from steps.host.errors import ShipwheelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from wsgiref.types import WSGIApplication

    from builder.server.repository import Repository


def pages_by(
    backend: Callable[[Any], Any], *, root: Path, before: Callable[[], None] | None = None
) -> WSGIApplication:
    """Return pypiserver as a WSGI application, with what *backend* makes of its configuration.

    *before* is called before every request.
    """
    config = Config.default_with_overrides(
        roots=[root],
        authenticate=[],
        password_file=".",  # noqa: S106 - its way to say: none
        disable_fallback=True,
    )
    config.backend = BackendProxy(backend(config))
    app = pypiserver.app_from_config(config)
    if before:
        app.add_hook("before_request", before)
    app.install(_link_files_at_the_base)
    app.default_error_handler = lambda error: f"{error.body}\n"
    application: WSGIApplication = app
    return application


def pages_of(repository: Repository) -> WSGIApplication:
    """Return the index of what *repository* lists."""
    return pages_by(lambda config: ListedFiles(config, repository), root=Path())


def answer(reason: str, status: HTTPStatus) -> HTTPResponse:
    """Return what a function of pypiserver raises to answer with *reason*."""
    return HTTPResponse(f"{reason}\n", status.value, Content_Type="text/plain; charset=utf-8")


def _link_files_at_the_base(page: Callable[..., Any]) -> Callable[..., Any]:
    """Link `/PROJECT/REPO/name/file`, where pypiserver links `/PROJECT/REPO/packages/name/file`."""

    def call(**arguments: str) -> Any:
        text = page(**arguments)
        base = request.script_name
        if isinstance(text, str):
            return text.replace(f'href="{base}packages/', f'href="{base}')
        return text

    return call


class ListedFiles(SimpleFileBackend):  # type: ignore[misc] # pypiserver ships no types
    """Files that a repository lists, wherever they lie.

    Of what an upstream says about a file only its sha256 is passed on: whether the service passes
    on data-requires-python is not known, so a client has to do without.
    """

    def __init__(self, config: Any, repository: Repository) -> None:
        super().__init__(config)
        self._repository = repository

    def find_project_packages(self, project: str) -> Iterator[Any]:
        """Return what the page of *project* lists, as pypiserver has it."""
        name = canonicalize_name(project)
        try:
            files = self._repository.files_of(name)
        except ShipwheelError as error:
            raise answer(upstream_fault(error), HTTPStatus.BAD_GATEWAY) from None
        for file in files:
            package = PkgFile(name, str(file.version), relfn=f"{name}/{file.filename}")
            package.digest = f"sha256={file.sha256}" if file.sha256 else None
            yield package

    def get_projects(self) -> set[str]:
        """Return the names of all projects."""
        return self._repository.projects()
