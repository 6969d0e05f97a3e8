"""Settings files on the disk: read, compared, and replaced whole or not at all; and netrc.

A file that holds a secret is its owner's alone from its first byte.
"""

from __future__ import annotations

import difflib
import netrc
import os
import re
import stat
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from errno import EINVAL, ELOOP
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from steps.client.model import FileEdit
from steps.host.errors import InputError, Problem
from steps.host.files import NewFile, lock_file, write_together

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from steps.client.model import Machine
    from steps.registry.address import Registry
    from steps.registry.credentials import Login

_SECRET = re.compile(
    r"(://[^/\s:@]*:)[^/\s@]+(?=@)"
    r"|^([^\S\n]*[\"']?(?:[\w.-]*[-_.])?(?:password|token|secret)[\"']?\s*[=:]\s*)[^\s].*$"
    r"|(\bpassword\s+)\S+",
    re.IGNORECASE | re.MULTILINE,
)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# What Python, curl and uv read alike; with quotes and escapes each has rules of its own.
_PLAIN = re.compile(r"[^\s\"\\#'][^\s\"\\]*")
_DEFAULT = re.compile(r"^[ \t]*default\b", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What becomes of a file; *before* is None where there is none yet.

    *target* is the file behind the links of *path*; *mode* its new permissions, None for the usual.
    """

    path: Path
    target: Path
    before: str | None
    after: str
    mode: int | None
    tightened: bool
    personal: bool
    warnings: tuple[str, ...]

    @property
    def is_change(self) -> bool:
        """Whether there is anything to write."""
        return self.before != self.after or self.tightened


@contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    """Have other processes that change settings from *home* wait, from the plan to the writing.

    The lock is on the folder itself: it leaves no file, and ends with the process.
    """
    with ExitStack() as stack:
        with suppress(OSError):  # a home that is not there, or on a disk that knows no locks
            number = os.open(home, os.O_RDONLY)
            stack.callback(os.close, number)
            lock_file(number)
        yield


def plan_changes(edits: Iterable[FileEdit]) -> tuple[Change, ...]:
    """Return what each edit makes of its file; raise InputError with the problems of all."""
    changes: list[Change] = []
    problems: list[Problem] = []
    for edit in edits:
        try:
            changes.append(_plan(edit))
        except InputError as error:
            problems.extend(error.problems)
    InputError.raise_all(problems)
    return tuple(changes)


def difference(changes: Iterable[Change]) -> str:
    """Return a unified diff without any secret, old or new."""
    parts: list[str] = []
    for change in changes:
        old, new = change.before or "", change.after
        name = str(change.path)
        lines = difflib.unified_diff(
            old.splitlines(keepends=True),
            new.splitlines(keepends=True),
            "/dev/null" if change.before is None else name,
            name,
            n=0 if change.personal else 3,  # what is around may be a secret of any form
        )
        ended = (
            it if it.endswith("\n") else f"{it}\n\\ No newline at end of file\n" for it in lines
        )
        parts.extend(re.sub(r"^([ +-])(.*)", _masked_line, line) for line in ended)
    return "".join(parts)


def write_changes(changes: Iterable[Change]) -> None:
    """Write what differs; raise InputError where that fails, with every file as it was."""
    write_together(
        NewFile(path=it.target, content=it.after, mode=it.mode) for it in changes if it.is_change
    )


def _plan(edit: FileEdit) -> Change:
    try:
        target = edit.path.resolve()
        before, mode = _read(target)
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        raise InputError(
            f"This file cannot be read: {str(edit.path)!r} ({_why(error)})",
            "fix it; nothing was written",
        ) from error
    if before is None and edit.if_missing:
        name, folder = edit.path.name, str(edit.path.parent)
        raise InputError(f"There is no {name} in {folder!r} or above it", edit.if_missing)
    after = edit.edit(before or "")
    secret = edit.personal and _SECRET.search(after) is not None
    lax = secret and mode is not None and bool(mode & _OTHERS)
    kept = 0o600 if mode is None and secret else mode
    return Change(
        path=edit.path,
        target=target,
        before=before,
        after=after,
        mode=kept & ~_OTHERS if secret and kept is not None else kept,
        tightened=lax,
        personal=edit.personal,
        warnings=edit.look(after),
    )


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8"
    # Python 3.13 leaves it to the system to say so.
    if isinstance(error, RuntimeError) or (isinstance(error, OSError) and error.errno == ELOOP):
        return "its links lead to themselves"
    return getattr(error, "strerror", None) or str(error)


def _read(path: Path) -> tuple[str | None, int | None]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None, None
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise OSError(EINVAL, "it is a device or a pipe")  # a link to /dev/null, for one
    text = path.read_bytes().decode()
    if text.startswith("\ufeff"):
        raise OSError(EINVAL, "it begins with a byte order mark: save it as UTF-8 without one")
    return text, stat.S_IMODE(status.st_mode)


def _masked_line(match: re.Match[str]) -> str:
    return match[1] + _SECRET.sub(lambda it: f"{it[1] or it[2] or it[3]}[hidden]", match[2])


def netrc_edit(registry: Registry, login: Login, machine: Machine) -> FileEdit:
    """Return the edit of the user's netrc file that lets clients in to *registry*.

    Raises InputError for a login that the file cannot hold.
    """
    if not all(_PLAIN.fullmatch(it) for it in (login.username, login.password)):
        raise InputError(  # which of the two has it is not said: it is a secret
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
            f"This file cannot be read: {str(path)!r}: it is not a netrc file",
            "fix it, and run this again; nothing was written",
        ) from None
