"""`shipwheel status`: every package and function beside what the registry has of it."""

from __future__ import annotations

import json
import logging
import os
import posixpath
import shutil
import sys
from collections import Counter
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steps.backend.context import BuildOptions
from steps.command_line.arguments import (
    apply_defaults,
    require_builds,
    with_release_rules,
    with_transport,
)
from steps.command_line.groups import ShipwheelCommand
from steps.command_line.options import json_option, workers_option
from steps.command_line.program import run_alone
from steps.command_line.report import print_table
from steps.host.errors import InputError, Problem, Refused, counted, did_you_mean, shorten
from steps.host.files import write_whole
from steps.project.manifest import MANIFEST
from steps.registry.index import Index
from steps.release.release import check_aside
from triggers.command_line.options import manifest_option
from triggers.discovery.dependencies import relative_path
from triggers.discovery.inventory import take_inventory
from triggers.manifest.manifest import Manifest
from triggers.overview.gathering import gather
from triggers.overview.model import STATES, render_page
from triggers.rendering.repository import RepositoryContents, open_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from steps.project.source import Project
    from steps.registry.transport import Transport
    from steps.release.gate import Rules
    from steps.release.judgement import Judgement
    from triggers.discovery.inventory import Component
    from triggers.overview.model import ComponentStatus, Overview

_logger = logging.getLogger("shipwheel")

_HEADINGS = ("NAME", "HERE", "PUBLISHED", "ON", "STATE", "REQUIRED BY", "OLDER IN", "TRIGGERS")
_NARROW_HEADINGS = ("NAME", "HERE", "PUBLISHED", "STATE", "OLDER")
_NARROW = 90
_MOST_NAMES = 2
_DAY = len("2026-01-31")


@click.command(cls=ShipwheelCommand)
@click.argument("directories", metavar="[DIRECTORY]...", nargs=-1)
@manifest_option
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES),
    metavar="STATE",
    multiple=True,
    help=f"Show this state only: {', '.join(STATES)}.",
)
@click.option("--outdated", is_flag=True, help="Show who takes an older version than the highest.")
@click.option("--build", "build_them", is_flag=True, help="Build the packages, compare contents.")
@workers_option
@click.option("--no-live", "live", flag_value=False, default=True, help="Do not ask Cloud Build.")
@with_transport
@with_release_rules
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a page instead of the table; it needs no server and no network.",
)
@click.option("--check", "checks", is_flag=True, help="Exit with 1 if something shown waits.")
@json_option
def command(
    *,
    directories: tuple[str, ...],
    manifest_file: Path,
    states: tuple[str, ...],
    outdated: bool,
    build_them: bool,
    workers: int,
    live: bool,
    transport: Transport,
    rules: Rules,
    first_release: bool,
    page: Path | None,
    checks: bool,
    as_json: bool,
) -> None:
    """Show every package and function of the repository, and what is published of it.

    Nothing is built, and contents are not compared, unless --build is given. Something waits if a
    package has to be published or bumped, if an older version than the highest is in use, or if a
    live trigger differs from the rendered one.

    \b
    Example:
      shipwheel status
      shipwheel status packages --outdated
      shipwheel status --state not-bumped --check
      shipwheel status --html status.html
    """
    has_manifest = manifest_file.is_file() or str(manifest_file) != MANIFEST
    repository = open_repository(manifest_file) if has_manifest else _without_manifest()
    wanted = _directories(directories, manifest_file.parent, repository.inventory.components)
    index = Index(transport.registry, transport, first_release=first_release)
    check = partial(_check, index=index, rules=rules, workers=workers) if build_them else None
    overview = gather(repository, index, rules, check, has_manifest=has_manifest, live=live)
    for note in overview.notes:
        _logger.warning("note: %s", note)
    shown = _select(overview, wanted, states, outdated=outdated)
    if page:
        _write(page, render_page(shown))
    if as_json:
        click.echo(json.dumps(asdict(shown), indent=2))
    elif page:
        _logger.info("%s: written", page)
    elif outdated:
        _print_outdated(shown)
    else:
        _print(shown)
    _logger.info("%s", _summary(shown))
    waiting = [it.name for it in shown.components if it.waits]
    waiting += [it.name for it in shown.triggers if it.waits]
    if checks and waiting:
        raise Refused(
            f"{counted(len(waiting), 'entry waits', 'entries wait')}: {shorten(waiting, 5)}",
            "`shipwheel status` says for what",
        )


def _write(file: Path, text: str) -> None:
    try:
        write_whole(file, text)
    except OSError as error:
        raise InputError(
            f"The page cannot be written: {os.fspath(file)!r} ({error.strerror})",
            "name with --html a file in a folder that can be written",
        ) from None


def _without_manifest() -> RepositoryContents:
    """Return what is below the current directory, where no manifest says otherwise."""
    manifest = Manifest.model_construct()
    return RepositoryContents(Path(), manifest, take_inventory(Path(), manifest))


def _check(
    projects: Sequence[Project], *, index: Index, rules: Rules, workers: int
) -> tuple[Judgement, ...]:
    require_builds()
    options = BuildOptions(workers=workers, uncommitted="warned")
    return check_aside(apply_defaults(projects), index, rules, options)


def _directories(
    given: Sequence[str], root: Path, components: Sequence[Component]
) -> tuple[str, ...]:
    """Return *given*, from *root*; raise InputError for those that no component is in."""
    inside = (relative_path(root, it) if Path(it).is_absolute() else it for it in given)
    wanted = tuple(posixpath.normpath(Path(it).as_posix()) for it in inside)
    paths = [it.path for it in components]
    InputError.raise_all(_unknown(it, paths) for it in wanted if not any(map(_in(it), paths)))
    return wanted


def _select(
    overview: Overview, wanted: Sequence[str], states: Sequence[str], *, outdated: bool
) -> Overview:
    """Return *overview* with what is in *wanted* and has one of *states*, or with all.

    With *outdated* it has only packages of which an older version is in use, and these consumers.
    """
    found: Sequence[ComponentStatus] = overview.components
    if wanted:
        found = [it for it in found if any(_in(folder)(it.path) for folder in wanted)]
    if states:
        found = [it for it in found if it.state in states]
    if wanted or states or outdated:
        overview = replace(overview, triggers=())
    if outdated:
        found = [replace(it, consumers=it.outdated) for it in found if it.outdated]
    return replace(overview, components=tuple(found))


def _in(folder: str) -> Callable[[str], bool]:
    return lambda path: folder in {".", path} or path.startswith(f"{folder}/")


def _unknown(folder: str, paths: Sequence[str]) -> Problem:
    known = {part for path in paths for part in (path, path.split("/")[0])}
    some = f"choose one of: {shorten(sorted(known), 8)}" if known else "there is none at all here"
    near = did_you_mean(folder, known, some)
    return Problem(f"No package or function is in the directory {folder!r}", near)


def _print(overview: Overview) -> None:
    narrow = sys.stdout.isatty() and shutil.get_terminal_size().columns < _NARROW
    headings = _NARROW_HEADINGS if narrow else _HEADINGS
    rows = [_cells(it) for it in overview.components]
    states = [it.state for it in overview.components]
    print_table(headings, [[row[it] for it in headings] for row in rows], states)


def _cells(component: ComponentStatus) -> dict[str, str]:
    released = next((it for it in component.versions if it.version == component.highest), None)
    consumers = dict.fromkeys(it.name for it in component.consumers)
    older = dict.fromkeys(f"{it.name} ({it.takes or it.requirement})" for it in component.outdated)
    return {
        "NAME": component.name,
        "HERE": component.version or "-",
        "PUBLISHED": component.highest or "-",
        "ON": ((released and released.uploaded) or "-")[:_DAY],
        "STATE": component.state or component.kind,
        "REQUIRED BY": shorten([*consumers], _MOST_NAMES) or "-",
        "OLDER": str(len(older) or "-"),
        "OLDER IN": shorten([*older], _MOST_NAMES) or "-",
        "TRIGGERS": _triggers(component),
    }


def _triggers(component: ComponentStatus) -> str:
    """Return how many triggers there are, and what is to be done about those that differ."""
    if not component.triggers:
        return "-"
    counts = Counter(it.live for it in component.triggers if it.waits)
    if counts:
        return ", ".join(f"{number} {action}" for action, number in counts.items())
    known = all(it.live == "unchanged" for it in component.triggers)
    return f"{len(component.triggers)} in step" if known else str(len(component.triggers))


def _print_outdated(overview: Overview) -> None:
    rows = [
        (it.name, it.kind, it.path, f"{package.name} {it.requirement}", it.takes or "-", top)
        for package in overview.components
        for it in package.consumers
        if (top := package.highest)
    ]
    headings = ("CONSUMER", "KIND", "PATH", "REQUIRES", "TAKES", "HIGHEST")
    print_table(headings, rows)


def _summary(overview: Overview) -> str:
    """Return how many there are of each state, and what else waits."""
    components = overview.components
    states = Counter(it.state for it in components if it.state)
    outdated = sum(len(it.outdated) for it in components)
    triggers = {*overview.triggers, *(trigger for it in components for trigger in it.triggers)}
    differ = sum(it.waits for it in triggers)
    parts = [f"{states[it]} {it}" for it in STATES if states[it]]
    if outdated:
        parts.append(f"{counted(outdated, 'consumer')} of an older version")
    if differ:
        parts.append(f"{counted(differ, 'trigger differs', 'triggers differ')} from the live one")
    packages = sum(it.kind == "package" for it in components)
    functions = len(components) - packages
    return f"{counted(packages, 'package')}, {counted(functions, 'function')}" + (
        f": {', '.join(parts)}" if parts else ""
    )


if __name__ == "__main__":
    run_alone(command, "status")
