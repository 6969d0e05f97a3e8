"""How findings in files are shown: lines for people and editors, objects for machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from steps.host.finding import Finding, Level

_COLOURS = {"error": "red", "warning": "yellow"}


def print_finding(finding: Finding, level: Level, where: str) -> None:
    """Print *finding*, which is at *where*, and its hint on a line of its own."""
    # click leaves the colours out where nobody sees them, or NO_COLOR is set.
    said = click.style(level, fg=_COLOURS[level], bold=True)
    click.echo(f"{where}: {finding.code} {said}: {finding.message}")
    if finding.hint:
        click.echo(f"  hint: {finding.hint}")


def as_object(finding: Finding, level: Level) -> dict[str, Any]:
    """Return *finding* as JSON has it."""
    return {"code": finding.code, "level": level, **asdict(finding)}
