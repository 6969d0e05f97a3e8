"""How the receipt of an upload is shown: columns, or what fits a terminal, or JSON."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

from steps.release.receipt import render_json, render_list, render_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steps.release.receipt import Row


def print_receipt(rows: Sequence[Row], *, as_json: bool) -> None:
    """Print *rows*; columns that a terminal is too narrow for would be hard to read there."""
    if as_json:
        click.echo(render_json(rows))
        return
    table = render_table(rows)
    fits = max(map(len, table.splitlines())) <= shutil.get_terminal_size().columns
    click.echo(table if fits or not rows or not sys.stdout.isatty() else render_list(rows))
