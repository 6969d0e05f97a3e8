"""Runs a prepared build: fetch the source, execute the steps, deliver, report; or describes it."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.local.directories import BuildDirectories, copy_source
from builder.local.execution import FAILURE, SUCCESS, Execution
from builder.local.output import BuildLog, report, summary_lines
from builder.local.registries import ArtifactDelivery, open_registries
from builder.local.runners import (
    DockerRunner,
    ExtraVariables,
    ProcessRunner,
    Runner,
    uses_shipwheel_image,
)
from builder.local.variables import docker_environment, host_environment
from steps.host.errors import EXIT_BUG, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from builder.local.output import Display
    from builder.local.preparation import PreparedBuild
    from steps.host.tasks import Command
    from triggers.cloudbuild.build_config import Build

_logger = logging.getLogger("shipwheel")

EXIT_STEP_FAILED = 3
_SHIPWHEEL_CODES = {1, 2, 3, 4, 5, EXIT_BUG}


def run_build(prepared: PreparedBuild, display: Display) -> dict[str, Any]:
    """Run a prepared build, shown on *display*; return its record."""
    with _open_directories() as directories, open_registries(prepared, directories) as extra:
        runner = make_runner(prepared, directories, extra)
        check_runner(prepared, runner)
        return _BuildRun(prepared, directories, runner, extra, display).run()


@contextlib.contextmanager
def _open_directories() -> Iterator[BuildDirectories]:
    """Yield new directories, and remove them."""
    with tempfile.TemporaryDirectory(prefix="shipwheel-run-", ignore_cleanup_errors=True) as name:
        root = Path(name).resolve()
        yield BuildDirectories(root)
    if root.exists():  # what a container's root wrote is not ours to remove
        _logger.warning("Cannot remove %s: some files there belong to another user", root)


def make_runner(
    prepared: PreparedBuild, directories: BuildDirectories, extra: ExtraVariables
) -> Runner:
    """Return what turns the steps of the build into commands."""
    environ = prepared.request.environ
    if prepared.request.docker:
        return DockerRunner(directories, docker_environment(environ), prepared.build_id, extra)
    host = host_environment(environ, directories.temporary)
    return ProcessRunner(directories, host, prepared.request.host_tools, extra)


def check_runner(prepared: PreparedBuild, runner: Runner) -> None:
    """Raise InputError for every step of the plan that cannot run on this machine."""
    refusals = runner.refusals(prepared.config.build)
    chosen = [problem for index, problem in refusals if index in prepared.graph.waits]
    InputError.raise_all(dict.fromkeys(chosen))


@dataclass(frozen=True)
class _BuildRun:
    """One run of a prepared build, in directories of its own."""

    prepared: PreparedBuild
    directories: BuildDirectories
    runner: Runner
    extra: ExtraVariables
    display: Display

    @property
    def build(self) -> Build:
        return self.prepared.config.build

    def run(self) -> dict[str, Any]:
        """Run everything; the summary is shown however it ends."""
        log = BuildLog(self.display.write, self.prepared.secrets.values())
        self._fetch_source(log)
        log.line("BUILD")
        execution = Execution(self.build, self.prepared.graph, self._command, log)
        try:
            with self.display.watch(execution):
                execution.run()
            if execution.status == SUCCESS and not self._deliver(log):
                execution.status = FAILURE
        finally:
            record = report(execution, self.directories, log, self.prepared.build_id)
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
        self.directories.make(self.build)
        log.line(
            f"Copied {copy_source(source, self.directories.workspace)} files from {str(source)!r}"
        )

    def _command(self, index: int) -> Command:
        return self.runner.command(self.build, index, self.prepared.variables(index))

    def _deliver(self, log: BuildLog) -> bool:
        if self.prepared.request.only:
            log.line("Artifacts and images skipped: --only runs one step")
            return True
        environ = self.prepared.request.environ
        host = host_environment(environ, self.directories.temporary) | docker_environment(environ)
        delivery = ArtifactDelivery(self.build, self.directories, log, host)
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
        if uses_shipwheel_image(step) and code in _SHIPWHEEL_CODES:
            return code
    return EXIT_STEP_FAILED


@dataclass(frozen=True)
class Description:
    """A build that does not run: for people and for programs."""

    lines: list[str]
    record: dict[str, Any]


def describe(prepared: PreparedBuild) -> Description:
    """Return what the build would do. Raises InputError for what this machine cannot run."""
    build = prepared.config.build
    directories = BuildDirectories(Path("/shipwheel-run"))
    check_runner(prepared, make_runner(prepared, directories, ExtraVariables({}, {})))
    lines, steps = [], []
    for number, wave in enumerate(prepared.graph.waves()):
        for index in wave:
            step = build.steps[index]
            label = step.label(index)
            what = "script" if step.script else " ".join((step.entrypoint, *step.args)).strip()
            lines.append(f"{number}  {label}: {step.name}: {what}")
            steps.append(
                {
                    "index": index,
                    "id": step.id,
                    "name": step.name,
                    "entrypoint": step.entrypoint,
                    "args": [*step.args],
                    "dir": step.dir,
                    "env": [*step.env],
                    "script": step.script,
                    "after": sorted(prepared.graph.waits[index]),
                    "wave": number,
                }
            )
    record = {"substitutions": dict(sorted(prepared.values.items())), "steps": steps}
    return Description(lines, record)
