"""What files of a distribution say, core metadata above all, as they are compared."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from contextlib import suppress
from email import message_from_bytes
from email.errors import MessageError
from typing import TYPE_CHECKING

from packaging.metadata import RawMetadata, parse_email
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, canonicalize_version
from packaging.version import Version

from steps.host.errors import InputError
from steps.project.unversioned import normal_text

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_ENTRY_POINT_LINE = re.compile(
    r"(?P<group>\[[^\[\]]+\])|(?P<name>[^\s=\[#;][^=]*)=\s*(?P<value>\S.*)|(?:#.*)?"
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
# License-File names files that are members themselves, and that backends have moved about; the
# imports are what the members say, too, where a backend of late fills them in.
_LEFT_OUT_FIELDS = {
    "metadata-version",
    "dynamic",
    "license-file",
    "import-name",
    "import-namespace",
}
# Poetry adds one for each Python that it knew when it built.
_POETRY_CLASSIFIER = "Programming Language :: Python :: 3"
_DETAIL_CHARACTERS = 60
# The specification has 31. `packaging` goes through all lines for each name that there is.
_MOST_FIELDS = 100
# Of Python's TOML reader the time grows with the square of a dotted key's parts.
_MOST_DOTS = 1000
_PLURAL_FIELDS = {"obsoletes", "provides", "requires"}  # named so by their standard


def wheel_says(text: bytes) -> str:
    """Return what an installer goes by in a WHEEL file; tags are those of the file name."""
    said = message_from_bytes(text)
    purelib = [str(it).strip().lower() for it in said.get_all("Root-Is-Purelib", [])]
    major = [str(it).strip().partition(".")[0] for it in said.get_all("Wheel-Version", [])]
    return json.dumps([purelib, major])


def table_in_one_form(text: bytes) -> str | None:
    """Return the table of a pyproject.toml, however it is written; None for what cannot be read."""
    with suppress(ValueError, RecursionError):
        if any(line.count(b".") > _MOST_DOTS for line in text.splitlines()):
            return None
        table = tomllib.loads(_OWN_TABLE.sub(b"", text).decode())
        return json.dumps(table, sort_keys=True, default=repr)
    return None


def entry_points(text: bytes) -> str | None:
    """Return the entry points in one form, empty when there are none.

    None for what readers of such files do not agree about: then the bytes count.
    """
    group = ""
    found: dict[tuple[str, str], str] = {}
    for line in text.replace(b"\r\n", b"\n").split(b"\n"):
        # A character that is not UTF-8 is in no line that readers agree about.
        match = _ENTRY_POINT_LINE.fullmatch(line.decode("utf-8", "replace").rstrip(" \t"))
        if match is None or "\ufffd" in match[0] or match["group"] == "[DEFAULT]":
            return None
        group = match["group"] or group
        if match["name"]:
            key = (group, match["name"].rstrip())
            if not group or key in found:
                return None
            found[key] = match["value"]
    return json.dumps(sorted(found.items())) if found else ""


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


def parse_metadata(path: Path, text: bytes) -> tuple[RawMetadata, dict[str, list[str]]]:
    """Return the core metadata in *text*, and what of it `packaging` does not know or take.

    Raises InputError where there is no metadata at all, and for a description that is not UTF-8.
    """
    try:
        if len({*message_from_bytes(text)}) > _MOST_FIELDS:
            raise ValueError(f"it has more than {_MOST_FIELDS} fields")  # noqa: TRY301 - as below
        raw, unparsed = parse_email(text)
        if not all(isinstance(it, str) for it in unparsed.get("description", ())):
            raise ValueError("its description is not UTF-8")  # noqa: TRY301 - said as the others are
    except (ValueError, TypeError, AttributeError, AssertionError, MessageError) as error:
        raise InputError(
            f"{path.name!r} holds metadata that cannot be read: {error}",
            "write it in UTF-8, as the specification of core metadata has it",
        ) from None
    return raw, unparsed


def metadata_fields(
    path: Path, text: bytes, backend: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return core metadata as sorted values by field: no specification gives them an order.

    *backend* are the projects that the build backend may be of, which adds fields of its own.
    """
    raw, unparsed = parse_metadata(path, text)
    found = {_field_name(key): _values(key, value) for key, value in raw.items()}
    for name, strays in unparsed.items():
        found.setdefault(name, []).extend(strays)
    if {"poetry", "poetry-core"} & {*backend}:
        classifiers = found.get("classifier", [])
        found["classifier"] = [it for it in classifiers if not it.startswith(_POETRY_CLASSIFIER)]
    return {
        name: tuple(sorted(_normal(name, value) for value in values))
        for name, values in found.items()
        # Old backends wrote UNKNOWN where they had nothing to say.
        if name not in _LEFT_OUT_FIELDS and values not in ([], ["UNKNOWN"], [""])
    }


def _values(key: str, value: object) -> list[str]:
    if isinstance(value, dict):
        return [f"{label}, {url}" for label, url in value.items()]
    if key == "keywords" and isinstance(value, list):
        return [",".join(value)]  # one field, and not a field for each
    return list(map(str, value)) if isinstance(value, list) else [str(value)]


def _normal(field: str, value: str) -> str:
    """Return *value* in the one spelling of what it means; as it is where it means nothing."""
    try:
        match field:
            case "name" | "provides-extra":
                return canonicalize_name(value)
            case "version":
                return canonicalize_version(Version(value))
            case "requires-dist":
                return _requirement(value)
            case "requires-python":
                return str(SpecifierSet(value))
    except ValueError:  # what packaging raises is one, and so are too many digits
        return value
    return normal_text(value)


def _requirement(text: str) -> str:
    requirement = Requirement(text)
    requirement.name = canonicalize_name(requirement.name)
    requirement.extras = set(map(canonicalize_name, requirement.extras))
    return str(requirement)


def _field_name(key: str) -> str:
    """Return the field's name as in the file, in lower case; `packaging` calls some by a plural."""
    singular = key if key in _PLURAL_FIELDS | {"keywords"} else key.removesuffix("s")
    return singular.replace("_", "-")


def spelled(field: str) -> str:
    """Return the field's name as its specification spells it."""
    return "-".join(part.capitalize() for part in field.split("-")).replace("Url", "URL")


def changed_values(old: tuple[str, ...], new: tuple[str, ...]) -> str:
    """Return the values on one side only, where they are short."""
    come, gone = {*new}, {*old}
    text = " ".join(
        [f"-{it!r}" for it in old if it not in come] + [f"+{it!r}" for it in new if it not in gone]
    )
    return text if len(text) <= _DETAIL_CHARACTERS else ""
