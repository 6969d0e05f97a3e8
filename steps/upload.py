"""`shipwheel upload`: built files, through twine, until the index shows them."""

from __future__ import annotations

from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steps.command_line.arguments import selected, with_release_rules, with_transport
from steps.command_line.groups import ShipwheelCommand
from steps.command_line.options import all_option, json_option
from steps.command_line.program import run_alone
from steps.command_line.report import print_receipt, refusals_as_json
from steps.host.children import each, import_early
from steps.registry.index import Index
from steps.release.collect import by_version, collect, collect_files
from steps.release.release import receipt, release
from steps.release.twine_upload import TwinePackages

if TYPE_CHECKING:
    from steps.registry.transport import Transport
    from steps.release.gate import Rules


@click.command(cls=ShipwheelCommand)
@click.argument(
    "paths", metavar="[PROJECT|FOLDER|FILE]...", nargs=-1, type=click.Path(path_type=Path)
)
@all_option
@with_transport
@with_release_rules
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
    paths: tuple[Path, ...],
    every: bool,
    transport: Transport,
    rules: Rules,
    first_release: bool,
    workers: int,
    as_json: bool,
) -> None:
    """Upload built files through twine, and confirm them in the index.

    For a PROJECT, uploads the files in its dist/. For a FOLDER without a project, uploads all
    wheels and sdists in it, of any packages. Or uploads each FILE.

    Files that the registry already has are not uploaded again, so the command can be repeated at
    any time.

    \b
    Example:
      shipwheel upload packages/tides \\
        --registry us-central1/my-project/pypi
      shipwheel upload wheelhouse/ a-1.0.tar.gz \\
        --registry us-central1/my-project/pypi
    """
    transport.uploads = True
    transport.credentials.look_up_early()
    import_early("steps.distribution.twine_library")
    files = () if every else tuple(path for path in paths if not _is_project(path))
    directories = [path for path in paths if path not in files]
    projects = selected(directories, every) if directories or not files else ()
    packages = TwinePackages()
    built = each(partial(collect, sha256=packages.sha256), projects, workers=workers)
    given = collect_files(files, packages.sha256, workers=workers) if files else ()
    groups = by_version([*chain.from_iterable(built), *given])
    index = Index(transport.registry, transport, uploads=True, first_release=first_release)
    with refusals_as_json(transport.registry, as_json=as_json):
        released = release(
            groups, transport, index, rules, projects=projects, packages=packages, workers=workers
        )
    print_receipt(receipt(released, transport.registry), as_json=as_json)


def _is_project(path: Path) -> bool:
    """Return whether *path* names a project: else it is a file, or a folder of files."""
    marks = ("pyproject.toml", "setup.py", "setup.cfg")
    return path.is_dir() and any((path / name).is_file() for name in marks)


if __name__ == "__main__":
    run_alone(command, "upload")
