"""Work beside other work: child processes, and threads.

Each child leads a group of its own, is bounded in time, and ends with that group. No other module
starts a process, or ends one.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import re
import signal
import subprocess
import tempfile
import threading
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import IO, TYPE_CHECKING, Generic, TypeVar

from steps.host.errors import OF_THE_MACHINE, InputError, ShipwheelError, printable

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Hashable,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from steps.host.errors import Problem

    OnLine = Callable[[str], object]

Item = TypeVar("Item")
Result = TypeVar("Result")
Key = TypeVar("Key", bound="Hashable")

# More of an error is never read, and a log holds only so much.
_SHOWN_BYTES = 64 * 1024
_FOLLOW_SECONDS = 0.1
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows ends a process by either

# How uv, and how Python in its last line, give the number of an error of the system.
_SYSTEM_ERROR = re.compile(
    r"(?:\(os error |Os \{ code: )(\d+)|^.*\[Errno (\d+)\].*\Z|^(MemoryError)\Z", re.MULTILINE
)

# Groups that a thread waits for: the handler of a signal has no arguments.
_awaited: set[int] = set()


class Children(AbstractContextManager["Children"]):
    """Runs child processes, each for *timeout* seconds at most; leaving the context ends them all.

    Usable from several threads at once.
    """

    def __init__(self, *, timeout: float | None = None, umask: int = -1) -> None:
        self.timeout = timeout
        self._umask = umask
        self._lock = threading.Lock()
        self._alive: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def __exit__(self, *_: object) -> None:
        """End every child that is still alive, with its own children."""
        with self._lock:
            self._closed = True
            alive = [*self._alive]
        for child in alive:
            self.end(child)

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: str | os.PathLike[str] | None = None,
        environ: Mapping[str, str],
        on_line: OnLine | None = None,
    ) -> str:
        """Run *command* to its end and return the end of what it printed, both streams together.

        *on_line* gets each line of that as it comes.
        Raises CalledProcessError when it fails and TimeoutExpired when it takes longer than the
        timeout, each with the output so far.
        """
        with open_output() as output, followed(output, on_line):
            child = self.start(command, cwd=cwd, environ=environ, output=output)
            try:
                code = self._wait(child)
            except subprocess.TimeoutExpired as expired:
                expired.output = last_written(output)
                raise
            if code:
                raise subprocess.CalledProcessError(code, [*command], last_written(output))
            return last_written(output)

    def ask(
        self,
        command: Sequence[str],
        *,
        cwd: str | os.PathLike[str] | None = None,
        environ: Mapping[str, str],
        text: str = "",
        undecodable: str = "replace",
    ) -> subprocess.CompletedProcess[str]:
        """Run *command* to its end and return its exit code, its output and its errors.

        It reads *text* from standard input. *undecodable* is what becomes of bytes that are not
        UTF-8. Raises TimeoutExpired, without the output, when it takes longer than the timeout.
        """
        with (
            open_output(undecodable) as output,
            open_output(undecodable) as errors,
            open_output(undecodable) as given,
        ):
            given.write(text)
            given.seek(0)
            child = self.start(
                command, cwd=cwd, environ=environ, output=output, errors=errors, given=given
            )
            code = self._wait(child)
            return subprocess.CompletedProcess([*command], code, written(output), written(errors))

    def start(
        self,
        command: Sequence[str],
        *,
        cwd: str | os.PathLike[str] | None = None,
        environ: Mapping[str, str],
        output: IO[str] | int,
        errors: IO[str] | None = None,
        given: IO[str] | None = None,
        pass_fds: Collection[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start *command* and return it at once; *given* is its standard input, none by default.

        It writes both streams into *output* where *errors* is None. `end_children` leaves it alone:
        its starter has to end it.
        """
        with self._lock:
            if self._closed:
                raise subprocess.SubprocessError("no child is started any more")
            child = subprocess.Popen(
                command,
                cwd=cwd,
                env={**environ},
                stdin=given or subprocess.DEVNULL,
                stdout=output,
                stderr=errors or subprocess.STDOUT,
                start_new_session=True,
                umask=self._umask,
                pass_fds=pass_fds,
            )
            self._alive.add(child)
            return child

    def end(self, child: subprocess.Popen[bytes]) -> None:
        """End the child and whatever it left behind in its process group."""
        signal_group(child.pid)
        child.wait()
        with self._lock:
            self._alive.discard(child)

    def _wait(self, child: subprocess.Popen[bytes]) -> int:
        _awaited.add(child.pid)
        try:
            return child.wait(self.timeout)
        finally:
            self.end(child)
            _awaited.discard(child.pid)


def end_children() -> None:
    """Kill every child that a thread of this process waits for, and all that they started."""
    for group in tuple(_awaited):
        signal_group(group)


def limit_of(error: subprocess.CalledProcessError, what: str) -> InputError | None:
    """Return the limit of this machine that ended a program, and with it *what*, if one did."""
    found = [int(a or b or errno.ENOMEM) for a, b, _ in _SYSTEM_ERROR.findall(error.output.strip())]
    if error.returncode == -getattr(signal, "SIGXFSZ", 0):
        found.append(errno.EFBIG)
    number = next((it for it in found if it in OF_THE_MACHINE), None)
    if number is None:
        return None
    return InputError(
        f"A limit of this machine stops {what}: {os.strerror(number)}",
        "raise it (`ulimit -a` shows those of this shell), or make room",
    )


failed_imports: list[Exception] = []
"""What went wrong with imports that began early: who waits for one may find half of a module."""


def import_early(module: str) -> None:
    """Begin to import *module*, which takes time, and return at once.

    Who needs it waits for it, and says why it cannot be imported.
    """
    threading.Thread(target=_import, args=[module], name="import", daemon=True).start()


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except (ImportError, OSError, MemoryError, SystemError) as error:
        failed_imports.append(error)


def open_output(undecodable: str = "replace") -> IO[str]:
    """Return a new file for the output of a child.

    Not a pipe: a process left behind with the stream open would keep this one waiting. Not on a
    disk, where the system has anything else: it may be full, and the output may hold a secret.
    """
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("output"), "w+", encoding="utf-8", errors=undecodable)
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors=undecodable)


@contextmanager
def followed(output: IO[str], on_line: OnLine | None) -> Iterator[None]:
    """Hand each line that a child writes into *output* meanwhile to *on_line*, if there is one."""
    if on_line is None:
        yield
        return
    with beside(partial(_follow, output.fileno(), on_line), name="output"):
        yield


@contextmanager
def beside(work: Callable[[threading.Event], object], *, name: str) -> Iterator[None]:
    """Do *work* in a thread of that *name* meanwhile; the event tells it to come to its end."""
    ended = threading.Event()
    thread = threading.Thread(target=work, args=[ended], name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _follow(descriptor: int, on_line: OnLine, ended: threading.Event) -> None:
    place, unfinished, last = 0, b"", False
    while not last:
        last = ended.wait(_FOLLOW_SECONDS)  # what was written before is read once more
        while part := os.pread(descriptor, _SHOWN_BYTES, place):
            place += len(part)
            *lines, unfinished = (unfinished + part).split(b"\n")
            if len(unfinished) > _SHOWN_BYTES:  # it is handed on in pieces
                lines, unfinished = [*lines, unfinished], b""
            for line in lines:
                on_line(line.decode(errors="replace"))
    if unfinished:
        on_line(unfinished.decode(errors="replace"))


def written(output: IO[str]) -> str:
    """Return all that was written into *output*."""
    output.seek(0)
    return output.read()


def last_written(output: IO[str]) -> str:
    """Return the end of what was written into *output*, to be shown: `printable`.

    It begins with how much is left out, and ends with the error where no more could be written.
    """
    size = os.fstat(output.fileno()).st_size
    left_out = max(size - _SHOWN_BYTES, 0)
    end = os.pread(output.fileno(), _SHOWN_BYTES, left_out)
    text = io.TextIOWrapper(io.BytesIO(end), encoding="utf-8", errors="replace").read()
    note = f"[the first {left_out} bytes are left out, and kept nowhere]\n" if left_out else ""
    full = f"\n[Errno {errno.EFBIG}] {os.strerror(errno.EFBIG)}" if size == _file_size() else ""
    return note + printable(text) + full


def _file_size() -> int:
    """Return how large a file may be at most, in bytes, where the system has such a limit."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return -1
    return resource.getrlimit(resource.RLIMIT_FSIZE)[0]


def signal_group(group: int, number: int = _KILL) -> None:
    """Send the signal *number* to a child and to what it started, as far as any of that lives."""
    # The child began a session, so its process id is its group's for as long as one lives.
    with suppress(ProcessLookupError, PermissionError):
        getattr(os, "killpg", os.kill)(group, number)


def each(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    also: Iterable[Problem] = (),
) -> tuple[Result, ...]:
    """Do *work* for every item, *workers* at a time, and return the results in the items' order.

    Expected errors do not stop the others: they are raised at the end as one error, of the class
    with the highest exit code, with each problem once, and *also* what is wrong besides. Anything
    else stops the rest and is raised as it is.
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
        raised = (problem for error in errors for problem in error.problems)
        problems = [*dict.fromkeys((*raised, *also))]
        gravest = max(errors, key=lambda error: error.exit_code)
        raise type(gravest)(problems[0], more=problems[1:]) from gravest
    return tuple(outcome for outcome in outcomes if not isinstance(outcome, ShipwheelError))


def _caught(work: Callable[[Item], Result], item: Item) -> Result | ShipwheelError:
    try:
        return work(item)
    except ShipwheelError as error:
        return error


class OncePerKey(Generic[Key, Result]):
    """Makes one result for each key, or fails once; others who ask for it wait for that."""

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
