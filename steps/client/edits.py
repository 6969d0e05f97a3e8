"""Edits of INI and TOML files that keep every other line, comment and line ending as it is.

INI: only lines change; the parser of pip and twine says what they mean. configupdater would
lose comments inside a value, CRLF, and the meaning of an indented header behind a new option.
TOML: tomlkit changes the text; the standard library's parser says what it means before and after.
"""

from __future__ import annotations

import configparser
import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from steps.client.model import FileEdit, without_login
from steps.host.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence
    from pathlib import Path

    Table = MutableMapping[str, Any]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_SECTION = re.compile(r"\[(?P<name>.+)\]")
_OPTION = re.compile(r"\s*(?P<key>[^=:]*?)\s*[=:]\s*")
_Parsed = dict[str, dict[str, str]]
_Header = tuple[str, int]  # its text, and which of those with this text it is


@dataclass(frozen=True)
class _Span:
    """The lines of an option, or of a section's header where *key* is empty: [start, end)."""

    section: str
    key: str
    start: int
    end: int


class _Parser(configparser.RawConfigParser):
    def optionxform(self, optionstr: str) -> str:
        """Spell an option as pip does: `Index_URL` is `index-url`."""
        return optionstr.lower().replace("_", "-").removeprefix("--")


def parse_ini(text: str, where: str) -> _Parsed:
    """Return the options by section, spelled in lower case and with `-`.

    Raises InputError, which names *where* and the line but not its contents: it may be a secret.
    """
    parser = _Parser()
    try:
        parser.read_string(text)
    except configparser.Error as error:
        lines = [getattr(error, "lineno", None), *(n for n, _ in getattr(error, "errors", ()))]
        line = next((f", line {number}" for number in lines if number), "")
        raise InputError(
            f"This file cannot be read: {where!r}{line}",
            "fix it, and run this again; nothing was written",
        ) from None
    return {name: dict(parser.items(name)) for name in parser.sections()}


def set_option(
    text: str, section: str, key: str, value: str, where: str, *, sign: str = "="
) -> str:
    """Return *text* with the option *key* of *section* set to *value*, whatever it was.

    Each line of *value* becomes a line. *sign* is for a new option; one that is there keeps
    its own.
    """
    if parse_ini(text, where).get(section, {}).get(key) == value:
        return text
    lines, newline = _lines(text)
    spans = _spans(lines)
    if span := _find(spans, section, key):
        deeper = newline + _indent(lines[span.start]) + "    "
        start = _OPTION.match(lines[span.start])
        kept = [it for it in lines[span.start + 1 : span.end] if _is_comment(it)]
        first = lines[span.start][: start.end()].rstrip() if start else key
        shown = value.replace("\n", deeper)
        lines[span.start : span.end] = [f"{first} {shown}{newline}", *kept]
    else:
        new = f"{key}{' ' if sign == '=' else ''}{sign} {value}".split("\n")
        _insert(lines, spans, section, [f"{it}{newline}" for it in new], newline)
    return _joined(lines, text)


def drop_option(text: str, section: str, key: str) -> str:
    """Return *text* without the option *key* of *section*."""
    lines, _ = _lines(text)
    if span := _find(_spans(lines), section, key):
        del lines[span.start : span.end]
    return _joined(lines, text)


def add_value(text: str, section: str, key: str, values: Sequence[str], where: str) -> str:
    """Return *text* with *values* added, each on a line, to the option *key* of *section*."""
    there = parse_ini(text, where).get(section, {}).get(key, "").split()
    missing = [value for value in values if value not in there]
    if not missing:
        return text
    lines, newline = _lines(text)
    spans = _spans(lines)
    if span := _find(spans, section, key):
        deeper = _indent(lines[span.start]) + "    "
        lines[span.end : span.end] = [f"{deeper}{value}{newline}" for value in missing]
    else:
        new = [f"{it}{newline}" for it in (f"{key} =", *missing)]
        _insert(lines, spans, section, new, newline)
    return _joined(lines, text)


def _insert(
    lines: list[str], spans: list[_Span], section: str, new: list[str], newline: str
) -> None:
    of_section = [span for span in spans if span.section == section]
    if of_section:
        indent = _new_indent(lines, spans, of_section[-1])
        end = of_section[-1].end
        lines[end:end] = _indented(new, indent)
    else:
        gap = [newline] if lines and lines[-1].strip() else []
        lines.extend([*gap, f"[{section}]{newline}", *_indented(new, "")])


def _new_indent(lines: list[str], spans: list[_Span], above: _Span) -> str:
    """Return the indent of an option to put below *above*, so that nothing continues another."""
    if above.key:
        return _indent(lines[above.start])
    below = next((it for it in spans if it.start >= above.end), None)
    return _indent(lines[below.start]) if below else ""


def _indented(option: list[str], indent: str) -> list[str]:
    return [f"{indent}{option[0]}", *(f"{indent}    {line}" for line in option[1:])]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _find(spans: list[_Span], section: str, key: str) -> _Span | None:
    return next((it for it in spans if (it.section, it.key) == (section, key)), None)


def _spans(lines: list[str]) -> list[_Span]:
    """Find headers and options as configparser does: deeper lines continue the value above."""
    spans: list[_Span] = []
    indent = 0
    for number, line in enumerate(lines):
        stripped = line.strip()
        if not stripped or _is_comment(line):
            continue
        depth = len(line) - len(line.lstrip())
        if spans and spans[-1].key and depth > indent:
            last = spans[-1]
            spans[-1] = _Span(last.section, last.key, last.start, number + 1)
            continue
        indent = depth
        if header := _SECTION.match(stripped):
            spans.append(_Span(header["name"], "", number, number + 1))
        elif spans and (option := _OPTION.match(line)):
            key = _Parser().optionxform(option["key"])
            spans.append(_Span(spans[-1].section, key, number, number + 1))
    return spans


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(("#", ";"))


def _lines(text: str) -> tuple[list[str], str]:
    """Return the lines of *text*, each with an ending, and the ending that new lines get."""
    lines = _LINE.findall(text)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if lines and not lines[-1].endswith(("\r", "\n")):
        lines[-1] += newline
    return lines, newline


def _joined(lines: list[str], before: str) -> str:
    text = "".join(lines)
    ended = not before or before.endswith(("\r", "\n"))
    return text if ended else text.rstrip("\r\n")


def toml_edit(path: Path, change: Callable[[Table], None], *, personal: bool) -> FileEdit:
    """Return the edit of the TOML file at *path* that makes *change* to the whole document."""
    return FileEdit(
        path=path, edit=lambda text: edit_toml(text, change, str(path)), personal=personal
    )


def edit_toml(text: str, change: Callable[[Table], None], where: str) -> str:
    """Return *text* after *change*, which is given the whole document.

    Raises InputError where the file at *where* is not valid TOML, or not laid out for its client.
    """
    unix = text.replace("\r\n", "\n")
    leads, rest = _headers(unix)
    try:
        before = tomllib.loads(unix)
        document = tomlkit.parse(rest)
    except (tomllib.TOMLDecodeError, TOMLKitError, RecursionError) as error:
        position = re.search(r"\(at .*?\)", str(error))  # the rest may repeat what is there
        raise _unusable(
            f"it is not valid TOML {position[0] if position else ''}".strip(), where
        ) from None
    expected = tomllib.loads(unix)
    try:
        change(expected)
        if expected == before:
            return text
        change(document)
        after = _with_leads(tomlkit.dumps(document), leads)
    except (TypeError, AttributeError, TOMLKitError):
        raise _unusable("its client needs other tables there", where) from None
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


def _headers(text: str) -> tuple[dict[_Header, tuple[str, list[str]]], str]:
    """Return for each header the line and the comments above it, and *text* without the comments.

    tomlkit takes a comment above a header for the end of the table before.
    """
    found: dict[_Header, tuple[str, list[str]]] = {}
    seen: Counter[str] = Counter()
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        if header := _header(line, seen):
            start = len(lines)
            while start and lines[start - 1].startswith("#"):
                start -= 1
            found[header] = (lines[start - 1] if start else "", lines[start:])
            del lines[start:]
        lines.append(line)
    return found, "".join(lines)


def _with_leads(text: str, leads: Mapping[_Header, tuple[str, list[str]]]) -> str:
    """Return *text* with the comments back, and an empty line below what is new above a header."""
    seen: Counter[str] = Counter()
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        if header := _header(line, seen):
            above, comments = leads.get(header, ("", []))
            if lines and lines[-1].strip() and lines[-1] != above:
                lines.append("\n")
            lines.extend(comments)
        lines.append(line)
    return "".join(lines)


def _header(line: str, seen: Counter[str]) -> _Header | None:
    """Return the header in *line*, and the number of those with its text; None for other lines."""
    if not line.startswith("["):
        return None
    text = line.rstrip()
    seen[text] += 1
    return text, seen[text]


def _unusable(why: str, where: str) -> InputError:
    return InputError(
        f"This file cannot be edited: {where!r}: {why}",
        "fix it, and run this again; nothing was written",
    )
