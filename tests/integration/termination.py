"""A command that is ended by a signal while a Google API answers one of its requests."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.servers.cloud_build_api import CloudBuildApi
    from tests.integration.servers.google_api import Request


def terminate_at(
    moment: Callable[[Request], bool], api: CloudBuildApi, root: Path, *command: str
) -> None:
    """Run *command* for the manifest in *root*, and end it by SIGTERM at *moment*.

    The request of that moment is refused. The command has to say how to go on.
    """

    def end(request: Request) -> int | None:
        if not moment(request):
            return None
        process.terminate()
        process.wait(timeout=30)
        return 400

    api.fault = end
    process = subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-m",
            "builder",
            *command,
            "--manifest",
            str(root / "shipwheel.yaml"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    api.fault = None
    assert process.returncode == 143
    assert errors.endswith("Terminated. Run the same command again to finish the job.\n")
