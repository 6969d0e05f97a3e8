"""Asks Google Cloud itself what steps/ASSUMPTIONS.md says: `make live PROJECT=… REGION=…`."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steps.host.errors import ServiceError, ShipwheelError
from steps.host.files import write_whole
from steps.host.gcloud import Call, run_gcloud
from tests.live.questions import QUESTIONS, Answer, NotTriedError
from tests.live.service import Service
from tests.live.table import PAGE, read_table
from triggers.cloud_project.forms import create
from triggers.cloud_project.resources import RepositoryName, RepositoryResource

if TYPE_CHECKING:
    from types import FrameType

_PLAN = """\
In the project {0.project!r}, region {0.region!r}, this makes, asks, and removes again:
  - the Python repositories {0.name}, {0.name}-remote and {0.name}-virtual, with a
    dozen files of a few kilobytes"""
_FUNCTION = "  - the function {0.function}, which nobody else may call, and its build"
_TRIGGER = "It runs the trigger {0.trigger!r} on the branch {0.branch!r}, with all that this does."
_COST = """\
It takes ten minutes at most, and costs cents: files that are stored for minutes, and builds.
It needs gcloud, and credentials that may create repositories (roles/artifactregistry.admin).
"""
_BUSY_SECONDS = 600.0


class _Signals:
    """Ctrl-C and SIGTERM: raised once, and not while something is made or removed."""

    def __init__(self) -> None:
        self._came = self.held = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        first, self._came = not self._came, True
        if first and not self.held:
            raise KeyboardInterrupt

    def release(self) -> None:
        """Raise what came meanwhile."""
        self.held = False
        if self._came:
            raise KeyboardInterrupt


class _Made:
    """What was made, or may have been, and has to be removed."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._removals: list[Call] = []

    def make(self, signals: _Signals) -> None:
        """Make the repositories; one whose making failed may be there all the same."""
        service = self._service
        standard, remote, virtual = (
            RepositoryName(service.project, service.region, f"{service.name}{suffix}")
            for suffix in ("", "-remote", "-virtual")
        )
        for repository in (
            RepositoryResource(standard, "python"),
            RepositoryResource(remote, "python", "remote"),
            RepositoryResource(virtual, "python", "virtual", (standard, remote)),
        ):
            signals.held = True
            place = f"--location={service.region}"
            self._will_remove("artifacts repositories delete", repository.place.name, place)
            run_gcloud(create(repository), os.environ)
            signals.release()
        if service.function:
            region = f"--region={service.region}"
            self._will_remove("functions delete", service.function, "--gen2", region)

    def _will_remove(self, verb: str, *arguments: str) -> None:
        project = f"--project={self._service.project}"
        takes = "it takes the role that made it"
        self._removals.append(Call(verb=verb, arguments=(*arguments, project), takes=takes))

    def remove(self) -> bool:
        """Remove it, the last first, and return whether all of it is gone."""
        removed = [_is_removed(call) for call in reversed(self._removals)]
        return all(removed)


def _is_removed(call: Call) -> bool:
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            run_gcloud(call, os.environ, seconds=_BUSY_SECONDS)
        except ShipwheelError as error:
            said = str(error)
            if isinstance(error, ServiceError) and "NOT_FOUND" in said:
                return True
            if "progress" not in said or time.monotonic() > end:
                click.echo(f"error: {said}\nhint: remove it by hand: {call.line}", err=True)
                return False
            time.sleep(10)
        else:
            return True


@click.command()
@click.option("--project", required=True, help="Your project of Google Cloud.")
@click.option("--region", required=True, help="Where the repositories are made.")
@click.option("--trigger", default="", help="Run this trigger of that region, too.")
@click.option("--branch", default="main", show_default=True, help="The branch that it runs on.")
@click.option("--function", is_flag=True, help="Deploy a small function, too.")
@click.option("--record", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the answers, for `shipwheel emulator --answers FILE`.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask before it begins.")
def main(
    *,
    project: str,
    region: str,
    trigger: str,
    branch: str,
    function: bool,
    record: Path | None,
    yes: bool,
) -> None:
    """Ask Google Cloud itself what the table of assumptions says, and print its answers."""
    name = f"shipwheel-live-{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory(prefix="shipwheel-live-") as folder:
        service = Service(
            project=project,
            region=region,
            name=name,
            folder=Path(folder),
            trigger=trigger,
            branch=branch,
            function=name if function else "",
        )
        lines = (_PLAN, _FUNCTION if function else "", _TRIGGER if trigger else "", _COST)
        click.echo("\n".join(line.format(service) for line in lines if line))
        if not yes:
            click.confirm("Go on?", abort=True)
        sys.exit(_run(service, record))


def _run(service: Service, record: Path | None) -> int:
    """Make, ask, remove, print, and return the exit code."""
    signals, made, code = _Signals(), _Made(service), 0
    answers: dict[str, Answer | str] = {}
    try:
        try:
            service.login  # noqa: B018 - nothing is made without credentials
            made.make(signals)
            for row in QUESTIONS:
                answers[row] = _ask(row, service)
        finally:
            signals.held = True  # a signal just before is the last one that is raised
    except KeyboardInterrupt:
        code = 130
    except ShipwheelError as error:
        click.echo(f"error: {error}\nhint: {error.problems[0].hint}", err=True)
        code = error.exit_code
    finally:
        signals.held = True
        removed = made.remove()
    _report(answers)
    if record:
        _write(record, answers)
    return code or int(not removed)


def _ask(row: str, service: Service) -> Answer | str:
    try:
        answer = QUESTIONS[row](service)
    except NotTriedError as reason:
        return str(reason)
    except Exception as error:  # noqa: BLE001 - a question that fails is an answer, too
        answer = Answer(holds=False, seen=service.hide(f"{type(error).__name__}: {error}")[:400])
    click.echo(f"{row}: {answer.seen}", err=True)
    return answer


def _report(answers: dict[str, Answer | str]) -> None:
    for row in read_table(PAGE.read_text()):
        match answers.get(row.id, "interrupted" if row.is_asked else "no question for the service"):
            case Answer(seen=seen) as answer:
                told = "as assumed" if answer.holds else "otherwise"
                click.echo(f"{row.id:25}{told}: {seen}")
                if not answer.holds:
                    click.echo(f"{'':25}assumed: {row.assumed}")
            case str(reason):
                click.echo(f"{row.id:25}not tried: {reason}")


def _write(file: Path, answers: dict[str, Answer | str]) -> None:
    recorded = {
        key: value
        for answer in answers.values()
        if isinstance(answer, Answer)
        for key, value in answer.recorded.items()
    }
    write_whole(file, json.dumps(recorded, indent=2) + "\n")
    click.echo(f"Written: {file}")


if __name__ == "__main__":
    main()
