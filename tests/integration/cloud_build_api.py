"""A Cloud Build API on loopback for the real gcloud: triggers with state, and builds that are kept.

Triggers behave as the service documents them: a name or an id finds one, PATCH replaces all of it
but its id and creation time, answers leave out zero values and add what the server fills in.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

_PATH = re.compile(
    r"/v1/projects/(?P<project>[^/]+)/(?:locations/(?P<location>[^/]+)/)?"
    r"(?P<collection>triggers|builds)(?:/(?P<key>[^/:]+))?(?::(?P<verb>\w+))?"
)
_MAPS = {"substitutions", "secretEnv", "envMap"}
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    429: "RESOURCE_EXHAUSTED",
}
_Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class Request:
    """One request that gcloud sent."""

    method: str
    path: str
    body: dict[str, Any]


@dataclass
class CloudBuildApi:
    """The server; its attributes are its state, to be read and changed by a test.

    *triggers* maps locations to triggers by id, *builds* holds what was started, *requests* all
    that was asked. *fault* may answer a request with an HTTP status in the place of the server.
    """

    project: str = "demo"
    page_size: int = 100
    triggers: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    builds: list[dict[str, Any]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    fault: Callable[[Request], int | None] | None = None
    url: str = ""
    _stack: ExitStack = field(default_factory=ExitStack)
    _configuration: str = ""

    def __enter__(self) -> Self:
        """Listen on a free port of 127.0.0.1."""
        handler = type("Handler", (_Handler,), {"api": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self._stack.callback(thread.join, 10)
        self._stack.callback(server.server_close)
        self._stack.callback(server.shutdown)
        self._configuration = self._stack.enter_context(TemporaryDirectory(prefix="gcloud-"))
        self.url = f"http://127.0.0.1:{server.server_port}/"
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop listening."""
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        """What sends gcloud to this server, without credentials and without the user's settings."""
        return {
            "CLOUDSDK_CONFIG": self._configuration,
            "CLOUDSDK_CORE_PROJECT": self.project,
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDBUILD": self.url,
        }

    def gcloud(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the real gcloud against this server."""
        return subprocess.run(
            ["gcloud", *arguments],
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": self._configuration}
            | self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def add(self, location: str, trigger: dict[str, Any]) -> dict[str, Any]:
        """Hold *trigger* as if somebody had created it, and return it as the server answers it."""
        status, held = self._create(self.triggers.setdefault(location, {}), trigger, location)
        assert status == 200, held
        return held

    def by_name(self, location: str) -> dict[str, dict[str, Any]]:
        """Return the triggers of *location* by their names, as the server holds them."""
        return {trigger["name"]: trigger for trigger in self.triggers.get(location, {}).values()}

    def answer(self, request: Request) -> _Answer:
        """Return the status and the body that *request* is answered with."""
        self.requests.append(request)
        if self.fault and (status := self.fault(request)):
            name = STATUSES.get(status, "UNAVAILABLE")
            return error_answer(status, name, "The service is not there for the test.")
        match = _PATH.fullmatch(urlsplit(request.path).path)
        if match is None or match["project"] != self.project:
            return error_answer(404, "NOT_FOUND", "Requested entity was not found.")
        if match["collection"] == "builds":
            return self._start(request.body)
        return self._answer_about_triggers(request, match)

    def _answer_about_triggers(self, request: Request, match: re.Match[str]) -> _Answer:
        location = match["location"] or "global"
        held = self.triggers.setdefault(location, {})
        key = match["key"]
        if key is None:
            if request.method == "POST":
                return self._create(held, request.body, location)
            return self._list(held, parse_qs(urlsplit(request.path).query))
        found = next((t for t in held.values() if key in {t["id"], t["name"]}), None)
        if found is None:
            return error_answer(404, "NOT_FOUND", "Requested entity was not found.")
        if match["verb"] == "run":
            source = {"source": {"repoSource": request.body.get("source", {})}}
            return self._start({**source, "buildTriggerId": found["id"]})
        if request.method == "PATCH":
            kept = {name: found[name] for name in ("id", "createTime", "resourceName")}
            found = held[found["id"]] = _as_answered({**request.body, **kept})
        elif request.method == "DELETE":
            del held[found["id"]]
            found = {}
        return 200, found

    def _create(
        self, held: dict[str, dict[str, Any]], body: dict[str, Any], location: str
    ) -> _Answer:
        if any(trigger["name"] == body.get("name") for trigger in held.values()):
            return error_answer(409, "ALREADY_EXISTS", "trigger already exists")
        key = str(uuid.uuid4())
        filled = {
            "id": key,
            "createTime": "2026-01-01T00:00:00.000000Z",
            "name": body.get("name") or f"trigger-{len(held)}",
            "resourceName": f"projects/{self.project}/locations/{location}/triggers/{key}",
        }
        held[key] = _as_answered({**body, **filled})
        return 200, held[key]

    def _list(self, held: dict[str, dict[str, Any]], query: dict[str, list[str]]) -> _Answer:
        start = int(query.get("pageToken", ["0"])[0])
        page = {"triggers": [*held.values()][start : start + self.page_size]}
        more = start + self.page_size < len(held)
        return 200, page | ({"nextPageToken": str(start + self.page_size)} if more else {})

    def _start(self, build: dict[str, Any]) -> _Answer:
        filled = {"id": str(uuid.uuid4()), "projectId": self.project, "logUrl": self.url}
        started = {**build, **filled, "status": "QUEUED"}
        self.builds.append(started)
        kind = "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata"
        name = f"operations/build/{self.project}/{started['id']}"
        return 200, {"name": name, "metadata": {"@type": kind, "build": started}}


class _Handler(BaseHTTPRequestHandler):
    """Reads a request, and writes the answer of the class's server."""

    api: ClassVar[CloudBuildApi]
    timeout = 30
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        status, answer = self.api.answer(Request(self.command, self.path, body))
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names that http.server calls

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: `requests` of the server has it all."""


def error_answer(code: int, status: str, message: str) -> _Answer:
    """Return an error as Google's services answer it."""
    return code, {"error": {"code": code, "status": status, "message": message}}


def _as_answered(trigger: dict[str, Any]) -> dict[str, Any]:
    """Return *trigger* as proto3 JSON: zero values left out, what the server knows put in."""
    answered = _without_zeros(trigger)
    if "github" in answered:
        answered["github"] |= {"installationId": "4711"}
    if "repositoryEventConfig" in answered:
        answered["repositoryEventConfig"] |= {"repositoryType": "GITHUB"}
    if "developerConnectEventConfig" in answered:
        answered["developerConnectEventConfig"] |= {"gitRepositoryLinkType": "GITHUB"}
    return {key: value for key, value in answered.items() if not _is_zero(value)}


def _without_zeros(value: object) -> Any:
    if not isinstance(value, dict):
        return value
    # Of a map, an empty value is a value.
    inner = {key: _without_zeros(it) if key not in _MAPS else it for key, it in value.items()}
    return {key: each for key, each in inner.items() if not _is_zero(each)}


def _is_zero(value: object) -> bool:
    return value in (False, 0, "", [], None, "COMMENTS_DISABLED")
