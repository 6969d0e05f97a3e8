"""The repository that triggers are for: its files, and its address on GitHub."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from steps.host.git import ask_git
from triggers.manifest.starting import source_of_remote

if TYPE_CHECKING:
    from pathlib import Path

_PASSED_OVER = {"__pycache__", "node_modules"}


def repository_files(root: Path) -> tuple[str, ...]:
    """Return the paths of all files that git knows or would add; without git, of all files."""
    listed = ask_git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed:
        return tuple(sorted({path for path in listed.split("\0") if (root / path).is_file()}))
    return tuple(sorted(_walk(root)))


def github_address(root: Path) -> tuple[str, str] | None:
    """Return owner and name of the remote origin, in small letters, None if it is not GitHub's."""
    source = source_of_remote(ask_git(root, "config", "--get", "remote.origin.url"))
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
