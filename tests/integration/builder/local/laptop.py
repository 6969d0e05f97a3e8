"""`shipwheel run` on a machine of its own, with what came of it and what it left running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS = "us-docker.pkg.dev/p/r/shipwheel:1"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def record(self) -> Any:
        return json.loads(self.out)

    def log(self) -> list[str]:
        """The lines of the steps, without the builder's own."""
        return [line for line in self.out.splitlines() if line.startswith("Step #")]


class Laptop:
    """A directory with a source and a build config, and the real command line."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.source.mkdir()
        self.config = folder / "cloudbuild.yaml"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()

    def command(self, text: str, *options: str) -> list[str]:
        self.config.write_text(text)
        start = [sys.executable, "-I", "-m", "builder", "run", str(self.config)]
        return [*start, "--source", str(self.source), *options]

    def environ(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SHIPWHEEL_")}
        return {**inherited, "TMPDIR": str(self.temporary), **(extra or {})}

    def run(self, text: str, *options: str, environ: dict[str, str] | None = None) -> Outcome:
        done = subprocess.run(
            self.command(text, *options),
            env=self.environ(environ),
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def start(self, text: str, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(text, *options),
            env=self.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def is_alive(process: int) -> bool:
    """Whether *process* runs; one that was not waited for yet does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until_gone(processes: list[int]) -> list[int]:
    """Return those of *processes* that are still there after a while."""
    deadline = time.monotonic() + 5
    while (alive := [*filter(is_alive, processes)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive
