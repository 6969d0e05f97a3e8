"""Cloud Functions and Cloud Run on loopback, as far as `gcloud … deploy` asks before it is done.

Also what the commands ask besides: the project's number, whether services are enabled, where the
source is uploaded to, the build, and who may call.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PROTOBUF = "type.googleapis.com/google"
_APIS = (
    *("ARTIFACTREGISTRY", "CLOUDBUILD", "CLOUDFUNCTIONS", "CLOUDRESOURCEMANAGER", "IAM"),
    *("RUN", "SERVICEUSAGE", "STORAGE"),
)
_RUNTIMES = [{"name": f"python3{minor}", "environment": "GEN_2"} for minor in range(10, 15)]
_OPERATION = "projects/demo/locations/us-east4/operations/deploy"
_BUILDER = "projects/demo/serviceAccounts/4711-compute@developer.gserviceaccount.com"
_READY = [{"type": kind, "status": "True"} for kind in ("Ready", "ConfigurationsReady")]


@dataclass(frozen=True)
class Deployment:
    """What gcloud asked to create or update: *method*, *query*, and the message itself."""

    method: str
    query: str
    body: dict[str, Any]


@dataclass
class FunctionsApi:
    """The server. *functions* and *services* are what was deployed, *builds* what `run` built.

    *uploads* holds the archives of the sources, *policies* what was asked for about callers.
    """

    functions: list[Deployment] = field(default_factory=list)
    services: list[Deployment] = field(default_factory=list)
    builds: list[dict[str, Any]] = field(default_factory=list)
    uploads: list[bytes] = field(default_factory=list)
    policies: list[dict[str, Any]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    url: str = ""
    _stack: ExitStack = field(default_factory=ExitStack)
    _configuration: str = ""

    def __enter__(self) -> Self:
        """Listen on a free port of 127.0.0.1."""
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

    def __exit__(self, *_error: object) -> None:
        """Stop listening."""
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        """What sends gcloud here, without credentials and without the user's settings.

        Cloud Run is asked at a host of its region, which no name server knows; as its own proxy
        the server answers for that, too.
        """
        overrides = {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}": self.url for name in _APIS}
        return overrides | {
            "CLOUDSDK_CONFIG": self._configuration,
            "CLOUDSDK_CORE_PROJECT": "demo",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "HOME": self._configuration,
            "http_proxy": self.url,
        }

    def bash(self, script: str, environment: Mapping[str, str], cwd: Path) -> str:
        """Run *script* as a step does, with the real gcloud; return what it said."""
        done = subprocess.run(
            ["bash", "-c", script],
            env={"PATH": os.environ["PATH"], **self.environment, **environment},
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, self.unknown) == (0, []), (self.unknown, done.stderr)
        return done.stderr

    def answer(self, method: str, url: str, data: bytes) -> tuple[int, dict[str, Any]]:
        """Return the status and the body that a request is answered with."""
        path, query = urlsplit(url).path, urlsplit(url).query
        if path.startswith(("/upload", "/storage")):
            return 200, self._store(path, data)
        asked = Deployment(method, query, json.loads(data or b"{}"))
        if "/apis/serving" in path:
            return self._run(asked)
        if "/functions" in path or path.endswith(("/runtimes", "/operations/deploy")):
            return self._functions(asked, path)
        known = self._about(path, asked.body)
        if known is None:
            self.unknown.append(f"{method} {url}")
        return _not_found() if known is None else (200, known)

    def _about(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """Return what is known of a project, its services, accounts, policies and builds."""
        if path.endswith("IamPolicy"):
            self.policies.append({"path": path, **body})
            policy: dict[str, Any] = body.get("policy", {})
            return policy
        if path.endswith("/builds:submit"):
            self.builds.append(body)
            return {"buildOperation": {"metadata": _build("WORKING")}, "baseImageUri": "base"}
        done = {"results": {"images": [{"digest": f"sha256:{'0' * 64}"}]}}
        kind = {"@type": f"{_PROTOBUF}.devtools.cloudbuild.v1.Build"}
        build = {**_build("SUCCESS")["build"], **done, **kind}
        project = "/v1/projects/[^/]+"
        known: dict[str, dict[str, Any]] = {
            project: {"projectId": "demo", "projectNumber": "4711"},
            rf"{project}/services/\w+\.googleapis\.com": {"state": "ENABLED"},
            rf"{project}/locations/us-east4/repositories/cloud-run-source-deploy": {},
            rf"{project}/serviceAccounts/[^/]+": {"email": path.rsplit("/", 1)[-1]},
            rf"{project}/locations/us-east4/operations/build": {"done": True, "response": build},
            rf"{project}/locations/us-east4/defaultServiceAccount": {
                "serviceAccountEmail": _BUILDER
            },
            rf"{project}/locations/us-east4/services/f:testIamPermissions": body,
        }
        found = (answer for pattern, answer in known.items() if re.fullmatch(pattern, path))
        return next(found, None)

    def _functions(self, asked: Deployment, path: str) -> tuple[int, dict[str, Any]]:
        if path.endswith("/runtimes"):
            return 200, {"runtimes": _RUNTIMES}
        if path.endswith(":generateUploadUrl"):
            place = {"bucket": "sources", "object": "source.zip"}
            return 200, {"uploadUrl": f"{self.url}upload", "storageSource": place}
        if asked.method in {"POST", "PATCH"}:
            self.functions.append(asked)
        if asked.method != "GET" or path.endswith("/deploy"):
            kind = f"{_PROTOBUF}.cloud.functions.v2."
            metadata = {"@type": f"{kind}OperationMetadata", "stages": []}
            response = {"@type": f"{kind}Function"}
            done = {"done": True, "metadata": metadata, "response": response}
            return 200, {"name": _OPERATION, **done}
        if not self.functions:
            return _not_found()
        body = self.functions[-1].body
        service = {"service": "projects/demo/locations/us-east4/services/f"}
        config = {**body["serviceConfig"], **service}
        return 200, {**body, "serviceConfig": config, "environment": "GEN_2", "state": "ACTIVE"}

    def _run(self, asked: Deployment) -> tuple[int, dict[str, Any]]:
        if asked.method != "GET":
            self.services.append(asked)
        if not self.services:
            return _not_found()
        body = self.services[-1].body
        traffic = [{"revisionName": "f-1", "percent": 100, "latestRevision": True}]
        revisions = {"latestReadyRevisionName": "f-1", "latestCreatedRevisionName": "f-1"}
        status = {"conditions": _READY, "url": self.url, "traffic": traffic, **revisions}
        metadata = {**body["metadata"], "generation": 1}
        return 200, {**body, "metadata": metadata, "status": {**status, "observedGeneration": 1}}

    def _store(self, path: str, data: bytes) -> dict[str, Any]:
        bucket = {"id": "run-sources-demo-us-east4", "name": "run-sources-demo-us-east4"}
        if path == "/storage/v1/b":
            return {"items": [bucket]}
        if path.startswith("/storage"):
            return bucket
        size = re.search(rb'"size": "(\d+)"', data)  # of the archive, before it in a multipart body
        self.uploads.append(data)
        written = {"bucket": bucket["name"], "name": "source.zip", "generation": "1"}
        return {**written, "size": size[1].decode()} if size else written


class _Handler(BaseHTTPRequestHandler):
    api: ClassVar[FunctionsApi]
    timeout = 30
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, answer = self.api.answer(self.command, self.path, data)
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815 - the names that http.server calls

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def _build(status: str) -> dict[str, Any]:
    name = "projects/demo/locations/us-east4/builds/build"
    build = {"id": "build", "name": name, "projectId": "demo", "status": status, "logUrl": "none"}
    return {"@type": f"{_PROTOBUF}.devtools.cloudbuild.v1.BuildOperationMetadata", "build": build}


def _not_found() -> tuple[int, dict[str, Any]]:
    message = "Requested entity was not found."
    return 404, {"error": {"code": 404, "status": "NOT_FOUND", "message": message}}
