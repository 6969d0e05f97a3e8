"""`shipwheel upload`: what lies in `dist/`, through twine, until the index shows it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from steps.command_line.options import all_option, json_option, projects_argument, selected
from steps.command_line.program import run_alone
from steps.command_line.registry_options import with_rules, with_transport
from steps.command_line.report import print_receipt
from steps.host.children import each
from steps.registry.index import Index
from steps.release.collect import collect
from steps.release.release import receipt, release
from steps.release.twine_upload import Packages, import_early

if TYPE_CHECKING:
    from pathlib import Path

    from steps.registry.transport import Transport
    from steps.release.gate import Rules


@click.command(short_help="Upload PROJECT/dist/ through twine, and confirm it in the index.")
@projects_argument
@all_option
@with_transport
@with_rules
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Projects that are uploaded at a time.",
)
@json_option
def command(
    *,
    directories: tuple[Path, ...],
    every: bool,
    transport: Transport,
    rules: Rules,
    first_release: bool,
    workers: int,
    as_json: bool,
) -> None:
    """Upload PROJECT/dist/ through twine, and confirm it in the index.

    What the registry holds already is left alone, so the command can be repeated at any time.

    \b
    Example:
      shipwheel upload packages/tides --registry us-central1/my-project/pypi
    """
    transport.uploads = True
    transport.credentials.look_up_early()
    import_early()
    projects = selected(directories, every)
    packages = Packages()
    built = each(partial(collect, sha256=packages.sha256), projects, workers=workers)
    index = Index(transport.registry, transport, uploads=True, first_release=first_release)
    released = release(
        built, transport, index, rules, projects=projects, packages=packages, workers=workers
    )
    print_receipt(receipt(released, transport.registry), as_json=as_json)


if __name__ == "__main__":
    run_alone(command, "upload")
