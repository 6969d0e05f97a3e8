"""Runs the steps of a build: in parallel where their graph allows, until one fails.

The graph is decided before anything starts. One thread per running step waits for its process and
follows it line by line; the main thread alone decides what happens next.
"""

from __future__ import annotations

import errno
import io
import os
import queue
import shlex
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING

from steps.host.children import Children, signal_group
from steps.host.errors import OF_THE_MACHINE, InputError, did_you_mean
from steps.host.progress import progress
from triggers.cloudbuild.build_config import DEFAULT_TIMEOUT, Build, Step, seconds
from triggers.cloudbuild.build_rules import START

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from builder.local.output import BuildLog

SUCCESS, FAILURE, TIMEOUT, CANCELLED = "SUCCESS", "FAILURE", "TIMEOUT", "CANCELLED"
QUEUED, WORKING = "QUEUED", "WORKING"
_GRACE = 10.0  # seconds between SIGTERM and SIGKILL, as docker gives to a container
_DRAIN = 2.0  # seconds for output that is still in the pipe when the process has ended
_NOT_STARTED = 127  # what a shell answers for a program that it cannot start
_LONGEST_LINE = 64 * 1024  # characters; what is longer comes in several
_CLEANUP = 30.0  # seconds for the command that ends what outlived its process


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
    by_id = f", by id {', '.join(names)}" if names else ""
    numbered = f"steps are #0 to #{len(steps) - 1}" if len(steps) > 1 else "the only step is #0"
    raise InputError(f"No step is called {name!r}", did_you_mean(name, names, numbered + by_id))


@dataclass(frozen=True)
class Command:
    """A program, ready to start; *cleanup* ends what outlives the process that started it."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    cleanup: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the command as a shell would read it."""
        return shlex.join(self.arguments)


class Task:
    """A command that a thread of its own starts and waits for, for *timeout* seconds at most.

    Signals are handled in the main thread only, so none can come between the start of a process
    and the record of it. *on_line* gets each line of the output; *on_end* is called in that thread
    when everything is over. Then `exit_code` is None where the time was not enough, and `error` is
    what this machine lacks to start any command.
    """

    def __init__(
        self,
        command: Command,
        on_line: Callable[[str], None],
        timeout: float | None,
        on_end: Callable[[Task], None] = lambda _task: None,
    ) -> None:
        self.exit_code: int | None = None
        self.error: OSError | None = None
        self._command = command
        self._on_line = on_line
        self._timeout = timeout
        self._on_end = on_end
        self._children = Children()
        self._process: subprocess.Popen[bytes] | None = None
        self._must_end = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start the command."""
        self._thread.start()

    def terminate(self) -> None:
        """Ask the command, and all that it started, to end; one that has not begun never will."""
        with self._lock:
            self._must_end = True
            if self._process:
                signal_group(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End what is left of the group, and what outlives it elsewhere."""
        with self._lock:
            if self._process:
                signal_group(self._process.pid)
                self._clean_up()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until everything is over, for *timeout* seconds at most; return whether it is."""
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            if process := self._start():
                reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
                try:
                    reader.start()
                except RuntimeError:  # there are no more threads
                    self.error = OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
                    self.exit_code = _NOT_STARTED
                    return self._children.end(process)
                self.exit_code = self._wait(process)
                reader.join(_DRAIN)
        finally:
            self._on_end(self)

    def _start(self) -> subprocess.Popen[bytes] | None:
        """Start the process, unless it must not, or cannot: then say why."""
        command = self._command
        try:
            with self._lock:
                if not self._must_end:
                    self._process = self._children.start(
                        command.arguments,
                        cwd=command.directory,
                        environ=command.environment,
                        output=subprocess.PIPE,
                    )
        except OSError as error:
            self.error = error if error.errno in OF_THE_MACHINE else None
            self._on_line(f"cannot start: {error.strerror}: {error.filename!r}")
            self.exit_code = _NOT_STARTED
        except ValueError as error:  # no program can be given a NUL, or half a surrogate pair
            self._on_line(f"cannot start: {error}: {command.arguments[0]!r}")
            self.exit_code = _NOT_STARTED
        return self._process

    def _wait(self, process: subprocess.Popen[bytes]) -> int | None:
        """Return the exit code, or None when the time was not enough; then the process is ended.

        Whatever it left running in its process group ends with it, as in a container.
        """
        try:
            code: int | None = process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            code = None
            self.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE)
        self._children.end(process)
        if self._must_end:
            self._clean_up()
        return code

    def _clean_up(self) -> None:
        # Not `ask`: that is ended when this process is asked to end, and then there is most to do.
        if self._command.cleanup:
            with suppress(OSError, subprocess.TimeoutExpired), Children() as children:
                child = children.start(
                    self._command.cleanup,
                    environ=self._command.environment,
                    output=subprocess.DEVNULL,
                )
                child.wait(_CLEANUP)

    def _read(self, stream: IO[bytes]) -> None:
        with io.TextIOWrapper(stream, encoding="utf-8", errors="replace") as lines:
            while line := lines.readline(_LONGEST_LINE):
                self._on_line(line.rstrip("\n"))


def run_to_end(command: Command, on_line: Callable[[str], None], timeout: float) -> int | None:
    """Run *command* and return its exit code, None when *timeout* seconds were not enough.

    Whatever interrupts this ends the command, too.
    """
    task = Task(command, on_line, timeout)
    try:
        task.start()
        task.join()
    finally:
        end_tasks([task])
    if task.error:
        raise task.error
    return task.exit_code


def end_tasks(tasks: Sequence[Task]) -> None:
    """End *tasks*: ask, wait, then kill."""
    try:
        for task in tasks:
            task.terminate()
        deadline = time.monotonic() + _GRACE
        for task in tasks:
            task.join(max(0.0, deadline - time.monotonic()))
    finally:
        for task in tasks:
            if not task.join(0):
                task.kill()
                task.join(_DRAIN)


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
            if error := self._tasks.pop(index).error:
                raise error
            finished.add(index)
            if not self._succeeded(index):
                return
        self.status = SUCCESS

    def _start(self, index: int) -> None:
        run, step = self.runs[index], self.build.steps[index]
        label = step.label(index)

        def finished(task: Task) -> None:
            progress.end(work)
            run.exit_code, run.ended = task.exit_code, self.now()
            self._finished.put(index)

        self.log.line(f"Starting {label}")
        run.began, run.status = self.now(), WORKING
        command = self.command(index)
        timeout = seconds(step.timeout) or None
        on_line = partial(self.log.output_line, label=label)
        work = progress.begin(label, "running")
        task = Task(command, on_line, timeout, finished)
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
