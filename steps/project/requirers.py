"""Who in a repository requires packages: its projects, and requirements files that git knows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from steps.host.git import ask_git
from steps.project.repository import repository_projects
from steps.project.requirements_file import parse_requirements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.requirements import Requirement

_PATTERNS = ("*requirements*.txt", "*requirements*.in", "*requirements*.txt.tmpl")


@dataclass(frozen=True)
class Requirer:
    """A project by its name, or a file by its path, and what it requires."""

    name: str
    requirements: tuple[Requirement, ...]


def find_requirers(directory: Path, environ: Mapping[str, str]) -> tuple[Requirer, ...]:
    """Return those of the git checkout that *directory*, an absolute path, is in.

    What cannot be read is passed over: nobody asked about it.
    """
    projects = [Requirer(str(it), it.requirements) for it in repository_projects(directory)]
    return (*projects, *_files(directory, environ))


def _files(directory: Path, environ: Mapping[str, str]) -> Iterator[Requirer]:
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
