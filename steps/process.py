"""Child processes: each is the leader of a group, so that it ends with all that it started.

A child outlives neither its time limit nor this process: `end_children` is for the handler of a
signal, which has to find them all.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# The only state of this module: the handler of a signal cannot be handed anything.
_groups: set[int] = set()


def run(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    directory: Path | None = None,
    seconds: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program without standard input, and return its exit code, output and errors.

    Raises subprocess.TimeoutExpired after *seconds*, with its whole process group killed.
    """
    with subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**environ},
        cwd=directory,
        start_new_session=True,
    ) as child:
        _groups.add(child.pid)
        try:
            output, errors = child.communicate(timeout=seconds)
        except BaseException:
            _kill(child.pid)
            raise
        finally:
            _groups.discard(child.pid)
    return subprocess.CompletedProcess(child.args, child.returncode, output, errors)


def end_children() -> None:
    """Kill every child that runs, and all that they started."""
    for group in tuple(_groups):
        _kill(group)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
