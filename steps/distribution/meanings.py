"""What single files of a distribution say, in the form in which they are compared."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from contextlib import suppress
from email import message_from_bytes

_ENTRY_POINT_LINE = re.compile(
    r"(?P<group>\[[^\[\]]+\])|(?P<name>[^\s=\[#;][^=]*?)\s*=\s*(?P<value>\S.*?)|(?:#.*)?"
)
# What says which files need no release is no reason for one; the blank line goes with it.
_OWN_TABLE = re.compile(rb"(?m)(?:^\r?\n)?^\[tool\.shipwheel\].*\n?(?:^[^\[\r\n].*\n?)*")
# What compilers and linkers write: ELF, Mach-O, WebAssembly, LLVM's bitcode, static libraries.
_COMPILED = (
    b"\x7fELF",
    *(b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"),
    *(b"\0asm", b"BC\xc0\xde", b"!<arch>\n", b"!<thin>\n"),
)
# Mach-O for several processors; Java's classes begin alike, with a version where this has a number.
_FAT = (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf")
_MOST_PROCESSORS = 42


def wheel_says(text: bytes) -> str:
    """Return what an installer goes by in a WHEEL file; tags are those of the file name."""
    said = message_from_bytes(text)
    purelib = [str(it).strip().lower() for it in said.get_all("Root-Is-Purelib", [])]
    major = [str(it).strip().partition(".")[0] for it in said.get_all("Wheel-Version", [])]
    return json.dumps([purelib, major])


def table_in_one_form(text: bytes) -> str | None:
    """Return the table of a pyproject.toml, however it is written; None for no valid TOML."""
    with suppress(ValueError):
        table = tomllib.loads(_OWN_TABLE.sub(b"", text).decode())
        return json.dumps(table, sort_keys=True, default=repr)
    return None


def entry_points(text: bytes) -> str | None:
    """Return the entry points in one form, empty when there are none.

    None for what readers of such files do not agree about: then the bytes count.
    """
    group = ""
    found: set[tuple[str, str, str]] = set()
    for line in text.replace(b"\r\n", b"\n").split(b"\n"):
        # A character that is not UTF-8 is in no line that readers agree about.
        match = _ENTRY_POINT_LINE.fullmatch(line.decode("utf-8", "replace").rstrip(" \t"))
        if match is None or "\ufffd" in match[0] or match["group"] == "[DEFAULT]":
            return None
        group = match["group"] or group
        if match["name"]:
            if not group or any((group, match["name"]) == it[:2] for it in found):
                return None
            found.add((group, match["name"], match["value"]))
    return json.dumps(sorted(found)) if found else ""


def without_own_table(text: bytes) -> str:
    """Return the hash of a pyproject.toml without `[tool.shipwheel]`."""
    return hashlib.sha256(_OWN_TABLE.sub(b"", text)).hexdigest()


def compiled_form(head: bytes) -> bytes | None:
    """Return by what a file with these first bytes is known as a compiler's or a linker's work."""
    if head.startswith(_FAT) and 0 < int.from_bytes(head[4:8], "big") <= _MOST_PROCESSORS:
        return head[:4]
    at = int.from_bytes(head[60:64], "little")
    if head.startswith(b"MZ") and head[at : at + 4] == b"PE\0\0":
        return head[:2]
    return next(filter(head.startswith, _COMPILED), None)
