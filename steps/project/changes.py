"""Which projects a git range touches: those with changed files, and those that need them.

It only narrows what is looked at. What is published is never decided by git.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from steps.host.errors import InputError
from steps.host.git import read_git

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    untracked files. Raises InputError where git cannot tell.
    """
    if not projects:
        return ()
    top = Path(_git(projects[0].directory, "rev-parse", "--show-toplevel").rstrip("\n"))
    # A ref is neither an option, whatever it begins with, nor a path of the same name.
    changed = _git(
        top,
        *("diff", "--name-only", "-z", "--no-renames", "--merge-base"),
        *("--end-of-options", ref, "--"),
    )
    untracked = _git(top, "ls-files", "-z", "--others", "--exclude-standard")
    files = [top / name for name in (changed + untracked).split("\0") if name]
    return affected(projects, files)


def affected(projects: Sequence[Project], files: Iterable[Path]) -> tuple[Project, ...]:
    """Return the projects to which *files* belong, and all that need one of these, in order.

    A file belongs to the innermost directory of a project, or of one that is taken by its path.
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
    by_name = any(canonicalize_name(it.name) in names for it in project.requirements)
    return by_name or any(path.resolve() in folders for path in project.local_paths)


def _git(folder: Path, *arguments: str) -> str:
    try:
        return read_git(folder, *arguments, purpose="what changed", hint=_HINT)
    except InputError as error:
        if "not a git repository" in (message := error.problems[0].message):
            raise InputError(message, _NO_CLONE) from None
        raise
