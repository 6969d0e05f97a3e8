"""`shipwheel doctor`: what is wrong with tools, credentials and settings on this machine."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steps.client.model import this_machine
from steps.command_line.arguments import find_named_registry
from steps.command_line.groups import ShipwheelCommand
from steps.command_line.options import json_option, registry_option, retry_for_option
from steps.command_line.program import run_alone
from steps.diagnosis.clients import CHECKS as CLIENT_CHECKS
from steps.diagnosis.machine import CHECKS as MACHINE_CHECKS
from steps.diagnosis.observation import observe
from steps.diagnosis.registry import CHECKS as REGISTRY_CHECKS
from steps.diagnosis.registry import check_no_registry
from steps.host.errors import InputError, Refused, counted
from steps.registry.credentials import Certificates, find_certificates, find_credentials
from steps.registry.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.diagnosis import CheckResult
    from steps.registry.address import Registry

_COLOURS = {"ok": "green", "note": "yellow", "wrong": "red"}
_RETRY_SECONDS = 5.0
_TIMEOUT_SECONDS = 10.0


@click.command(cls=ShipwheelCommand)
@registry_option
@click.option("--read-only", is_flag=True, help="Do not check the permission to upload.")
@retry_for_option(_RETRY_SECONDS)
@json_option
def command(registry: str | None, read_only: bool, retry_for: float, as_json: bool) -> None:
    """Tell what is wrong with tools, credentials, permissions and client settings here.

    Prints a line for each check, with the fix. Nothing is changed or uploaded, and no secret is
    printed. Exits with 1 if something is wrong. If no registry is named, only the machine and its
    settings are checked.

    \b
    Example:
      shipwheel doctor --registry us-central1/my-project/pypi
    """
    place = find_named_registry(registry, Path.cwd(), os.environ)
    transport = _open_transport(place, retry_for) if place else None
    seen = observe(transport, this_machine(), read_only=read_only)
    of_registry = REGISTRY_CHECKS if place else (check_no_registry,)
    checks = (*MACHINE_CHECKS, *of_registry, *CLIENT_CHECKS)
    results = [result for check in checks for result in check(seen)]
    if as_json:
        click.echo(json.dumps([asdict(it) for it in results], indent=2))
    else:
        for result in results:
            click.echo(_line(result))
    wrong = sum(it.status == "wrong" for it in results)
    if wrong:
        raise Refused(f"{wrong} of {counted(len(results), 'check')} found something wrong")


def _open_transport(place: Registry, retry_for: float) -> Transport:
    credentials = find_credentials(place, _complete(os.environ))
    certificates = _usable_certificates(os.environ)
    return Transport(
        place, credentials, certificates, retry_for=retry_for, timeout=_TIMEOUT_SECONDS
    )


def _usable_certificates(environ: Mapping[str, str]) -> Certificates:
    """Return those that are named, or none: one that cannot be used is reported by a check."""
    try:
        return find_certificates(environ)
    except InputError:
        return Certificates()


def _complete(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out a password without a user name: it is reported, and does not end the run."""
    incomplete = {"TWINE_PASSWORD"} if not environ.get("TWINE_USERNAME") else set()
    return {name: value for name, value in environ.items() if name not in incomplete}


def _line(result: CheckResult) -> str:
    status = click.style(f"{result.status:5}", fg=_COLOURS[result.status])
    fix = f"; fix: {result.fix}" if result.fix else ""
    # A line is a line, whatever a program or a path has put into it.
    return " ".join(f"{status}  {result.check}: {result.message}{fix}".splitlines())


if __name__ == "__main__":
    run_alone(command, "doctor")
