"""The program as the image runs it, others beside it, and what sends them to an emulator."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COMMAND = (sys.executable, "-I", "-m", "builder")


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
