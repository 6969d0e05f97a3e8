"""How judgements are shown: a table for people, JSON for machines, short lines for a build."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from steps.release.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steps.release.outcome import Judgement

_HEADINGS = ("PROJECT", "PUBLISHED", "CANDIDATE", "VERDICT", "NEXT STEP")
_COLOURS = {Outcome.NEW: "green", Outcome.IDENTICAL: "dim", Outcome.PARTIAL: "yellow"}


def print_table(judgements: Sequence[Judgement]) -> None:
    """Print one row per project; on a terminal as a table that fits it."""
    rows = [_cells(it) for it in judgements]
    if sys.stdout.isatty():
        _print_rich(rows, [_COLOURS.get(it.outcome, "red") for it in judgements])
        return
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    for row in (_HEADINGS, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def as_object(judgement: Judgement) -> dict[str, Any]:
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


def as_line(judgement: Judgement) -> str:
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
    match judgement.outcome:
        case Outcome.NEW:
            return "publish it"
        case Outcome.IDENTICAL:
            return "nothing to do"
        case Outcome.PARTIAL:
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
    columns = [Column(heading, overflow="fold") for heading in _HEADINGS]
    table = Table(*columns, box=None, pad_edge=False)
    for row, colour in zip(rows, colours, strict=True):
        cells = [Text(cell) for cell in row]
        cells[_HEADINGS.index("VERDICT")].stylize(colour)
        table.add_row(*cells)
    Console(no_color="NO_COLOR" in os.environ).print(table)
