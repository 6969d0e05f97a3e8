"""Whether git keeps a file, and the lines of the ignore files that change who sees it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.host.errors import InputError
from steps.host.gcloud import BY_DEFAULT, GIT_IGNORE_FILE, IGNORE_FILE, INCLUDE
from steps.host.git import ask_git, run_git
from steps.project.repository import checkout_around

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class InGit:
    """What git does with a file; where there is no git, it ignores."""

    is_tracked: bool
    is_ignored: bool


def see(directory: Path, name: str, environ: Mapping[str, str]) -> InGit:
    """Ask git for the file *name* of *directory*, be it there or not; raise InputError."""
    inside = bool(ask_git(directory, "rev-parse", "--is-inside-work-tree", environ=environ))
    if not inside and checkout_around(directory):
        raise InputError(
            f"git cannot tell whether it tracks {name!r} in {os.fspath(directory)!r}",
            f"see what `git -C {directory} status` says",
        )
    return InGit(
        is_tracked=inside and _git(directory, environ, "ls-files", "--error-unmatch", name),
        is_ignored=not inside
        or _git(directory, environ, "check-ignore", "--quiet", "--no-index", name),
    )


def ignore_files(
    directory: Path, *, hide: Sequence[str] = (), upload: Sequence[str] = ()
) -> dict[str, str]:
    """Return the ignore files of *directory* that have to change, each with its new text.

    Git is to ignore what *hide* names, gcloud to upload what *upload* names.
    """
    texts = {}
    git, gcloud = directory / GIT_IGNORE_FILE, directory / IGNORE_FILE
    if hide:
        texts[GIT_IGNORE_FILE] = _appended(_text(git), [f"/{name}" for name in hide])
    # A .gitignore beside the source hides from gcloud, too, unless there is a .gcloudignore.
    upload = [*upload, *(name for name in hide if not gcloud.exists() and name not in upload)]
    if upload:
        has_own = GIT_IGNORE_FILE in texts or git.exists()
        default = [*BY_DEFAULT, *([f"{INCLUDE}{GIT_IGNORE_FILE}"] if has_own else [])]
        before = _text(gcloud) if gcloud.exists() else _appended("", default)
        texts[IGNORE_FILE] = _appended(before, [it for name in upload for it in _lines(name)])
    return texts


def _lines(name: str) -> list[str]:
    """Return the lines for .gcloudignore that have *name* uploaded; a folder ends with a slash."""
    return [f"!/{name}", *([f"!/{name}**"] if name.endswith("/") else [])]


def _appended(text: str, lines: Sequence[str]) -> str:
    newline = "" if not text or text.endswith("\n") else "\n"
    return "".join([text, newline, *(f"{line}\n" for line in lines)])


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode() if path.exists() else ""
    except (OSError, UnicodeDecodeError):
        raise InputError(
            f"{os.fspath(path)!r} cannot be read as text", "see that this user can read it"
        ) from None


def _git(directory: Path, environ: Mapping[str, str], *arguments: str) -> bool:
    """Return whether git answers yes."""
    hint = "see that git works in this directory"
    return run_git(directory, *arguments, hint=hint, environ=environ).returncode == 0
