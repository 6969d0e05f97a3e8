"""Edits of TOML files that keep comments and everything else.

tomlkit changes the text; the standard library's parser says what it means before and after.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from steps.client.model import FileEdit, without_login
from steps.host.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping
    from pathlib import Path

    Table = MutableMapping[str, Any]


def toml_edit(path: Path, change: Callable[[Table], None], *, personal: bool) -> FileEdit:
    """Return the edit of the TOML file at *path* that makes *change* to the whole document."""
    return FileEdit(
        path=path, edit=lambda text: edit_toml(text, change, str(path)), personal=personal
    )


def edit_toml(text: str, change: Callable[[Table], None], where: str) -> str:
    """Return *text* after *change*, which is given the whole document.

    Raises InputError where the file at *where* is no TOML, or is not laid out as its client wants.
    """
    unix = text.replace("\r\n", "\n")
    try:
        before = tomllib.loads(unix)
        document = tomlkit.parse(unix)
    except (tomllib.TOMLDecodeError, TOMLKitError, RecursionError) as error:
        position = re.search(r"\(at .*?\)", str(error))  # the rest may repeat what is there
        raise _unusable(f"it is no TOML {position[0] if position else ''}".strip(), where) from None
    expected = tomllib.loads(unix)
    try:
        change(expected)
        if expected == before:
            return text
        change(document)
        after = _spaced(tomlkit.dumps(document), unix)
    except (TypeError, AttributeError, TOMLKitError):
        raise _unusable("its tables are not as its client wants them", where) from None
    if tomllib.loads(after) != expected:
        raise InputError(
            f"This file cannot be edited: {where!r}: its tables have no headers of their own",
            "write headers such as [tool.NAME] in the place of dotted keys, or merge by hand what"
            " is printed without --write; nothing was written",
        )
    if text and not text.endswith("\n"):
        after = after.rstrip("\n")
    return after.replace("\n", "\r\n") if "\r\n" in text else after


def table_at(root: Table, *keys: str) -> Table:
    """Return the table below *root* that *keys* lead to, made where it is missing."""
    for key in keys:
        if key not in root:
            root[key] = tomlkit.table()
        root = root[key]
    return root


def set_entry(parent: Table, key: str, entry: Mapping[str, Any]) -> Table:
    """Make *entry* part of the array of tables *key*: of the one with its name, or as a new one.

    Returns the entry as it is in the file, with what it held already.
    """
    if key not in parent:
        parent[key] = tomlkit.aot()
    url = without_login(entry["url"])
    found = [it for it in parent[key] if it.get("name") == entry["name"]] or [
        it for it in parent[key] if without_login(it.get("url", "")) == url
    ]
    if not found:
        parent[key].append({})
        found = [parent[key][-1]]
    for name, value in entry.items():
        if found[0].get(name) != value:
            found[0][name] = value
    table: Table = found[0]
    return table


def _spaced(after: str, before: str) -> str:
    """Return *after* with an empty line before each header that *before* has not."""
    there = Counter(before.splitlines())
    lines: list[str] = []
    for line in after.splitlines(keepends=True):
        there[line.rstrip()] -= 1
        if line.startswith("[") and there[line.rstrip()] < 0 and lines and lines[-1].strip():
            lines.append("\n")
        lines.append(line)
    return "".join(lines)


def _unusable(why: str, where: str) -> InputError:
    return InputError(
        f"This file cannot be edited: {where!r}: {why}",
        "mend it, and run this again; nothing was written",
    )
