"""Collects what lies in a project's `dist/`, which has to be one version of that project alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from steps.distribution.files import file_sha256, read_whole
from steps.host.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from steps.distribution.files import Distribution
    from steps.project.source import Project


def collect(
    project: Project, sha256: Callable[[Path], str] = file_sha256
) -> tuple[Distribution, ...]:
    """Return the distributions in `dist/` of *project*, wheels before the sdist.

    *sha256* hashes them. Raises one InputError for all that does not belong there. Hidden files
    are passed over.
    """
    folder = project.directory / "dist"
    files: list[Distribution] = []
    problems: list[Problem] = []
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in paths:
        if path.name.startswith("."):
            continue
        try:
            files.append(read_whole(path, sha256))
        except InputError as error:
            problems.extend(error.problems)
    problems.extend(_foreign(project, files))
    if not files and not problems:
        problems.append(Problem(f"{os.fspath(folder)!r} {_state(folder)}", _build(project)))
    InputError.raise_all(problems)
    return tuple(sorted(files, key=lambda file: (file.kind != "wheel", file.filename)))


def _state(folder: Path) -> str:
    if folder.is_dir():
        return "is empty"
    return "is a file, not a folder" if folder.exists() else "does not exist"


def _foreign(project: Project, files: Sequence[Distribution]) -> Iterator[Problem]:
    """Yield a problem per file of another project or version than what is to be uploaded."""
    if not files:
        return
    name = project.name or files[0].name
    own = [file for file in files if file.name == name]
    version = project.version or max((file.version for file in own), default=None)
    for file in files:
        where = os.fspath(file.path)
        if file.name != name:
            yield Problem(
                f"{where!r} is a distribution of {file.name!r}, and the project is {name!r}",
                "remove it",
            )
        elif file.version != version:
            yield Problem(
                f"{where!r} is version {file.version}, and the project is at {version}",
                f"remove it, and if need be {_build(project)}",
            )


def _build(project: Project) -> str:
    return f"run `shipwheel build {os.path.relpath(project.directory)}`"
