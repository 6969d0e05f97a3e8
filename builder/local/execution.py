"""Runs the steps of a build: in parallel where their graph allows, until one fails.

The graph is decided before anything starts. One thread per running step waits for it; the main
thread alone decides what happens next.
"""

from __future__ import annotations

import difflib
import queue
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from steps.host.errors import InputError
from steps.host.tasks import Task, end_tasks
from triggers.cloudbuild.build_config import DEFAULT_TIMEOUT, Build, Step, seconds
from triggers.cloudbuild.build_rules import START

if TYPE_CHECKING:
    from collections.abc import Callable

    from builder.local.output import BuildLog
    from steps.host.tasks import Command

SUCCESS, FAILURE, TIMEOUT, CANCELLED = "SUCCESS", "FAILURE", "TIMEOUT", "CANCELLED"
QUEUED, WORKING = "QUEUED", "WORKING"


@dataclass(frozen=True)
class StepGraph:
    """What each chosen step waits for, by index in the config; the others are left out."""

    waits: dict[int, frozenset[int]]

    def ready(self, finished: set[int], started: set[int]) -> list[int]:
        """Return the steps that can start now, in the order of the config."""
        return [
            index
            for index, waits in self.waits.items()
            if index not in started and waits <= finished
        ]

    def waves(self) -> list[list[int]]:
        """Return the steps in the order of their earliest start, those of a wave in parallel."""
        waves: list[list[int]] = []
        finished: set[int] = set()
        while wave := self.ready(finished, finished):
            waves.append(wave)
            finished |= set(wave)
        return waves


def make_graph(steps: tuple[Step, ...], only: str = "", start: str = "") -> StepGraph:
    """Return the graph of *steps*, or of the step *only*, or of the steps from *start* on.

    A step is named by its id or its number. One that is left out counts as finished.
    Raises InputError for a name that no step has.
    """
    chosen = range(len(steps))
    if only:
        index = _find(steps, only)
        chosen = range(index, index + 1)
    elif start:
        chosen = range(_find(steps, start), len(steps))
    return StepGraph({index: _waits(steps, index) & frozenset(chosen) for index in chosen})


def _waits(steps: tuple[Step, ...], index: int) -> frozenset[int]:
    names = steps[index].wait_for
    if not names:
        return frozenset(range(index))
    numbers = {step.id: number for number, step in enumerate(steps)}
    return frozenset(numbers[name] for name in names if name != START)


def _find(steps: tuple[Step, ...], name: str) -> int:
    names = {step.id: index for index, step in enumerate(steps) if step.id}
    numbers = {str(index): index for index in range(len(steps))}
    found = names.get(name, numbers.get(name.removeprefix("#")))
    if found is not None:
        return found
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"steps are #0 to #{len(steps) - 1}"
    if names and not near:
        hint += f", by id {', '.join(names)}"
    raise InputError(f"No step is called {name!r}", hint)


@dataclass
class StepRun:
    """What became of a step; times in seconds since the build began."""

    index: int
    status: str = QUEUED
    exit_code: int | None = None
    began: float = 0.0
    ended: float = 0.0
    failure_allowed: bool = False

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return self.ended - self.began


@dataclass
class Execution:
    """A build that is running, and the record of it."""

    build: Build
    graph: StepGraph
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
        self.runs = {index: StepRun(index) for index in self.graph.waits}

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
            for index in self.graph.ready(finished, started):
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
        run.failure_allowed = _failure_allowed(step, run.exit_code)
        if run.failure_allowed:
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


def _failure_allowed(step: Step, code: int | None) -> bool:
    if step.allow_exit_codes:  # takes precedence over allowFailure, says the API
        return code in step.allow_exit_codes
    return step.allow_failure
