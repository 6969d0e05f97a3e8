"""Runs the steps of a plan: in parallel where their graph allows, until one fails.

One thread per running step waits for it; the main thread alone decides what happens next.
"""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from steps.host.tasks import Task, end_tasks
from triggers.cloudbuild.build_config import DEFAULT_TIMEOUT, Build, Step, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from builder.local.log import BuildLog
    from builder.local.plan import Plan
    from steps.host.tasks import Command

SUCCESS, FAILURE, TIMEOUT, CANCELLED = "SUCCESS", "FAILURE", "TIMEOUT", "CANCELLED"
QUEUED, WORKING = "QUEUED", "WORKING"


@dataclass
class StepRun:
    """What became of a step; times in seconds since the build began."""

    index: int
    status: str = QUEUED
    exit_code: int | None = None
    began: float = 0.0
    ended: float = 0.0
    forgiven: bool = False

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return self.ended - self.began


@dataclass
class Execution:
    """A build that is running, and the record of it."""

    build: Build
    plan: Plan
    command: Callable[[int], Command]
    log: BuildLog
    runs: dict[int, StepRun] = field(default_factory=dict)
    status: str = WORKING
    failed: int | None = None
    _clock: float = field(default_factory=time.monotonic)
    _finished: queue.SimpleQueue[int] = field(default_factory=queue.SimpleQueue)
    _tasks: dict[int, Task] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Enter every step of the plan in the record."""
        self.runs = {index: StepRun(index) for index in self.plan.waits}

    def run(self) -> None:
        """Run the plan to its end; whatever interrupts it, no child is left."""
        try:
            self._run()
        finally:
            self._end_all()

    def now(self) -> float:
        """Return the seconds since the build began."""
        return time.monotonic() - self._clock

    def _run(self) -> None:
        deadline = seconds(self.build.timeout) or DEFAULT_TIMEOUT
        finished: set[int] = set()
        started: set[int] = set()
        while finished != set(self.runs):
            for index in self.plan.ready(finished, started):
                started.add(index)
                self._start(index)
            try:
                index = self._finished.get(timeout=max(0.0, deadline - self.now()))
            except queue.Empty:
                self.status = TIMEOUT
                self.log.line("ERROR: context deadline exceeded")
                return
            del self._tasks[index]
            finished.add(index)
            if not self._succeeded(index):
                return
        self.status = SUCCESS

    def _start(self, index: int) -> None:
        run, step = self.runs[index], self.build.steps[index]
        label = step.label(index)

        def finished(task: Task) -> None:
            run.exit_code, run.ended = task.exit_code, self.now()
            self._finished.put(index)

        self.log.line(f"Starting {label}")
        run.began, run.status = self.now(), WORKING
        command = self.command(index)
        timeout = seconds(step.timeout) or None
        task = Task(command, partial(self.log.step_line, label), timeout, finished)
        self._tasks[index] = task
        task.start()

    def _succeeded(self, index: int) -> bool:
        """Judge the step that ended; return whether the build goes on."""
        run, step = self.runs[index], self.build.steps[index]
        label = step.label(index)
        if run.exit_code == 0:
            run.status = SUCCESS
            self.log.line(f"Finished {label}")
            return True
        run.status = TIMEOUT if run.exit_code is None else FAILURE
        reason = "context deadline exceeded"
        if run.exit_code is not None:
            reason = f"step exited with non-zero status: {run.exit_code}"
        run.forgiven = _forgiven(step, run.exit_code)
        if run.forgiven:
            self.log.line(f"Finished {label}: {reason}, allowed to fail")
            return True
        self.status, self.failed = run.status, index
        self.log.line(f'ERROR: build step {index} "{step.name}" failed: {reason}')
        return False

    def _end_all(self) -> None:
        running = [*self._tasks]
        end_tasks([*self._tasks.values()])
        for index in running:
            self.runs[index].status, self.runs[index].ended = CANCELLED, self.now()
        if self.status == WORKING:
            self.status = CANCELLED


def _forgiven(step: Step, code: int | None) -> bool:
    if step.allow_exit_codes:  # takes precedence over allowFailure, says the API
        return code in step.allow_exit_codes
    return step.allow_failure
