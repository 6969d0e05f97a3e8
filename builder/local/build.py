"""Runs a prepared build to its end: fetch the source, execute the steps, deliver, report."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.local.artifacts import Delivery
from builder.local.environment import docker_environment, host_environment
from builder.local.execution import FAILURE, SUCCESS, Execution
from builder.local.log import BuildLog
from builder.local.registries import open_registries
from builder.local.room import Room
from builder.local.runners import DockerRunner, ExtraVariables, ProcessRunner, Runner, is_ours
from builder.local.summary import report, summary_lines
from builder.local.workspace import copy_source
from steps.host.errors import EXIT_BUG, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from builder.local.preparation import Prepared
    from builder.local.screen import Screen
    from steps.host.tasks import Command
    from triggers.cloudbuild.build_config import Build

_logger = logging.getLogger("shipwheel")

EXIT_STEP_FAILED = 3
_OUR_CODES = {1, 2, 3, 4, 5, EXIT_BUG}


def run_build(prepared: Prepared, screen: Screen) -> dict[str, Any]:
    """Run a prepared build, shown on *screen*; return its record."""
    with _open_room() as room, open_registries(prepared, room) as extra:
        runner = make_runner(prepared, room, extra)
        check_runner(prepared, runner)
        return _Session(prepared, room, runner, extra, screen).run()


@contextlib.contextmanager
def _open_room() -> Iterator[Room]:
    """Yield a room, and remove it."""
    with tempfile.TemporaryDirectory(prefix="shipwheel-run-", ignore_cleanup_errors=True) as name:
        root = Path(name).resolve()
        yield Room(root)
    if root.exists():  # what a container's root wrote is not ours to remove
        _logger.warning("Cannot remove %s: some files there belong to another user", root)


def make_runner(prepared: Prepared, room: Room, extra: ExtraVariables) -> Runner:
    """Return what turns the steps of the build into commands."""
    environ = prepared.request.environ
    if prepared.request.docker:
        return DockerRunner(room, docker_environment(environ), prepared.build_id, extra)
    host = host_environment(environ, room.temporary)
    return ProcessRunner(room, host, prepared.request.host_tools, extra)


def check_runner(prepared: Prepared, runner: Runner) -> None:
    """Raise InputError for every step of the plan that cannot run on this machine."""
    refusals = runner.refusals(prepared.config.build)
    chosen = [problem for index, problem in refusals if index in prepared.plan.waits]
    InputError.raise_all(dict.fromkeys(chosen))


@dataclass(frozen=True)
class _Session:
    """One run of a prepared build, in its room."""

    prepared: Prepared
    room: Room
    runner: Runner
    extra: ExtraVariables
    screen: Screen

    @property
    def build(self) -> Build:
        return self.prepared.config.build

    def run(self) -> dict[str, Any]:
        """Run everything; the summary is shown however it ends."""
        log = BuildLog(self.screen.write, self.prepared.secrets.values())
        self._fetch_source(log)
        log.line("BUILD")
        execution = Execution(self.build, self.prepared.plan, self._command, log)
        try:
            with self.screen.watch(execution):
                execution.run()
            if execution.status == SUCCESS and not self._deliver(log):
                execution.status = FAILURE
        finally:
            record = report(execution, self.room, log, self.prepared.build_id)
            log.line("DONE" if execution.status == SUCCESS else execution.status)
            log.line()
            for line in summary_lines(execution, record):
                log.line(line)
        return {**record, "exitCode": exit_code(execution)}

    def _fetch_source(self, log: BuildLog) -> None:
        source = self.prepared.request.source
        log.line(f'starting build "{self.prepared.build_id}"')
        log.line()
        log.line("FETCHSOURCE")
        self.room.make(self.build)
        log.line(f"Copied {copy_source(source, self.room.workspace)} files from {str(source)!r}")

    def _command(self, index: int) -> Command:
        return self.runner.command(self.build, index, self.prepared.variables(index))

    def _deliver(self, log: BuildLog) -> bool:
        if self.prepared.request.only:
            log.line("One step is no build: its artifacts and images are left out")
            return True
        environ = self.prepared.request.environ
        host = host_environment(environ, self.room.temporary) | docker_environment(environ)
        delivery = Delivery(self.build, self.room, log, host)
        return delivery.deliver(self.extra.every_step)


def exit_code(execution: Execution) -> int:
    """Return 0, or what the failed step means.

    A command of ours says itself why it failed; of any other program only that it did is known.
    """
    if execution.status == SUCCESS:
        return 0
    if execution.failed is not None:
        step = execution.build.steps[execution.failed]
        code = execution.runs[execution.failed].exit_code
        if is_ours(step) and code in _OUR_CODES:
            return code
    return EXIT_STEP_FAILED
