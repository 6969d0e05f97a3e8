"""`shipwheel doctor` on a clean machine, and what it tells."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.integration.program import shipwheel

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from builder.server import Emulator

TOKEN = "ya29.planted-token"
LOGIN = {"TWINE_USERNAME": "oauth2accesstoken", "TWINE_PASSWORD": TOKEN}


def clean(home: Path, **environ: str) -> dict[str, str]:
    """Return an environment in which clients find settings below *home* only."""
    unset = ("PIP_", "UV_", "TWINE_", "PDM_", "POETRY_", "SHIPWHEEL", "XDG_CONFIG", "VIRTUAL_ENV")
    inherited = {key: it for key, it in os.environ.items() if not key.startswith(unset)}
    return {**inherited, "HOME": str(home), "PATH": f"{home}/bin", **environ}


def doctor(
    home: Path, environ: dict[str, str], *arguments: str, command: str = "doctor"
) -> subprocess.CompletedProcess[str]:
    return shipwheel({**environ, "HOME": str(home)}, command, *arguments, cwd=home / "work")


def told(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return each line by its check: status and message."""
    assert TOKEN not in done.stdout + done.stderr
    lines = [line.partition(": ") for line in done.stdout.splitlines()]
    return {
        before[7:]: f"{before[:5].rstrip()} {message}".partition("; fix: ")[0]
        for before, _, message in lines
    }


def local(emulator: Emulator, home: Path, **others: str) -> dict[str, str]:
    return clean(home, ARTIFACT_REGISTRY_EMULATOR_HOST=emulator.host, **LOGIN, **others)
