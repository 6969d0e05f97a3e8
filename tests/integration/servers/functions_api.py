"""Cloud Functions and Cloud Run on loopback, as far as `gcloud … deploy` asks before it is done.

Also what the commands ask besides: the project's number, whether services are enabled, where the
source is uploaded to, the build, and who may call.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from tests.integration.servers.google_api import Answer, GoogleApi, Request, not_found

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.integration.servers.cloud_build_api import CloudBuildApi

_PROTOBUF = "type.googleapis.com/google"
_RUNTIMES = [{"name": f"python3{minor}", "environment": "GEN_2"} for minor in range(10, 15)]
_OPERATION = "projects/demo/locations/us-central1/operations/deploy"
_BUILDER = "projects/demo/serviceAccounts/4711-compute@developer.gserviceaccount.com"
_READY = [{"type": kind, "status": "True"} for kind in ("Ready", "ConfigurationsReady")]


@dataclass(frozen=True)
class Deployment:
    """What gcloud asked to create or update: *method*, *query*, and the message itself."""

    method: str
    query: str
    body: dict[str, Any]


@dataclass
class FunctionsApi(GoogleApi):
    """The server. *functions* and *services* are what was deployed, *builds* what `run` built.

    *uploads* holds the archives of the sources, *policies* what was asked for about callers,
    *refusals* the answers to the next deployments, or the errors that they end with. *cloud_build*
    answers about triggers and builds in its place.
    """

    endpoints: ClassVar[tuple[str, ...]] = (
        *("ARTIFACTREGISTRY", "CLOUDBUILD", "CLOUDFUNCTIONS", "CLOUDRESOURCEMANAGER", "IAM"),
        *("RUN", "SERVICEUSAGE", "STORAGE"),
    )
    functions: list[Deployment] = field(default_factory=list)
    services: list[Deployment] = field(default_factory=list)
    builds: list[dict[str, Any]] = field(default_factory=list)
    uploads: list[bytes] = field(default_factory=list)
    policies: list[dict[str, Any]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    refusals: list[Answer | str] = field(default_factory=list)
    cloud_build: CloudBuildApi | None = None

    @property
    def environ(self) -> dict[str, str]:
        """What sends gcloud here, without credentials and without the user's settings.

        Cloud Run is asked at a host of its region, which no name server knows; as its own proxy
        the server answers for that, too.
        """
        return super().environ | {"HOME": self.configuration, "http_proxy": self.url}

    def bash(self, script: str, environment: Mapping[str, str], cwd: Path) -> None:
        """Run *script* as a step does, with the real gcloud."""
        done = subprocess.run(
            ["bash", "-c", script],
            env={"PATH": os.environ["PATH"], **self.environ, **environment},
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, self.unknown) == (0, []), (self.unknown, done.stdout)

    def answer(self, request: Request) -> Answer:
        """Return the status and the body that *request* is answered with."""
        path, query = urlsplit(request.path).path, urlsplit(request.path).query
        if self.cloud_build and re.search("/(?:triggers|builds)(?:/|$)", path):
            return self.cloud_build.answer(request)
        if path.startswith(("/upload", "/storage")):
            return 200, self._store(path, request.data)
        asked = Deployment(request.method, query, request.body)
        if "/apis/serving" in path:
            return self._run(asked)
        if "/functions" in path or path.endswith(("/runtimes", "/operations/deploy")):
            return self._functions(asked, path)
        known = self._about(path, asked.body)
        if known is None:
            self.unknown.append(f"{request.method} {request.path}")
        return not_found() if known is None else (200, known)

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
            rf"{project}/locations/us-central1/repositories/cloud-run-source-deploy": {},
            rf"{project}/serviceAccounts/[^/]+": {"email": path.rsplit("/", 1)[-1]},
            rf"{project}/locations/us-central1/operations/build": {"done": True, "response": build},
            rf"{project}/locations/us-central1/defaultServiceAccount": {
                "serviceAccountEmail": _BUILDER
            },
            rf"{project}/locations/us-central1/services/f:testIamPermissions": body,
        }
        found = (answer for pattern, answer in known.items() if re.fullmatch(pattern, path))
        return next(found, None)

    def _functions(self, asked: Deployment, path: str) -> Answer:
        if path.endswith("/runtimes"):
            return 200, {"runtimes": _RUNTIMES}
        if path.endswith(":generateUploadUrl"):
            place = {"bucket": "sources", "object": "source.zip"}
            return 200, {"uploadUrl": f"{self.url}upload", "storageSource": place}
        if asked.method in {"POST", "PATCH"}:
            refusal = self.refusals[0] if self.refusals else ""
            if not isinstance(refusal, str):
                del self.refusals[0]
                return refusal
            self.functions.append(asked)
        if asked.method != "GET" or path.endswith("/deploy"):
            return self._operation(ends=path.endswith("/deploy"))
        if not self.functions:
            return not_found()
        body = self.functions[-1].body
        service = {"service": "projects/demo/locations/us-central1/services/f"}
        config = {**body["serviceConfig"], **service}
        return 200, {**body, "serviceConfig": config, "environment": "GEN_2", "state": "ACTIVE"}

    def _operation(self, *, ends: bool) -> Answer:
        kind = f"{_PROTOBUF}.cloud.functions.v2."
        metadata = {"@type": f"{kind}OperationMetadata", "stages": []}
        operation: dict[str, Any] = {"name": _OPERATION, "metadata": metadata}
        if self.refusals and isinstance(self.refusals[0], str):
            error = {"code": 7, "message": self.refusals.pop(0) if ends else ""}
            return 200, {**operation, "done": True, "error": error} if ends else operation
        return 200, {**operation, "done": True, "response": {"@type": f"{kind}Function"}}

    def _run(self, asked: Deployment) -> Answer:
        if asked.method != "GET":
            self.services.append(asked)
        if not self.services:
            return not_found()
        body = self.services[-1].body
        traffic = [{"revisionName": "f-1", "percent": 100, "latestRevision": True}]
        revisions = {"latestReadyRevisionName": "f-1", "latestCreatedRevisionName": "f-1"}
        status = {"conditions": _READY, "url": self.url, "traffic": traffic, **revisions}
        metadata = {**body["metadata"], "generation": 1}
        return 200, {**body, "metadata": metadata, "status": {**status, "observedGeneration": 1}}

    def _store(self, path: str, data: bytes) -> dict[str, Any]:
        bucket = {"id": "run-sources-demo-us-central1", "name": "run-sources-demo-us-central1"}
        if path == "/storage/v1/b":
            return {"items": [bucket]}
        if path.startswith("/storage"):
            return bucket
        size = re.search(rb'"size": "(\d+)"', data)  # of the archive, before it in a multipart body
        self.uploads.append(data)
        written = {"bucket": bucket["name"], "name": "source.zip", "generation": "1"}
        return {**written, "size": size[1].decode()} if size else written


def _build(status: str) -> dict[str, Any]:
    name = "projects/demo/locations/us-central1/builds/build"
    build = {"id": "build", "name": name, "projectId": "demo", "status": status, "logUrl": "none"}
    return {"@type": f"{_PROTOBUF}.devtools.cloudbuild.v1.BuildOperationMetadata", "build": build}
