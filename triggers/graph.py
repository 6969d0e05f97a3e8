"""`shipwheel triggers graph`: what depends on what, and which triggers build it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from steps.command_line.groups import ShipwheelCommand
from steps.command_line.program import run_alone
from steps.host.errors import warn
from triggers.command_line.options import manifest_option
from triggers.rendering.formats import mermaid
from triggers.rendering.repository import open_repository, render_repository

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=ShipwheelCommand)
@manifest_option
@click.option("--no-triggers", is_flag=True, help="Leave out the triggers.")
def command(manifest_file: Path, *, no_triggers: bool) -> None:
    """Print packages, functions, their local dependencies and triggers as a Mermaid flowchart.

    GitHub draws it in a Markdown file, between ```mermaid and ```. An arrow leads from what changes
    to what is built for it, a dotted one to the triggers that build it. The legend is drawn, too.

    \b
    Example:
      shipwheel triggers graph > triggers.mmd
    """
    repository = open_repository(manifest_file)
    rendering = render_repository(repository)
    warn(*rendering.warnings)
    triggers = () if no_triggers else rendering.triggers
    click.echo(mermaid(repository.inventory, triggers), nl=False)


if __name__ == "__main__":
    run_alone(command, "triggers", "graph")
