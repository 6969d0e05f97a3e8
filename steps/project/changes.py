"""Which projects a git range touches: those with changed files, and those that need them.

It only narrows what is looked at. What is published is never decided by git.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from steps.host.errors import InputError
from steps.host.git import ask_git, read_git
from steps.project.repository import checkout_around

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from steps.project.source import Project

_HINT = (
    "name a commit that the clone holds; a shallow one holds little:"
    " git fetch --unshallow origin, or leave --changed-since out"
)
_NO_CLONE = (
    "run it in a clone of the repository, or leave --changed-since out; `gcloud builds submit` and"
    " `shipwheel run` bring .git only where there is a .gcloudignore that does not name it"
)


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
    touched = {owner for file in files if (owner := _owner(file, known))}
    found = {by_directory[it] for it in touched if it in by_directory}
    while more := {it for it in projects if it not in found and _needs(it, found, touched)}:
        found |= more
    return tuple(project for project in projects if project in found)


def _owner(file: Path, directories: set[Path]) -> Path | None:
    return next((folder for folder in file.parents if folder in directories), None)


def _needs(project: Project, found: set[Project], touched: set[Path]) -> bool:
    """Return whether *project* takes something changed by its path or by its name."""
    names = {it.name for it in found if it.name}
    folders = touched | {it.directory.resolve() for it in found}
    requirements = (*project.requirements, *project.build_requirements)
    by_name = any(canonicalize_name(it.name) in names for it in requirements)
    return by_name or any(path.resolve() in folders for path in project.local_paths)


def _git(folder: Path, *arguments: str) -> str:
    purpose = f"what changed in {os.fspath(folder)!r}"
    try:
        return read_git(folder, *arguments, purpose=purpose, hint=_HINT)
    except InputError as error:
        if "not a git repository" in (message := error.problems[0].message):
            raise InputError(message, _NO_CLONE) from None
        raise
