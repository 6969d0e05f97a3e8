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
from steps.function.rules import CODES as FUNCTION_CODES
from steps.host.errors import Refused, did_you_mean
from triggers.command_line.options import manifest_option
from triggers.rules.codes import CODES
from triggers.rules.linter import lint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.host.errors import Code
    from triggers.rules.linter import Report

_logger = logging.getLogger("shipwheel")
_CODES = {**CODES, **FUNCTION_CODES}


def _codes(
    _ctx: click.Context, _parameter: click.Parameter, given: tuple[str, ...]
) -> frozenset[str]:
    codes = frozenset(code.strip().upper() for text in given for code in text.split(","))
    for code in sorted(codes - _CODES.keys()):
        raise click.BadParameter(_unknown(code, _CODES))
    return codes


def _unknown(code: str, known: Mapping[str, Code]) -> str:
    meant = did_you_mean(code, known, f"codes are SW and three digits, such as {min(known)}")
    return f"there is no code {code!r}: {meant}"


def _explain(ctx: click.Context, _parameter: click.Parameter, code: str | None) -> None:
    if code is None or ctx.resilient_parsing:
        return
    name = code.strip().upper()
    if name not in _CODES:
        raise click.BadParameter(_unknown(name, _CODES))
    click.echo(f"{name} ({_CODES[name].level}): {_CODES[name].meaning}")
    ctx.exit()


@click.command(cls=ShipwheelCommand)
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
@click.option(
    "--explain",
    metavar="CODE",
    is_eager=True,
    expose_value=False,
    callback=_explain,
    help="Print what a code means, also one of `shipwheel requirements`, and exit.",
)
@json_option
def command(
    *, files: tuple[Path, ...], manifest_file: Path, ignored: frozenset[str], as_json: bool
) -> int:
    """Find what gcloud and Cloud Build refuse, or accept and treat differently than meant.

    FILE is a file of triggers for gcloud's import, a build config, or a manifest. Without any, it
    checks the repository's manifest, the triggers that it renders, the build configs that they
    name, every cloudbuild.yaml below, and what has steps: files with cloudbuild in their names, and
    those in folders named cloudbuild, .cloudbuild or .gcb.

    Exits with 1 if there is a finding; --explain says what its code means.

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
        print_finding(found, _CODES[found.code].level, f"{found.file}:{found.line}")


def _as_json(report: Report) -> str:
    findings = [finding_as_object(found, _CODES[found.code].level) for found in report.findings]
    record = {"findings": findings, "files": [*report.files]}
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def _summary(report: Report) -> str:
    findings, files = len(report.findings), len(report.files)
    what = "No findings" if not findings else f"{findings} finding{'s'[: findings != 1]}"
    return f"{what} in {files} file{'s'[: files != 1]}"


if __name__ == "__main__":
    run_alone(command, "triggers", "lint")
