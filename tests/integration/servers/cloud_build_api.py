"""A Cloud Build API on loopback for the real gcloud: triggers with state, and builds that are kept.

Triggers behave as the service documents them: a name or an id finds one, PATCH replaces all of it
but its id and creation time, answers leave out zero values and add what the server fills in.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.integration.servers.google_api import (
    STATUSES,
    Answer,
    GoogleApi,
    Request,
    error_answer,
    not_found,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_PATH = re.compile(
    r"/v1/projects/(?P<project>[^/]+)/(?:locations/(?P<location>[^/]+)/)?"
    r"(?P<collection>triggers|builds)(?:/(?P<key>[^/:]+))?(?::(?P<verb>\w+))?"
)
_MAPS = {"substitutions", "secretEnv", "envMap"}


@dataclass
class CloudBuildApi(GoogleApi):
    """The server; its attributes are its state, to be read and changed by a test.

    *triggers* maps locations to triggers by id, *builds* holds what was started, *requests* all
    that was asked. *fault* may answer a request with an HTTP status in the place of the server.
    """

    endpoints: ClassVar[tuple[str, ...]] = ("CLOUDBUILD",)
    page_size: int = 100
    triggers: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    builds: list[dict[str, Any]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    fault: Callable[[Request], int | None] | None = None

    def add(self, location: str, trigger: dict[str, Any]) -> dict[str, Any]:
        """Hold *trigger* as if a user had created it, and return it as the server answers it."""
        status, held = self._create(self.triggers.setdefault(location, {}), trigger, location)
        assert status == 200, held
        return held

    def by_name(self, location: str) -> dict[str, dict[str, Any]]:
        """Return the triggers of *location* by their names, as the server holds them."""
        return {trigger["name"]: trigger for trigger in self.triggers.get(location, {}).values()}

    def answer(self, request: Request) -> Answer:
        """Return the status and the body that *request* is answered with."""
        self.requests.append(request)
        if self.fault and (status := self.fault(request)):
            name = STATUSES.get(status, "UNAVAILABLE")
            return error_answer(status, name, "The service is not there for the test.")
        match = _PATH.fullmatch(urlsplit(request.path).path)
        if match is None or match["project"] != self.project:
            return not_found()
        if match["collection"] == "builds":
            # Of the filter nothing: gcloud filters what it receives, too.
            if request.method == "GET":
                return 200, {"builds": self.builds}
            return self._started(self.start(request.body))
        return self._answer_about_triggers(request, match)

    def _answer_about_triggers(self, request: Request, match: re.Match[str]) -> Answer:
        location = match["location"] or "global"
        held = self.triggers.setdefault(location, {})
        key = match["key"]
        if key is None:
            if request.method == "POST":
                return self._create(held, request.body, location)
            return self._list(held, parse_qs(urlsplit(request.path).query))
        found = next((t for t in held.values() if key in {t["id"], t["name"]}), None)
        if found is None:
            return not_found()
        if match["verb"] == "run":
            source = request.body.get("source", {})
            given = {"TRIGGER_NAME": found["name"], "COMMIT_SHA": source.get("commitSha", "")}
            build = {"source": {"repoSource": source}, "buildTriggerId": found["id"]}
            return self._started(self.start({**build, "substitutions": given}))
        if request.method == "PATCH":
            kept = {name: found[name] for name in ("id", "createTime", "resourceName")}
            found = held[found["id"]] = _as_answered({**request.body, **kept})
        elif request.method == "DELETE":
            del held[found["id"]]
            found = {}
        return 200, found

    def _create(
        self, held: dict[str, dict[str, Any]], body: dict[str, Any], location: str
    ) -> Answer:
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

    def _list(self, held: dict[str, dict[str, Any]], query: dict[str, list[str]]) -> Answer:
        start = int(query.get("pageToken", ["0"])[0])
        page = {"triggers": [*held.values()][start : start + self.page_size]}
        more = start + self.page_size < len(held)
        return 200, page | ({"nextPageToken": str(start + self.page_size)} if more else {})

    def start(self, build: dict[str, Any]) -> dict[str, Any]:
        """Hold *build* as if a user had started it, and return it as the server answers it."""
        filled = {"id": str(uuid.uuid4()), "projectId": self.project, "logUrl": self.url}
        self.builds.append({**build, **filled, "createTime": self.now(), "status": "QUEUED"})
        return self.builds[-1]

    def now(self) -> str:
        """Return the time as the server writes it."""
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _started(self, started: dict[str, Any]) -> Answer:
        kind = "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata"
        name = f"operations/build/{self.project}/{started['id']}"
        return 200, {"name": name, "metadata": {"@type": kind, "build": started}}


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
