"""Work beside other work: in threads, and in a process that is followed line by line."""

from __future__ import annotations

import io
import shlex
import signal
import subprocess
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Generic, TypeVar

from steps.host.children import Children, signal_group
from steps.host.errors import ShipwheelError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
    from pathlib import Path

_GRACE = 10.0  # seconds between SIGTERM and SIGKILL, as docker gives to a container
_DRAIN = 2.0  # seconds for output that is still in the pipe when the process has ended
_NOT_STARTED = 127  # what a shell answers for a program that it cannot start
_CLEANUP = 30.0  # seconds for the command that ends what outlived its process
Item = TypeVar("Item")
Result = TypeVar("Result")
Key = TypeVar("Key", bound="Hashable")


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
    when everything is over. Then `exit_code` is None where the time was not enough.
    """

    def __init__(
        self,
        command: Command,
        on_line: Callable[[str], None],
        timeout: float | None,
        on_end: Callable[[Task], None] = lambda _task: None,
    ) -> None:
        self.exit_code: int | None = None
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
                reader.start()
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
            for line in lines:
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


def each(
    work: Callable[[Item], Result], items: Iterable[Item], *, workers: int
) -> tuple[Result, ...]:
    """Do *work* for every item, *workers* at a time, and return the results in the items' order.

    Expected errors do not stop the others: they are raised at the end as one error, of the class
    of the first, with the problems of all. Anything else stops the rest and is raised as it is.
    """
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="shipwheel")
    try:
        futures = [pool.submit(_caught, work, item) for item in items]
        wait(futures, return_when=FIRST_EXCEPTION)
        outcomes = [future.result() for future in futures if future.done()]
    finally:
        # A signal must not wait for workers: whatever they wait for is ended by its owner.
        pool.shutdown(wait=False, cancel_futures=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, ShipwheelError)]
    if errors:
        problems = [problem for error in errors for problem in error.problems]
        raise type(errors[0])(problems[0], more=problems[1:]) from errors[0]
    return tuple(outcome for outcome in outcomes if not isinstance(outcome, ShipwheelError))


def _caught(work: Callable[[Item], Result], item: Item) -> Result | ShipwheelError:
    try:
        return work(item)
    except ShipwheelError as error:
        return error


class OncePerKey(Generic[Key, Result]):
    """Makes one result for each key, or fails once; whoever else asks for it waits for that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: dict[Key, Future[Result]] = {}

    def get(self, key: Key, make: Callable[[], Result]) -> Result:
        """Return what *make* returns, or returned before for *key*; raise what it raised."""
        with self._lock:
            is_first = key not in self._futures
            future = self._futures.setdefault(key, Future())
        if is_first:
            try:
                future.set_result(make())
            except BaseException as error:  # noqa: BLE001 - raised below, for everybody who asks
                future.set_exception(error)
        return future.result()

    def made(self) -> tuple[Result, ...]:
        """Return the results that were made so far."""
        with self._lock:
            done = [it for it in self._futures.values() if it.done() and not it.exception()]
        return tuple(it.result() for it in done)
