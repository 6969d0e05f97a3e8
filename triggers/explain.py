"""`shipwheel triggers explain`: which triggers a change would start, and through which file."""

from __future__ import annotations

import json
import logging
import posixpath
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steps.command_line.groups import ShipwheelCommand
from steps.command_line.options import json_option
from steps.command_line.program import run_alone
from steps.host.errors import InputError, Problem, counted, shorten, warn
from triggers.cloudbuild.conditions import TriggerConditions, read_conditions
from triggers.cloudbuild.files import read_mappings
from triggers.command_line.options import manifest_option
from triggers.rendering.explanation import ChangedFiles, Event, explain, replay
from triggers.rendering.git_range import read_change, read_pushes, top_directory
from triggers.rendering.repository import open_repository, render_repository

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triggers.cloudbuild.conditions import EventKind
    from triggers.rendering.explanation import Explanation, History, Match, TriggerVerdict

_logger = logging.getLogger("shipwheel")

_MOST_FILES = 3
_MOST_UNCLAIMED = 20
_MOST_COUNTED = 10


@click.command(cls=ShipwheelCommand)
@click.argument("what", metavar="RANGE|FILE...", nargs=-1)
@click.option(
    "--files",
    "are_files",
    is_flag=True,
    help="The arguments are changed files, from the repository's root; - reads them from stdin.",
)
@click.option(
    "--each", is_flag=True, help="Ask about each commit of RANGE as a push of its own, and count."
)
@click.option(
    "--history",
    type=click.IntRange(min=1),
    metavar="N",
    help="Ask about each of the last N pushes, and count.",
)
@manifest_option
@click.option(
    "--triggers",
    "trigger_files",
    type=click.Path(path_type=Path),
    metavar="FILE",
    multiple=True,
    help="Read the triggers from this YAML or JSON file instead of rendering them.",
)
@click.option(
    "--event",
    "kind",
    type=click.Choice(["push", "pull-request"]),
    help="Ask about one kind of event. By default about both.",
)
@click.option(
    "--branch",
    metavar="NAME",
    help="The branch that is pushed to, or that a pull request is for. By default any.",
)
@click.option("--tag", metavar="NAME", help="The tag that is pushed.")
@json_option
def command(
    *,
    what: tuple[str, ...],
    are_files: bool,
    each: bool,
    history: int | None,
    manifest_file: Path,
    trigger_files: tuple[Path, ...],
    kind: EventKind | None,
    branch: str | None,
    tag: str | None,
    as_json: bool,
) -> None:
    """Show which triggers a change would start, and which globs and files start them.

    RANGE is of git: A..B for a push that moves a branch from A to B, A...B for a pull request of B
    against A, B alone for a new branch. The command does not call Google Cloud.

    \b
    Example:
      shipwheel triggers explain HEAD~1..HEAD \\
        --event push --branch main
      shipwheel triggers explain origin/main...HEAD \\
        --event pull-request
      git diff --name-only HEAD \\
        | shipwheel triggers explain --files -
      shipwheel triggers explain --history 500
    """
    if not (what or history):
        raise click.UsageError("Name a range, files with --files, or a number with --history.")
    if are_files and (each or history):
        raise click.UsageError("--files is one change: leave out --each and --history.")
    if tag is not None and (branch is not None or kind == "pull-request"):
        raise click.UsageError("--tag is for a push, and without --branch")
    conditions = _conditions(manifest_file, trigger_files)
    folder = Path() if trigger_files else manifest_file.parent
    if each or history:
        pushes = read_pushes(_one(what), folder, history)
        asked = Event(kind=kind or "push", branch=branch, tag=tag)
        _report(replay(conditions, pushes, asked), as_json=as_json)
        return
    change = _files(what) if are_files else _range(what, folder, rendered=not trigger_files)
    event = Event(kind="push" if tag is not None else kind, branch=branch, tag=tag)
    explanation = explain(conditions, change, event)
    if as_json:
        changed = {"changed_files": change.files}
        click.echo(json.dumps({**asdict(event), **changed, **asdict(explanation)}, indent=2))
    else:
        _print(explanation)
    for note in explanation.notes:
        _logger.warning("note: %s", note)
    fired = sum(verdict.fires == "yes" for verdict in explanation.verdicts)
    _logger.info(
        "%s %d of %s",
        counted(len(change.files), "changed file starts", "changed files start"),
        fired,
        counted(len(conditions), "trigger"),
    )


def _conditions(manifest_file: Path, trigger_files: Sequence[Path]) -> list[TriggerConditions]:
    if trigger_files:
        hint = "`shipwheel triggers render`, or `gcloud builds triggers list --format=json`"
        messages = [
            it for path in trigger_files for it in read_mappings(path, "trigger file", hint)
        ]
    else:
        rendering = render_repository(open_repository(manifest_file))
        warn(*rendering.warnings)
        messages = [trigger.document() for trigger in rendering.triggers]
    return [read_conditions(message) for message in messages]


def _one(what: Sequence[str]) -> str:
    if len(what) > 1:
        raise InputError(f"More than one range: {what[1]!r}", "for files, add --files")
    return what[0] if what else ""


def _range(what: Sequence[str], folder: Path, *, rendered: bool) -> ChangedFiles:
    change = read_change(_one(what), folder)
    top = top_directory(folder)
    if rendered and Path(top) != folder.resolve():
        warn(
            f"the manifest is not in the repository's root {top!r}, from where Cloud Build matches"
            " globs"
        )
    return change


def _files(what: Sequence[str]) -> ChangedFiles:
    names = sys.stdin.read().splitlines() if tuple(what) == ("-",) else what
    files = [posixpath.normpath(name) for name in names if name]
    InputError.raise_all(
        Problem(
            f"Not a path from the repository's root: {name!r}", "write it as git does: src/code.py"
        )
        for name in files
        if name.startswith(("/", "../"))
    )
    return ChangedFiles(files=tuple(dict.fromkeys(files)))


def _report(history: History, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(history), indent=2))
        return
    builds = sum(history.triggers.values())
    for title, counts in (("builds", history.triggers), ("builds through", history.files)):
        shown = [*counts.items()][:_MOST_COUNTED]
        for name, count in shown:
            _echo(f"{count:6} {title} {name}")
        if more := len(counts) - len(shown):
            _echo(f"       and {more} more (--json names them)")
    pushes = len(history.pushes)
    most = max(history.pushes, key=lambda it: len(history.pushes[it]), default="")
    _logger.info(
        "%s %s: %.1f a push, at most %d (%s)",
        counted(pushes, "push starts", "pushes start"),
        counted(builds, "build"),
        builds / max(pushes, 1),
        len(history.pushes.get(most, ())),
        most or "none",
    )
    if history.unknown:
        _logger.warning("note: %d more cannot be decided here", history.unknown)


def _print(explanation: Explanation) -> None:
    silent: dict[str, list[str]] = {}
    for verdict in explanation.verdicts:
        if verdict.fires == "no":
            silent.setdefault(verdict.reason, []).append(verdict.name)
        else:
            _print_verdict(verdict)
    for reason, names in silent.items():
        _echo(f"silent   {shorten(names, _MOST_FILES)}: {reason}")
    shown = explanation.unclaimed[:_MOST_UNCLAIMED]
    for path in shown:
        _echo(f"no trigger for {path}")
    if more := len(explanation.unclaimed) - len(shown):
        _echo(f"no trigger for {counted(more, 'more file')} (--json names them)")


def _print_verdict(verdict: TriggerVerdict) -> None:
    if verdict.fires == "yes":
        _echo(f"fires    {verdict.name}, on {verdict.waits_for}")
    else:
        _echo(f"unknown  {verdict.name}: {verdict.reason}")
    for match in verdict.matches:
        _echo(f"           {_through(match)}")
    if verdict.then:
        _echo(f"           then its build starts {', '.join(verdict.then)}")


def _through(match: Match) -> str:
    glob = match.glob or "every file"
    return f"{glob} includes {shorten(match.files, _MOST_FILES)}"


def _echo(text: str) -> None:
    # A path in git may hold bytes that are not text.
    click.echo(text.encode("utf-8", "backslashreplace").decode())


if __name__ == "__main__":
    run_alone(command, "triggers", "explain")
