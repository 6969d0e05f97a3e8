"""git, asked in passing: where there is none, or it says no, its answer is empty."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from steps.children import Children

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SECONDS = 60.0


def ask_git(directory: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    """Return what git prints in *directory*, or nothing; *environ* is this process's by default."""
    command = ["git", "-C", os.fspath(directory), *arguments]
    with suppress(OSError, subprocess.SubprocessError), Children(timeout=_SECONDS) as children:
        done = children.ask(command, environ=os.environ if environ is None else environ)
        return done.stdout if done.returncode == 0 else ""
    return ""
