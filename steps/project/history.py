"""What git knows of projects: those that a range touches, and the history a shallow clone lacks.

A range only narrows what is looked at. What is published is never decided by git. A trigger's build
gets one commit without tags, from which setuptools-scm and its like can only guess a version.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from steps.host.errors import AccessError, InputError
from steps.host.git import ask_git, read_git, run_git

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from steps.project.source import Project

_logger = logging.getLogger("shipwheel")

_FETCH_SECONDS = 600.0
_NO_REPOSITORY = (
    "`gcloud builds submit` leaves .git out unless a .gcloudignore keeps it; a trigger brings it"
)
_HINT = (
    "name a commit that the clone holds; a shallow one holds little:"
    " git fetch --unshallow origin, or leave --changed-since out"
)
_NO_CLONE = (
    "run it in a clone of the repository, or leave --changed-since out; `gcloud builds submit` and"
    " `shipwheel run` bring .git only where there is a .gcloudignore that does not name it"
)


def checkout_around(directory: Path) -> Path | None:
    """Return the root of the git checkout that *directory* is in, or None where it is in none."""
    above = (directory, *directory.parents)
    return next((folder for folder in above if (folder / ".git").exists()), None)


def changed_since(ref: str, projects: Sequence[Project]) -> tuple[Project, ...]:
    """Return the projects whose files, or those of a local dependency, changed since *ref*.

    Since means since the commit where the branch left *ref*, up to the working tree with its
    untracked files. Each repository is asked about its own projects, a submodule since the commit
    that the repository around it had recorded then. Raises InputError where git cannot tell.
    """
    files = (file for top in _repositories(projects) for file in _changed_files(top, ref))
    return affected(projects, files)


def _repositories(projects: Iterable[Project]) -> tuple[Path, ...]:
    """Return the roots of the repositories of *projects*, and of what these take by its path."""
    asked = {checkout_around(it.directory.resolve()): it.directory for it in projects}
    local = {checkout_around(path.resolve()): path for it in projects for path in it.local_paths}
    asked |= {top: path for top, path in local.items() if top and top not in asked}
    tops = (_git(folder, "rev-parse", "--show-toplevel") for folder in asked.values())
    return tuple(dict.fromkeys(Path(top.rstrip("\n")) for top in tops))


def _changed_files(top: Path, ref: str) -> Iterator[Path]:
    base = _base(top, ref)
    if base:
        names = _git(top, "diff", "--name-only", "-z", "--no-renames", base, "--")
    else:
        names = _git(top, "ls-files", "-z")
    names += _git(top, "ls-files", "-z", "--others", "--exclude-standard")
    yield from (top / name for name in names.split("\0") if name)


def _base(top: Path, ref: str) -> str:
    """Return the commit to compare *top* with, or "" for a submodule whose clone lacks it."""
    outer = _git(top, "rev-parse", "--show-superproject-working-tree").rstrip("\n")
    if not outer:
        return _merge_base(top, ref)
    base, path = _base(Path(outer), ref), top.relative_to(outer).as_posix()
    recorded = base and ask_git(Path(outer), "rev-parse", "--verify", "-q", f"{base}:{path}")
    found = recorded and ask_git(
        top, "rev-parse", "--verify", "-q", f"{recorded.strip()}^{{commit}}"
    )
    return found.strip()


def _merge_base(top: Path, ref: str) -> str:
    # A ref is neither an option, whatever it begins with, nor a path of the same name.
    if found := ask_git(top, "merge-base", "--end-of-options", ref, "HEAD").strip():
        return found
    for commit in (ref, "HEAD"):
        _git(top, "rev-list", "--max-count=1", "--end-of-options", commit, "--")
    raise InputError(
        f"git cannot tell what changed in {os.fspath(top)!r}: {ref!r} and HEAD have no commit in"
        " common",
        _HINT,
    )


def affected(projects: Sequence[Project], files: Iterable[Path]) -> tuple[Project, ...]:
    """Return the projects to which *files* belong, and all that need one of these, in order.

    A file belongs to the innermost directory of a project, or of a dependency by path.
    """
    by_directory = {project.directory.resolve(): project for project in projects}
    known = {*by_directory, *(path.resolve() for it in projects for path in it.local_paths)}
    changed: set[Path | str] = {owner for file in files if (owner := _owner(file, known))}
    needs = {it: _needs(it) for it in projects}
    found: set[Project] = set()
    while more := {
        folder: it
        for folder, it in by_directory.items()
        if it not in found and (folder in changed or not needs[it].isdisjoint(changed))
    }:
        found |= {*more.values()}
        changed |= {*more, *(it.name for it in more.values() if it.name)}
    return tuple(project for project in projects if project in found)


def _owner(file: Path, directories: set[Path]) -> Path | None:
    return next((folder for folder in file.parents if folder in directories), None)


def _needs(project: Project) -> set[Path | str]:
    """Return what *project* takes: packages by their names, and folders."""
    names = (canonicalize_name(it.name) for it in project.all_requirements)
    return {*names, *(path.resolve() for path in project.local_paths)}


def _git(folder: Path, *arguments: str) -> str:
    purpose = f"what changed in {os.fspath(folder)!r}"
    try:
        return read_git(folder, *arguments, purpose=purpose, hint=_HINT)
    except InputError as error:
        if "not a git repository" in (message := error.problems[0].message):
            raise InputError(message, _NO_CLONE) from None
        raise


def uncommitted_files(directory: Path) -> tuple[Path, ...]:
    """Return the files below *directory* that git sees as modified or untracked.

    Nothing where there is no checkout around it. A submodule is asked about its own files. Raises
    InputError where git cannot tell.
    """
    if not checkout_around(directory):
        return ()
    # Whichever user owns the clone, and without writing into it.
    status = ("--no-optional-locks", "-c", "safe.directory=*", "status", "--porcelain", "-z")
    more = ("--untracked-files=all", "--no-renames", "--", ".")
    hint = "run it in a whole clone, with git installed, or with --allow-uncommitted"
    purpose = f"what is not committed in {os.fspath(directory)!r}"
    printed = read_git(directory, *status, *more, purpose=purpose, hint=hint)
    top = checkout_around(directory.resolve()) or directory
    return tuple(
        file for line in printed.split("\0") if line for file in _files_of(line[:2], top / line[3:])
    )


def _files_of(state: str, path: Path) -> Iterator[Path]:
    """Yield *path*, unless it was deleted; of a folder what is not committed in it."""
    if not path.is_dir() or path.is_symlink():
        if os.path.lexists(path):
            yield path
    elif state == "??":  # a repository inside that is not a submodule
        yield from (it for it in path.rglob("*") if it.is_file() and ".git" not in it.parts)
    else:
        yield from uncommitted_files(path)


def complete_history(directories: Iterable[Path], environ: Mapping[str, str]) -> None:
    """Fetch the commits and the tags that the checkouts of *directories* lack.

    Raises InputError where there is no checkout or no remote, AccessError when the remote does not
    give them.
    """
    for top in dict.fromkeys(_top(directory, environ) for directory in directories):
        if _ask(top, environ, "rev-parse", "--is-shallow-repository") == "false":
            _logger.info("The git history in %r is complete", os.fspath(top))
        else:
            _fetch(top, _remote(top, environ), environ)


def _top(directory: Path, environ: Mapping[str, str]) -> Path:
    hint = "install git, or leave --unshallow out"
    answer = run_git(directory, "rev-parse", "--show-toplevel", hint=hint, environ=environ)
    if answer.returncode:
        raise InputError(
            f"There is no git history to complete in {os.fspath(directory.absolute())!r}:"
            f" {answer.stderr.strip()}",
            _NO_REPOSITORY,
        )
    return Path(answer.stdout.rstrip("\n"))


def _remote(top: Path, environ: Mapping[str, str]) -> str:
    """Return the remote `origin`, or the only one."""
    remotes = _ask(top, environ, "remote").splitlines()
    if "origin" in remotes or len(remotes) == 1:
        return "origin" if "origin" in remotes else remotes[0]
    raise InputError(
        f"The history in {os.fspath(top)!r} is shallow, and no remote named 'origin' has the rest"
        f" (remotes: {', '.join(map(repr, remotes)) or 'none'})",
        "`git remote add origin URL` before this step",
    )


def _fetch(top: Path, remote: str, environ: Mapping[str, str]) -> None:
    _logger.info("Fetching the whole git history in %r from %r", os.fspath(top), remote)
    fetch = ("fetch", "--unshallow", "--tags", "--quiet", remote)
    hint = "fetch it in a step before this one: git fetch --unshallow --tags"
    try:
        answer = run_git(top, *fetch, hint=hint, environ=environ, seconds=_FETCH_SECONDS)
    except InputError as error:
        message = f"The remote {remote!r} did not give the history: {error.problems[0].message}"
        raise AccessError(message, hint) from None
    if answer.returncode:
        raise AccessError(
            f"The remote {remote!r} did not give the history of {os.fspath(top)!r}:"
            f" {answer.stderr.strip()}",
            "a private repository needs credentials in this step, which Cloud Build leaves to you:"
            " a deploy key or a token from Secret Manager",
        )


def _ask(top: Path, environ: Mapping[str, str], *arguments: str) -> str:
    return ask_git(top, *arguments, environ=environ).strip()
