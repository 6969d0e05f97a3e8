"""The registry: whether it can be reached, as whom, and what may be done there.

Nothing is uploaded to find out. The credentials go to the registry's own origin and to the API of
Artifact Registry, nowhere else.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from requests import codes

from steps.diagnosis import Access, CheckResult, Contact
from steps.host.errors import (
    AccessError,
    ApiUnavailable,
    InputError,
    NoRepository,
    Problem,
    ShipwheelError,
    readable_time,
)
from steps.registry.adapter import AnonymousSession
from steps.registry.address import EMULATOR_VARIABLE, unresolved_problem
from steps.registry.artifact_registry import (
    REMOTE,
    VIRTUAL,
    WRITER,
    explain,
    grant_command,
    member,
    misused,
)
from steps.registry.credentials import account
from steps.registry.index import Index
from steps.registry.page import parse_page
from steps.registry.repository_api import UPLOAD, RepositoryApi

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steps.diagnosis import Observations
    from steps.registry.address import Registry
    from steps.registry.artifact_registry import Repository
    from steps.registry.credentials import Certificates
    from steps.registry.transport import Transport

_PROJECT = "pip"
_SECONDS = (5.0, 10.0)
# Google refuses what a service-account key signed by a clock that is further off.
_MOST_SKEW = 300.0
_NOTABLE_SKEW = 30.0
_UNAUTHORISED = (codes.unauthorized, codes.forbidden)


def reach(registry: Registry, certificates: Certificates) -> Contact:
    """Ask for a page without credentials: whatever is answered, the registry was reached."""
    try:
        with AnonymousSession(_SECONDS[1]) as session:
            answer = session.get(
                _page(registry),
                timeout=_SECONDS,
                allow_redirects=False,
                stream=True,
                verify=certificates.ca_bundle or None,
                cert=certificates.client or None,
            )
            answer.close()
    except (requests.RequestException, OSError, ValueError) as error:
        return Contact(fault=_fault(error, urlsplit(registry.upload_url).hostname or ""))
    skew = None
    with suppress(ValueError, TypeError):
        skew = parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()
    return Contact(status=answer.status_code, skew=skew)


def find_access(transport: Transport, environ: Mapping[str, str], contact: Contact) -> Access:
    """Return what the credentials allow, and what the repository is.

    Where there was no *contact* the registry itself is not asked again.
    """
    credentials = transport.credentials
    login = credentials.login()
    access = Access(
        source=login.source if login else "",
        account=account(login, environ) if login else "",
        failure=credentials.failure,
    )
    if contact.status is None:
        return replace(access, unknown_reason="the registry cannot be reached")
    access = replace(access, problem=_read_problem(transport))
    if not transport.registry.is_artifact_registry:
        return replace(access, unknown_reason="only Artifact Registry tells")
    return _ask_api(access, RepositoryApi(transport.registry, transport))


def _read_problem(transport: Transport) -> Problem | None:
    """Return why no page can be read; of Artifact Registry a missing project is one that was."""
    registry = transport.registry
    try:
        if not registry.is_artifact_registry:
            Index(registry, transport).names()
            return None
        answer = transport.get_page(_page(registry))
        if answer.ok:
            kind = answer.headers.get("Content-Type", "")
            parse_page(answer.content, name=_PROJECT, url=_page(registry), content_type=kind)
    except ShipwheelError as error:
        return error.problems[0]
    if answer.ok or answer.status_code == codes.not_found:
        return None
    message = f"{_page(registry)} answers {transport.describe(answer)}"
    return Problem(message, "check the address, and any proxy before it")


def _page(registry: Registry) -> str:
    """Return the page that is asked for: Artifact Registry has none that lists its projects."""
    return (
        f"{registry.index_url}{_PROJECT}/" if registry.is_artifact_registry else registry.index_url
    )


def _ask_api(access: Access, api: RepositoryApi) -> Access:
    """Return *access* with what the API tells of the repository and of the permission to upload."""
    try:
        access = replace(access, repository=replace(api.repository(), upstreams=api.upstreams()))
    except (ApiUnavailable, InputError) as error:  # the latter for an endpoint without https
        return replace(access, unknown_reason=error.problems[0].message)
    except NoRepository as error:
        reason = "the repository does not exist"
        return replace(access, repository_problem=error.problems[0], unknown_reason=reason)
    except AccessError as error:
        access = replace(access, repository_problem=error.problems[0])
    try:
        return replace(access, may_write=api.may_upload())
    except ShipwheelError as error:
        return replace(access, unknown_reason=error.problems[0].message)


def _fault(error: Exception, host: str) -> str:
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
        if isinstance(cause, socket.gaierror):
            return unresolved_problem(host).message
        if isinstance(cause, OSError) and cause.strerror:
            words = cause.strerror
        cause = cause.__cause__ or cause.__context__
    return words


def check_emulator(seen: Observations) -> Iterator[CheckResult]:
    """Tell whether an emulator is used instead of the registry."""
    if seen.place.emulated:
        yield CheckResult(
            "registry",
            "note",
            f"{EMULATOR_VARIABLE} sends every address of Artifact Registry to {seen.place}",
            f"unset {EMULATOR_VARIABLE} to reach the service itself",
        )


def check_no_registry(_seen: Observations) -> Iterator[CheckResult]:
    """Tell that no registry was asked."""
    yield CheckResult(
        "registry",
        "note",
        "none was named, and so none was asked",
        "name it as --registry REGION/PROJECT/REPO, or in SHIPWHEEL_REGISTRY",
    )


def check_contact(seen: Observations) -> Iterator[CheckResult]:
    """Tell whether the registry answers, and whether it does without credentials."""
    contact, registry = seen.contact, seen.place
    if contact.status is None:
        yield CheckResult(
            "reachability",
            "wrong",
            f"{registry} cannot be reached: {contact.fault}",
            "check the address, the network, and the proxies and certificates above",
        )
    elif (
        contact.status < codes.bad_request
        and registry.is_artifact_registry
        and not registry.emulated
    ):
        yield CheckResult(
            "reachability",
            "note",
            f"{registry} answers {contact.status} without credentials",
            "if it is to be private, remove allUsers from its readers",
        )
    else:
        yield CheckResult(
            "reachability", "ok", f"{registry} answers {contact.status} without credentials"
        )


def check_clock(seen: Observations) -> Iterator[CheckResult]:
    """Compare the clocks: a token is only good for its hour, and a key signs the time."""
    skew = seen.contact.skew
    if skew is None:
        yield CheckResult("clock", "note", "the registry does not tell its time")
        return
    side = "behind" if skew > 0 else "ahead of"
    message = f"this machine is {readable_time(abs(skew))} {side} the registry"
    if abs(skew) > _NOTABLE_SKEW:
        yield CheckResult(
            "clock",
            "wrong" if abs(skew) > _MOST_SKEW else "note",
            message,
            "set the clock, such as by `timedatectl set-ntp true`",
        )
    else:
        yield CheckResult("clock", "ok", message)


def check_login(seen: Observations) -> Iterator[CheckResult]:
    """Tell where the credentials come from, and whose they are; never what they are."""
    access = seen.access
    if access.source:
        who = f"as {access.account}" if access.account else "as an account that they do not name"
        yield CheckResult("credentials", "ok", f"from {access.source}, {who}")
    elif access.failure:
        yield CheckResult(
            "credentials",
            "wrong",
            f"there are none: {access.failure}",
            "`gcloud auth application-default login`, or set TWINE_USERNAME and TWINE_PASSWORD",
        )
    else:
        needed = seen.contact.status in _UNAUTHORISED
        yield CheckResult(
            "credentials",
            "wrong" if needed else "ok",
            f"there are none{', and the registry asks for a login' if needed else ''}",
            "set TWINE_USERNAME and TWINE_PASSWORD" if needed else "",
        )


def check_read(seen: Observations) -> Iterator[CheckResult]:
    """Tell whether packages can be read with the credentials."""
    access, registry = seen.access, seen.place
    if seen.contact.status is None or (access.repository_problem and not access.problem):
        return
    if access.problem:
        yield CheckResult("read access", "wrong", access.problem.message, access.problem.hint)
    else:
        yield CheckResult("read access", "ok", f"{registry.index_url} can be read")


def check_write(seen: Observations) -> Iterator[CheckResult]:
    """Tell whether an upload would be allowed, as far as can be known without one."""
    access = seen.access
    if access.repository and access.repository.mode in {REMOTE, VIRTUAL}:
        if seen.read_only:
            return
        yield CheckResult(
            "write access",
            "note",
            f"{access.repository}, which takes no uploads",
            "publish to a standard repository",
        )
    elif access.may_write is None:
        yield CheckResult(
            "write access", "note", f"cannot be checked without an upload: {access.unknown_reason}"
        )
    elif access.may_write:
        yield CheckResult("write access", "ok", "uploads are allowed")
    else:
        to = member(access.account) if access.account else "user:ACCOUNT"
        yield CheckResult(
            "write access",
            "note" if seen.read_only else "wrong",
            f"{access.account or 'the account'} may not upload: it lacks {UPLOAD}",
            f"if it is to publish, grant it {WRITER}: {grant_command(seen.place, WRITER, to)}"
            " (for who only installs, there is --read-only)",
        )


def check_repository(seen: Observations) -> Iterator[CheckResult]:
    """Tell what the repository is, and where its priorities are the wrong way round."""
    repository, problem = seen.access.repository, seen.access.repository_problem
    if problem:
        yield CheckResult("repository", "wrong", problem.message, problem.hint)
    elif repository is None and seen.place.is_artifact_registry:
        yield CheckResult(
            "repository",
            "note",
            f"could not check that it exists, nor its mode: {seen.access.unknown_reason}",
        )
    elif repository and not repository.is_python:
        yield CheckResult(
            "repository",
            "wrong",
            f"{repository.name!r} holds {repository.format} packages, not Python packages",
            "name a repository of format python",
        )
    elif repository:
        yield from _check_mode(seen.place, repository)


def _check_mode(registry: Registry, repository: Repository) -> Iterator[CheckResult]:
    wrong = misused(repository, alone=False, private=False)
    for message in wrong:
        yield CheckResult(
            "repository mode",
            "wrong",
            message,
            f"gcloud artifacts repositories update {repository.name} --project={registry.project}"
            f" --location={registry.location} --upstream-policy-file=FILE",
        )
    if not wrong:
        message = explain(repository) if repository.upstreams else str(repository)
        yield CheckResult("repository mode", "ok", message)


CHECKS = (
    check_emulator,
    check_contact,
    check_clock,
    check_login,
    check_read,
    check_write,
    check_repository,
)
