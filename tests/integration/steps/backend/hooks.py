"""A hook of a backend, called in a process of its own and in a fork, and what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyproject_hooks import _in_process

from steps.backend.fork_server import ForkServers
from steps.backend.variables import FIXED_ENVIRONMENT
from steps.host.children import Children

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOOK_SCRIPT = str(Path(_in_process.__file__).with_name("_in_process.py"))
# It writes the numbers of itself, its parent and its child.
WAITING = """
import os, subprocess, time

def build_wheel(folder, *_):
    child = subprocess.Popen(["sleep", "60"])
    with open(os.path.join(folder, "part"), "w") as stream:
        stream.write(f"{os.getpid()} {os.getppid()} {child.pid}")
    os.rename(stream.name, os.path.join(folder, "numbers"))
    print("waiting", flush=True)
    time.sleep(60)
"""


@dataclass(frozen=True)
class Outcome:
    """What came of a hook: its exit code, its output, what it returned."""

    code: int
    output: str
    returned: Any


class Backend:
    """A backend, given as its source, in an environment; calls hooks of it."""

    def __init__(self, environment: Path, folder: Path, source: str) -> None:
        self.python = environment / "bin" / "python"
        packages = next(environment.glob("lib/python*/site-packages"))
        # A name of its own for each: the compiled file of the last is not used for this one.
        self.name = f"backend_{folder.name}"
        (packages / f"{self.name}.py").write_text(source, encoding="utf-8")
        self.folder = folder
        self.source = folder / "source"
        self.source.mkdir()

    def command(self) -> list[str]:
        """Return the command that builds a wheel; the backend gets this test's folder."""
        control = self.folder / "control"
        control.mkdir(exist_ok=True)
        kwargs = {"wheel_directory": str(self.folder), "config_settings": None}
        (control / "input.json").write_text(json.dumps({"kwargs": kwargs}), encoding="utf-8")
        (control / "output.json").unlink(missing_ok=True)
        return [str(self.python), HOOK_SCRIPT, "build_wheel", str(control)]

    def call(self, runner: Children | ForkServers, *, fork: bool = True, **environ: str) -> Outcome:
        """Build a wheel."""
        command = self.command()
        run = runner.run if isinstance(runner, Children) else partial(runner.run, fork=fork)
        try:
            output = run(
                command,
                cwd=str(self.source),
                environ={
                    **FIXED_ENVIRONMENT,
                    "PATH": os.environ["PATH"],
                    "SOURCE_DATE_EPOCH": "1700000000",
                    "_PYPROJECT_HOOKS_BUILD_BACKEND": self.name,
                    **environ,
                },
            )
        except subprocess.CalledProcessError as error:
            return Outcome(error.returncode, error.output, None)
        answer = json.loads(Path(command[3], "output.json").read_text())
        return Outcome(0, output, answer["return_val"])

    def call_both(self) -> tuple[Outcome, Outcome]:
        """Return what comes of it in a process, and in a fork."""
        with runners() as (children, servers):
            return self.call(children), self.call(servers)


@contextmanager
def runners(timeout: float | None = 30) -> Iterator[tuple[Children, ForkServers]]:
    with Children(timeout=timeout) as children, ForkServers(children) as servers:
        yield children, servers


def is_running(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def read_numbers(folder: Path) -> list[int]:
    wait_until((folder / "numbers").exists)
    return [int(number) for number in (folder / "numbers").read_text().split()]


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
