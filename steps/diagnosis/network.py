"""Proxies, CA bundles and files that variables name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.diagnosis.model import Finding, host_of
from steps.registry.address import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.diagnosis.model import World

PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
# Those that requests reads (pip, twine, poetry, Shipwheel), that uv and PDM read, and twine's.
AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE", "TWINE_CERT")


def check_proxies(world: World) -> Iterator[Finding]:
    """Tell which proxies are used, and where two spellings of one variable differ."""
    told = False
    for name in PROXIES:
        upper, lower = world.environ.get(name, ""), world.environ.get(name.lower(), "")
        told = told or bool(upper or lower)
        if upper and lower and upper != lower:
            yield Finding(
                check=name,
                status="wrong",
                message=f"it is {shown(upper)!r}, and {name.lower()} is {shown(lower)!r}:"
                " which one counts differs between clients",
                fix="set both to the same, or only one",
            )
        elif (value := upper or lower) and not host_of(value if "://" in value else f"//{value}"):
            yield Finding(
                check=name,
                status="wrong",
                message=f"it is no address of a proxy: {shown(value)!r}",
                fix="write http://HOST:PORT",
            )
        elif value:
            yield Finding(check=name, status="ok", message=shown(value))
    if not told:
        yield Finding(check="proxies", status="ok", message="none are set")


def check_authorities(world: World) -> Iterator[Finding]:
    """Tell which CA bundles are used, and where clients would trust different ones."""
    for name, problem in world.authorities.items():
        path = world.environ[name]
        if problem:
            yield Finding(
                check=name,
                status="wrong",
                message=f"{path!r} cannot be used: {problem}",
                fix=f"name a file of certificates in PEM form, or unset {name}",
            )
        else:
            yield Finding(check=name, status="ok", message=path)
    by_requests = world.environ.get("REQUESTS_CA_BUNDLE") or world.environ.get("CURL_CA_BUNDLE")
    by_others = world.environ.get("SSL_CERT_FILE")
    if by_requests != by_others and (by_requests or by_others):
        yield Finding(
            check="CA bundles",
            status="note",
            message="REQUESTS_CA_BUNDLE (pip, twine, Poetry, Shipwheel) and SSL_CERT_FILE (uv, PDM)"
            " are not the same, so clients trust different authorities",
            fix="set both to one bundle",
        )
    if not (by_requests or by_others):
        yield Finding(check="CA bundles", status="ok", message="each client has its own")


def check_named_files(world: World) -> Iterator[Finding]:
    """Tell which variables name a file that is not there."""
    for name, path in world.missing_files.items():
        yield Finding(
            check=name,
            status="wrong",
            message=f"it names a file that is not there: {path!r}",
            fix=f"write the file, or unset {name}",
        )
