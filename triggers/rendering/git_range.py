"""The changed files of a git range, as Cloud Build sees them.

A push is the difference between two commits, whatever lies between them; so a merge counts with
all that it brought. A renamed file counts under both names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.host.errors import InputError
from steps.host.git import read_git, run_git
from triggers.rendering.explanation import ChangedFiles

if TYPE_CHECKING:
    from pathlib import Path

_NO_COMMIT = re.compile("0{40}|0{64}")
_SKIP = re.compile(r"\[(?:skip ci|ci skip)\]")
_DIFF = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--ignore-submodules=none")
# Begins a commit in a log; no path and no message has such a control character.
_PUSH = "\x1e"
_NAME_FILES = "name the files with --files"
_NEW = (
    "A new branch or tag: every file counts as changed. That is documented for Cloud Source"
    " Repositories; for other repositories no document says"
)


@dataclass(frozen=True)
class _Git:
    """git, run in a repository's *directory*."""

    directory: Path

    def text(self, *arguments: str) -> str:
        """Return the output; raise InputError with what git said when it fails."""
        return read_git(
            self.directory, *arguments, purpose="what changed", hint=_NAME_FILES
        ).rstrip("\n")

    def paths(self, *arguments: str) -> tuple[str, ...]:
        """Return the paths of an output that git ended with a NUL each."""
        return tuple(path for path in self.text(*arguments).split("\0") if path)

    def answer(self, *arguments: str) -> str | None:
        """Return the output, or None where git says no."""
        done = run_git(self.directory, *arguments, hint=_NAME_FILES)
        return None if done.returncode else done.stdout.rstrip("\n")


def top_directory(directory: Path) -> str:
    """Return the root of the repository around *directory*; raise InputError outside of one."""
    return _Git(directory).text("rev-parse", "--show-toplevel")


def read_change(revisions: str, directory: Path) -> ChangedFiles:
    """Return what changed in *revisions* of the repository around *directory*.

    `A..B` is a push that moves a branch from A to B, `A...B` a pull request of B against A, and B
    alone, or with zeros for A, a branch that is new. Raises InputError where git cannot tell.
    """
    git = _Git(directory)
    dots = "..." if "..." in revisions else ".."
    before, _, after = revisions.rpartition(dots)
    if _NO_COMMIT.fullmatch(after):
        return ChangedFiles(files=(), silent="a branch that is deleted starts no build")
    is_shallow = git.text("rev-parse", "--is-shallow-repository") == "true"
    head = _commit(git, after or "HEAD", is_shallow=is_shallow)
    silent = _silent(git, head)
    if (not before and dots not in revisions) or _NO_COMMIT.fullmatch(before):
        files = git.paths("ls-tree", "-r", "-z", "--name-only", "--full-tree", head)
        return ChangedFiles(files=files, notes=(_NEW,), silent=silent)
    old = _commit(git, before or "HEAD", is_shallow=is_shallow)
    base = _merge_base(git, old, head, is_shallow=is_shallow) if dots == "..." else old
    return ChangedFiles(
        files=git.paths(*_DIFF, base, head),
        notes=_notes(git, base, head, is_shallow=is_shallow),
        silent=silent,
    )


def read_pushes(revisions: str, directory: Path, count: int | None) -> list[ChangedFiles]:
    """Return what each push changed, the newest first: every commit on the first-parent line.

    *revisions* is a range or a commit, *count* the most of its pushes. Raises InputError where git
    cannot tell.
    """
    git = _Git(directory)
    end = revisions.rpartition("..")[2] or "HEAD"
    _commit(git, end, is_shallow=git.text("rev-parse", "--is-shallow-repository") == "true")
    limit = () if count is None else (f"--max-count={count}",)
    wanted = ("--first-parent", "--diff-merges=first-parent", "--no-renames", "--name-only", "-z")
    text = git.text(
        "log", *wanted, *limit, f"--format={_PUSH}%h%x00%B", "--end-of-options", revisions or "HEAD"
    )
    return [_push(it) for it in text.split(_PUSH)[1:]]


def _push(text: str) -> ChangedFiles:
    """Return a push as git's log tells it: its commit, the message, a line break, and the paths."""
    commit, message, *paths = text.strip("\0").split("\0")
    files = tuple(filter(None, "\0".join(paths).removeprefix("\n").split("\0")))
    skip = _SKIP.search(message)
    silent = f"the message of {commit} has {skip.group()}" if skip else ""
    return ChangedFiles(files=files, silent=silent, commit=commit)


def _commit(git: _Git, revision: str, *, is_shallow: bool) -> str:
    wanted = ("--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found := git.answer("rev-parse", *wanted):
        return found
    raise InputError(
        f"Commit {revision!r} not found" + (": the clone is shallow" if is_shallow else ""),
        "complete it with `git fetch --unshallow`" if is_shallow else "`git fetch` may bring it",
    )


def _merge_base(git: _Git, old: str, head: str, *, is_shallow: bool) -> str:
    """Return the commit where *head* left *old*; a shallow clone may lack it."""
    if found := git.answer("merge-base", old, head):
        return found
    raise InputError(
        f"{old[:12]} and {head[:12]} have no commit in common"
        + (": the clone is shallow" if is_shallow else ""),
        "complete it with `git fetch --unshallow`" if is_shallow else "compare them as A..B",
    )


def _silent(git: _Git, head: str) -> str:
    found = _SKIP.search(git.text("log", "-1", "--format=%B", head))
    return f"the message of {head[:12]} has {found.group()}" if found else ""


def _notes(git: _Git, base: str, head: str, *, is_shallow: bool) -> tuple[str, ...]:
    notes: list[str] = []
    if is_shallow:
        notes.append(
            "The clone is shallow: the files are those between the two commits, but merges and"
            " forced pushes cannot be seen; `git fetch --unshallow` completes it"
        )
    elif git.answer("merge-base", "--is-ancestor", base, head) is None:
        notes.append(
            f"{head[:12]} does not follow {base[:12]}, which is a forced push: the files are those"
            " that differ; no document says which Cloud Build takes"
        )
    merges = git.text("rev-list", "--count", "--merges", f"{base}..{head}")
    if merges != "0":
        notes.append(f"Merge commits: {merges}. All that they brought counts as changed")
    return tuple(notes)
