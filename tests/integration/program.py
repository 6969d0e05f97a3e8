"""The program as the image runs it, others beside it, and what sends them to an emulator."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COMMAND = (sys.executable, "-I", "-m", "builder")


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TIME = re.compile(r"(?<= in )\d+\.\d s$", re.MULTILINE)


def without_times(narrated: str) -> str:
    """Return what a program says with `T s` wherever a line ends in a time."""
    return _TIME.sub("T s", narrated)


def environment(host: str, repository: str = "demo/pypi", **more: str) -> dict[str, str]:
    """Return this environment with *repository* of the emulator at *host* as the registry."""
    return {
        **os.environ,
        "SHIPWHEEL_REGISTRY": f"us-central1/{repository}",
        "ARTIFACT_REGISTRY_EMULATOR_HOST": host,
        **more,
    }


def shipwheel(
    environ: Mapping[str, str], *arguments: str | Path, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program with *arguments* to its end, however it ends."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def on_a_terminal(
    environ: Mapping[str, str], *arguments: str | Path, columns: int = 80
) -> tuple[int, list[str]]:
    """Run the program on a terminal; return its exit code and every line shown at any time."""
    ours, theirs = pty.openpty()
    here = {**environ, "TERM": "xterm", "COLUMNS": str(columns), "LINES": "24"}
    command = [*COMMAND, *map(str, arguments)]
    with subprocess.Popen(command, env=here, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # Linux says so when the other end has gone
            while data := os.read(ours, 4096):
                shown += data
        os.close(ours)
        code = running.wait(timeout=60)
    lines = _CONTROL.sub("\n", _COLOUR.sub("", shown.decode()).replace("\r", "\n")).split("\n")
    return code, [line.rstrip() for line in lines if line.strip()]


def shipwheel_at(
    host: str, *arguments: str | Path, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the program against the repository `demo/pypi` of the emulator at *host*."""
    return shipwheel(environment(host, **more), *arguments)


def run_module(
    *arguments: str, cwd: Path | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a module of this environment, such as twine, pip or Shipwheel's, however it ends."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env={**os.environ, "PIP_CONFIG_FILE": os.devnull, "NO_COLOR": "1", **more},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
