"""Python and the tools: what is known to fail with Artifact Registry in some of their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from steps.diagnosis.model import Finding
from steps.registry.credentials import KEYRING_BACKEND, TOKEN_USERNAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.diagnosis.model import Status, Tool, World

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


def check_tools(world: World) -> Iterator[Finding]:
    """Tell every version, and what is known of it."""
    yield Finding(check="python", status="ok", message=str(world.python))
    for tool in world.tools:
        if known := next(_known(tool), None):
            yield known
        else:
            message = str(tool.version) if tool.version else "it does not tell its version"
            yield Finding(
                check=_named(tool), status="ok" if tool.version else "note", message=message
            )


def check_keyring_command(world: World) -> Iterator[Finding]:
    """Tell whether clients that ask the `keyring` on PATH, such as uv, would get an answer."""
    fix = "uv tool install keyring --with keyrings.google-artifactregistry-auth"
    chosen = world.environ.get("PYTHON_KEYRING_BACKEND", "")
    if chosen and chosen != KEYRING_BACKEND:
        yield Finding(
            check="PYTHON_KEYRING_BACKEND",
            status="wrong",
            message=f"it lets twine and pip ask {chosen!r} only, which has no token of Google's",
            fix=f"unset it, or set it to {KEYRING_BACKEND}",
        )
    if world.keyring_backends is None:
        yield Finding(
            check="keyring on PATH",
            status="note",
            message="there is none: uv, and pip with --keyring-provider subprocess, ask it",
            fix=fix,
        )
    elif KEYRING_BACKEND not in world.keyring_backends:
        yield Finding(
            check="keyring on PATH",
            status="wrong",
            message="it has not the backend of Artifact Registry",
            fix=fix,
        )
    else:
        yield Finding(check="keyring on PATH", status="ok", message=f"it has {KEYRING_BACKEND}")


def _known(tool: Tool) -> Iterator[Finding]:
    for name, versions, status, message, fix in _KNOWN:
        if tool.name == name and tool.version and SpecifierSet(versions).contains(tool.version):
            yield Finding(
                check=_named(tool), status=status, message=f"{tool.version}: {message}", fix=fix
            )


def _named(tool: Tool) -> str:
    return f"{tool.name} ({tool.where})"
