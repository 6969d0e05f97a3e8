"""`https://artifactregistry.googleapis.com/v1`: as much of the API as Shipwheel asks for."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote

from packaging.version import InvalidVersion, Version

from builder.server.front import HttpAnswer
from builder.server.repositories import StandardRepository
from steps.registry.address import parse_registry
from steps.registry.public_index import default_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from builder.server import Layout
    from builder.server.answers import Answers
    from builder.server.front import HttpRequest
    from builder.server.repositories import ServedRepository

SERVICE = "artifactregistry.googleapis.com"
# The permissions of the reader role that matter here; the writer role, and more, has them all.
_READS = re.compile(r"artifactregistry\..*(\.get|\.list|\.downloadArtifacts)")
_MOST_PER_PAGE = 1000
_PER_PAGE = 100


class RestApi:
    """What is answered below `/v1/`."""

    def __init__(
        self, layout: Layout, repositories: Mapping[str, ServedRepository], answers: Answers
    ) -> None:
        self._layout = layout
        self._repositories = repositories
        self._answers = answers

    def __call__(self, request: HttpRequest, role: str | None) -> HttpAnswer:
        """Answer *request* from a caller with *role*, which is None for an unknown caller."""
        match request.segments:
            case ("v1", "projects", project, "locations", location, "repositories", last, *rest):
                name, _, verb = last.partition(":")
            case _:
                return _not_found()
        full = f"projects/{project}/locations/{location}/repositories/{name}"
        repository = self._repositories.get(f"{project.replace(':', '/')}/{name}")
        if refusal := self._refusal(project, full, role, request.method, verb):
            return refusal
        if repository:
            match request.method, verb:
                case "POST", "testIamPermissions":
                    return _permissions(request, role)
                case "DELETE", "":
                    return _delete(repository, full, rest)
                case (("GET" | "HEAD"), ""):
                    return self._read(repository, full, rest, request)
        return _not_found()

    def _refusal(
        self, project: str, full: str, role: str | None, method: str, verb: str
    ) -> HttpAnswer | None:
        """Return why nothing is answered: the credentials, the API's state, the role."""
        denied = HTTPStatus.FORBIDDEN, "PERMISSION_DENIED"
        if role is None:
            what = "Request had invalid authentication credentials. Expected an OAuth 2 token."
            return _error(HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED", what)
        if self._answers.api == "disabled":
            what = (
                f"Artifact Registry API has not been used in project {project} before or it is"
                " disabled. Enable it, then retry."
            )
            return _error(*denied, what, "SERVICE_DISABLED", f"projects/{project}")
        if self._answers.api == "blocked":
            what = "Request is prohibited by organization's policy."
            return _error(*denied, what, "SECURITY_POLICY_VIOLATED", f"projects/{project}")
        deletes = method == "DELETE"
        if not verb and (role == "none" or (role == "reader" and deletes)):
            permission = f"artifactregistry.{'versions.delete' if deletes else 'repositories.get'}"
            what = f"Permission '{permission}' denied on resource '{full}' (or it may not exist)."
            return _error(*denied, what, "IAM_PERMISSION_DENIED", full)
        return None

    def _read(
        self, repository: ServedRepository, full: str, rest: list[str], request: HttpRequest
    ) -> HttpAnswer:
        match rest:
            case []:
                return _json(self._describe(repository, full))
            case ["packages" | "files" as kind]:
                names = (f"{full}/packages/{it}" for it in sorted(repository.projects()))
                files = kind == "files"
                return _listing(kind, _files(repository, full) if files else _named(names), request)
            case ["packages", package] if package in repository.projects():
                return _json({"name": f"{full}/packages/{package}"})
            case ["packages", package, "versions", *last] if package in repository.projects():
                versions = sorted({it.version for it in repository.files_of(package)})
                of = f"{full}/packages/{package}/versions"
                ids = {it: f"{of}/{str(it).replace('+', '%2B')}" for it in versions}
                if not last:
                    return _listing("versions", _named(ids.values()), request)
                if len(last) == 1 and (version := _parsed(last[0])) in ids:
                    return _json({"name": ids[version]})
        return _not_found()

    def _describe(self, repository: ServedRepository, full: str) -> dict[str, Any]:
        """Return the resource of a repository."""
        name = next(it for it, found in self._repositories.items() if found is repository)
        resource: dict[str, Any] = {
            "name": full,
            "format": self._answers.format,
            "mode": repository.mode,
        }
        if upstream := self._layout.remotes.get(name):
            public = {"publicRepository": "PYPI"}
            own = {"customRepository": {"uri": upstream.index_url}}
            is_public = upstream == parse_registry(default_url(), {})
            resource["remoteRepositoryConfig"] = {"pythonRepository": public if is_public else own}
        if upstreams := self._layout.virtuals.get(name):
            parent = full.rpartition("/")[0]
            resource["virtualRepositoryConfig"] = {
                "upstreamPolicies": [
                    {"id": _last(it), "repository": f"{parent}/{_last(it)}", "priority": number}
                    for it, number in upstreams.items()
                ]
            }
        return resource


def _delete(repository: ServedRepository, full: str, rest: list[str]) -> HttpAnswer:
    match rest:
        case ["packages", package]:
            version = None
        case ["packages", package, "versions", text] if version := _parsed(text):
            pass
        case _:
            return _not_found()
    deleted = isinstance(repository, StandardRepository) and repository.delete(package, version)
    operation = f"{full.rpartition('/repositories/')[0]}/operations/delete"
    return _json({"name": operation, "done": True}) if deleted else _not_found()


def _parsed(text: str) -> Version | None:
    """Return the version of an id, which gcloud quotes once more than its path."""
    try:
        return Version(unquote(text))
    except InvalidVersion:
        return None


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _permissions(request: HttpRequest, role: str | None) -> HttpAnswer:
    """Tell which of the permissions that are asked for the account has."""
    data = b""
    while chunk := request.body.read(1 << 16):
        data += chunk
    try:
        asked = [str(it) for it in json.loads(data)["permissions"]]
    except (ValueError, KeyError, TypeError):
        what = "The body is not a list of permissions."
        return _error(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", what)
    held = [it for it in asked if role == "writer" or (role == "reader" and _READS.fullmatch(it))]
    return _json({"permissions": held} if held else {})


def _named(names: Iterable[str]) -> list[dict[str, Any]]:
    return [{"name": it} for it in names]


def _files(repository: ServedRepository, full: str) -> list[dict[str, Any]]:
    """Return the resources of all files; the ids of these have their slashes quoted."""
    return [
        {
            "name": f"{full}/files/{quote(f'{project}/{it.filename}', safe='')}",
            **({} if it.size is None else {"sizeBytes": str(it.size)}),
            **({"createTime": it.uploaded} if it.uploaded else {}),
        }
        for project in sorted(repository.projects())
        for it in repository.files_of(project)
    ]


def _listing(kind: str, entries: list[dict[str, Any]], request: HttpRequest) -> HttpAnswer:
    """Return one page of *entries*; a token of a page is where it begins."""
    query = {key: values[-1] for key, values in parse_qs(request.query).items()}
    try:
        size, first = int(query.get("pageSize", "0")), int(query.get("pageToken", "0"))
    except ValueError:
        what = "Invalid page token or size."
        return _error(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", what)
    end = first + min(size or _PER_PAGE, _MOST_PER_PAGE)
    page: dict[str, Any] = {kind: entries[first:end]} if entries else {}
    return _json(page | ({"nextPageToken": str(end)} if end < len(entries) else {}))


def _not_found() -> HttpAnswer:
    return _error(HTTPStatus.NOT_FOUND, "NOT_FOUND", "Requested entity was not found.")


def _error(
    code: HTTPStatus, status: str, message: str, reason: str = "", consumer: str = ""
) -> HttpAnswer:
    """Return an error as Google's APIs do; *reason* and *consumer* are for machines to read."""
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if reason:
        error["details"] = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": reason,
                "domain": "googleapis.com",
                "metadata": {"service": SERVICE, "consumer": consumer},
            }
        ]
    return _json({"error": error}, code)


def _json(message: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> HttpAnswer:
    return HttpAnswer(
        status=status,
        body=json.dumps(message, indent=2).encode(),
        content_type="application/json; charset=UTF-8",
    )
