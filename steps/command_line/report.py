"""How results are shown: tables and receipts, JSON, and the output of a build step."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steps.command_line.groups import chosen_colour
from steps.host.errors import counted, printable, readable_size, readable_time, shorten
from steps.host.files import lock_file, open_regular
from steps.host.progress import progress
from steps.release.judgement import Outcome, ReleaseRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from steps.host.errors import Finding, Level
    from steps.registry.address import Registry
    from steps.release.judgement import Judgement
    from steps.release.release import Row

_logger = logging.getLogger("shipwheel")
_HEADINGS = ("PROJECT", "PUBLISHED", "CANDIDATE", "VERDICT", "NEXT STEP")
_RECEIPT_HEADINGS = ("PROJECT", "VERSION", "OUTCOME", "FILES", "SIZE")
_OUTCOME_COLOURS: dict[str, str] = {
    Outcome.NEW: "green",
    Outcome.IDENTICAL: "dim",
    Outcome.REBUILT: "dim",
    Outcome.PARTIAL: "yellow",
    Outcome.PUBLISHED: "yellow",
    Outcome.UNRELEASED: "yellow",
    # States of `shipwheel status` that are no outcomes.
    "never-published": "green",
    "unknown": "yellow",
}
_NEXT_STEPS = {
    Outcome.NEW: "publish it",
    Outcome.IDENTICAL: "nothing to do",
    Outcome.REBUILT: "nothing to do",
    Outcome.PUBLISHED: "compare its contents, without --no-build",
}
_LEVEL_COLOURS = {"error": "red", "warning": "yellow"}
_SHOWN = 3  # files in a cell
# Where colours are asked for and there is no terminal, no cell is folded.
_WIDEST = 1000
_NARROWEST = 9
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


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], outcomes: Sequence[str] = ()
) -> None:
    """Print *rows*; on a terminal the table fits it, and a cell that says an outcome has a colour.

    *outcomes* are those of the rows, where they have one.
    """
    if not sys.stdout.isatty() and not chosen_colour():
        click.echo(columns([headings, *rows]))
        return

    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
    from rich.table import Column, Table  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    width = None if sys.stdout.isatty() else _WIDEST
    console = Console(no_color=chosen_colour() is False, width=width)
    # On a narrow terminal the last column goes on in the next line, and only where that leaves it
    # no room the others do as well; nothing is ever cut off.
    *widths, _ = (max(map(len, column)) for column in zip(headings, *rows, strict=True))
    whole = console.width - sum(it + 2 for it in widths) >= _NARROWEST
    *first, last = headings
    leading = [Column(it, overflow="fold", no_wrap=whole) for it in first]
    table = Table(*leading, Column(last, overflow="fold"), box=None, pad_edge=False)
    for row, outcome in zip_longest(rows, outcomes, fillvalue=""):
        colour = _OUTCOME_COLOURS.get(outcome, "red")
        cells = (printable(cell).replace("\n", r"\n") for cell in row)
        table.add_row(*(Text(it, style=colour if it == outcome else "") for it in cells))
    console.print(table)


def print_receipt(rows: Sequence[Row], *, as_json: bool) -> None:
    """Print what became of each version in *rows*: its outcome, and how many files came to what."""
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    versions = groupby(rows, lambda row: (row.project, row.version, row.outcome))
    found = [(version, [*files]) for version, files in versions]
    narrate_summary(_in_the_end(outcome, files) for (_, _, outcome), files in found)
    table = [
        (project, version, outcome, *_summed(files)) for (project, version, outcome), files in found
    ]
    print_table(_RECEIPT_HEADINGS, table, [outcome for (_, _, outcome), _ in found])
    print_hashes((row.sha256, row.size, row.file or "") for row in rows)


@contextmanager
def refusals_as_json(registry: Registry, *, as_json: bool) -> Iterator[None]:
    """Print what the gate said of each project as JSON, where it refuses."""
    try:
        yield
    except ReleaseRefused as error:
        if as_json:
            from steps.release.release import refusal_rows  # noqa: PLC0415 - 0.2 s, which lint saves

            print_receipt(refusal_rows(error, registry), as_json=True)
        raise


def _in_the_end(outcome: str, files: Sequence[Row]) -> str:
    results = {row.result for row in files}
    return "published" if "uploaded" in results else "left" if "left" in results else outcome


def _summed(files: Sequence[Row]) -> tuple[str, str]:
    """Return how many of *files* came to what, and their size."""
    sizes = [row.size for row in files if row.size is not None]
    counts = Counter(row.result for row in files)
    whole = sum(sizes) if len(sizes) == len(files) else None
    unreleased = shorten(files[0].unreleased, _SHOWN)
    what = f"; unreleased changes in {unreleased}" if unreleased else ""
    return _listed(counts) + what, readable_size(whole)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def narrate_summary(outcomes: Iterable[str]) -> None:
    """Say in one line what the packages came to, and how long that took."""
    counts = Counter(outcomes)
    if counts:
        spent = readable_time(time.monotonic() - progress.began)
        packages = counted(counts.total(), "package")
        _logger.info("%s", f"{packages}: {_listed(counts)}, in {spent}")


def print_hashes(files: Iterable[tuple[str | None, int | None, str]]) -> None:
    """Print the sha256, the size and the name of each file, where more detail is asked for."""
    if _logger.isEnabledFor(logging.DEBUG):
        for sha256, size, name in files:
            click.echo(f"{sha256 or '-':64}  {readable_size(size):>9}  {name}")


def print_judgements(judgements: Sequence[Judgement]) -> None:
    """Print one row per project."""
    outcomes = [it.outcome for it in judgements]
    narrate_summary(outcomes)
    print_table(_HEADINGS, [_cells(it) for it in judgements], outcomes)


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
                "unversioned": it.unversioned,
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
        return f"{step}{_unversioned(judgement)}"
    if judgement.outcome is Outcome.PARTIAL:
        return f"publish what is missing: {', '.join(it.filename for it in judgement.to_upload)}"
    if judgement.invented:
        return "complete the git history: --unshallow"
    if not judgement.suggestions:
        return judgement.hint
    bump = f"bump to {' or '.join(map(str, judgement.suggestions))}"
    if judgement.outcome is Outcome.UNRELEASED:
        changed = shorten(judgement.unreleased, _SHOWN)
        return f"unreleased changes in {changed}; to release them, {bump}"
    return bump


def _unversioned(judgement: Judgement) -> str:
    """Return what differs and needs no release, as the end of a sentence."""
    names = dict.fromkeys(it.name for it in judgement.differences if it.unversioned)
    return f" ({shorten([*names], _SHOWN)} changed, and need no release)" if names else ""


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
