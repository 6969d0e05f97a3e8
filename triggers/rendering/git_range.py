"""The changed files of a git range, as Cloud Build sees them.

A push is the difference between two commits, whatever lies between them; so a merge counts with
all that it brought. A renamed file counts under both names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from steps.host.errors import InputError
from steps.host.git import ask_git, read_git
from triggers.rendering.explanation import ChangedFiles

if TYPE_CHECKING:
    from pathlib import Path

_NO_COMMIT = re.compile("0{40}|0{64}")
_SKIP = re.compile(r"\[(?:skip ci|ci skip)\]")
_DIFF = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--ignore-submodules=none")
# Begins a commit in a log, after the NUL that ends the one before; messages and paths have no NUL.
_PUSH = re.compile(r"(?:\A|\0)\x1e(?=[0-9a-f]+\0)")
_NAME_FILES = "name the files with --files"
_NEW = (
    "A new branch or tag: every file counts as changed. Google documents this for Cloud Source"
    " Repositories only"
)


def _git(directory: Path, *arguments: str) -> str:
    """Return the output of git; raise InputError with what git said when it fails."""
    return read_git(directory, *arguments, purpose="what changed", hint=_NAME_FILES).rstrip("\n")


def _ask(directory: Path, *arguments: str) -> str:
    """Return the output of git, or nothing where it says no."""
    return ask_git(directory, *arguments).rstrip("\n")


def _paths(directory: Path, *arguments: str) -> tuple[str, ...]:
    """Return the paths of an output that git ended with a NUL each."""
    return tuple(path for path in _git(directory, *arguments).split("\0") if path)


def top_directory(directory: Path) -> str:
    """Return the root of the repository around *directory*; raise InputError outside of one."""
    return _git(directory, "rev-parse", "--show-toplevel")


def read_change(revisions: str, directory: Path) -> ChangedFiles:
    """Return what changed in *revisions* of the repository around *directory*.

    `A..B` is a push that moves a branch from A to B, `A...B` a pull request of B against A, and B
    alone, or with zeros for A, a branch that is new. Raises InputError where git cannot tell.
    """
    dots = "..." if "..." in revisions else ".."
    before, _, after = revisions.rpartition(dots)
    if _NO_COMMIT.fullmatch(after):
        return ChangedFiles(files=(), silent="a branch that is deleted starts no build")
    head = _commit(directory, after or "HEAD")
    silent = _silent(directory, head)
    if (not before and dots not in revisions) or _NO_COMMIT.fullmatch(before):
        files = _paths(directory, "ls-tree", "-r", "-z", "--name-only", "--full-tree", head)
        return ChangedFiles(files=files, notes=(_NEW,), silent=silent)
    old = _commit(directory, before or "HEAD")
    base = _merge_base(directory, old, head) if dots == "..." else old
    return ChangedFiles(
        files=_paths(directory, *_DIFF, base, head),
        notes=_notes(directory, base, head),
        silent=silent,
    )


def read_pushes(revisions: str, directory: Path, count: int | None) -> list[ChangedFiles]:
    """Return what each push changed, the newest first: every commit on the first-parent line.

    *revisions* is a range or a commit, *count* the most of its pushes. Raises InputError where git
    cannot tell.
    """
    end = revisions.rpartition("..")[2] or "HEAD"
    _commit(directory, end)
    limit = () if count is None else (f"--max-count={count}",)
    wanted = ("--first-parent", "--diff-merges=first-parent", "--no-renames", "--name-only", "-z")
    form = ("--format=%x1e%h%x00%B", "--end-of-options")
    text = _git(directory, "log", *wanted, *limit, *form, revisions or "HEAD")
    return [_push(it) for it in _PUSH.split(text)[1:]]


def _push(text: str) -> ChangedFiles:
    """Return a push as git's log tells it: its commit, the message, a line break, and the paths."""
    commit, message, *paths = text.split("\0")
    files = tuple(filter(None, "\0".join(paths).removeprefix("\n").split("\0")))
    skip = _SKIP.search(message)
    silent = f"the message of {commit} has {skip.group()}" if skip else ""
    return ChangedFiles(files=files, silent=silent, commit=commit)


def _commit(directory: Path, revision: str) -> str:
    wanted = ("--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found := _ask(directory, "rev-parse", *wanted):
        return found
    raise _missing(directory, f"Commit {revision!r} not found", "`git fetch` may bring it")


def _merge_base(directory: Path, old: str, head: str) -> str:
    """Return the commit where *head* left *old*; a shallow clone may lack it."""
    if found := _ask(directory, "merge-base", old, head):
        return found
    message = f"{old[:12]} and {head[:12]} have no commit in common"
    raise _missing(directory, message, "compare them as A..B")


def _missing(directory: Path, message: str, hint: str) -> InputError:
    """Return the error of what a shallow clone may lack, else with *hint*."""
    if _is_shallow(directory):
        hint = "complete it with `git fetch --unshallow`"
        return InputError(f"{message}: the clone is shallow", hint)
    return InputError(message, hint)


def _is_shallow(directory: Path) -> bool:
    return _git(directory, "rev-parse", "--is-shallow-repository") == "true"


def _silent(directory: Path, head: str) -> str:
    found = _SKIP.search(_git(directory, "log", "-1", "--format=%B", head))
    return f"the message of {head[:12]} has {found.group()}" if found else ""


def _notes(directory: Path, base: str, head: str) -> tuple[str, ...]:
    notes: list[str] = []
    if _is_shallow(directory):
        notes.append(
            "The clone is shallow: the files are those between the two commits, but merges and"
            " forced pushes cannot be seen; `git fetch --unshallow` completes it"
        )
    elif _ask(directory, "merge-base", base, head) != base:
        notes.append(
            f"{head[:12]} does not follow {base[:12]}: a forced push. The files are those that"
            " differ; Google does not document which ones Cloud Build takes"
        )
    merges = _git(directory, "rev-list", "--count", "--merges", f"{base}..{head}")
    if merges != "0":
        notes.append(f"Merge commits: {merges}. All that they brought counts as changed")
    return tuple(notes)
