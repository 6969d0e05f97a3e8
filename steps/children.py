"""The processes that a step starts: bounded in time, and ended together with the step."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from types import TracebackType

# The same bytes come out whoever runs the build, and wherever: `umask` below, and these.
FIXED_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "TZ": "UTC"}
_UMASK = 0o022


class Children:
    """Runs child processes, each in a process group of its own; leaving the context ends them all.

    Usable from several threads at once.
    """

    def __init__(self, *, timeout: float | None = None) -> None:
        self.timeout = timeout
        self._lock = threading.Lock()
        self._alive: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
    ) -> str:
        """Run *command* to its end and return what it printed, both streams together.

        Raises CalledProcessError when it fails and TimeoutExpired when it takes longer than the
        timeout in seconds, each with the output so far.
        """
        with open_output() as output:
            child = self.start(command, cwd=cwd, environ=environ, output=output)
            try:
                code = child.wait(self.timeout)
            except subprocess.TimeoutExpired as expired:
                expired.output = written(output)
                raise
            finally:
                self.end(child)
            if code:
                raise subprocess.CalledProcessError(code, [*command], written(output))
            return written(output)

    def start(
        self,
        command: Sequence[str],
        *,
        cwd: str | os.PathLike[str] | None = None,
        environ: Mapping[str, str],
        output: IO[str],
        pass_fds: Collection[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start *command*, which writes both streams into *output*, and return it at once."""
        with self._lock:
            if self._closed:
                raise subprocess.SubprocessError("no child is started any more")
            child = subprocess.Popen(
                command,
                cwd=cwd,
                env={**environ, **FIXED_ENVIRONMENT},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=_UMASK,
                pass_fds=pass_fds,
            )
            self._alive.add(child)
            return child

    def end(self, child: subprocess.Popen[bytes]) -> None:
        """End the child and whatever it left behind in its process group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        with self._lock:
            self._alive.discard(child)


def open_output() -> IO[str]:
    """Return a new file for the output of a child.

    Not a pipe: whoever is left behind with the stream open cannot keep us waiting.
    """
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")


def written(output: IO[str]) -> str:
    """Return all that was written into *output*."""
    output.seek(0)
    return output.read()
