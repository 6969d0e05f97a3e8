"""One running step: a process group of its own, ended whole."""

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
_CLEANUP = 30.0  # seconds for the command that ends what outlived its process


class Child:
    """A step that is running. Start it, wait for it, and end it from any thread."""

    def __init__(self, command: Command, on_line: Callable[[str], None]) -> None:
        self._command = command
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
        self.kill()
        self._process.wait()
        self._reader.join(_DRAIN)
        return code

    def terminate(self) -> None:
        """Ask the whole group to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End what is left of the group, and what outlives it elsewhere."""
        self._signal(signal.SIGKILL)
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


def run_child(
    command: Command, on_line: Callable[[str], None], timeout: float | None
) -> int | None:
    """Run *command* to its end, or for *timeout* seconds; whatever interrupts, it is ended."""
    child = Child(command, on_line)
    try:
        return child.wait(timeout)
    except BaseException:
        child.terminate()
        child.wait(GRACE)
        raise


def end(children: list[Child], threads: list[threading.Thread]) -> None:
    """End *children*: ask, wait for the *threads* that wait for them, then kill."""
    try:
        for child in children:
            child.terminate()
        deadline = time.monotonic() + GRACE
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
    finally:
        for child, thread in zip(children, threads, strict=True):
            if thread.is_alive():
                child.kill()
                thread.join(_DRAIN)
