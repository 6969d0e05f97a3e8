"""Certificates of a registry that neither the machine nor Python knows: whom to trust, who we are.

They are named as for twine: TWINE_CERT and TWINE_CLIENT_CERT, else `ca_cert` and `client_cert` of
the section of `.pypirc` that was named.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.host.errors import InputError, Problem
from steps.registry.credentials import PYPIRC

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files: the *authorities* to trust, and our *client* certificate with its key.

    Empty where none is named.
    """

    authorities: str = ""
    client: str = ""


def find_certificates(environ: Mapping[str, str], section: str | None = None) -> Certificates:
    """Return the certificates that the environment, or else *section* of `.pypirc`, names.

    Raises InputError for files that cannot be used.
    """
    config = _section(section) if section else {}
    found = Certificates(
        authorities=_path(environ.get("TWINE_CERT") or config.get("ca_cert")),
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
    from twine.utils import get_repository_from_config  # noqa: PLC0415 - only who uses .pypirc pays

    return get_repository_from_config(PYPIRC, name)


def _path(given: str | None) -> str:
    return os.path.expanduser(given or "")  # noqa: PTH111 - it may be empty, and stays so


def _problems(certificates: Certificates) -> Iterator[Problem]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if path := certificates.authorities:
        try:
            context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})  # noqa: PTH112 - beside ssl's own
        except OSError as error:
            yield Problem(
                f"The registry's authorities cannot be read from {path!r}: {_reason(error)}",
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
