"""Trees of files to test with, and git run in them by an author of its own."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

AUTHOR = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Author",
    "GIT_AUTHOR_EMAIL": "author@example.com",
    "GIT_COMMITTER_NAME": "Author",
    "GIT_COMMITTER_EMAIL": "author@example.com",
}


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write *files*, by their paths below *root*, and return *root*."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def git(folder: Path, *arguments: str, **environ: str) -> str:
    """Run git in *folder*, with none of the machine's settings, and return what it prints."""
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=folder,
        env={**os.environ, **AUTHOR, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def commit(folder: Path, message: str = "change", **environ: str) -> str:
    """Commit all that is in *folder*, a new repository at the first time; return the commit."""
    git(folder, "-c", "init.defaultBranch=main", "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message, **environ)
    return git(folder, "rev-parse", "HEAD")


def changed_lines(root: Path) -> list[str]:
    lines = git(root, "diff", "--unified=0").splitlines()
    return [it for it in lines if it[:1] == "+" and not it.startswith("+++")]
