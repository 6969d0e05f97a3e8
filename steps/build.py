"""`shipwheel build`: sdist and wheel of every project, into its `dist/`."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING

import click

from steps.backend.building import build_once
from steps.backend.context import open_build_context
from steps.command_line.arguments import selected, with_build_options, with_private_index
from steps.command_line.groups import ShipwheelCommand
from steps.command_line.options import all_option, json_option, projects_argument
from steps.command_line.program import run_alone
from steps.command_line.report import narrate_summary, print_hashes, print_table
from steps.host.children import each
from steps.host.errors import readable_size
from steps.host.progress import progress

if TYPE_CHECKING:
    from pathlib import Path

    from steps.backend.context import BuildOptions
    from steps.distribution.files import Distribution
    from steps.registry.index import Index


@click.command(cls=ShipwheelCommand)
@projects_argument
@all_option
@with_private_index
@with_build_options
@json_option
def command(
    directories: tuple[Path, ...],
    every: bool,
    index: Index | None,
    build_options: BuildOptions,
    as_json: bool,
) -> None:
    """Build sdists, and wheels from them, into PROJECT/dist/.

    \b
    Example:
      shipwheel build packages/tides --strict
    """
    projects = selected(directories, every)
    with open_build_context(build_options, os.environ, projects, index) as context:
        context.prepare(projects)
        with progress.whole("Building", len(projects)):
            built = each(
                partial(build_once, context=context), projects, workers=build_options.workers
            )
    files = [it for distributions in built for it in distributions]
    if as_json:
        click.echo(json.dumps([*map(_row, files)], indent=2))
        return
    narrate_summary("built" for _ in built)
    table = [(it.name, str(it.version), readable_size(it.size), _shown(it)) for it in files]
    print_table(("PROJECT", "VERSION", "SIZE", "FILE"), table)
    print_hashes((it.sha256, it.size, _shown(it)) for it in files)


def _shown(distribution: Distribution) -> str:
    return os.path.relpath(distribution.path)


def _row(distribution: Distribution) -> dict[str, object]:
    return {
        "project": distribution.name,
        "version": str(distribution.version),
        "kind": distribution.kind,
        "path": str(distribution.path),
        "size": distribution.size,
        "sha256": distribution.sha256,
    }


if __name__ == "__main__":
    run_alone(command, "build")
