"""The repository around a directory: the git checkout, and all projects that are kept in it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from steps.host.errors import InputError
from steps.project.source import find_projects, read_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from steps.project.source import Project


def checkout_around(directory: Path) -> Path | None:
    """Return the root of the git checkout that *directory* is in, or None where it is in none."""
    above = (directory, *directory.parents)
    return next((folder for folder in above if (folder / ".git").exists()), None)


def repository_projects(directory: Path) -> tuple[Project, ...]:
    """Return the projects of the git checkout that *directory* is in.

    Without git, as in a build of submitted source, those below the current directory, if that is
    around *directory*. One whose files are wrong is passed over: nobody asked about it.
    """
    return tuple(_readable(checkout_around(directory) or _current_around(directory)))


def neighbours(projects: Sequence[Project]) -> tuple[Project, ...]:
    """Return all projects of the git checkout that *projects* are in, and *projects* themselves.

    A neighbour whose files are wrong is passed over, too.
    """
    tops = (checkout_around(project.directory) for project in projects)
    found = {project.directory: project for project in projects}
    for project in _readable(next(filter(None, tops), None)):
        found.setdefault(project.directory, project)
    return tuple(found.values())


def _readable(top: Path | None) -> Iterator[Project]:
    for directory in find_projects(top) if top else ():
        with suppress(InputError):
            yield read_project(directory)


def _current_around(directory: Path) -> Path | None:
    here = Path.cwd()
    # A home, or all of the disk, is no repository, and takes long to look through.
    is_around = here in (directory, *directory.parents)
    return here if is_around and here not in {Path(here.anchor), Path.home()} else None
