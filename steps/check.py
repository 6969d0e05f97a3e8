"""`shipwheel check`: what publishing would do to every project, and whether it is allowed."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

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
from steps.host.errors import Refused, warn
from steps.project.repository import neighbours
from steps.registry.index import Index
from steps.registry.public_index import PublicNames, choose_public_index
from steps.release.dependents import missing_bounds, notes_on_dependents
from steps.release.judgement import refusals
from steps.release.release import check_aside
from steps.version.locks import outdated_locks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from steps.backend.context import BuildOptions
    from steps.host.errors import Problem
    from steps.registry.transport import Transport
    from steps.release.dependents import Note
    from steps.release.gate import Rules
    from steps.release.judgement import Judgement


@click.command(cls=ShipwheelCommand)
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
    public = choose_public_index(transport.registry, public_index, strict_names or public_names)
    if public:
        public.ask(it.name for it in projects if it.name)
    index = Index(transport.registry, transport, uploads=True, first_release=first_release)
    options = replace(build_options, uncommitted="warned")
    judgements = check_aside(projects, index, rules, options, build_them=build_them)
    notes = notes_on_dependents(judgements, everything if every else neighbours(projects))
    names = public.answers(it.project for it in judgements) if public else PublicNames()
    doubts = [*missing_bounds(projects, neighbours(projects))]
    if build_them:
        doubts += outdated_locks([it.directory for it in projects], os.environ)
    if as_json:
        _print_json(transport, judgements, notes, names, doubts)
    else:
        print_judgements(judgements)
    write_build_output([*map(judgement_as_line, judgements), *map(str, notes)], os.environ)
    warn(*notes)
    if not build_options.strict:
        warn(*doubts)
    conflicts = names.conflicts()
    if strict_names:
        names.require_known()
    else:
        warn(*conflicts)
    strictly = [*(conflicts if strict_names else ()), *(doubts if build_options.strict else ())]
    Refused.raise_all([*refusals(judgements), *strictly])


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
