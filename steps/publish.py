"""`shipwheel publish`: build, judge, upload and confirm, in one process."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import click

from steps.backend.context import open_build_context
from steps.command_line.arguments import (
    narrowed,
    selected,
    with_build_options,
    with_release_rules,
    with_transport,
)
from steps.command_line.groups import ShipwheelCommand
from steps.command_line.options import (
    all_option,
    changed_since_option,
    json_option,
    projects_argument,
)
from steps.command_line.program import run_alone
from steps.command_line.report import print_receipt, refusals_as_json
from steps.registry.index import Index
from steps.release.release import publish, receipt

if TYPE_CHECKING:
    from pathlib import Path

    from steps.backend.context import BuildOptions
    from steps.registry.transport import Transport
    from steps.release.gate import Rules


@click.command(cls=ShipwheelCommand)
@projects_argument
@all_option
@changed_since_option
@with_transport
@with_release_rules
@with_build_options
@click.option(
    "--no-upload",
    "send",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Leave in PROJECT/dist/ only what the registry lacks, for another tool to upload.",
)
@click.option(
    "--allow-uncommitted",
    is_flag=True,
    help="Publish files that git sees as modified or untracked.",
)
@json_option
def command(
    *,
    directories: tuple[Path, ...],
    every: bool,
    changed_since: str | None,
    transport: Transport,
    rules: Rules,
    first_release: bool,
    build_options: BuildOptions,
    send: bool,
    allow_uncommitted: bool,
    as_json: bool,
) -> None:
    """Build, check, upload and confirm, dependencies first.

    Nothing is uploaded unless every project may be published. A file that the registry already has
    with the same contents is not uploaded again, so the command can be repeated at any time.

    \b
    Example:
      shipwheel publish --all \\
        --registry us-central1/my-project/pypi
    """
    projects = narrowed(selected(directories, every), changed_since)
    transport.uploads = send
    index = Index(transport.registry, transport, uploads=True, first_release=first_release)
    uncommitted: Literal["allowed", "refused"] = "allowed" if allow_uncommitted else "refused"
    options = replace(build_options, uncommitted=uncommitted)
    with (
        refusals_as_json(transport.registry, as_json=as_json),
        open_build_context(options, os.environ, projects, index) as context,
    ):
        released = publish(projects, context, transport, index, rules, send=send)
    print_receipt(receipt(released, transport.registry), as_json=as_json)


if __name__ == "__main__":
    run_alone(command, "publish")
