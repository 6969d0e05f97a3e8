"""How something is measured: a registry of its own for each run, time, processor time, memory."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from tests.benchmark.ways import ENVIRON, PYTHON, ROOT, ProgramFailed
from tests.ports import unused_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_INTERVAL = 0.04  # seconds between two looks at the memory: hooks are short
# The same for all: kept environments are known by the registry that they are for.
_PORT = unused_port()


@dataclass(frozen=True)
class Registry:
    """An empty registry that listens on loopback."""

    url: str
    folder: Path

    def requests(self) -> int:
        """Return how many requests came since this was asked last."""
        with urllib.request.urlopen(urljoin(self.url, "/requests"), timeout=10) as answer:  # noqa: S310 - loopback
            return int(answer.read())


@contextmanager
def open_registry(latency: float = 0) -> Iterator[Registry]:
    """Serve an empty registry that delays every answer by *latency* seconds."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [PYTHON, "-m", "tests.benchmark.server", folder, str(_PORT), str(latency)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=ENVIRON,
            text=True,
        ) as server,
    ):
        assert server.stdin
        assert server.stdout
        yield Registry(
            f"http://127.0.0.1:{server.stdout.readline().strip()}/demo/pypi/", Path(folder)
        )
        server.stdin.close()


def seconds(work: Callable[[], object]) -> float:
    """Return how long *work* takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def processor() -> float:
    """Return the processor seconds of all programs that this one has started and seen end.

    On a machine that has other things to do it says more than the time.
    """
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True)
class Usage:
    """What a program used: processor seconds, its own peak and that of its whole tree, in MiB."""

    processor: float
    own_peak: float
    tree_peak: float


def usage(command: Sequence[str]) -> Usage:
    """Run *command* to its end and return what it used; raise ProgramFailed when it fails."""
    with (
        tempfile.TemporaryFile("w+") as output,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=ENVIRON,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        own, tree = [0], [0]
        ended = threading.Event()
        watcher = threading.Thread(target=_watch, args=[process.pid, own, tree, ended])
        watcher.start()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        ended.set()
        watcher.join()
        if process.returncode:
            raise ProgramFailed(command, process.returncode, output)
    return Usage(used.ru_utime + used.ru_stime, max(own) / 1024, max(tree) / 1024)


def _watch(pid: int, own: list[int], tree: list[int], ended: threading.Event) -> None:
    while not ended.wait(_INTERVAL):
        # Not the peak of wait4, which begins with that of the process that started this one.
        own.append(_kibibytes(pid, "status", "VmHWM"))
        tree.append(sum(_kibibytes(each, "smaps_rollup", "Pss") for each in _tree(pid)))


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _kibibytes(pid: int, file: str, key: str) -> int:
    """Return a number of /proc; a proportional one divides a page by those that share it."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1])
    return 0
