"""`shipwheel triggers lint`: what is wrong, or will go wrong, with files and lines."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steps.command_line.groups import ShipwheelCommand
from steps.command_line.options import json_option
from steps.command_line.program import run_alone
from steps.command_line.report import finding_as_object, print_finding
from steps.host.errors import Refused, did_you_mean
from triggers.command_line.options import manifest_option
from triggers.rules.codes import CODES
from triggers.rules.linter import lint

if TYPE_CHECKING:
    from triggers.rules.linter import Report

_logger = logging.getLogger("shipwheel")


def _codes(
    _ctx: click.Context, _parameter: click.Parameter, given: tuple[str, ...]
) -> frozenset[str]:
    codes = {code.strip().upper() for text in given for code in text.split(",")}
    for code in sorted(codes - CODES.keys()):
        meant = did_you_mean(code, CODES, "triggers/rules/README.md lists them")
        raise click.BadParameter(f"there is no code {code!r}: {meant}")
    return frozenset(codes)


@click.command(
    cls=ShipwheelCommand, short_help="Find faults in triggers, build configs and the manifest."
)
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@manifest_option
@click.option(
    "--ignore",
    "ignored",
    metavar="CODE",
    multiple=True,
    callback=_codes,
    help="Leave out findings of this code; may be given again, or as CODE,CODE.",
)
@json_option
def command(
    *, files: tuple[Path, ...], manifest_file: Path, ignored: frozenset[str], as_json: bool
) -> int:
    """Find what gcloud and Cloud Build refuse, or accept and treat differently than meant.

    FILE is a file of triggers for gcloud's import, a build config, or a manifest. Without any, it
    checks the repository's manifest, the triggers that it renders, the build configs that they
    name, and every cloudbuild.yaml, cloudbuild-*.yaml, *.cloudbuild.yaml, cloudbuild/*.yaml and
    .cloudbuild/*.yaml below.

    Exits with 1 if there is a finding. triggers/rules/README.md explains the codes.

    \b
    Example:
      shipwheel triggers lint
      shipwheel triggers lint triggers.yaml cloudbuild.yaml \\
        --ignore SW204
    """
    report = lint(manifest_file, files, ignored)
    click.echo(_as_json(report), nl=False) if as_json else _print(report)
    _logger.info("%s", _summary(report))
    return Refused.exit_code if report.findings else 0


def _print(report: Report) -> None:
    for found in report.findings:
        print_finding(found, CODES[found.code].level, f"{found.file}:{found.line}")


def _as_json(report: Report) -> str:
    findings = [finding_as_object(found, CODES[found.code].level) for found in report.findings]
    record = {"findings": findings, "files": [*report.files]}
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def _summary(report: Report) -> str:
    findings, files = len(report.findings), len(report.files)
    what = "No findings" if not findings else f"{findings} finding{'s'[: findings != 1]}"
    return f"{what} in {files} file{'s'[: files != 1]}"


if __name__ == "__main__":
    run_alone(command, "triggers", "lint")
