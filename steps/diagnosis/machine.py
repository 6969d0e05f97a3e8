"""This machine: Python and the tools, proxies, CA bundles, and files that variables name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from steps.diagnosis import CheckResult, host_of
from steps.registry.address import shown
from steps.registry.credentials import KEYRING_BACKEND, TOKEN_USERNAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.diagnosis import Observations, Status, Tool

# Name, versions, status, what happens, what to do.
_KNOWN: tuple[tuple[str, str, Status, str, str], ...] = (
    (
        "keyring",
        "==23.9.0",
        "wrong",
        "it finds no credentials of Artifact Registry with this version",
        "upgrade keyring",
    ),
    (
        "keyring",
        "==25.4.0",
        "wrong",
        "with it clients fail with 'Anonymous credential has no username'",
        "upgrade keyring to 25.4.1 or newer",
    ),
    (
        "keyring",
        "<25.2.1",
        "note",
        "pip's keyring subprocess cannot ask it for a user name",
        f"upgrade keyring, or put {TOKEN_USERNAME}@ into the index URL",
    ),
    (
        "keyrings.google-artifactregistry-auth",
        "<1.1.1",
        "wrong",
        "it does not work with newer versions of keyring",
        "upgrade keyrings.google-artifactregistry-auth",
    ),
    (
        "google-auth",
        "==2.13.0",
        "wrong",
        "it finds no credentials in Cloud Build with this version",
        "upgrade google-auth",
    ),
    (
        "google-auth",
        "==2.41.1",
        "wrong",
        "the keyring backend finds no credentials with this version",
        "take another version of google-auth; 2.40.3 works",
    ),
    (
        "twine",
        "<6.1",
        "wrong",
        "it may refuse Metadata-Version 2.4, which current build backends write",
        "upgrade twine",
    ),
    (
        "pip",
        "<26.2",
        "note",
        "its keyring subprocess needs a user name in the index URL",
        f"upgrade pip, or write {TOKEN_USERNAME}@ before the host",
    ),
)


def check_tools(seen: Observations) -> Iterator[CheckResult]:
    """Tell every version, and what is known of it."""
    yield CheckResult("python", "ok", str(seen.python))
    for tool in seen.tools:
        if known := next(_known(tool), None):
            yield known
        else:
            message = str(tool.version) if tool.version else "it does not tell its version"
            yield CheckResult(_named(tool), "ok" if tool.version else "note", message)


def check_keyring_command(seen: Observations) -> Iterator[CheckResult]:
    """Tell whether clients that ask the `keyring` on PATH, such as uv, would get an answer."""
    fix = "uv tool install keyring --with keyrings.google-artifactregistry-auth"
    chosen = seen.environ.get("PYTHON_KEYRING_BACKEND", "")
    if chosen and chosen != KEYRING_BACKEND:
        yield CheckResult(
            "PYTHON_KEYRING_BACKEND",
            "wrong",
            f"it lets twine and pip ask {chosen!r} only, which has no token of Google's",
            f"unset it, or set it to {KEYRING_BACKEND}",
        )
    if seen.keyring_backends is None:
        yield CheckResult(
            "keyring on PATH",
            "note",
            "there is none: uv, and pip with --keyring-provider subprocess, ask it",
            fix,
        )
    elif KEYRING_BACKEND not in seen.keyring_backends:
        yield CheckResult("keyring on PATH", "wrong", "it lacks the Artifact Registry backend", fix)
    else:
        yield CheckResult("keyring on PATH", "ok", f"it has {KEYRING_BACKEND}")


def _known(tool: Tool) -> Iterator[CheckResult]:
    for name, versions, status, message, fix in _KNOWN:
        if tool.name == name and tool.version and SpecifierSet(versions).contains(tool.version):
            yield CheckResult(_named(tool), status, f"{tool.version}: {message}", fix)


def _named(tool: Tool) -> str:
    return f"{tool.name} ({tool.where})"


PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
# Those that requests reads (pip, twine, poetry, Shipwheel), that uv and PDM read, and twine's.
CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE", "TWINE_CERT")


def check_proxies(seen: Observations) -> Iterator[CheckResult]:
    """Tell which proxies are used, and where two spellings of one variable differ."""
    given = False
    for name in PROXIES:
        upper, lower = seen.environ.get(name, ""), seen.environ.get(name.lower(), "")
        given = given or bool(upper or lower)
        if upper and lower and upper != lower:
            yield CheckResult(
                name,
                "wrong",
                f"it is {shown(upper)!r}, and {name.lower()} is {shown(lower)!r}:"
                " which one counts differs between clients",
                "set both to the same, or only one",
            )
        elif (value := upper or lower) and not host_of(value if "://" in value else f"//{value}"):
            yield CheckResult(
                name,
                "wrong",
                f"it is not the address of a proxy: {shown(value)!r}",
                "write http://HOST:PORT",
            )
        elif value:
            yield CheckResult(name, "ok", shown(value))
    if not given:
        yield CheckResult("proxies", "ok", "none are set")


def check_ca_bundles(seen: Observations) -> Iterator[CheckResult]:
    """Tell which CA bundles are used, and where clients would trust different ones."""
    for name, problem in seen.ca_bundles.items():
        path = seen.environ[name]
        if problem:
            yield CheckResult(
                name,
                "wrong",
                f"{path!r} cannot be used: {problem}",
                f"name a file of certificates in PEM form, or unset {name}",
            )
        else:
            yield CheckResult(name, "ok", path)
    by_requests = seen.environ.get("REQUESTS_CA_BUNDLE") or seen.environ.get("CURL_CA_BUNDLE")
    by_others = seen.environ.get("SSL_CERT_FILE")
    if by_requests != by_others and (by_requests or by_others):
        yield CheckResult(
            "CA bundles",
            "note",
            "REQUESTS_CA_BUNDLE (pip, twine, Poetry, Shipwheel) and SSL_CERT_FILE (uv, PDM)"
            " are not the same, so clients trust different authorities",
            "set both to one bundle",
        )
    if not (by_requests or by_others):
        yield CheckResult("CA bundles", "ok", "each client has its own")


def check_named_files(seen: Observations) -> Iterator[CheckResult]:
    """Tell which variables name a file that is not there."""
    for name, path in seen.missing_files.items():
        yield CheckResult(
            name,
            "wrong",
            f"it names a file that is not there: {path!r}",
            f"write the file, or unset {name}",
        )


CHECKS = (
    check_tools,
    check_keyring_command,
    check_proxies,
    check_ca_bundles,
    check_named_files,
)
