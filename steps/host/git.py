"""git, asked in passing, and what it advises where it says no."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from steps.host.children import Children

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SECONDS = 60.0


def ask_git(directory: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    """Return what git prints in *directory*, or nothing where it says no, or is not there.

    *environ* is this process's by default.
    """
    command = ["git", "-C", os.fspath(directory), *arguments]
    with suppress(OSError, subprocess.SubprocessError), Children(timeout=_SECONDS) as children:
        done = children.ask(command, environ=os.environ if environ is None else environ)
        return done.stdout if done.returncode == 0 else ""
    return ""


def remedy(said: str) -> str:
    """Return the hint for a repository of another user's, of which git *said* what to do; or ""."""
    commands = (line.strip() for line in said.splitlines() if "safe.directory" in line)
    command = next(commands, "")
    return f"if you trust what is in it, run `{command}`" if command else ""
