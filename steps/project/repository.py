"""The repository around a directory: its projects, who requires what, and its git history.

A trigger's build gets one commit without tags, from which setuptools-scm and its like can only
guess a version; `complete_history` fetches the rest.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from steps.host.errors import AccessError, InputError
from steps.host.git import ask_git, run_git
from steps.project.requirements_file import parse_requirements
from steps.project.source import find_projects, read_project

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

    from steps.project.source import Project

_logger = logging.getLogger("shipwheel")

_FETCH_SECONDS = 600.0
_NO_REPOSITORY = (
    "`gcloud builds submit` leaves .git out unless a .gcloudignore keeps it; a trigger brings it"
)
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
    around *directory*. One whose files are wrong is left out.
    """
    return tuple(_readable(_around(directory)))


def neighbours(projects: Sequence[Project]) -> tuple[Project, ...]:
    """Return all projects of the git checkouts that *projects* are in, and *projects* themselves.

    Without git, those below the current directory. One whose files are wrong is passed over, too.
    """
    tops = {_around(project.directory) for project in projects}
    found = {project.directory: project for project in projects}
    for top in sorted(filter(None, tops)):
        for project in _readable(top, without=found.keys()):
            found[project.directory] = project
    return tuple(found.values())


def find_requirers(directory: Path, environ: Mapping[str, str]) -> tuple[Requirer, ...]:
    """Return those of the git checkout that *directory*, an absolute path, is in.

    What cannot be read is left out.
    """
    projects = [Requirer(str(it), it.requirements) for it in repository_projects(directory)]
    return (*projects, *_requirements_files(directory, environ))


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


def _readable(top: Path | None, without: Collection[Path] = ()) -> Iterator[Project]:
    for directory in find_projects(top) if top else ():
        if directory not in without:
            with suppress(InputError):
                yield read_project(directory)


def _around(directory: Path) -> Path | None:
    if top := checkout_around(directory):
        return top
    here = Path.cwd()
    # A home folder, or a whole disk, is not a repository, and takes long to search.
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
