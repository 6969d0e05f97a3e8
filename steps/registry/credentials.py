"""Credentials and certificates: where they come from, looked up once, never by a prompt.

First found wins: TWINE_USERNAME and TWINE_PASSWORD, the section of `.pypirc` that was named, the
keyring backend of Artifact Registry for https hosts below pkg.dev. Nothing is looked up for a
loopback address. A secret is never part of a representation or of a message. Certificates are
named as for twine, too: TWINE_CERT and TWINE_CLIENT_CERT, else `ca_cert` and `client_cert`.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import ssl
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import requests

from steps.host.children import Children
from steps.host.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from steps.registry.address import Registry

_logger = logging.getLogger("shipwheel")

# The user names that go with an access token, and with a service-account key, encoded or not.
TOKEN_USERNAME = "oauth2accesstoken"  # noqa: S105 - a user name, which Google gives to every token
KEY_USERNAME = "_json_key_base64"
RAW_KEY_USERNAME = "_json_key"
KEYRING_BACKEND = "keyrings.gauth.GooglePythonAuth"
PYPIRC = "~/.pypirc"
LOOK_UP_SECONDS = 30.0
# Tokens last 60 minutes. One that was refused soon after it was fetched is not refused for its age.
_RENEW_AFTER = 45 * 60.0
_YOUNG = 3 * 60.0
_HIDDEN = "[hidden]"
# Variables that name a file of settings, in which URLs may hold credentials.
SETTINGS_FILES = ("PIP_CONFIG_FILE", "UV_CONFIG_FILE")
# A proxy may be written without its scheme.
_URL_LOGIN = re.compile(r"(?:(?<=://)|(?<![^\s=])(?=[^/\s:=]+:))([^/\s]+)@")


@dataclass(frozen=True)
class Login:
    """A user name and its secret, and the *source* in words for a message."""

    username: str
    password: str = field(repr=False)
    source: str

    def hide(self, text: str) -> str:
        """Return *text* without the secret, plain or as a request carries it."""
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        alone = base64.b64encode(self.password.encode()).decode()
        for secret in (pair, alone, self.password):
            text = text.replace(secret, _HIDDEN) if secret else text
        return text


class LookUpFailed(Exception):  # noqa: N818 - no error until the registry asks for a login
    """The backend found no credentials; the message says why, in its own words."""


class Credentials:
    """Looks a login up when it is first needed, once for all threads of this process."""

    def __init__(
        self,
        look_up: Callable[[], Login | None],
        *,
        renewable: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up = look_up
        self._renewable = renewable
        self._clock = clock
        self._lock = threading.Lock()
        self._login: Login | None = None
        self._looked_up: float | None = None
        self.failure = ""
        """Why there is no login, where there should be one."""

    def login(self) -> Login | None:
        """Return the login, looking it up when there is none yet or when it grows old."""
        with self._lock:
            if self._looked_up is None or (self._renewable and self._age() > _RENEW_AFTER):
                self._refresh()
            return self._login

    def renew(self, rejected: Login) -> bool:
        """Return whether there is now another login than the one that was *rejected*."""
        with self._lock:
            if self._login == rejected and self._renewable and self._age() > _YOUNG:
                self._refresh()
            return self._login is not None and self._login != rejected

    def look_up_early(self) -> None:
        """Start the look-up beside other work, so that nothing waits for it later."""
        threading.Thread(target=self.login, name="credentials", daemon=True).start()

    def hide(self, text: str) -> str:
        """Return *text* without the secret."""
        return self._login.hide(text) if self._login else text

    def _age(self) -> float:
        return self._clock() - (self._looked_up or 0.0)

    def _refresh(self) -> None:
        try:
            self._login = self._look_up()
            self.failure = ""
        except LookUpFailed as error:
            # An old token may still be good, and a public repository asks for none: the registry's
            # answer decides, and the reason is given beside it.
            self.failure = str(error)
            _logger.debug("No credentials: %s", error)
        self._looked_up = self._clock()


def find_credentials(
    registry: Registry,
    environ: Mapping[str, str],
    *,
    pypirc: Login | None = None,
    seconds: float = LOOK_UP_SECONDS,
) -> Credentials:
    """Choose where the credentials for *registry* come from; look nothing up yet.

    *pypirc* is the login of the section that the user named; a look-up ends after *seconds*.
    """
    fixed = _from_environment(environ) or pypirc
    if fixed is not None:
        return Credentials(lambda: fixed)
    url = urlsplit(registry.upload_url)
    if url.scheme == "https" and (url.hostname or "").endswith(".pkg.dev"):
        return Credentials(
            lambda: _from_keyring(registry.upload_url, environ, seconds), renewable=True
        )
    return Credentials(lambda: None)


def read_pypirc(section: str) -> tuple[str, Login | None]:
    """Return the URL and the login, if it holds one, of a *section* of the user's `.pypirc`."""
    found = _section(section)
    url, username, password = map(found.get, ("repository", "username", "password"))
    if not url:
        raise InputError(
            f"There is no section {section!r} with a repository in {PYPIRC}",
            "`gcloud artifacts print-settings python` prints one; index-servers in [distutils]"
            " has to list it",
        )
    if not (username and password):
        return url, None
    return url, Login(username, password, f"[{section}] of {PYPIRC}")


def read_key(path: Path) -> Login:
    """Return the login that the service-account key in the file *path* is for a registry."""
    try:
        content = path.read_bytes()
        key = json.loads(content)
    except OSError as error:
        why = error.strerror
    except (ValueError, RecursionError):  # the message may repeat what is there
        why = "it is not valid JSON"
    else:
        if isinstance(key, dict) and {"client_email", "private_key"} <= key.keys():
            return Login(KEY_USERNAME, base64.b64encode(content).decode(), f"the key {str(path)!r}")
        why = "it has no client_email and private_key"
    raise InputError(
        f"This is not a service-account key: {str(path)!r} ({why})",
        "name the JSON file that `gcloud iam service-accounts keys create` wrote",
    )


def without_login(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* without the publisher's login, which other programs need not know."""
    return {name: value for name, value in environ.items() if not name.startswith("TWINE_")}


def url_logins(name: str, value: str) -> list[str]:
    """Return the secrets in the URLs of the variable *name*, or of the file that it names.

    Each is a password, or a user name without a password, quoted and unquoted.
    """
    if name in SETTINGS_FILES:
        with suppress(OSError, UnicodeDecodeError):
            value = Path(value).read_text(encoding="utf-8") if Path(value).is_file() else ""
    secrets = [login.partition(":")[2] or login for login in _URL_LOGIN.findall(value)]
    return [each for secret in secrets for each in dict.fromkeys((secret, unquote(secret)))]


def without_url_logins(text: str) -> str:
    """Return *text*, the value of a variable, without the credentials in its URLs."""
    return _URL_LOGIN.sub("", text)


def account(login: Login, environ: Mapping[str, str]) -> str:
    """Return the account of *login* where this machine knows it, else nothing."""
    if login.username == KEY_USERNAME:
        return _client_email(_decoded(login.password))
    if login.source != KEYRING_BACKEND:
        return ""
    key = environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if not key:
        return _account_of_the_machine(environ)
    try:
        return _client_email(Path(key).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""


def _account_of_the_machine(environ: Mapping[str, str]) -> str:
    """Return the service account that the metadata server gives tokens for, if there is one."""
    host = environ.get("GCE_METADATA_HOST", "metadata.google.internal")
    url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/email"
    with requests.Session() as session:
        session.trust_env = False  # the metadata server is never behind a proxy
        try:
            answer = session.get(url, headers={"Metadata-Flavor": "Google"}, timeout=2)
        except (requests.RequestException, ValueError):  # such as a host that cannot be one
            return ""
    return answer.text.strip() if answer.ok and "@" in answer.text else ""


def _from_environment(environ: Mapping[str, str]) -> Login | None:
    username, password = environ.get("TWINE_USERNAME", ""), environ.get("TWINE_PASSWORD", "")
    if password and not username:
        raise InputError(
            "TWINE_PASSWORD is set, and TWINE_USERNAME is not",
            f"set TWINE_USERNAME={TOKEN_USERNAME} for a token, {KEY_USERNAME} for a key,"
            " or unset both",
        )
    return Login(username, password, "TWINE_USERNAME and TWINE_PASSWORD") if password else None


def _from_keyring(url: str, environ: Mapping[str, str], seconds: float) -> Login:
    """Ask the keyring backend in a child, because a hanging gcloud below it must not hang us."""
    command = [sys.executable, "-I", "-m", "keyring", "--mode", "creds", "--output", "json"]
    _logger.debug("Looking up credentials for %s", url)
    try:
        with Children(timeout=seconds) as children:
            result = children.ask(
                [*command, "get", url],
                environ={**environ, "PYTHON_KEYRING_BACKEND": KEYRING_BACKEND},
            )
    except subprocess.TimeoutExpired:
        raise LookUpFailed(f"the look-up took longer than {seconds:g} s and was ended") from None
    try:
        found = json.loads(result.stdout)
        return Login(found["username"], found["password"], KEYRING_BACKEND)
    except (ValueError, KeyError, TypeError):
        raise LookUpFailed(_reasons(result.stderr)) from None


def _reasons(errors: str) -> str:
    """Return what the backend logged on its way, without its traceback."""
    marker = "WARNING:root:Failed to retrieve "
    reasons = [line.removeprefix(marker) for line in errors.splitlines() if line.startswith(marker)]
    return "; ".join(reasons) or "the keyring backend found none"


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode()
    except ValueError:
        return ""


def _client_email(text: str) -> str:
    try:
        return str(json.loads(text).get("client_email", ""))
    except (ValueError, AttributeError):
        return ""


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files: the *ca_bundle* to trust, and a *client* certificate with its key.

    Empty where none is named.
    """

    ca_bundle: str = ""
    client: str = ""


def find_certificates(environ: Mapping[str, str], section: str | None = None) -> Certificates:
    """Return the certificates that the environment, or else *section* of `.pypirc`, names.

    Raises InputError for files that cannot be used.
    """
    config = _section(section) if section else {}
    found = Certificates(
        ca_bundle=_path(environ.get("TWINE_CERT") or config.get("ca_cert")),
        client=_path(environ.get("TWINE_CLIENT_CERT") or config.get("client_cert")),
    )
    InputError.raise_all(_problems(found))
    return found


def uv_trust(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that have uv trust whom this machine trusts, as pip does.

    By itself uv trusts a list of its own, and no authority of a company's proxy. Empty where
    *environ* says which, or the machine has no list.
    """
    paths = ssl.get_default_verify_paths()
    known = paths.cafile or (paths.capath and os.listdir(paths.capath))  # noqa: PTH208 - as ssl has it
    if not known or "UV_NATIVE_TLS" in environ or "UV_SYSTEM_CERTS" in environ:
        return {}
    return {"UV_SYSTEM_CERTS": "1"}


def _section(name: str) -> Mapping[str, str | None]:
    from steps.distribution.twine_library import pypirc_section  # noqa: PLC0415 - few use a .pypirc

    return pypirc_section(PYPIRC, name)


def _path(given: str | None) -> str:
    return os.path.expanduser(given or "")  # noqa: PTH111 - it may be empty, and stays so


def _problems(certificates: Certificates) -> Iterator[Problem]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if path := certificates.ca_bundle:
        try:
            context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})  # noqa: PTH112 - beside ssl's own
        except OSError as error:
            yield Problem(
                f"The registry's CA bundle cannot be read from {path!r}: {_reason(error)}",
                "name a PEM file in TWINE_CERT, or as ca_cert in .pypirc",
            )
    if path := certificates.client:
        try:
            # A key with a password would be asked for on the terminal, at every connection.
            context.load_cert_chain(path, password=lambda: b"")
        except OSError as error:
            yield Problem(
                f"The client certificate cannot be read from {path!r}: {_reason(error)}",
                "name a PEM file that holds it and its key, which has no password, in"
                " TWINE_CLIENT_CERT, or as client_cert in .pypirc",
            )


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "it does not hold what it should"
    return error.strerror or str(error)
