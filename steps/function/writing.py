"""Puts what was made for a function in its place: each file whole or not at all."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.distribution.files import parse_filename
from steps.host.errors import InputError
from steps.host.files import NewFile, open_whole, write_together

if TYPE_CHECKING:
    from pathlib import Path

_OWN = 0o600


@dataclass(frozen=True, kw_only=True)
class Change:
    """A text file as it is to be."""

    path: Path
    text: str

    @property
    def is_needed(self) -> bool:
        """Whether the file is not like this already."""
        try:
            return self.path.read_bytes() != self.text.encode()
        except FileNotFoundError:
            return True

    def write(self) -> None:
        """Write the file, with the mode that it had; raise InputError where that cannot be."""
        write_together([NewFile(path=self.path, content=self.text)])


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that a run writes: ignore files, folders of wheels with where they go, requirements."""

    requirements: Change
    ignores: tuple[Change, ...] = ()
    folders: tuple[tuple[Path, Path], ...] = ()

    def written(self) -> tuple[Path, ...]:
        """Return all paths that this writes."""
        return (
            *(change.path for change in self.ignores),
            *(path for here, there in self.folders for path in _new_wheels(here, there)),
            *([self.requirements.path] if self.requirements.is_needed else []),
        )

    def removed(self) -> tuple[Path, ...]:
        """Return all paths that this removes: older wheels of what is put in."""
        return tuple(path for here, there in self.folders for path in _stale_wheels(here, there))

    def write_ignores(self) -> None:
        """Write the ignore files."""
        for change in self.ignores:
            change.write()

    def write_rest(self, secret: str = "") -> None:
        """Write what requirements.txt names, and then that; *secret* is its text with a token."""
        removed = self.removed()
        for here, there in self.folders:
            _move_wheels(here, there)
        if secret:
            _write_secret(self.requirements.path, secret)
        elif self.requirements.is_needed:
            self.requirements.write()
        for path in removed:
            path.unlink()


def _write_secret(path: Path, text: str) -> None:
    """Write *text*, which holds a secret, for this user's eyes only.

    Not by way of a file of another name: that might be left behind where nothing ignores it.
    """
    try:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWN)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(text.encode())
    except OSError as error:
        raise _not_written(path, error) from None


def _new_wheels(source: Path, target: Path) -> tuple[Path, ...]:
    """Return the paths in *target* that the wheels of *source* will be new or different at."""
    pairs = [(each, target / each.name) for each in sorted(source.iterdir())]
    return tuple(
        there
        for here, there in pairs
        if not there.is_file() or there.read_bytes() != here.read_bytes()
    )


def _stale_wheels(source: Path, target: Path) -> tuple[Path, ...]:
    """Return the wheels in *target* of the projects that *source* has another wheel of."""
    if not target.is_dir():
        return ()
    names = {parse_filename(each.name)[1] for each in source.iterdir()}
    kept = {each.name for each in source.iterdir()}
    return tuple(
        each
        for each in sorted(target.iterdir())
        if each.name not in kept and _project(each.name) in names
    )


def _move_wheels(source: Path, target: Path) -> None:
    """Move the wheels of *source* into *target*, which is made; raise InputError."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        for wheel in _new_wheels(source, target):
            with (source / wheel.name).open("rb") as built, open_whole(wheel) as stream:
                shutil.copyfileobj(built, stream)
    except OSError as error:
        raise _not_written(target, error) from None


def _project(filename: str) -> str:
    try:
        return parse_filename(filename)[1] if filename.endswith(".whl") else ""
    except ValueError:
        return ""


def _not_written(path: Path, error: OSError) -> InputError:
    return InputError(
        f"{os.fspath(path)!r} cannot be written: {error.strerror}",
        "make it a place that this user can write to, with room in it",
    )
