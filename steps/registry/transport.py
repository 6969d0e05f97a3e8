"""Requests to the registry: one session, its credentials kept to its own origin, faults classified.

A credential goes to the registry's own origin and nowhere else: not over plain http except on
loopback, not to the host of a redirect, and none ever comes from a netrc file.
"""

from __future__ import annotations

import errno
import html
import http.client
import os
import re
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import requests
import urllib3
from requests import codes
from requests.auth import HTTPBasicAuth

from steps.host.errors import AccessError, RegistryError, quoted, visible
from steps.registry.adapter import AnonymousSession
from steps.registry.address import is_loopback, origin, same_site, shown, unresolved_problem
from steps.registry.artifact_registry import (
    READER,
    REPOSITORY_ADMIN,
    WRITER,
    GoogleError,
    grant_command,
    member,
)
from steps.registry.credentials import TOKEN_USERNAME, Certificates, account
from steps.registry.retry import ConnectionBroke, HostUnresolved, Transient, retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from steps.registry.address import Registry
    from steps.registry.credentials import Credentials

WORKERS = 16
NO_CERTIFICATES = Certificates()
_CONNECT_SECONDS = 10.0
_BODY_CHARACTERS = 500
# What is read of a body for a message.
_SAID_BYTES = 4096
# How http.client begins what it says of an answer to CONNECT.
_TUNNEL_FAILED = "Tunnel connection failed: "
# How long a resolver that says that it is busy is asked again.
_RESOLVE_SECONDS = 3.0
# What will not pass by itself, though a 5xx: no room, or no such method.
_LASTING = {codes.not_implemented, codes.insufficient_storage}
_SIMPLE_API = (
    "application/vnd.pypi.simple.v1+json,"
    " application/vnd.pypi.simple.v1+html;q=0.9, text/html;q=0.8"
)
_PASSING = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
_OR_TOKEN = f", or give a token to the user name {TOKEN_USERNAME}: gcloud auth print-access-token"
_DOES = {READER: "read", WRITER: "write to", REPOSITORY_ADMIN: "delete from"}


class Transport:
    """Sends requests to *registry*; threads may share it.

    *retry_for* is the number of seconds for which a request is repeated after its first fault,
    *timeout* the number of seconds for which the registry may keep silent, and in which a request
    has to be answered whole; a large one has more (see steps.registry.adapter).
    """

    def __init__(
        self,
        registry: Registry,
        credentials: Credentials,
        certificates: Certificates = NO_CERTIFICATES,
        *,
        retry_for: float = 60.0,
        timeout: float = 60.0,
    ) -> None:
        self.registry = registry
        self.credentials = credentials
        self.certificates = certificates
        self.retry_for = retry_for
        self.timeout = timeout
        self.uploads = False
        """Whether the account is to upload: a role that is missing is then the writer's."""
        self._unresolved_since: dict[str, float] = {}
        self.session: requests.Session = OriginSession(
            registry.upload_url, self._sign, certificates, timeout
        )

    def get(self, url: str, **options: Any) -> requests.Response:
        """Return the answer to GET *url*, once it is one to judge by: 2xx, 404, another 4xx.

        *options* are those of `requests`: redirects are followed, and the body of a streamed answer
        is the caller's to read. Raises AccessError for 401 and 403, RegistryError for other faults.
        """

        def once() -> requests.Response:
            return self.send("GET", url, **options)

        return retry(once, what=f"GET {shown(url)}", retry_for=self.retry_for)

    def get_page(self, url: str) -> requests.Response:
        """Return the answer for a page of the Simple API.

        Redirects are followed on the registry's own site; one that leads elsewhere is the answer.
        """
        headers = {"Accept": _SIMPLE_API}
        for _ in range(self.session.max_redirects):
            response = self.get(url, headers=headers, allow_redirects=False)
            target = response.next.url if response.next else None
            if not target or not same_site(response.url, target):
                return response
            url = target
        raise RegistryError(
            f"{shown(url)!r} is redirected without end", "check the registry's URL, and any proxy"
        )

    def send(self, method: str, url: str, **options: Any) -> requests.Response:
        """Send one request, as `requests` takes it, and return its `answer`."""
        return self.answer(method, lambda: self.session.request(method, url, **options))

    def answer(self, method: str, attempt: Callable[[], requests.Response]) -> requests.Response:
        """Return what *attempt*, one request, is answered; repeat it when a token has grown old.

        Raises Transient for a fault that may pass, AccessError, or RegistryError.
        """
        response = self.exchange(attempt)
        if response.status_code in {codes.unauthorized, codes.forbidden}:
            raise self.access_error(method, response)
        return response

    def exchange(self, attempt: Callable[[], requests.Response]) -> requests.Response:
        """Return what `answer` does, and 401 and 403, too."""
        login = self.credentials.login()
        response = self._attempt(attempt)
        if response.status_code == codes.unauthorized and login and self.credentials.renew(login):
            response.close()
            response = self._attempt(attempt)
        if _may_pass(response.status_code):
            asked = response.headers.get("Retry-After")
            words = f", Retry-After: {quoted(asked)}" if asked else ""
            raise Transient(f"{self.describe(response)}{words}", _retry_after(response))
        return response

    def _attempt(self, attempt: Callable[[], requests.Response]) -> requests.Response:
        """Make one attempt; tell the faults that may pass from those that will not."""
        try:
            response = _attempt(attempt)
        except HostUnresolved as fault:
            since = self._unresolved_since.setdefault(str(fault), time.monotonic())
            if time.monotonic() - since > min(_RESOLVE_SECONDS, self.retry_for):
                raise RegistryError(unresolved_problem(str(fault))) from None
            raise
        self._unresolved_since.clear()
        return response

    def describe(self, response: requests.Response) -> str:
        """Return the status of an answer and what it says, short and without a secret."""
        reason = visible(response.reason or "")
        status = f"{response.status_code} {reason}".rstrip()
        try:
            body = self.credentials.hide(" ".join(_said(response).split()))
        except requests.RequestException:
            body = ""
        return f"{status}, {quoted(body, _BODY_CHARACTERS)}" if body else status

    def access_error(self, method: str, response: requests.Response) -> AccessError:
        """Return what 401 or 403 means for the account, with the role that it lacks."""
        does = {"POST": WRITER, "DELETE": REPOSITORY_ADMIN}.get(method, READER)
        role = WRITER if self.uploads else does
        answer = f"{method} {shown(response.url)} was answered {self.describe(response)}"
        if response.status_code == codes.forbidden:
            return self.denied(role, answer, does)
        login = self.credentials.login()
        if login is None:
            why = f" ({self.credentials.failure})" if self.credentials.failure else ""
            return AccessError(
                f"The registry asks for credentials and there are none{why}: {answer}",
                "set TWINE_USERNAME and TWINE_PASSWORD, or run `gcloud auth application-default"
                f" login` as an account with {role} on {self._place()}",
            )
        other = "" if login.username == TOKEN_USERNAME else _OR_TOKEN
        return AccessError(
            f"The registry does not accept the credentials from {login.source}: {answer}",
            f"renew them, for an account with {role} on {self._place()}"
            f"{other if self.registry.is_artifact_registry else ''}",
        )

    def denied(self, role: str, why: str, does: str = "") -> AccessError:
        """Return the error of an account that lacks *role*, with the command that grants it.

        *does* is the role that what was refused takes, where that is a lesser one.
        """
        login = self.credentials.login()
        who = account(login, os.environ) if login else ""
        return AccessError(
            f"{who or 'The account in use'} may not {_DOES[does or role]} {self._place()}: {why}",
            f"grant it {role}{self._grant(role, who)}",
        )

    def _sign(self, request: requests.PreparedRequest) -> None:
        if login := self.credentials.login():
            HTTPBasicAuth(login.username.encode(), login.password.encode())(request)

    def _place(self) -> str:
        registry = self.registry
        return registry.resource if registry.is_artifact_registry else registry.upload_url

    def _grant(self, role: str, who: str) -> str:
        if not self.registry.is_artifact_registry:
            return ""
        to = member(who) if who else "serviceAccount:ACCOUNT"
        return f": {grant_command(self.registry, role, to)}"


class OriginSession(AnonymousSession):
    """A session whose every request, the redirected ones too, passes one gate.

    *sign* adds the credentials to a request to the origin of *url*; no other one gets any.
    """

    def __init__(
        self,
        url: str,
        sign: Callable[[requests.PreparedRequest], None],
        certificates: Certificates,
        timeout: float,
    ) -> None:
        super().__init__(timeout, WORKERS)
        self._origin = origin(url)
        self._sign = sign
        self._certificates = certificates
        self._timeout = (_CONNECT_SECONDS, timeout)

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Leave it to `send`: requests would look into netrc for the redirect's host."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send *request* with the login where it may go, within the timeouts."""
        url = urlsplit(request.url or "")
        if url.scheme != "https" and not is_loopback(url.hostname or ""):
            raise RegistryError(
                f"The registry points to what is not https: {shown(request.url or '')!r}",
                "it was not followed: anyone on the network path could read and change the answer",
            )
        request.headers.pop("Authorization", None)
        is_registry = origin(request.url or "") == self._origin
        if is_registry:
            self._sign(request)
        kwargs["timeout"] = kwargs.get("timeout") or self._timeout
        kwargs["verify"] = self._certificates.ca_bundle or kwargs.get("verify", True)
        kwargs["cert"] = (is_registry and self._certificates.client) or None
        if url.scheme != "https":
            kwargs["proxies"] = {}  # a proxy would read the credentials
        return super().send(request, **kwargs)


def _said(response: requests.Response) -> str:
    """Return what the body says to a person: the message of Google's APIs, the title of a page."""
    if error := GoogleError.of(response):
        return error.message
    text = response.content[:_SAID_BYTES].decode(errors="replace")
    if re.match(r"\s*<(?:!doctype\s+html|html)\b", text, re.IGNORECASE):
        title = re.search(r"<title[^>]*>(.*?)</title", text, re.IGNORECASE | re.DOTALL)
        return html.unescape(title[1]) if title else "a page of HTML without a title"
    return text


def _may_pass(status: int) -> bool:
    if status in {codes.request_timeout, codes.too_many_requests}:
        return True
    return status >= codes.server_error and status not in _LASTING


def _attempt(attempt: Callable[[], requests.Response]) -> requests.Response:
    """Make one attempt, and tell the faults that may pass from those that will not."""
    try:
        return attempt()
    except requests.exceptions.SSLError as error:
        if "certificate verify failed" not in str(error):
            raise ConnectionBroke(_fault(error)) from None
        raise RegistryError(
            f"The registry's certificate cannot be trusted: {_fault(error)}",
            "name the bundle that holds its authority in REQUESTS_CA_BUNDLE, or TWINE_CERT",
        ) from None
    except _PASSING as error:
        if fault := next((it for it in _causes(error) if isinstance(it, socket.gaierror)), None):
            raise _unresolved(error, fault) from None
        for cause in _causes(error):  # to try again would not help
            if isinstance(cause, OSError) and cause.errno in {errno.EMFILE, errno.ENFILE}:
                raise cause from None
        raise ConnectionBroke(_fault(error)) from None
    except (OSError, ValueError) as error:  # such as a redirect to no address, or a missing bundle
        if isinstance(error, OSError) and error.errno:
            raise
        raise RegistryError(
            f"The request cannot be made: {_without_secrets(str(error))}",
            "check the registry's address, any proxy, and REQUESTS_CA_BUNDLE",
        ) from None


def _without_secrets(text: str) -> str:
    """Return *text* without addresses of proxies and queries: they may hold a password."""
    for proxy in getproxies().values():
        text = text.replace(proxy.rpartition("://")[2].rstrip("/") or proxy, "[hidden]")
    return re.sub(r"(?<=//)[^\s/]*@|[?#][^\s'\"]+", "…", text)


def _fault(error: requests.RequestException) -> str:
    """Return the fault in words; the library's own go round it, and repeat the address."""
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {_CONNECT_SECONDS:g} s"
    if isinstance(error, requests.Timeout):
        return "no answer came in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the answer broke off"
    words = "the connection failed"
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            words = cause.strerror
        elif isinstance(cause, http.client.RemoteDisconnected):
            words = "the connection was closed without an answer"
        elif isinstance(cause, OSError) and str(cause).startswith(_TUNNEL_FAILED):
            words = f"the proxy answered {visible(str(cause).removeprefix(_TUNNEL_FAILED))}"
    return words


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield *error*, and what it was raised for."""
    while error is not None:
        yield error
        # urllib3 has its SSLError hold what it is of, and raises it from nothing.
        held = next((it for it in error.args if isinstance(it, OSError)), None)
        error = error.__cause__ or error.__context__ or held


def _unresolved(error: requests.RequestException, fault: socket.gaierror) -> Exception:
    """Return what it means that a host does not resolve: that of the request, or of the proxy."""
    if isinstance(error, requests.exceptions.ProxyError):
        return RegistryError(
            f"The proxy's host does not resolve: {fault.strerror}",
            "check HTTPS_PROXY, and this machine's network and DNS",
        )
    host = urlsplit(error.request.url or "").hostname or "" if error.request else ""
    if fault.errno == socket.EAI_AGAIN:
        return HostUnresolved(host)
    return RegistryError(unresolved_problem(host))


def _retry_after(response: requests.Response) -> float:
    """Return the seconds that the answer asks to wait, whether it says so in seconds or a date."""
    try:
        return urllib3.Retry().parse_retry_after(response.headers["Retry-After"])
    except (KeyError, urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return 0.0
