"""A real Docker engine for the tests of the image: this machine's, or one of their own.

Where no engine answers, root can start one with Debian's packages docker.io and debootstrap. It
has a folder and a socket of its own, changes neither firewall nor network, and ends with the tests.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

START_SECONDS = 60
COMMAND_SECONDS = 600


class NoEngine(Exception):  # noqa: N818 - reads as the sentence it reports
    """No Docker engine answers, and none can be started."""


@dataclass(frozen=True)
class Docker:
    """The docker command, sent to one engine."""

    environ: Mapping[str, str] = field(repr=False)

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        """Run `docker ARGUMENTS` and return what it printed; a failure shows all that it said."""
        ended = self.run(*arguments, stdin=stdin)
        assert ended.returncode == 0, f"docker {arguments[0]} failed:\n{ended.stdout}{ended.stderr}"
        return ended.stdout.strip()

    def run(
        self, *arguments: str, stdin: str = "", seconds: int = COMMAND_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run `docker ARGUMENTS` to its end, however it ends."""
        return subprocess.run(
            ["docker", *arguments],
            env={**self.environ},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )


@contextmanager
def open_engine() -> Iterator[Docker]:
    """Yield an engine that answers; raise NoEngine where there is none."""
    # The classic builder, as gcr.io/cloud-builders/docker uses it.
    here = Docker({**os.environ, "DOCKER_BUILDKIT": "0"})
    if shutil.which("docker") and here.run("info", seconds=30).returncode == 0:
        yield here
        return
    reason = _why_not()
    if reason:
        raise NoEngine(f"no Docker engine answers, and none can be started: {reason}")
    with tempfile.TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as name:
        own = Docker({**here.environ, "DOCKER_HOST": f"unix://{name}/socket"})
        with _started(Path(name), own):
            yield own


def _why_not() -> str:
    if os.geteuid() != 0:
        return "only root can start one"
    missing = [name for name in ("docker", "dockerd") if not shutil.which(name)]
    return f"{' and '.join(missing)} not found (Debian's package is docker.io)" if missing else ""


@contextmanager
def _started(folder: Path, docker: Docker) -> Iterator[None]:
    command = ["dockerd", "--iptables=false", "--bridge=none"]
    command += [f"--host={docker.environ['DOCKER_HOST']}", f"--pidfile={folder}/pid"]
    command += [f"--data-root={folder}/data", f"--exec-root={folder}/exec"]
    log = folder / "log"
    with log.open("w") as stream:
        engine = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)
    try:
        _wait(engine, docker, log)
        yield
    finally:
        engine.send_signal(signal.SIGTERM)
        engine.wait(START_SECONDS)
        # The engine leaves the name of its network mounted, and the folder could not be removed.
        subprocess.run(["umount", f"{folder}/exec/netns/default"], capture_output=True, check=False)


def _wait(engine: subprocess.Popen[bytes], docker: Docker, log: Path) -> None:
    last = time.monotonic() + START_SECONDS
    while docker.run("info", seconds=30).returncode:
        if engine.poll() is not None or time.monotonic() > last:
            said = log.read_text()[-2000:]
            raise NoEngine(f"dockerd did not start:\n{said}")
        time.sleep(0.2)
