"""The repository that triggers are for: its files, and its address on GitHub."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from triggers.init import source_of_remote

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 60
_PASSED_OVER = {"__pycache__", "node_modules"}


def repository_files(root: Path) -> tuple[str, ...]:
    """Return the paths of all files that git knows or would add; without git, of all files."""
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed:
        return tuple(sorted({path for path in listed.split("\0") if (root / path).is_file()}))
    return tuple(sorted(_walk(root)))


def github_address(root: Path) -> tuple[str, str] | None:
    """Return owner and name of the remote origin, in small letters, None if it is not GitHub's."""
    source = source_of_remote(_git(root, "config", "--get", "remote.origin.url"))
    if source is None:
        return None
    return source["github"]["owner"].lower(), source["github"]["name"].lower()


def _walk(root: Path) -> list[str]:
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if f not in _PASSED_OVER and not f.startswith(".")]
        paths = (os.path.relpath(os.path.join(folder, name), root) for name in files)  # noqa: PTH118 - a path per file of a repository
        found += [path.replace(os.sep, "/") for path in paths]
    return found


def _git(root: Path, *arguments: str) -> str:
    """Return what git says, empty where there is none, or no repository."""
    try:
        answer = subprocess.run(
            ["git", "-C", os.fspath(root), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout if answer.returncode == 0 else ""
