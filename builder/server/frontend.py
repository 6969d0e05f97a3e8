"""What stands before every repository: the credentials, and which repository is meant."""

from __future__ import annotations

import hmac
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from pypiserver.bottle_wrapper import parse_auth

from builder.server.sending import answer_text
from steps.registry.credentials import TOKEN_USERNAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_logger = logging.getLogger("shipwheel")


class Frontend:
    """A WSGI application that hands a request to the repository that its path begins with.

    *repositories* maps PROJECT/REPO to a WSGI application, whose PATH_INFO is what follows.
    With a *token* nothing is said to anybody who does not know it.
    """

    def __init__(self, repositories: Mapping[str, WSGIApplication], token: str | None) -> None:
        self._repositories = repositories
        self._token = token

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path: str = environ["PATH_INFO"]
        _logger.debug("%s %r", environ["REQUEST_METHOD"], path)
        if not self._is_allowed(environ.get("HTTP_AUTHORIZATION", "")):
            return answer_text(
                environ,
                start_response,
                HTTPStatus.UNAUTHORIZED,
                "The request does not have valid authentication credentials.",
                WWW_Authenticate='Basic realm="Artifact Registry emulator"',
            )
        for name, repository in self._repositories.items():
            if f"{path}/".startswith(f"/{name}/"):
                environ["SCRIPT_NAME"] = f"/{name}"
                environ["PATH_INFO"] = path.removeprefix(f"/{name}") or "/"
                return repository(environ, start_response)
        text = f"There is no repository at {path!r}."
        return answer_text(environ, start_response, HTTPStatus.NOT_FOUND, text)

    def _is_allowed(self, authorization: str) -> bool:
        if self._token is None:
            return True
        user, password = parse_auth(authorization) or ("", "")
        return hmac.compare_digest(
            f"{user}:{password}".encode(errors="replace"),
            f"{TOKEN_USERNAME}:{self._token}".encode(),
        )
