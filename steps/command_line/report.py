"""How results are shown: tables and receipts, JSON, and the output of a build step."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from dataclasses import asdict, fields
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steps.command_line.groups import chosen_colour
from steps.host.errors import counted, printable, readable_size
from steps.host.files import lock_file, open_regular
from steps.release.judgement import Outcome
from steps.release.release import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from steps.host.errors import Finding, Level
    from steps.release.judgement import Judgement

_logger = logging.getLogger("shipwheel")
_HEADINGS = ("PROJECT", "PUBLISHED", "CANDIDATE", "VERDICT", "NEXT STEP")
_OUTCOME_COLOURS = {
    Outcome.NEW: "green",
    Outcome.IDENTICAL: "dim",
    Outcome.REBUILT: "dim",
    Outcome.PARTIAL: "yellow",
    Outcome.PUBLISHED: "yellow",
}
_NEXT_STEPS = {
    Outcome.NEW: "publish it",
    Outcome.IDENTICAL: "nothing to do",
    Outcome.REBUILT: "nothing to do",
    Outcome.PUBLISHED: "compare its contents, without --no-build",
}
_LEVEL_COLOURS = {"error": "red", "warning": "yellow"}
# Where colours are asked for and there is no terminal, no cell is folded.
_WIDEST = 1000
# Cloud Build keeps this much of a step's `output` file.
MAX_BYTES = 4096
OUTPUT_VARIABLE = "BUILDER_OUTPUT"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Return *rows* as columns; lines are as long as they have to be."""
    rows = [[printable(cell).replace("\n", r"\n") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def print_receipt(rows: Sequence[Row], *, as_json: bool) -> None:
    """Print *rows*; columns that a terminal is too narrow for would be hard to read there."""
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    head = [field.name.upper() for field in fields(Row)]
    table = columns([head, *([_cell(it) for it in _shown(row).values()] for row in rows)])
    fits = max(map(len, table.splitlines())) <= shutil.get_terminal_size().columns
    click.echo(table if fits or not rows or not sys.stdout.isatty() else _receipt_as_list(rows))


def _shown(row: Row) -> dict[str, Any]:
    return {**asdict(row), "size": readable_size(row.size)}


def _cell(value: object) -> str:
    return "-" if value is None else str(value)


def _receipt_as_list(rows: Sequence[Row]) -> str:
    """Return *rows* as short lines: a paragraph for each project, with two lines for each file."""
    projects = groupby(rows, lambda row: (row.project, row.version, row.outcome, row.registry))
    return "\n".join(
        line
        for (project, version, outcome, registry), files in projects
        for line in (f"{project} {version}: {outcome}, in {registry}", *_file_lines(files))
    )


def _file_lines(files: Iterable[Row]) -> Iterator[str]:
    for row in files:
        size = "" if row.size is None else f", {readable_size(row.size)}"
        yield f"  {row.file}: {row.result}{size}"
        if row.sha256:
            yield f"    sha256:{row.sha256}"


def print_judgements(judgements: Sequence[Judgement]) -> None:
    """Print one row per project; on a terminal as a table that fits it."""
    rows = [_cells(it) for it in judgements]
    if sys.stdout.isatty() or chosen_colour():
        _print_rich(rows, [_OUTCOME_COLOURS.get(it.outcome, "red") for it in judgements])
        return
    click.echo(columns([_HEADINGS, *rows]))


def judgement_as_object(judgement: Judgement) -> dict[str, Any]:
    """Return a judgement as JSON has it."""
    return {
        "project": judgement.project,
        "version": str(judgement.version),
        "outcome": judgement.outcome,
        "allowed": judgement.allowed,
        "reason": judgement.reason,
        "hint": judgement.hint,
        "published": [str(it) for it in judgement.published],
        "unreadable": [*judgement.unreadable],
        "suggestions": [str(it) for it in judgement.suggestions],
        "to_upload": [it.filename for it in judgement.to_upload],
        "differences": [
            {
                "file": it.filename,
                "change": it.change,
                "kind": it.kind,
                "name": it.name,
                "detail": it.detail,
            }
            for it in judgement.differences
        ],
    }


def judgement_as_line(judgement: Judgement) -> str:
    """Return a judgement as one line of a build's results."""
    return (
        f"{judgement.outcome}: {judgement.project} {judgement.version}:"
        f" {judgement.reason}{'; ' if judgement.hint else ''}{judgement.hint}"
    )


def _cells(judgement: Judgement) -> tuple[str, ...]:
    published = str(judgement.published[-1]) if judgement.published else "-"
    return (
        judgement.project,
        published,
        str(judgement.version),
        judgement.outcome,
        _next_step(judgement),
    )


def _next_step(judgement: Judgement) -> str:
    if step := _NEXT_STEPS.get(judgement.outcome):
        return step
    if judgement.outcome is Outcome.PARTIAL:
        return f"publish what is missing: {', '.join(_missing(judgement))}"
    if judgement.invented:
        return "complete the git history: --unshallow"
    if not judgement.suggestions:
        return judgement.hint
    return f"bump to {' or '.join(map(str, judgement.suggestions))}"


def _missing(judgement: Judgement) -> list[str]:
    return [it.filename for it in judgement.to_upload]


def _print_rich(rows: Sequence[Sequence[str]], colours: Sequence[str]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
    from rich.table import Column, Table  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    # On a narrow terminal a version is continued on the next line, never cut off.
    headed = [Column(heading, overflow="fold") for heading in _HEADINGS]
    table = Table(*headed, box=None, pad_edge=False)
    for row, colour in zip(rows, colours, strict=True):
        cells = [Text(cell) for cell in row]
        cells[_HEADINGS.index("VERDICT")].stylize(colour)
        table.add_row(*cells)
    width = None if sys.stdout.isatty() else _WIDEST
    Console(no_color=chosen_colour() is False, width=width).print(table)


def print_finding(finding: Finding, level: Level, where: str) -> None:
    """Print *finding*, which is at *where*, and its hint on a line of its own."""
    # click leaves the colours out where they would not be seen, or NO_COLOR is set.
    said = click.style(level, fg=_LEVEL_COLOURS[level], bold=True)
    place = printable(where)
    click.echo(f"{place}: {finding.code} {said}: {printable(finding.message)}")
    if finding.hint:
        click.echo(f"  hint: {printable(finding.hint)}")


def finding_as_object(finding: Finding, level: Level) -> dict[str, Any]:
    """Return *finding* as JSON has it."""
    found = {"code": finding.code, "level": level, **asdict(finding)}
    del found["path"]  # of a finding that is shown, file and line are known
    return found


def write_build_output(lines: Iterable[str], environ: Mapping[str, str]) -> None:
    """Append *lines* to `$BUILDER_OUTPUT/output`, where a build has one.

    Other commands of the same step may write there, too: together they stay within 4 KB, each
    line is there whole or not at all, and the last says how many were left out. Where it is no
    file, or cannot be written, a warning says so.
    """
    folder = environ.get(OUTPUT_VARIABLE)
    if not folder or not Path(folder).is_dir():
        return
    path = Path(folder) / "output"
    try:
        with open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND) as file:
            lock_file(file.fileno())
            file.write(fitting(lines, MAX_BYTES - file.seek(0, os.SEEK_END)))
    except OSError as error:
        _logger.warning("Cannot write the results to %r: %s", str(path), error.strerror)


def fitting(lines: Iterable[str], size: int) -> bytes:
    """Return as many of *lines* as fit into *size* bytes, and how many did not."""
    encoded = [f"{line}\n".encode() for line in lines]
    for kept in range(len(encoded), -1, -1):
        left_out = len(encoded) - kept
        tail = f"... and {counted(left_out, 'more line')}\n".encode() if left_out else b""
        text = b"".join(encoded[:kept]) + tail
        if len(text) <= size:
            return text
    return b""
