"""The repository around a directory: the git checkout, its projects, and who requires what."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from steps.host.errors import InputError
from steps.host.git import ask_git
from steps.project.requirements_file import parse_requirements
from steps.project.source import find_projects, read_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

    from steps.project.source import Project

_PATTERNS = ("*requirements*.txt", "*requirements*.in", "*requirements*.txt.tmpl")


@dataclass(frozen=True)
class Requirer:
    """A project by its name, or a file by its path, and what it requires."""

    name: str
    requirements: tuple[Requirement, ...]


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
    """Return all projects of the git checkouts that *projects* are in, and *projects* themselves.

    A neighbour whose files are wrong is passed over, too.
    """
    tops = {checkout_around(project.directory) for project in projects}
    found = {project.directory: project for project in projects}
    for top in sorted(filter(None, tops)):
        for project in _readable(top):
            found.setdefault(project.directory, project)
    return tuple(found.values())


def find_requirers(directory: Path, environ: Mapping[str, str]) -> tuple[Requirer, ...]:
    """Return those of the git checkout that *directory*, an absolute path, is in.

    What cannot be read is passed over: nobody asked about it.
    """
    projects = [Requirer(str(it), it.requirements) for it in repository_projects(directory)]
    return (*projects, *_requirements_files(directory, environ))


def _readable(top: Path | None) -> Iterator[Project]:
    for directory in find_projects(top) if top else ():
        with suppress(InputError):
            yield read_project(directory)


def _current_around(directory: Path) -> Path | None:
    here = Path.cwd()
    # A home, or all of the disk, is no repository, and takes long to look through.
    is_around = here in (directory, *directory.parents)
    return here if is_around and here not in {Path(here.anchor), Path.home()} else None


def _requirements_files(directory: Path, environ: Mapping[str, str]) -> Iterator[Requirer]:
    top = ask_git(directory, "rev-parse", "--show-toplevel", environ=environ).rstrip("\n")
    if not top:
        return
    root = Path(top)
    listed = ask_git(root, "ls-files", "-z", *_PATTERNS, environ=environ)
    for name in filter(None, listed.split("\0")):
        with suppress(OSError, UnicodeDecodeError):
            lines = parse_requirements((root / name).read_text(encoding="utf-8")).lines
            found = tuple(it.requirement for it in lines if it.requirement)
            if found:
                yield Requirer(name, found)
