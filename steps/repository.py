"""The repository around a directory: all projects that are kept beside it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from steps.errors import InputError
from steps.project import find_projects, read_project

if TYPE_CHECKING:
    from steps.project import Project


def repository_projects(directory: Path) -> tuple[Project, ...]:
    """Return the projects of the git checkout that *directory* is in.

    Without git, as in a build of submitted source, those below the current directory, if that is
    around *directory*. One whose files are wrong is passed over: nobody asked about it.
    """
    found = []
    top = _top(directory)
    for each in find_projects(top) if top else ():
        with suppress(InputError):
            found.append(read_project(each))
    return tuple(found)


def _top(directory: Path) -> Path | None:
    above = (directory, *directory.parents)
    for folder in above:
        if (folder / ".git").exists():
            return folder
    here = Path.cwd()
    # A home, or all of the disk, is no repository, and takes long to look through.
    return here if here in above and here not in {Path(here.anchor), Path.home()} else None
