"""What the registry and Google Cloud answer: bounded in time, and nothing is ever stored.

The login goes to the registry's own origin and to the API of Artifact Registry, nowhere else.
"""

from __future__ import annotations

import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests import codes

from steps.diagnosis.model import Access, Contact
from steps.host.errors import Problem, ShipwheelError
from steps.registry.adapter import Adapter
from steps.registry.address import is_loopback
from steps.registry.credentials import TOKEN_USERNAME, account
from steps.registry.index import ACCEPT
from steps.registry.page import parse_root
from steps.registry.retry import Transient
from steps.registry.transport import anonymous
from steps.registry.upstreams import REMOTE, STANDARD, VIRTUAL, Repository, describe_repository

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.registry.address import Registry
    from steps.registry.certificates import Certificates
    from steps.registry.credentials import Login
    from steps.registry.transport import Transport

UPLOAD = "artifactregistry.repositories.uploadArtifacts"
_API = "https://artifactregistry.googleapis.com/"
# Where gcloud's users send it instead.
_API_VARIABLE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY"
_SECONDS = (5.0, 10.0)


def reach(registry: Registry, certificates: Certificates) -> Contact:
    """Ask for the index without credentials: whatever is answered, the registry was reached."""
    try:
        with _session() as session:
            session.auth = anonymous
            answer = session.get(
                registry.index_url,
                timeout=_SECONDS,
                allow_redirects=False,
                stream=True,
                verify=certificates.authorities or None,
                cert=certificates.client or None,
            )
            answer.close()
    except (requests.RequestException, OSError, ValueError) as error:
        return Contact(fault=_fault(error))
    skew = None
    with suppress(ValueError, TypeError):
        skew = parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()
    return Contact(status=answer.status_code, skew=skew)


def find_access(transport: Transport, environ: Mapping[str, str], contact: Contact) -> Access:
    """Return what the login may do, and what the repository is.

    Where there was no *contact* the registry itself is not asked again.
    """
    registry, credentials = transport.registry, transport.credentials
    login = credentials.login()
    known: dict[str, Any] = {
        "source": login.source if login else "",
        "account": account(login, environ) if login else "",
        "failure": credentials.failure,
        "problem": _read_problem(transport) if contact.status else None,
    }
    if contact.status is None:
        return Access(**known, untold="the registry cannot be reached")
    if registry.emulated:
        return Access(**known, **_of_emulator(transport))
    if not registry.is_artifact_registry:
        return Access(**known, untold="only Artifact Registry tells")
    repository = describe_repository(registry, environ)
    return Access(**known, **_of_service(registry, login, environ, repository))


def _read_problem(transport: Transport) -> Problem | None:
    """Read the list of the projects, as the gate would, and return what stands in the way."""
    url = transport.registry.index_url
    try:
        answer = transport.get(url, accept=ACCEPT)
        if answer.ok:
            parse_root(answer.content, url=url, content_type=answer.headers.get("Content-Type", ""))
    except ShipwheelError as error:
        return error.problems[0]
    if answer.status_code == codes.not_found:
        why = "is not found: the repository is missing, or shows no index"
    else:
        why = f"answers {transport.describe(answer)}"
    return None if answer.ok else Problem(f"{url} {why}", "check the address")


def _of_emulator(transport: Transport) -> dict[str, Any]:
    """Send the emulator a form without a file, which no mode stores, and see who refuses it."""
    url = transport.registry.upload_url
    try:
        answer = transport.send("POST", url, data={":action": "file_upload"})
    except ShipwheelError as error:
        return {"untold": error.problems[0].message}
    except Transient as error:
        return {"untold": str(error)}
    name = transport.registry.repository
    for told in (Repository(name=name, mode=mode) for mode in (REMOTE, VIRTUAL)):
        if f"is a {told.kind} repository" in answer.text:
            return {"may_write": False, "repository": told}
    if answer.status_code != codes.bad_request:
        return {"untold": f"the emulator answers {transport.describe(answer)}"}
    return {"may_write": True, "repository": Repository(name=name, mode=STANDARD)}


def _of_service(
    registry: Registry,
    login: Login | None,
    environ: Mapping[str, str],
    repository: Repository | None,
) -> dict[str, Any]:
    """Ask the API which permissions the token has; what gcloud told of the mode goes first."""
    if login is None or login.username != TOKEN_USERNAME:
        return {"repository": repository, "untold": "that takes an access token"}
    base = environ.get(_API_VARIABLE) or _API
    if not _is_safe(base):
        return {"repository": repository, "untold": f"{_API_VARIABLE} is not https"}
    url = (
        f"{base.rstrip('/')}/v1/projects/{registry.project}/locations/{registry.location}"
        f"/repositories/{registry.repository}"
    )
    if repository is None and (mode := (_ask("GET", url, login) or {}).get("mode")):
        repository = Repository(name=registry.repository, mode=str(mode))
    told = _ask("POST", f"{url}:testIamPermissions", login, {"permissions": [UPLOAD]})
    if told is None:
        return {"repository": repository, "untold": "the API of Artifact Registry does not say"}
    may = UPLOAD in told.get("permissions", ())
    return {
        "repository": repository,
        "may_write": may,
        "untold": "" if may else f"it lacks {UPLOAD}",
    }


def _ask(
    method: str, url: str, login: Login, body: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """Return what the API says, or None where it says nothing that can be used."""

    def authorise(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {login.password}"
        return request

    try:
        with _session() as session:
            session.auth = authorise  # also keeps netrc from being read
            answer = session.request(
                method, url, json=body, timeout=_SECONDS, allow_redirects=False
            )
            told = answer.json() if answer.status_code == codes.ok else None
    except (requests.RequestException, OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def _session() -> requests.Session:
    """Return one whose requests end in time, also where a byte comes at a time."""
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, Adapter(_SECONDS[1], 1))
    return session


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def _fault(error: Exception) -> str:
    """Return the fault in words, without the addresses that the library repeats."""
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {_SECONDS[0]:g} s"
    if isinstance(error, requests.Timeout):
        return f"no answer within {_SECONDS[1]:g} s"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not let through"
    words = "the connection failed"
    cause: BaseException | None = error
    while cause is not None:
        if "certificate verify failed" in str(cause):
            return "its certificate cannot be trusted"
        if isinstance(cause, OSError) and cause.strerror:
            words = cause.strerror
        cause = cause.__cause__ or cause.__context__
    return words
