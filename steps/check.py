"""`shipwheel check`: what publishing would do to every project, and whether it is allowed."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from steps.backend.building import build_once, identify, warn_of_uncommitted
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
from steps.command_line.report import (
    judgement_as_line,
    judgement_as_object,
    print_judgements,
    write_build_output,
)
from steps.host.errors import Problem, Refused, RegistryError
from steps.project.repository import neighbours, repository_root
from steps.registry.address import is_loopback
from steps.registry.index import Index
from steps.registry.public_index import PublicIndex, PublicNames
from steps.release.dependents import missing_bounds, notes_on_dependents
from steps.release.judgement import check, refusals
from steps.version.locks import find_locks, locks_above, outdated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from steps.backend.context import BuildOptions
    from steps.distribution.files import Distribution
    from steps.project.source import Project
    from steps.registry.transport import Transport
    from steps.release.dependents import Note
    from steps.release.gate import Rules
    from steps.release.judgement import Judgement

_logger = logging.getLogger("shipwheel")


@click.command(
    cls=ShipwheelCommand, short_help="Tell what publishing would do, and whether it is allowed."
)
@projects_argument
@all_option
@changed_since_option
@with_transport
@with_release_rules
@click.option(
    "--public-names/--no-public-names",
    default=None,
    help="Warn of names that the public index has, too (by default, unless the registry is on"
    " this machine).",
)
@click.option("--strict-names", is_flag=True, help="Refuse names that the public index has, too.")
@click.option(
    "--public-index",
    metavar="URL",
    envvar="SHIPWHEEL_PUBLIC_INDEX",
    help="The Simple index to look for such names in; by default, the one that twine knows."
    "  [env: SHIPWHEEL_PUBLIC_INDEX]",
)
@with_build_options
@click.option(
    "--no-build",
    "build_them",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Only ask the registry: contents are not compared, and nothing shows that it builds.",
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
    public_names: bool | None,
    strict_names: bool,
    public_index: str | None,
    build_options: BuildOptions,
    build_them: bool,
    as_json: bool,
) -> None:
    """Tell what publishing would do, and whether it is allowed.

    Each project is built in a temporary folder and checked as `shipwheel build` does, unless its
    version is refused before that. If the version is not in the project's files, the build backend
    is asked for it.

    \b
    Example:
      shipwheel check --all \\
        --registry us-central1/my-project/pypi
      shipwheel check --all --no-build \\
        --registry us-central1/my-project/pypi
    """
    everything = selected(directories, every)
    projects = narrowed(everything, changed_since)
    public = _ask_public_index(projects, transport, public_index, strict_names or public_names)
    index = Index(transport.registry, transport, uploads=True, first_release=first_release)
    judgements = check_aside(projects, index, rules, build_options, build_them=build_them)
    notes = notes_on_dependents(judgements, everything if every else neighbours(projects))
    names = _public_names(public, judgements)
    doubts = [*missing_bounds(projects, neighbours(projects))]
    if build_them:
        doubts += _outdated_locks(projects)
    if as_json:
        _print_json(transport, judgements, notes, names, doubts)
    else:
        print_judgements(judgements)
    write_build_output([*map(judgement_as_line, judgements), *map(str, notes)], os.environ)
    for note in notes:
        _logger.warning("warning: %s", note)
    for doubt in () if build_options.strict else doubts:
        _logger.warning("warning: %s", doubt)
    conflicts = _judge_names(names, strict=strict_names)
    strictly = doubts if build_options.strict else []
    Refused.raise_all([*refusals(judgements), *conflicts, *strictly])


def _outdated_locks(projects: Sequence[Project]) -> Iterator[Problem]:
    """Yield a problem per lock file around *projects* that no longer fits them."""
    roots = ((it.directory, repository_root(it.directory)) for it in projects)
    paths = (lock for folder, top in roots for lock in locks_above([folder], top or folder))
    for lock in find_locks(paths, os.environ):
        if message := outdated(lock, os.environ):
            folder = os.path.relpath(lock.path.parent)
            yield Problem(message, f"run `{lock.tool} lock` in {folder!r}, and commit the result")


def check_aside(
    projects: Sequence[Project],
    index: Index,
    rules: Rules,
    build_options: BuildOptions,
    *,
    build_them: bool,
) -> tuple[Judgement, ...]:
    """Check *projects*; what is built goes into a folder that is removed."""
    options = replace(build_options, uncommitted="warned")
    with (
        tempfile.TemporaryDirectory(prefix="shipwheel-") as folder,
        open_build_context(options, os.environ, projects, index) as context,
    ):
        unbuilt = dict.fromkeys(projects)

        def build_aside(project: Project) -> Sequence[Distribution]:
            if not build_them:
                return ()
            del unbuilt[project]
            return build_once(project, context, output=Path(tempfile.mkdtemp(dir=folder)))

        if build_them:
            context.prepare(projects)
        ask = partial(identify, context=context)
        judged = check(projects, index, rules, build_aside, ask, workers=build_options.workers)
        for project in unbuilt:
            warn_of_uncommitted(project)
        return judged


def _ask_public_index(
    projects: Sequence[Project], transport: Transport, url: str | None, wanted: bool | None
) -> PublicIndex | None:
    """Begin to ask for the names that are known before anything is built."""
    if wanted is None:
        host = urlsplit(transport.registry.upload_url).hostname or ""
        wanted = bool(url) or not is_loopback(host)
    if not wanted:
        return None

    public = PublicIndex(url or "")
    public.ask(project.name for project in projects if project.name)
    return public


def _public_names(public: PublicIndex | None, judgements: Sequence[Judgement]) -> PublicNames:
    if public is None:
        return PublicNames()
    public.ask(it.project for it in judgements)
    return public.answers()


def _judge_names(names: PublicNames, *, strict: bool) -> list[Problem]:
    """Return what is to be refused of *names*, nothing unless *strict*: else it is narrated."""
    conflicts = [_name_conflict(name) for name in names.found]
    if not strict:
        for problem in conflicts:
            _logger.warning("warning: %s", problem)
        return []
    if names.unknown:
        raise RegistryError(
            f"It is not known whether the public index has {', '.join(names.unknown)}",
            "run it again when the public index answers, or without --strict-names",
        )
    return conflicts


def _name_conflict(name: str) -> Problem:
    return Problem(
        f"The public index has a package {name!r}, too",
        "a client that asks both may install that one: give yours another name, reserve the name,"
        " or let clients read the private index only; --no-public-names does not look",
    )


def _print_json(
    transport: Transport,
    judgements: Sequence[Judgement],
    notes: Sequence[Note],
    names: PublicNames,
    warnings: Sequence[Problem],
) -> None:
    result = {
        "registry": str(transport.registry),
        "projects": [judgement_as_object(it) for it in judgements],
        "dependents": [asdict(note) for note in notes],
        "public_names": [*names.found],
        "warnings": [asdict(warning) for warning in warnings],
    }
    click.echo(json.dumps(result, indent=2))


if __name__ == "__main__":
    run_alone(command, "check")
