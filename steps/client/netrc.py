"""The netrc file: one entry for the registry's host, everything else as it was."""

from __future__ import annotations

import netrc
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from steps.client.model import FileEdit
from steps.host.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from steps.client.model import Machine
    from steps.registry.address import Registry
    from steps.registry.credentials import Login

# What Python, curl and uv read alike; with quotes and escapes each has rules of its own.
_PLAIN = re.compile(r"[^\s\"\\#'][^\s\"\\]*")
_DEFAULT = re.compile(r"^[ \t]*default\b", re.MULTILINE)


def netrc_edit(registry: Registry, login: Login, machine: Machine) -> FileEdit:
    """Return the edit of the user's netrc file that lets clients in to *registry*.

    Raises InputError for a login that the file cannot hold.
    """
    if not all(_PLAIN.fullmatch(it) for it in (login.username, login.password)):
        raise InputError(  # which of the two has it stays untold: it is a secret
            f"A netrc file cannot hold this login, of {login.source}: it has a space, a quote, a"
            " backslash, or a # first",
            "leave out --netrc, and take --shell",
        )
    path = netrc_path(machine)
    host = urlsplit(registry.upload_url).hostname or ""
    return FileEdit(path=path, edit=lambda text: _edit(text, host, login, path), personal=True)


def netrc_path(machine: Machine) -> Path:
    """Return where the user's netrc file is, or would be."""
    name = "_netrc" if machine.platform == "win32" else ".netrc"
    return machine.path_in("NETRC") or machine.home / name


def _edit(text: str, host: str, login: Login, path: Path) -> str:
    if text:
        _require_netrc(path)
    entry = f"machine {host} login {login.username} password {login.password}"
    newline = "\r\n" if "\r\n" in text else "\n"
    found = [it for it in _entries(host).finditer(text) if not _is_comment(text, it.start())]
    for match in reversed(found):
        text = text[: match.start()] + entry + text[match.end() :]
    if found:
        return text
    if default := _DEFAULT.search(text):  # which ends the search for a host
        return f"{text[: default.start()]}{entry}{newline}{text[default.start() :]}"
    if text and not text.endswith("\n"):
        return f"{text}{newline}{entry}"
    return f"{text}{entry}{newline}"


def _entries(host: str) -> re.Pattern[str]:
    value = r'(?:"[^"]*"|\S+)'
    return re.compile(
        rf"(?<!\S)machine\s+{re.escape(host)}(?!\S)"
        rf"(?:\s+(?:login|user|account|password)\s+{value})*"
    )


def _is_comment(text: str, position: int) -> bool:
    return text[text.rfind("\n", 0, position) + 1 : position].lstrip().startswith("#")


def _require_netrc(path: Path) -> None:
    try:
        netrc.netrc(str(path))
    except netrc.NetrcParseError:
        raise InputError(  # the message may repeat what is there
            f"This file cannot be read: {str(path)!r}: it is no netrc file",
            "mend it, and run this again; nothing was written",
        ) from None
