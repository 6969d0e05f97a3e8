"""`shipwheel run`: a build config on this machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from builder.local.build import describe, plan_lines, run_build
from builder.local.preparation import RunRequest, prepare
from steps.command_line.groups import GRACE, ShipwheelCommand
from steps.command_line.options import json_option
from steps.command_line.program import run_alone
from steps.host.errors import InputError
from triggers.cloudbuild.substitutions import StartedBy

if TYPE_CHECKING:
    from builder.local.preparation import PreparedBuild

_GRACE_SECONDS = 30.0


@click.command(cls=ShipwheelCommand)
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--substitutions",
    metavar="K=V,…",
    default="",
    help="Values of substitutions; `^:^K=V:…` chooses another separator, as for gcloud.",
)
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    default=".",
    show_default=True,
    help="What is copied to /workspace.",
)
@click.option(
    "--as",
    "started_by",
    type=click.Choice(["trigger", "submit"]),
    default="trigger",
    show_default=True,
    help="Whose rules for substitutions hold: a trigger's or those of `gcloud builds submit`.",
)
@click.option("--emulator", is_flag=True, help="Serve a registry emulator to the steps.")
@click.option("--registry", metavar="URL", default="", help="Let our steps use this registry.")
@click.option(
    "--env",
    "handed",
    metavar="NAME",
    multiple=True,
    help="Hand this variable of this machine to the steps, credentials included.",
)
@click.option("--docker", is_flag=True, help="Run every step in its container.")
@click.option("--host-tools", is_flag=True, help="Run the usual builders as host programs.")
@click.option("--dry-run", is_flag=True, help="Say what would run, and run nothing.")
@click.option("--only", metavar="ID", default="", help="Run this step alone.")
@click.option("--from", "start", metavar="ID", default="", help="Leave out the steps before this.")
@json_option
def command(
    *,
    config: Path,
    substitutions: str,
    source: Path,
    started_by: str,
    emulator: bool,
    registry: str,
    handed: tuple[str, ...],
    docker: bool,
    host_tools: bool,
    dry_run: bool,
    only: str,
    start: str,
    as_json: bool,
) -> int:
    """Run the build config CONFIG on this machine, as Cloud Build would.

    Steps of our image (its last component is `shipwheel`) run as processes, without Docker.
    Steps see a copy of the source, and a clean environment.
    `artifacts.pythonPackages` goes to the registry of --emulator or --registry; no other artifact
    is uploaded. --dry-run needs neither containers nor secrets, and lists what cannot run here.

    Exits with the code of the failed step when that ran Shipwheel, else with 3.

    \b
    Example:
      shipwheel run cloudbuild.yaml --emulator \\
        --substitutions _REPO=pypi
    """
    _exclude(("--emulator", emulator), ("--registry", bool(registry)))
    _exclude(("--docker", docker), ("--host-tools", host_tools))
    _exclude(("--only", bool(only)), ("--from", bool(start)))

    request = RunRequest(
        config=config,
        source=source,
        substitutions=_pairs(substitutions),
        started_by=StartedBy(started_by),
        registry=registry,
        emulator=emulator,
        docker=docker,
        host_tools=host_tools,
        only=only,
        start=start,
        handed=handed,
    )
    prepared = prepare(request)
    return _describe(prepared, as_json=as_json) if dry_run else _run(prepared, as_json=as_json)


def _describe(prepared: PreparedBuild, *, as_json: bool) -> int:
    text = json.dumps(describe(prepared), indent=2) if as_json else "\n".join(plan_lines(prepared))
    click.echo(text)
    return 0


def _run(prepared: PreparedBuild, *, as_json: bool) -> int:
    # A container is asked to end, waited for and removed.
    click.get_current_context().meta[GRACE] = _GRACE_SECONDS
    # The log is what a person asks for, and narration to a program that reads the JSON.
    record = run_build(prepared, sys.stderr if as_json else sys.stdout)
    if as_json:
        click.echo(json.dumps(record, indent=2))
    return int(record["exitCode"])


def _exclude(*options: tuple[str, bool]) -> None:
    if all(given for _, given in options):
        names = " and ".join(name for name, _ in options)
        raise click.UsageError(f"{names} exclude each other.")


def _pairs(text: str) -> dict[str, str]:
    """Return the pairs of `K=V,…` in gcloud's form, with its way to name another separator."""
    separator = ","
    if text.startswith("^") and "^" in text[1:]:
        separator, _, text = text[1:].partition("^")
    pairs = {}
    for part in text.split(separator) if text else []:
        key, equals, value = part.partition("=")
        if not equals or not key:
            message = f"--substitutions has an entry without `=`: {part!r}"
            raise InputError(message, "write K=V,K=V, or ^:^K=V:K=V for values with commas")
        pairs[key] = value
    return pairs


if __name__ == "__main__":
    run_alone(command, "run")
