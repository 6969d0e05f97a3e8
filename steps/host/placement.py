"""Puts files in their places, all or none, in a process of its own.

If it or its parent is killed, all files are placed, or none is. It uses the standard library alone,
and reads from standard input what to do.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PROGRAM = __file__
OPEN_FILES = "/proc/self/fd"


@dataclass(frozen=True)
class Placement:
    """What belongs at *path*, and what is there now, where that is kept.

    Each is a name in the same folder, or the number of an open file that has none yet.
    """

    path: str
    beside: str  # the name that such a file has for a moment
    new: int | str
    old: int | str | None


def place_all(placements: Iterable[Placement]) -> None:
    """Put each file in its place; where one cannot be, put those before it back and raise OSError.

    What another process has begun and not ended is ended.
    """
    done: list[Placement] = []
    for it in placements:
        try:
            _put(it.new, it)
        except OSError as error:
            for before in done:
                with suppress(OSError):
                    _put_back(before)
            raise OSError(error.errno, error.strerror, it.path) from error
        done.append(it)
    for it in done:
        if isinstance(it.old, str):
            Path(it.old).unlink(missing_ok=True)


def _put(source: int | str, placement: Placement) -> None:
    path = Path(placement.path)
    name = Path(_named(source, placement.beside) if isinstance(source, int) else source)
    try:
        name.replace(path)
    except FileNotFoundError:
        if not path.exists():  # else another process has put it there
            raise
    finally:
        name.unlink(missing_ok=True)  # two names of one file are both kept (rename(2))


def _named(number: int, name: str) -> str:
    """Return the *name* that the open file has now; there is no other way to it (open(2))."""
    folder = os.open(OPEN_FILES, os.O_RDONLY)
    try:
        with suppress(FileExistsError):
            os.link(str(number), name, src_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)
    return name


def _put_back(placement: Placement) -> None:
    if placement.old is None:
        Path(placement.path).unlink()
    else:
        _put(placement.old, placement)


def as_text(placements: Iterable[Placement]) -> str:
    """Return *placements* as the process reads them."""
    return json.dumps([astuple(it) for it in placements])


def _main() -> None:
    """Do it; print what the system says, and of which path, where it cannot be done."""
    try:
        place_all(Placement(*it) for it in json.load(sys.stdin))
    except OSError as error:
        json.dump([error.errno, error.strerror, error.filename], sys.stdout)


if __name__ == "__main__":
    _main()
