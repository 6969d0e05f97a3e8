"""Which part of the emulator answers a request, and who may have the answer."""

from __future__ import annotations

import base64
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from builder.server.api import Api
from builder.server.front import HttpAnswer
from builder.server.python_endpoint import PythonEndpoint, not_found
from steps.registry.credentials import TOKEN_USERNAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from builder.server.answers import Answers, Reply
    from builder.server.front import HttpRequest
    from builder.server.layout import Layout
    from builder.server.repositories import Repository

Role = Literal["writer", "reader", "none"]
_DOWNLOAD = re.compile(
    r"/artifacts-downloads/namespaces/([^/]+)/repositories/([^/]+)/downloads/([^/]+)"
)
_CHALLENGE = ("WWW-Authenticate", 'Basic realm="Artifact Registry emulator"')


class Service:
    """Artifact Registry with these *repositories*; without *tokens* everybody may write.

    *tokens* tells what the account of each access token may do in every repository.
    """

    def __init__(
        self,
        layout: Layout,
        repositories: Mapping[str, Repository],
        tokens: Mapping[str, Role],
        answers: Answers,
    ) -> None:
        self._repositories = repositories
        self._tokens = tokens
        self._answers = answers
        self._api = Api(layout, repositories, answers)
        self._python = PythonEndpoint(answers)

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
            return self._python.download(repository, token, request) if repository else not_found()
        places = {name: f"/{self._python.place(name)}" for name in self._repositories}
        found = next((it for it in places if f"{request.path}/".startswith(f"{places[it]}/")), "")
        if not found:
            return HttpAnswer.of(self._answers.unknown_repository)
        repository = self._repositories[found]
        if request.method == "POST" and request.path.rstrip("/") == places[found]:
            if role != "writer":
                return HttpAnswer.of(self._answers.may_not_upload)
            return self._python.upload(repository, request)
        if request.method in {"GET", "HEAD"}:
            return self._python.read(found, repository, request)
        return not_found()


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
