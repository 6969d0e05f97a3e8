"""An Artifact Registry API on loopback, for the real gcloud and for REST: what a folder holds.

The folder is that of a standard repository of the emulator, so that what is deleted here is gone
from the index there.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

NAME = "projects/demo/locations/us-east4/repositories/pypi"
_PATH = re.compile(
    rf"/v1/{NAME}(?P<verb>:\w+)?"
    r"(?:/packages(?:/(?P<package>[^/]+)(?:/versions(?:/(?P<version>[^/]+))?)?)?)?"
)
_STATUSES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
_Answer = tuple[int, dict[str, Any]]


@dataclass
class ArtifactRegistryApi:
    """The server of what is in *root*; *raw* says that packages are called as their files are.

    *repository* is what the service says of the repository, *permissions* what the caller has.
    *fault* may answer a request with an HTTP status in the place of the server.
    """

    root: Path
    raw: bool = False
    repository: dict[str, Any] = field(
        default_factory=lambda: {"format": "PYTHON", "mode": "STANDARD_REPOSITORY"}
    )
    permissions: tuple[str, ...] = ("artifactregistry.repositories.uploadArtifacts",)
    fault: Callable[[str, str], int | None] | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    url: str = ""
    _stack: ExitStack = field(default_factory=ExitStack)
    _configuration: str = ""

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"api": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self._stack.callback(thread.join, 10)
        self._stack.callback(server.server_close)
        self._stack.callback(server.shutdown)
        self._configuration = self._stack.enter_context(TemporaryDirectory(prefix="gcloud-"))
        self.url = f"http://127.0.0.1:{server.server_port}/"
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def environ(self) -> dict[str, str]:
        """What sends gcloud to this server, without credentials and without the user's settings."""
        return {
            "CLOUDSDK_CONFIG": self._configuration,
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY": self.url,
        }

    def answer(self, method: str, path: str, body: dict[str, Any]) -> _Answer:
        """Return the status and the body that a request is answered with."""
        self.requests.append((method, path))
        if self.fault and (status := self.fault(method, path)):
            return _error(status, f"Permission denied on resource {NAME}.")
        match = _PATH.fullmatch(path)
        if match is None:
            return _error(404, "Requested entity was not found.")
        if match["verb"] == ":testIamPermissions":
            held = [it for it in body["permissions"] if it in self.permissions]
            return 200, {"permissions": held} if held else {}
        if "/packages" not in path:
            return 200, {"name": NAME, **self.repository}
        return self._answer_about_packages(method, match)

    def _answer_about_packages(self, method: str, match: re.Match[str]) -> _Answer:
        package = match["package"] and unquote(match["package"])
        version = match["version"] and unquote(unquote(match["version"]))
        if method == "DELETE":
            return self._delete(package, version)
        if package is None:
            return 200, {"packages": [{"name": f"{NAME}/packages/{it}"} for it in self.packages()]}
        base = f"{NAME}/packages/{package}/versions"
        return 200, {"versions": [{"name": f"{base}/{it}"} for it in self._versions(package)]}

    def packages(self) -> list[str]:
        """Return the ids of all packages."""
        folders = sorted(it for it in self.root.iterdir() if it.is_dir())
        return [_raw_name(it) if self.raw else it.name for it in folders]

    def _versions(self, package: str) -> Iterable[str]:
        files = (self.root / canonicalize_name(package)).iterdir()
        return sorted({_version(it.name).replace("+", "%2B") for it in files})

    def _delete(self, package: str, version: str | None) -> _Answer:
        folder = self.root / canonicalize_name(package)
        gone = [it for it in folder.iterdir() if version in {None, _version(it.name)}]
        if package not in self.packages() or not gone:
            return _error(404, "Requested entity was not found.")
        for file in gone:
            file.unlink()
        if not [*folder.iterdir()]:
            shutil.rmtree(folder)
        return 200, {"name": f"{NAME.rpartition('/repo')[0]}/operations/1", "done": True}


class _Handler(BaseHTTPRequestHandler):
    api: ClassVar[ArtifactRegistryApi]
    timeout = 30
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        self.api.authorizations.append(self.headers.get("Authorization", ""))
        status, answer = self.api.answer(self.command, urlsplit(self.path).path, body)
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Say nothing: `requests` of the server has it all."""


def _error(code: int, message: str) -> _Answer:
    status = _STATUSES.get(code, "UNAVAILABLE")
    return code, {"error": {"code": code, "status": status, "message": message}}


def _raw_name(folder: Path) -> str:
    return next(folder.iterdir()).name.partition("-")[0]


def _version(filename: str) -> str:
    parse = parse_wheel_filename if filename.endswith(".whl") else parse_sdist_filename
    return str(parse(filename)[1])
