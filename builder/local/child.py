"""Running commands: each a process group of its own, ended whole."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from builder.local.runners import Command

GRACE = 10.0  # seconds between SIGTERM and SIGKILL, as docker gives to a container
_DRAIN = 2.0  # seconds for output that is still in the pipe when the process has ended
_NOT_STARTED = 127  # what a shell answers for a program that it cannot start
_CLEANUP = 30.0  # seconds for the command that ends what outlived its process


class Child:
    """A process that is running, with all that it starts."""

    def __init__(self, command: Command, on_line: Callable[[str], None]) -> None:
        self._command = command
        self._forced = False
        self._process = subprocess.Popen(
            command.arguments,
            cwd=command.directory,
            env=command.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            encoding="utf-8",
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, args=(on_line,), daemon=True)
        self._reader.start()

    def wait(self, timeout: float | None) -> int | None:
        """Return the exit code, or None when *timeout* seconds were not enough; then it is ended.

        Whatever the step left running in its process group ends with it, as in a container.
        """
        try:
            code: int | None = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            code = None
            self.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE)
        self._signal(signal.SIGKILL)
        self._process.wait()
        if self._forced:
            self._clean_up()
        self._reader.join(_DRAIN)
        return code

    def terminate(self) -> None:
        """Ask the whole group to end."""
        self._forced = True
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End what is left of the group, and what outlives it elsewhere."""
        self._signal(signal.SIGKILL)
        self._clean_up()

    def _clean_up(self) -> None:
        if self._command.cleanup:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(
                    self._command.cleanup,
                    env=self._command.environment,
                    check=False,
                    capture_output=True,
                    timeout=_CLEANUP,
                )

    def _signal(self, number: signal.Signals) -> None:
        # The step began a session, so its process id is its group's for as long as one lives.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self, on_line: Callable[[str], None]) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        with stream:
            for line in stream:
                on_line(line.rstrip("\n"))


class Task:
    """A command that a thread of its own starts and waits for.

    Signals are handled in the main thread only, so none can come between the start of a process
    and the record of it. *on_end* is called in that thread when everything is over.
    """

    def __init__(
        self,
        command: Command,
        on_line: Callable[[str], None],
        timeout: float | None,
        on_end: Callable[[Task], None],
    ) -> None:
        self.exit_code: int | None = None
        self._command = command
        self._on_line = on_line
        self._timeout = timeout
        self._on_end = on_end
        self._child: Child | None = None
        self._ended = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start the command."""
        self._thread.start()

    def terminate(self) -> None:
        """Ask the command to end; one that has not begun never will."""
        with self._lock:
            self._ended = True
            if self._child:
                self._child.terminate()

    def kill(self) -> None:
        """End the command."""
        with self._lock:
            if self._child:
                self._child.kill()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until everything is over, for *timeout* seconds at most; return whether it is."""
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with self._lock:
                if self._ended:
                    return
                self._child = Child(self._command, self._on_line)
            self.exit_code = self._child.wait(self._timeout)
        except OSError as error:
            self._on_line(f"cannot start: {error.strerror}: {error.filename!r}")
            self.exit_code = _NOT_STARTED
        finally:
            self._on_end(self)


def run_to_end(command: Command, on_line: Callable[[str], None], timeout: float) -> int | None:
    """Run *command* and return its exit code, None when *timeout* seconds were not enough.

    Whatever interrupts this ends the command, too.
    """
    task = Task(command, on_line, timeout, lambda _task: None)
    try:
        task.start()
        task.join()
    finally:
        end([task])
    return task.exit_code


def end(tasks: list[Task]) -> None:
    """End *tasks*: ask, wait, then kill."""
    try:
        for task in tasks:
            task.terminate()
        deadline = time.monotonic() + GRACE
        for task in tasks:
            task.join(max(0.0, deadline - time.monotonic()))
    finally:
        for task in tasks:
            if not task.join(0):
                task.kill()
                task.join(_DRAIN)
