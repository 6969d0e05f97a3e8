"""Keeps build environments from one run to the next, below the user's cache directory.

An environment is found again by its interpreter, its exact requirements, the variables that uv
reads, and the day: requirements are rarely pinned down to the last dependency, so each UTC day
resolves them anew. One that was changed after it was made is left alone and not used.
`environment.json` in it records what was resolved. A run that makes or uses an environment holds a
shared lock on it; to remove it takes an exclusive one. To make it takes an exclusive lock on
another file, so that a run waits for an environment, and not for the run that uses it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from steps.host.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LARGEST = 1 << 30
"""Bytes that the environments may take; those that were not used for longest go first."""
_DAY = 24 * 60 * 60
_RECORD = "environment.json"
_MAKING = ".making"


class EnvironmentCache:
    """The environments below *folder*, and the locks on those that are in use."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        read = sorted(item for item in environ.items() if item[0].startswith(("UV_", "SHIPWHEEL_")))
        self._key = [sys.executable, os.path.realpath(sys.executable), sys.version, read]
        self._locks = ExitStack()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of all environments."""
        self._locks.close()

    def get(self, requirements: frozenset[str], make: Callable[[Path], None]) -> Path | None:
        """Return the environment of *requirements*, which *make* puts into an empty folder.

        Return None when the cache cannot be written, or the environment was changed.
        """
        today = int(time.time() // _DAY)
        key = [self._key, sorted(requirements), today]
        path = self._folder / hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
        try:
            self._lock(path, requirements, make)
            return path if _read_record(path).get("files") == _state(path) else None
        except OSError:
            return None

    def _lock(self, path: Path, requirements: frozenset[str], make: Callable[[Path], None]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = self._locks.enter_context(path.with_suffix(".lock").open("a"))
        fcntl.flock(lock, fcntl.LOCK_SH)
        os.utime(lock.fileno())
        if _read_record(path):
            return
        with path.with_suffix(_MAKING).open("a") as making:
            fcntl.flock(making, fcntl.LOCK_EX)
            if not _read_record(path):  # no other run was faster
                _make(path, requirements, make)
                self._evict()

    def _evict(self) -> None:
        """Remove what was not used for long, and what exceeds the largest size."""
        locks = sorted(self._folder.glob("*.lock"), key=lambda lock: -lock.stat().st_mtime)
        total = 0
        for lock in locks:
            size = _read_record(lock.with_suffix("")).get("size", 0)
            old = time.time() - lock.stat().st_mtime > _DAY
            if old or total + size > LARGEST:
                _remove(lock)
            else:
                total += size


def cache_folder(environ: Mapping[str, str]) -> Path | None:
    """Return where environments are kept (XDG base directories), or None if no variable says."""
    base, home = environ.get("XDG_CACHE_HOME", ""), environ.get("HOME", "")
    for folder in Path(base), Path(home, ".cache"):
        if folder.is_absolute():
            return folder / "shipwheel" / "environments"
    return None


def _make(path: Path, requirements: frozenset[str], make: Callable[[Path], None]) -> None:
    shutil.rmtree(path, ignore_errors=True)  # what a run left that did not come to its end
    path.mkdir()
    try:
        make(path)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    record = {
        "requirements": sorted(requirements),
        "resolved": sorted(
            found.stem for found in path.glob("lib/python*/site-packages/*.dist-info")
        ),
        "size": sum(stat.st_size for _name, stat in _files(path)),
        "files": _state(path),
    }
    # Written last, and at once: with it, the environment is complete.
    write_whole(path / _RECORD, json.dumps(record, indent=2))


def _remove(lock: Path) -> None:
    """Remove the environment, unless it is in use; its lock stays, another run may wait for it."""
    with lock.open("a") as held, suppress(BlockingIOError):
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with suppress(OSError):
            (lock.with_suffix("") / _RECORD).unlink()
        shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
        lock.with_suffix(_MAKING).unlink(missing_ok=True)


def _read_record(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        record = json.loads((path / _RECORD).read_text(encoding="utf-8"))
        if isinstance(record, dict):
            return record
    return {}


def _state(path: Path) -> str:
    """Return what tells that no file of the environment was added, removed or written."""
    state = hashlib.sha256()
    for name, stat in _files(path):
        state.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_mode}\n".encode())
    return state.hexdigest()


def _files(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every file but compiled ones, which appear as modules are imported, in fixed order."""
    for folder, subfolders, names in os.walk(path):
        subfolders[:] = sorted(name for name in subfolders if name != "__pycache__")
        for name in sorted(names):
            if not name.startswith(_RECORD):
                file = os.path.join(folder, name)  # noqa: PTH118 - a hot loop
                yield file, os.lstat(file)
