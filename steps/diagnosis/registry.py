"""The registry: whether it can be reached, as whom, and what may be done there.

Nothing is uploaded to find out, and no form of a file is ever stored. The login goes to the
registry's own origin and to the API of Artifact Registry, nowhere else.
"""

from __future__ import annotations

import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests import codes

from steps.diagnosis.model import Access, CheckResult, Contact
from steps.host.errors import Problem, ShipwheelError
from steps.registry.adapter import Adapter
from steps.registry.address import EMULATOR_VARIABLE, is_loopback
from steps.registry.credentials import TOKEN_USERNAME, account
from steps.registry.index import ACCEPT
from steps.registry.page import parse_root
from steps.registry.retry import Transient
from steps.registry.roles import WRITER, grant_command, member
from steps.registry.transport import anonymous
from steps.registry.upstreams import (
    REMOTE,
    STANDARD,
    VIRTUAL,
    Repository,
    describe_repository,
    explain,
    misused,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steps.diagnosis.model import Observations
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
        return Access(**known, unknown_reason="the registry cannot be reached")
    if registry.emulated:
        return Access(**known, **_of_emulator(transport))
    if not registry.is_artifact_registry:
        return Access(**known, unknown_reason="only Artifact Registry tells")
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
        return {"unknown_reason": error.problems[0].message}
    except Transient as error:
        return {"unknown_reason": str(error)}
    name = transport.registry.repository
    for told in (Repository(name=name, mode=mode) for mode in (REMOTE, VIRTUAL)):
        if f"is a {told.kind} repository" in answer.text:
            return {"may_write": False, "repository": told}
    if answer.status_code != codes.bad_request:
        return {"unknown_reason": f"the emulator answers {transport.describe(answer)}"}
    return {"may_write": True, "repository": Repository(name=name, mode=STANDARD)}


def _of_service(
    registry: Registry,
    login: Login | None,
    environ: Mapping[str, str],
    repository: Repository | None,
) -> dict[str, Any]:
    """Ask the API which permissions the token has; what gcloud told of the mode goes first."""
    if login is None or login.username != TOKEN_USERNAME:
        return {"repository": repository, "unknown_reason": "that takes an access token"}
    base = environ.get(_API_VARIABLE) or _API
    if not _is_safe(base):
        return {"repository": repository, "unknown_reason": f"{_API_VARIABLE} is not https"}
    url = (
        f"{base.rstrip('/')}/v1/projects/{registry.project}/locations/{registry.location}"
        f"/repositories/{registry.repository}"
    )
    if repository is None and (mode := (_ask("GET", url, login) or {}).get("mode")):
        repository = Repository(name=registry.repository, mode=str(mode))
    told = _ask("POST", f"{url}:testIamPermissions", login, {"permissions": [UPLOAD]})
    if told is None:
        return {
            "repository": repository,
            "unknown_reason": "the API of Artifact Registry does not say",
        }
    may = UPLOAD in told.get("permissions", ())
    return {
        "repository": repository,
        "may_write": may,
        "unknown_reason": "" if may else f"it lacks {UPLOAD}",
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


# Google refuses what a service-account key signed by a clock that is further off.
_MOST_SKEW = 300.0
_NOTABLE_SKEW = 30.0
_UNAUTHORISED = (codes.unauthorized, codes.forbidden)


def check_emulator(seen: Observations) -> Iterator[CheckResult]:
    """Tell whether an emulator stands in the registry's place."""
    if seen.registry.emulated:
        yield CheckResult(
            check="registry",
            status="note",
            message=f"{EMULATOR_VARIABLE} sends every address of Artifact Registry to"
            f" {seen.registry}",
            fix=f"unset {EMULATOR_VARIABLE} to reach the service itself",
        )


def check_contact(seen: Observations) -> Iterator[CheckResult]:
    """Tell whether the registry answers at all, and whether it answers anybody."""
    contact, registry = seen.contact, seen.registry
    if contact.status is None:
        yield CheckResult(
            check="reachability",
            status="wrong",
            message=f"{registry} cannot be reached: {contact.fault}",
            fix="check the address, the network, and the proxies and certificates above",
        )
    elif (
        contact.status < codes.bad_request
        and registry.is_artifact_registry
        and not registry.emulated
    ):
        yield CheckResult(
            check="reachability",
            status="note",
            message=f"{registry} answers {contact.status} to anybody, without credentials",
            fix="if it is to be private, remove allUsers from its readers",
        )
    else:
        yield CheckResult(
            check="reachability",
            status="ok",
            message=f"{registry} answers {contact.status} without credentials",
        )


def check_clock(seen: Observations) -> Iterator[CheckResult]:
    """Compare the clocks: a token is only good for its hour, and a key signs the time."""
    skew = seen.contact.skew
    if skew is None:
        yield CheckResult(
            check="clock", status="note", message="the registry does not tell its time"
        )
        return
    side = "behind" if skew > 0 else "ahead of"
    message = f"this machine is {abs(skew):.0f} s {side} the registry"
    if abs(skew) > _NOTABLE_SKEW:
        yield CheckResult(
            check="clock",
            status="wrong" if abs(skew) > _MOST_SKEW else "note",
            message=message,
            fix="set the clock, such as by `timedatectl set-ntp true`",
        )
    else:
        yield CheckResult(check="clock", status="ok", message=message)


def check_login(seen: Observations) -> Iterator[CheckResult]:
    """Tell where the credentials come from, and whose they are; never what they are."""
    access = seen.access
    if access.source:
        who = f"as {access.account}" if access.account else "as an account that they do not name"
        yield CheckResult(check="credentials", status="ok", message=f"from {access.source}, {who}")
    elif access.failure:
        yield CheckResult(
            check="credentials",
            status="wrong",
            message=f"there are none: {access.failure}",
            fix="`gcloud auth application-default login`, or set TWINE_USERNAME and TWINE_PASSWORD",
        )
    else:
        needed = seen.contact.status in _UNAUTHORISED
        yield CheckResult(
            check="credentials",
            status="wrong" if needed else "ok",
            message=f"there are none{', and the registry asks for a login' if needed else ''}",
            fix="set TWINE_USERNAME and TWINE_PASSWORD" if needed else "",
        )


def check_read(seen: Observations) -> Iterator[CheckResult]:
    """Tell whether the index can be read with the credentials."""
    problem = seen.access.problem
    if seen.contact.status is None:
        return
    if problem:
        yield CheckResult(
            check="read access", status="wrong", message=problem.message, fix=problem.hint
        )
    else:
        yield CheckResult(
            check="read access", status="ok", message=f"{seen.registry.index_url} can be read"
        )


def check_write(seen: Observations) -> Iterator[CheckResult]:
    """Tell whether an upload would be allowed, as far as that can be told without one."""
    access, registry = seen.access, seen.registry
    if access.may_write is None:
        yield CheckResult(
            check="write access",
            status="note",
            message=f"it cannot be told without an upload: {access.unknown_reason}",
        )
    elif access.repository and access.repository.mode in {REMOTE, VIRTUAL}:
        yield CheckResult(
            check="write access",
            status="note",
            message=f"{access.repository}, which takes no uploads",
            fix="publish to a standard repository",
        )
    elif access.may_write:
        yield CheckResult(check="write access", status="ok", message="uploads are allowed")
    else:
        to = member(access.account) if access.account else "user:ACCOUNT"
        yield CheckResult(
            check="write access",
            status="note" if seen.read_only else "wrong",
            message=f"{access.account or 'the account'} may not upload: {access.unknown_reason}",
            fix=f"if it is to publish, grant it {WRITER}: {grant_command(registry, WRITER, to)}"
            " (for who only installs, there is --read-only)",
        )


def check_mode(seen: Observations) -> Iterator[CheckResult]:
    """Tell the mode of the repository, and where its priorities are the wrong way round."""
    repository = seen.access.repository
    if repository is None:
        if seen.registry.is_artifact_registry:
            yield CheckResult(
                check="repository mode",
                status="note",
                message="it is not known: neither Google Cloud nor gcloud told",
            )
        return
    wrong = misused(repository, alone=False, private=False)
    for message in wrong:
        yield CheckResult(
            check="repository mode",
            status="wrong",
            message=message,
            fix="gcloud artifacts repositories update --upstream-policy-file",
        )
    if not wrong:
        message = explain(repository) if repository.upstreams else str(repository)
        yield CheckResult(check="repository mode", status="ok", message=message)


CHECKS = (
    check_emulator,
    check_contact,
    check_clock,
    check_login,
    check_read,
    check_write,
    check_mode,
)
