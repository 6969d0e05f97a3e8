"""A Google API on loopback for the real gcloud: the server that those beside it have in common."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from abc import ABC, abstractmethod
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    import pytest

Answer = tuple[int, dict[str, Any]]
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
}


@dataclass(frozen=True)
class Request:
    """One request that was sent; *path* has the query, too, and *project* is whose quota counts."""

    method: str
    path: str
    data: bytes = b""
    authorization: str = ""
    project: str = ""

    @property
    def body(self) -> dict[str, Any]:
        """The message, of JSON."""
        body: dict[str, Any] = json.loads(self.data or b"{}")
        return body


@dataclass
class GoogleApi(ABC):
    """Answer for *endpoints*, as gcloud's settings call them, while the `with` block runs."""

    endpoints: ClassVar[tuple[str, ...]]
    project: str = field(init=False, default="demo")
    url: str = field(init=False, default="")
    configuration: str = field(init=False, default="")
    _stack: ExitStack = field(init=False, default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Listen on a free port of 127.0.0.1."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self._stack.callback(thread.join, 10)
        self._stack.callback(server.server_close)
        self._stack.callback(server.shutdown)
        self.configuration = self._stack.enter_context(TemporaryDirectory(prefix="gcloud-"))
        self.url = f"http://127.0.0.1:{server.server_port}/"
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._stack.close()

    @property
    def environ(self) -> dict[str, str]:
        """What sends gcloud to this server, without credentials and without the user's settings."""
        overrides = {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{it}": self.url for it in self.endpoints}
        return overrides | {
            "CLOUDSDK_CONFIG": self.configuration,
            "CLOUDSDK_CORE_PROJECT": self.project,
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        }

    def send_gcloud_here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have every gcloud that is started from this process ask this server, and no other."""
        for name in [name for name in os.environ if name.startswith("CLOUDSDK_")]:
            monkeypatch.delenv(name)
        for name, value in self.environ.items():
            monkeypatch.setenv(name, value)

    def gcloud(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the real gcloud against this server."""
        return subprocess.run(
            ["gcloud", *arguments],
            env={"PATH": os.environ["PATH"], "HOME": self.configuration, **self.environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @abstractmethod
    def answer(self, request: Request) -> Answer:
        """Return the status and the body that *request* is answered with."""


class _Handler(BaseHTTPRequestHandler):
    timeout = 30
    protocol_version = "HTTP/1.1"

    def __init__(self, api: GoogleApi, *arguments: Any) -> None:
        self._api = api
        super().__init__(*arguments)

    def _serve(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = (self.headers.get(it, "") for it in ("Authorization", "X-Goog-User-Project"))
        status, answer = self._api.answer(Request(self.command, self.path, data, *headers))
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - as http.server calls them

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def error_answer(code: int, status: str, message: str) -> Answer:
    """Return an error as Google's services answer it."""
    return code, {"error": {"code": code, "status": status, "message": message}}


def not_found() -> Answer:
    """Return what is answered about what is not there."""
    return error_answer(404, "NOT_FOUND", "Requested entity was not found.")
