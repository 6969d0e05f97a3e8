"""`shipwheel requirements`: a function's requirements.txt, judged, and made ready for its build."""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steps.command_line.options import json_option
from steps.command_line.program import run_alone
from steps.command_line.registry_options import with_transport
from steps.command_line.report import finding_as_object, print_finding
from steps.host.errors import Refused

if TYPE_CHECKING:
    from steps.function.preparation import Result
    from steps.host.errors import Finding
    from steps.registry.transport import Transport

_logger = logging.getLogger("shipwheel")

VIRTUAL_VARIABLE = "SHIPWHEEL_VIRTUAL"
_WAIT_SECONDS = 120.0


def _runtime(_ctx: click.Context, _parameter: click.Parameter, given: str) -> int:
    match = re.fullmatch(r"python3(\d{1,2})", given)
    if not match:
        raise click.BadParameter(f"{given!r} is no runtime such as python313")
    return int(match[1])


def _folder(_ctx: click.Context, _parameter: click.Parameter, given: str | None) -> str:
    path = os.path.normpath(given) if given else ""
    if path in {".", ".."} or path.startswith(("../", "/", ".")):
        raise click.BadParameter(f"{given!r} is no folder inside of the function")
    return path


@click.command(short_help="Judge a function's requirements, and make them ready for its build.")
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
    help="How long to wait until the virtual repository shows the versions that the registry has.",
)
@click.option(
    "--extra-index-url",
    "extra",
    is_flag=True,
    help="Write --extra-index-url. It is weaker: whoever takes a private name on the public index"
    " may be installed instead.",
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
    "--dry-run", is_flag=True, help="Judge, and tell what would be written; write nothing."
)
@json_option
def command(
    *,
    directory: Path,
    transport: Transport,
    virtual: str | None,
    wait: float,
    extra: bool,
    pin: bool,
    upgrade: bool,
    vendor: str,
    bundle: bool,
    write_ignores: bool,
    runtime: int,
    entry_point: str,
    package_manager: str,
    strict: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Judge a function's requirements, and make them ready for its build.

    They come from requirements.txt.tmpl, requirements.in, requirements.txt or pyproject.toml of the
    directory FUNCTION, and end in its requirements.txt, with the index line of the registry and
    without a credential. steps/README.md explains the codes of the findings; an error writes
    nothing and exits with 1.

    \b
    Example:
      shipwheel requirements functions/berth-finder --registry us-central1/my-project/pypi \\
        --virtual us-central1/my-project/pypi-all
    """
    from steps.function.facts import Settings  # noqa: PLC0415 - `--help` does without
    from steps.function.preparation import Request, make_requirements  # noqa: PLC0415 - the same

    place = _virtual(virtual, transport) if virtual else None
    request = Request(
        directory=directory,
        settings=Settings(
            registry=transport.registry,
            index=place.registry if place else transport.registry,
            runtime=runtime,
            package_manager=package_manager,
            entry_point=entry_point,
            extra=extra,
            pin=pin,
            bundle=bundle,
            vendor=vendor,
        ),
        transport=transport,
        virtual=place,
        wait=wait,
        write_ignores=write_ignores,
        upgrade=upgrade,
        strict=strict,
        dry_run=dry_run,
    )
    result = make_requirements(request, os.environ)
    click.echo(_as_json(result, directory), nl=False) if as_json else _print(result, directory)
    _narrate(result, directory, dry_run=dry_run)
    return Refused.exit_code if result.is_refused else 0


def _virtual(text: str, transport: Transport) -> Transport:
    from steps.registry.address import parse_registry  # noqa: PLC0415 - the same
    from steps.registry.credentials import find_certificates, find_credentials  # noqa: PLC0415 - the same
    from steps.registry.transport import Transport  # noqa: PLC0415 - the same

    place = parse_registry(text, os.environ)
    if place == transport.registry:
        return transport
    return Transport(
        place,
        find_credentials(place, os.environ),
        find_certificates(os.environ),
        retry_for=transport.retry_for,
    )


def _print(result: Result, directory: Path) -> None:
    from steps.function.codes import CODES  # noqa: PLC0415 - `--help` does without

    for found in result.findings:
        print_finding(found, CODES[found.code].level, _where(found, directory))


def _where(found: Finding, directory: Path) -> str:
    path = directory / found.file
    return f"{path}:{found.line}" if found.line else f"{path}"


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
    for name, value in result.build_environment:
        _logger.info("Deploy with --set-build-env-vars=%s=%s", name, value)


def _shown(path: Path, result: Result, directory: Path) -> Path:
    return directory / path.relative_to(result.function.directory)


def _as_json(result: Result, directory: Path) -> str:
    from steps.function.codes import CODES  # noqa: PLC0415 - `--help` does without

    record = {
        "function": str(directory),
        "source": result.function.source,
        "findings": [finding_as_object(it, CODES[it.code].level) for it in result.findings],
        "files": [str(_shown(path, result, directory)) for path in result.files],
        "removed": [str(_shown(path, result, directory)) for path in result.removed],
        "build_environment": dict(result.build_environment),
    }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    run_alone(command, "requirements")
