"""Artifact Registry: who may have an answer, and the index, files and uploads as pip sees them."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from builder.server.answers import GOOGLE_NOT_FOUND, HTML, Answers, Reply
from builder.server.api import RestApi
from builder.server.contents import is_for_browser, overview_of
from builder.server.front import HttpAnswer, HttpRequest, problems_of, received_form
from builder.server.repositories import StandardRepository, parse_filename
from steps.host.errors import ShipwheelError
from steps.registry.credentials import TOKEN_USERNAME
from triggers.overview.model import render_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from builder.server import Layout
    from builder.server.repositories import ListedFile, ServedRepository

Role = Literal["writer", "reader", "none"]
_DOWNLOAD = re.compile(
    r"/artifacts-downloads/namespaces/([^/]+)/repositories/([^/]+)/downloads/([^/]+)"
)
_CHALLENGE = ("WWW-Authenticate", 'Basic realm="Artifact Registry emulator"')
# A folder's name has no more characters.
_LONGEST_NAME = 255
_FILENAME = re.compile(r"[^/\0]+\.(?:whl|tar\.gz|zip)")
_RANGE = re.compile(r"bytes=(?:(\d+)-(\d*)|-(\d+))")
_TOKEN_LENGTH = 2400
"""In bytes, before base64: the addresses that files are redirected to are several thousand long."""


class _Refused(Exception):  # noqa: N818 - what an upload is, and no error of the emulator
    """The file is there already."""


class Service:
    """Artifact Registry with these *repositories*; without *tokens* everybody may write.

    *tokens* tells what the account of each access token may do in every repository.
    """

    def __init__(
        self,
        layout: Layout,
        repositories: Mapping[str, ServedRepository],
        tokens: Mapping[str, Role],
        answers: Answers,
    ) -> None:
        self._repositories = repositories
        self._tokens = tokens
        self._answers = answers
        self._api = RestApi(layout, repositories, answers)

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        """Answer one request."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if request.segments[0] == "v1":
            token = secret if scheme.lower() == "bearer" else ""
            return self._api(request, self._role_of(token))
        role = self._role_of(_password(secret) if scheme.lower() == "basic" else "")
        if role is None:
            answers = self._answers
            return _refusal(answers.bad_credentials if scheme else answers.no_credentials)
        if role == "none":
            return HttpAnswer.of(self._answers.may_not_read)
        return self._answer(request, role)

    def _role_of(self, token: str) -> Role | None:
        return self._tokens.get(token) if self._tokens else "writer"

    def _answer(self, request: HttpRequest, role: Role) -> HttpAnswer:
        if match := _DOWNLOAD.fullmatch(unquote(request.path)):
            scope, last, token = match.groups()
            repository = self._repositories.get(f"{scope.replace(':', '/')}/{last}")
            return self._download(repository, token, request) if repository else _not_found()
        places = {name: f"/{self._place(name)}" for name in self._repositories}
        found = next((it for it in places if f"{request.path}/".startswith(f"{places[it]}/")), "")
        if not found:
            return HttpAnswer.of(self._answers.unknown_repository)
        repository = self._repositories[found]
        if request.method == "POST" and request.path.rstrip("/") == places[found]:
            if role != "writer":
                return HttpAnswer.of(self._answers.may_not_upload)
            return self._upload(repository, request)
        if request.method in {"GET", "HEAD"}:
            return self._read(found, repository, request)
        return _not_found()

    def _place(self, name: str) -> str:
        """Return where the repository *name* is: PROJECT/REPO, in which a project has a domain."""
        domain, _, rest = name.partition("/")
        return f"{domain}{self._answers.domain_separator}{rest}" if "/" in rest else name

    def _read(self, name: str, repository: ServedRepository, request: HttpRequest) -> HttpAnswer:
        """Answer GET or HEAD of what is below the repository *name*."""
        match request.segments[self._place(name).count("/") + 1 :]:
            case ("simple",) | ("simple", ""):
                root = self._answers.root_page
                return HttpAnswer.of(root) if root else _root(repository)
            case ("simple", project) | ("simple", project, ""):
                return self._page(name, repository, project, request.origin)
            case () | ("",) if is_for_browser(request.headers):
                return _contents(name, repository, f"{request.origin}/{self._place(name)}/")
            case (project, filename) if _FILENAME.fullmatch(filename):
                return self._redirect(name, repository, project, filename)
        return _not_found()

    def _upload(self, repository: ServedRepository, request: HttpRequest) -> HttpAnswer:
        """Answer the POST of a file."""
        if not isinstance(repository, StandardRepository):
            mode = repository.mode.partition("_")[0].lower()
            reply = self._answers.wrong_mode
            return HttpAnswer.of(replace(reply, body=reply.body.replace("{mode}", mode)))

        def refuse_existing(filename: str) -> None:
            try:
                name, _ = parse_filename(filename)
            except ValueError:
                return  # said later, with everything else that is wrong
            if repository.path_of(name, filename).exists():
                raise _Refused

        content_type = request.headers.get("Content-Type", "")
        try:
            with received_form(
                request.body, content_type, repository.root, on_filename=refuse_existing
            ) as form:
                if problems := [*problems_of(form)]:
                    return HttpAnswer.text(HTTPStatus.BAD_REQUEST, "\n".join(problems))
                name, _ = parse_filename(form.filename)
                stored = repository.add(name, form.filename, form.path, form.sha256)
        except _Refused:
            stored = False
        except ValueError as error:
            return HttpAnswer.text(HTTPStatus.BAD_REQUEST, f"The body is not a form: {error}")
        return HttpAnswer(status=200) if stored else HttpAnswer.of(self._answers.existing_file)

    def _download(
        self, repository: ServedRepository, token: str, request: HttpRequest
    ) -> HttpAnswer:
        """Answer the address that a file's link was redirected to."""
        try:
            project, _, filename = _decoded(token).partition("/")
            path = repository.path_of(project, filename)
            size = path.stat().st_size
        except ShipwheelError as error:
            return _bad_gateway(error)
        except (OSError, ValueError):
            return _not_found()
        wanted = _RANGE.fullmatch(request.headers.get("Range", ""))
        if wanted is None or request.method == "HEAD" or self._answers.ranges == "ignored":
            return _file(HTTPStatus.OK, path, 0, size)
        if self._answers.ranges == "error":
            return HttpAnswer.text(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
        return _part(path, size, *wanted.groups())

    def _page(
        self, name: str, repository: ServedRepository, project: str, origin: str
    ) -> HttpAnswer:
        if len(project) > _LONGEST_NAME or not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", project):
            return HttpAnswer.of(self._answers.unknown_package)
        try:
            files = repository.files_of(project)
        except ShipwheelError as error:
            return _bad_gateway(error)
        if not files:
            emptied = repository.is_emptied(project)
            answers = self._answers
            return HttpAnswer.of(answers.deleted_project if emptied else answers.unknown_package)
        page = _page(self._answers.page_title, f"{origin}/{self._place(name)}", project, files)
        return HttpAnswer.of(
            Reply(status=200, body=page, content_type=self._answers.page_content_type)
        )

    def _redirect(
        self, name: str, repository: ServedRepository, project: str, filename: str
    ) -> HttpAnswer:
        """Lead to the address of a file that is there."""
        try:
            if project != canonicalize_name(project) or not _exists(repository, project, filename):
                return _not_found()
            if parse_filename(filename)[1].epoch:
                return HttpAnswer.of(self._answers.epoch)
        except ShipwheelError as error:
            return _bad_gateway(error)
        except ValueError:
            return _not_found()
        scope, _, repo = name.rpartition("/")
        token = base64.urlsafe_b64encode(
            f"{project}/{filename}".encode().ljust(_TOKEN_LENGTH, b"\0")
        )
        location = (
            f"/artifacts-downloads/namespaces/{scope.replace('/', ':')}/repositories/{repo}"
            f"/downloads/{token.decode()}"
        )
        return HttpAnswer(
            status=HTTPStatus.TEMPORARY_REDIRECT,
            content_type=HTML,
            headers=(("Location", location),),
        )


def _password(secret: str) -> str:
    """Return the token of a login, if it comes with the user name that goes with tokens."""
    try:
        user, _, password = base64.b64decode(secret).decode().partition(":")
    except ValueError:
        return ""
    return password if user == TOKEN_USERNAME else ""


def _refusal(reply: Reply) -> HttpAnswer:
    unauthorized = reply.status == HTTPStatus.UNAUTHORIZED
    return HttpAnswer.of(reply, *([_CHALLENGE] if unauthorized else []))


def _not_found() -> HttpAnswer:
    """Return Google's answer to an address that means nothing."""
    return HttpAnswer.of(GOOGLE_NOT_FOUND)


def _root(repository: ServedRepository) -> HttpAnswer:
    links = "".join(f'<a href="{it}/">{it}</a><br/>\n' for it in sorted(repository.projects()))
    page = f"<html><head><title>Simple Index</title></head><body>\n{links}</body></html>\n"
    return HttpAnswer.of(Reply(status=200, body=page, content_type=HTML))


def _contents(name: str, repository: ServedRepository, url: str) -> HttpAnswer:
    """Return what the repository holds, as a page for a browser."""
    try:
        page = render_page(overview_of(name, repository, url))
    except ShipwheelError as error:
        return _bad_gateway(error)
    return HttpAnswer.of(Reply(status=200, body=page, content_type=HTML))


def _exists(repository: ServedRepository, project: str, filename: str) -> bool:
    return any(it.filename == filename for it in repository.files_of(project))


def _decoded(token: str) -> str:
    return base64.urlsafe_b64decode(token.encode()).rstrip(b"\0").decode()


def _page(title: str, base: str, project: str, files: Sequence[ListedFile]) -> str:
    """Return an index page of PEP 503; a file has only its sha256.

    Whether the service passes on data-requires-python is not known, so a client has to do without.
    """
    heading = html.escape(title.replace("{name}", project))
    head = f"<head><title>{heading}</title></head>" if heading else ""
    links = "".join(
        f'<a href="{html.escape(_link(base, project, it))}">{html.escape(it.filename)}</a><br/>\n'
        for it in files
    )
    return f"<!DOCTYPE html>\n<html>\n  {head}\n  <body>\n{links}  </body>\n</html>\n"


def _link(base: str, project: str, file: ListedFile) -> str:
    fragment = f"#sha256={file.sha256}" if file.sha256 else ""
    return f"{base}/{project}/{file.filename}{fragment}"


def _file(
    status: HTTPStatus, path: Path, first: int, end: int, *headers: tuple[str, str]
) -> HttpAnswer:
    return HttpAnswer(
        status=status,
        content_type="application/octet-stream",
        headers=headers,
        file=path,
        first=first,
        end=end,
    )


def _part(
    path: Path, size: int, first: str | None, last: str | None, suffix: str | None
) -> HttpAnswer:
    """Return the range of *path* from *first* to *last*, or its last *suffix* bytes."""
    start = size - int(suffix) if suffix else int(first or 0)
    start, end = max(start, 0), min(int(last) + 1 if last else size, size)
    if start >= end:
        total = ("Content-Range", f"bytes */{size}")
        return _file(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, path, 0, 0, total)
    part = ("Content-Range", f"bytes {start}-{end - 1}/{size}")
    return _file(HTTPStatus.PARTIAL_CONTENT, path, start, end, part)


def _bad_gateway(error: ShipwheelError) -> HttpAnswer:
    """Tell the client, on one line, of an *error* between the emulator and another index."""
    problem = error.problems[0]
    hint = f" (where the emulator runs: {problem.hint})" if problem.hint else ""
    line = f"The emulator cannot read an upstream: {problem.message}{hint}"
    return HttpAnswer.text(HTTPStatus.BAD_GATEWAY, line)
