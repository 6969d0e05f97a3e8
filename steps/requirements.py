"""`shipwheel requirements`: a function's requirements.txt, judged, and made ready for its build."""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steps.command_line.arguments import open_transport, with_transport
from steps.command_line.groups import ShipwheelCommand
from steps.command_line.options import json_option
from steps.command_line.program import run_alone
from steps.command_line.report import finding_as_object, print_finding
from steps.function.context import Settings
from steps.function.preparation import Preparation
from steps.host.errors import Refused

if TYPE_CHECKING:
    from steps.function.preparation import Result
    from steps.registry.transport import Transport

_logger = logging.getLogger("shipwheel")

VIRTUAL_VARIABLE = "SHIPWHEEL_VIRTUAL"
_WAIT_SECONDS = 120.0


def _runtime(_ctx: click.Context, _parameter: click.Parameter, given: str) -> int:
    match = re.fullmatch(r"python3(\d{1,2})", given)
    if not match:
        raise click.BadParameter(f"{given!r} is not a runtime such as python313")
    return int(match[1])


def _folder(_ctx: click.Context, _parameter: click.Parameter, given: str | None) -> str:
    path = os.path.normpath(given) if given else ""
    if path in {".", ".."} or path.startswith(("../", "/", ".")):
        raise click.BadParameter(f"{given!r} is not a folder inside the function")
    return path


@click.command(cls=ShipwheelCommand)
@click.argument("directory", metavar="FUNCTION", type=click.Path(path_type=Path))
@with_transport
@click.option(
    "--virtual",
    metavar="URL",
    envvar=VIRTUAL_VARIABLE,
    help="The virtual repository over the registry and a public index, for the index line; by"
    f" default, the registry itself.  [env: {VIRTUAL_VARIABLE}]",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=_WAIT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for --wait-for, and until the virtual repository shows the versions that"
    " the registry has.",
)
@click.option(
    "--wait-for",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PACKAGE",
    help="Wait until the registry has the version of the package in this directory, or a higher"
    " one; may be repeated.",
)
@click.option(
    "--extra-index-url",
    "extra",
    is_flag=True,
    help="Write --extra-index-url. It is weaker: a private name on the public index may be"
    " installed instead.",
)
@click.option("--pin", is_flag=True, help="Resolve through uv, and pin everything with hashes.")
@click.option("--upgrade", is_flag=True, help="With --pin, do not keep what is pinned already.")
@click.option(
    "--vendor",
    metavar="DIR",
    callback=_folder,
    help="Pin, and download the wheels into DIR of the function, for builds without a registry.",
)
@click.option(
    "--bundle",
    is_flag=True,
    help="Build the packages of this repository that are required, put their wheels into the"
    " function's source, and pin.",
)
@click.option(
    "--write-ignores",
    is_flag=True,
    help="Add the missing lines to the function's .gitignore and .gcloudignore.",
)
@click.option(
    "--runtime",
    default="python313",
    show_default=True,
    callback=_runtime,
    help="The function's runtime.",
)
@click.option("--entry-point", default="", metavar="NAME", help="What main.py has to define.")
@click.option(
    "--package-manager",
    default="",
    metavar="NAME",
    envvar="GOOGLE_PYTHON_PACKAGE_MANAGER",
    help="What the function's build environment sets: pip or uv."
    "  [env: GOOGLE_PYTHON_PACKAGE_MANAGER]",
)
@click.option("--strict", is_flag=True, help="Refuse what the rules only warn about.")
@click.option(
    "--dry-run", is_flag=True, help="Judge, and say what would be written; write nothing."
)
@json_option
def command(
    *,
    directory: Path,
    transport: Transport,
    virtual: str | None,
    strict: bool,
    dry_run: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Judge a function's requirements, and make them ready for its build.

    They are read from requirements.txt.tmpl, requirements.in, requirements.txt or pyproject.toml in
    the directory FUNCTION, and written to its requirements.txt, with the registry's index line and
    without credentials. If a finding is an error, nothing is written, and the exit code is 1.
    `shipwheel triggers lint --explain CODE` explains the code of a finding.

    \b
    Example:
      shipwheel requirements functions/berth-finder \\
        --registry us-central1/my-project/pypi \\
        --virtual us-central1/my-project/pypi-all
    """
    place = open_transport(virtual, retry_for=transport.retry_for) if virtual else transport
    preparation = Preparation(
        settings=Settings(registry=transport.registry, index=place.registry, **settings),
        transport=transport,
        virtual=None if place.registry == transport.registry else place,
        environ=os.environ,
        strict=strict,
        dry_run=dry_run,
    )
    result = preparation.run(directory)
    if as_json:
        click.echo(_as_json(result, directory))
    else:
        for found in result.findings:
            where = f"{directory / found.file}:{found.line}".removesuffix(":0")
            print_finding(found, result.level(found), where)
    _narrate(result, directory, dry_run=dry_run)
    return Refused.exit_code if result.is_refused else 0


def _narrate(result: Result, directory: Path, *, dry_run: bool) -> None:
    if result.is_refused:
        _logger.error("error: Nothing was written: see the findings")
        return
    removed, written = ("Would remove", "Would write") if dry_run else ("Removed", "Wrote")
    for path in result.removed:
        _logger.info("%s %s", removed, _shown(path, result, directory))
    for path in result.files:
        _logger.info("%s %s", written, _shown(path, result, directory))
    if not (result.files or result.removed):
        _logger.info("%s is as it should be", directory / "requirements.txt")
    if result.files and result.names_emulator:
        _logger.info(
            "note: %s names an emulator: run this again for the registry before you deploy",
            directory / "requirements.txt",
        )
    for name, value in result.build_environment:
        _logger.info("Deploy with --set-build-env-vars=%s=%s", name, value)


def _shown(path: Path, result: Result, directory: Path) -> str:
    return str(directory / path.relative_to(result.function.directory))


def _as_json(result: Result, directory: Path) -> str:
    record = {
        "function": str(directory),
        "source": result.function.source,
        "findings": [finding_as_object(it, result.level(it)) for it in result.findings],
        "files": [_shown(path, result, directory) for path in result.files],
        "removed": [_shown(path, result, directory) for path in result.removed],
        "build_environment": dict(result.build_environment),
    }
    return json.dumps(record, indent=2, ensure_ascii=False)


if __name__ == "__main__":
    run_alone(command, "requirements")
