"""Artifact Registry's API: whether a repository exists, what it is, and which packages it has.

The index cannot tell: it has no page of a repository, and answers 404 for an unknown one as for an
unknown package. The token goes to the API's own origin only.
"""

from __future__ import annotations

import base64
import json
import os
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urljoin, urlsplit

import requests
from packaging.utils import NormalizedName, canonicalize_name
from requests import codes

from steps.host.children import each
from steps.host.errors import (
    AccessError,
    ApiUnavailable,
    InputError,
    NoRepository,
    RegistryError,
    ShipwheelError,
)
from steps.registry.adapter import AnonymousSession
from steps.registry.address import is_loopback
from steps.registry.artifact_registry import (
    REMOTE,
    STANDARD,
    VIRTUAL,
    GoogleError,
    Repository,
    StoredFile,
    Upstream,
    create_command,
)
from steps.registry.credentials import KEY_USERNAME, RAW_KEY_USERNAME, TOKEN_USERNAME
from steps.registry.retry import retry
from steps.registry.transport import OriginSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.version import Version

    from steps.registry.address import Registry
    from steps.registry.credentials import Login
    from steps.registry.transport import Transport

ENDPOINT = "https://artifactregistry.googleapis.com/"
# Where gcloud's users send it instead.
ENDPOINT_VARIABLE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY"
UPLOAD = "artifactregistry.repositories.uploadArtifacts"
_RETRY_SECONDS = 10.0
_PER_PAGE = 1000
_WORKERS = 4
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SECONDS = 10.0


class RepositoryApi:
    """Asks the API of Artifact Registry about *registry*; threads may share it.

    Every method raises NoRepository, AccessError for a missing role or an API that is not enabled,
    and ApiUnavailable where the API does not answer.
    """

    def __init__(self, registry: Registry, transport: Transport) -> None:
        self._registry = registry
        self._transport = transport
        self._base = _base(registry)
        self._session = OriginSession(
            self._base,
            self._sign,
            replace(transport.certificates, client=""),
            transport.timeout,
        )
        self._quota_project = ""
        self._keys: dict[Login, Any] = {}
        self._lock = Lock()
        self._described: Repository | ShipwheelError | None = None
        self._package_ids: dict[NormalizedName, str] = {}

    def repository(self) -> Repository:
        """Return what the repository is; the service is asked once, whatever it answers."""
        with self._lock:
            if self._described is None:
                try:
                    answer = self._found(self._ask("GET", ""))
                    with self._reading():
                        self._described = Repository.of(answer)
                except ShipwheelError as error:
                    self._described = error
        if isinstance(self._described, ShipwheelError):
            raise self._described
        return self._described

    def upstreams(self) -> tuple[Upstream, ...]:
        """Return the upstreams with their modes, each asked for; empty where it is unknown."""
        return each(self._with_mode, self.repository().upstreams, workers=_WORKERS)

    def package_names(self) -> tuple[NormalizedName, ...]:
        """Return the names of all packages, in their order."""
        return tuple(sorted(map(canonicalize_name, self._ids("packages") or self._exists())))

    def has_package(self, name: str) -> bool:
        """Return whether there is a package *name*, with versions or without."""
        return self._package_id(name) is not None

    def version_names(self, name: str) -> tuple[str, ...]:
        """Return the versions of the package *name* as the service spells them."""
        package = self._package_id(name)
        if package is None:
            return ()
        return self._ids(f"packages/{quote(package, safe='')}/versions") or ()

    def files(self) -> dict[str, StoredFile]:
        """Return all files of the repository by their names, with their sizes and times."""
        entries = self._entries("files") or self._exists()
        with self._reading():
            return {it.filename: it for it in map(StoredFile.of, entries)}

    def delete(self, name: str, version: Version | None) -> None:
        """Delete a version of the package *name*, or all of it: an emulator does that at once."""
        path = f"/packages/{quote(self._package_id(name) or name, safe='')}"
        of = f"/versions/{quote(str(version), safe='')}" if version else ""
        self._ask("DELETE", f"{path}{of}")

    def may_upload(self) -> bool:
        """Return whether the account may upload to the repository."""
        body = {"permissions": [UPLOAD]}
        answer = self._found(self._ask("POST", ":testIamPermissions", json=body))
        with self._reading():
            return UPLOAD in answer.get("permissions", ())

    def require_uploadable(self) -> None:
        """Raise InputError unless the repository is a standard one for Python packages."""
        found = self.repository()
        if not found.is_python:
            raise InputError(
                f"{found.name!r} is a repository of format {found.format}, which takes no Python"
                " packages",
                f"create one of format python: {create_command(self._registry, 'NAME')}",
            )
        if found.mode in {REMOTE, VIRTUAL}:
            raise InputError(
                f"{found}, which takes no uploads: {self._registry.resource}",
                f"publish to {self._standard()}",
            )

    def _standard(self) -> str:
        """Say which repository takes the uploads, as far as the upstream policy tells."""
        with suppress(ApiUnavailable, AccessError):
            options = [
                f"--registry {project[1]}/{project[0]}/{it.name}"
                for it in self.upstreams()
                if it.mode == STANDARD and (project := _place(it.resource))
            ]
            if options:
                return f"the standard repository behind it: {' or '.join(options)}"
        registry = self._registry
        return (
            "a standard repository, which this lists: gcloud artifacts repositories list"
            f" --project={registry.project} --location={registry.location}"
        )

    def _with_mode(self, upstream: Upstream) -> Upstream:
        with suppress(ShipwheelError):
            answer = self._ask("GET", "", resource=upstream.resource) or {}
            return replace(upstream, mode=str(answer.get("mode", "")))
        return upstream

    def _package_id(self, name: str) -> str | None:
        """Return what the service calls a package: normalised, or as its files were named."""
        normal = canonicalize_name(name)
        if normal not in self._package_ids:
            if self._ask("GET", f"/packages/{normal}") is not None:
                self._package_ids[normal] = normal
            else:
                names = self._ids("packages") or self._exists()
                self._package_ids |= {canonicalize_name(it): it for it in names}
        return self._package_ids.get(normal)

    def _exists(self) -> tuple[()]:
        """Return that there is nothing in the repository, once it is there."""
        self.repository()
        return ()

    def _ids(self, path: str) -> tuple[str, ...] | None:
        """Return the last parts of the names below *path*; None for no such path."""
        entries = self._entries(path)
        with self._reading():
            return entries if entries is None else tuple(_last_parts(entries))

    def _entries(self, path: str) -> list[dict[str, Any]] | None:
        """Return the entries below *path*, of all pages; None for no such path."""
        kind = path.rpartition("/")[2]
        found, token = list[dict[str, Any]](), ""
        while True:
            page = {"pageSize": str(_PER_PAGE)} | ({"pageToken": token} if token else {})
            answer = self._ask("GET", f"/{path}", params=page)
            if answer is None:
                return None
            with self._reading():
                found += answer.get(kind, ())
            token = str(answer.get("nextPageToken", ""))
            if not token:
                return found

    def _found(self, answer: dict[str, Any] | None) -> dict[str, Any]:
        if answer is None:
            raise NoRepository(
                f"Repository not found: {self._registry.resource!r}",
                f"check its address, or create it: {create_command(self._registry)}",
            )
        return answer

    def _ask(
        self, method: str, path: str, *, resource: str = "", **options: Any
    ) -> dict[str, Any] | None:
        """Return what the API tells of *path* below *resource*; None for what is not there."""
        if not self._base:
            raise InputError(
                f"{ENDPOINT_VARIABLE} is not an https address: {os.environ[ENDPOINT_VARIABLE]!r}",
                f"unset it, or set it as gcloud takes it, such as {ENDPOINT}",
            )
        url = f"{self._base}v1/{resource or self._registry.resource}{path}"

        def once() -> requests.Response:
            return self._transport.exchange(
                lambda: self._session.request(method, url, allow_redirects=False, **options)
            )

        limit = min(self._transport.retry_for, _RETRY_SECONDS)
        try:
            response = retry(once, what=f"{method} {url}", retry_for=limit)
        except ApiUnavailable:
            raise
        except RegistryError as error:
            raise ApiUnavailable(error.problems[0]) from None
        if response.status_code == codes.ok:
            return self._message(response)
        refusal = GoogleError.of(response)
        if refusal and response.status_code == codes.not_found:
            return None
        if refusal and self._lacks_quota_project(refusal):
            self._quota_project = self._registry.project
            return self._ask(method, path, resource=resource, **options)
        raise self._refusal(method, response, refusal)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn what is raised for a message that is not the API's into ApiUnavailable."""
        try:
            yield
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ApiUnavailable(
                f"Artifact Registry's API cannot be asked: what {self._base} answers is not a"
                f" message of it ({type(error).__name__})",
                "check the endpoint, and any proxy before it",
            ) from None

    def _message(self, response: requests.Response) -> dict[str, Any]:
        with suppress(ValueError, RecursionError):
            answer = response.json()
            if isinstance(answer, dict):
                return answer
        raise self._unavailable(response)

    def _lacks_quota_project(self, error: GoogleError) -> bool:
        """Return whether the API is off in another project, such as that of gcloud's own client.

        A user's token counts for the project of the program that fetched it, unless a request names
        another.
        """
        others = error.consumers - {self._registry.project}
        return error.is_api_off and bool(others) and not self._quota_project

    def _refusal(
        self, method: str, response: requests.Response, error: GoogleError | None
    ) -> ShipwheelError:
        """Return what an answer means that is neither a message nor 404."""
        status = response.status_code
        if error and (error.is_api_off or "USER_PROJECT_DENIED" in error.reasons):
            return AccessError(
                f"Artifact Registry's API is not enabled: {self._transport.describe(response)}",
                "enable it: gcloud services enable artifactregistry.googleapis.com"
                f" --project={self._registry.project}",
            )
        denied = status == codes.forbidden and error and error.is_permission
        if denied or status == codes.unauthorized:
            return self._transport.access_error(method, response)
        return self._unavailable(response)

    def _unavailable(self, response: requests.Response) -> ApiUnavailable:
        answer = self._transport.describe(response)
        return ApiUnavailable(
            f"Artifact Registry's API cannot be asked: {self._base} answered {answer}",
            "let requests to it through any proxy, firewall and VPC Service Controls",
        )

    def _sign(self, request: requests.PreparedRequest) -> None:
        if token := self._token():
            request.headers["Authorization"] = f"Bearer {token}"
        if self._quota_project:
            request.headers["X-Goog-User-Project"] = self._quota_project

    def _token(self) -> str:
        """Return the access token of the very account that uploads."""
        login = self._transport.credentials.login()
        if login is None:
            if self._registry.emulated:
                return ""
            why = self._transport.credentials.failure
            what = f"there are no credentials{f' ({why})' if why else ''}"
        elif login.username == TOKEN_USERNAME:
            return login.password
        elif login.username in {KEY_USERNAME, RAW_KEY_USERNAME}:
            return _key_token(login, self._keys)
        else:
            what = f"the credentials from {login.source} are not an access token"
        raise ApiUnavailable(
            f"Artifact Registry's API cannot be asked: {what}",
            f"give a token to the user name {TOKEN_USERNAME}",
        )


def _base(registry: Registry) -> str:
    """Return the address of the API, with its slash; empty for one that a token must not go to."""
    if registry.emulated:
        return urljoin(registry.upload_url, "/")
    given = os.environ.get(ENDPOINT_VARIABLE) or ENDPOINT
    try:
        url = urlsplit(given)
        safe = url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname or ""))
    except ValueError:
        safe = False
    return f"{given.rstrip('/')}/" if safe else ""


def _place(resource: str) -> tuple[str, str] | None:
    """Return project and location of a repository's *resource*."""
    match resource.split("/"):
        case ["projects", project, "locations", location, "repositories", _]:
            return project, location
    return None


def _last_parts(entries: Any) -> Iterator[str]:
    """Yield the ids of resources, of which gcloud and the API quote some twice."""
    for entry in entries:
        name = unquote(unquote(entry["name"].rpartition("/")[2]))
        if not name.isprintable():
            raise ValueError(name)
        yield name


def _key_token(login: Login, known: dict[Login, Any]) -> str:
    """Return an access token of the service-account key that *login* is, until it nearly expires.

    *known* keeps the credentials that google-auth makes of a key. Raises ApiUnavailable when no
    token can be fetched.
    """
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - only a key pays for it
    from google.auth.transport.requests import Request  # noqa: PLC0415 - the same
    from google.oauth2.service_account import Credentials  # noqa: PLC0415 - the same

    try:
        key = login.password
        text = base64.b64decode(key).decode() if login.username == KEY_USERNAME else key
        if login not in known:
            # google-auth has types, and none for this function.
            known[login] = Credentials.from_service_account_info(json.loads(text), scopes=[_SCOPE])  # type: ignore[no-untyped-call]
        if not known[login].valid:
            with AnonymousSession(_SECONDS) as session:
                known[login].refresh(Request(session))
    except (GoogleAuthError, ValueError, TypeError, RecursionError) as error:
        # The library's message may repeat the key.
        raise ApiUnavailable(
            "Artifact Registry's API cannot be asked: no access token could be fetched with the"
            f" key from {login.source} ({type(error).__name__})",
            "check the key, and whether its token_uri can be reached",
        ) from None
    return str(known[login].token)
