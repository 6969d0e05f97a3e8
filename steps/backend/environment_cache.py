"""Keeps build environments from one run to the next, below the user's cache directory.

An environment is found again by its interpreter, its exact requirements, the variables that uv
reads, and the day: requirements are rarely pinned down to the last dependency, so each UTC day
resolves them anew. A run has one to itself, under a lock; another run that needs the same makes a
second one. It is used only when no file of it, compiled ones included, was touched since it was
made: `environment.json` beside its files holds their fingerprint, and what was resolved. A build
can write that file, too: what it has changed is removed at the end of its run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import time
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from steps.host.errors import warn
from steps.host.files import lock_file, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LARGEST = 1 << 30
"""Bytes that the environments may take; those that were not used for longest go first."""
_DAY = 24 * 60 * 60
_RECORD = "environment.json"
_SLOTS = 32  # runs that use the same environment at a time
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class EnvironmentCache(AbstractContextManager["EnvironmentCache"]):
    """The environments below *folder*, made by *python*, and the locks on those in use."""

    def __init__(self, folder: Path, python: str, environ: Mapping[str, str]) -> None:
        self._folder = folder
        read = sorted(item for item in environ.items() if item[0].startswith(("UV_", "SHIPWHEEL_")))
        self._key = [python, os.path.realpath(python), read]
        self._locks = ExitStack()
        self._states: dict[Path, str] = {}

    def __exit__(self, *_: object) -> None:
        """Remove the environments that a build touched, and let go of all."""
        with self._locks:
            for path, state in self._states.items():
                with suppress(OSError):
                    if not _is_untouched(path, state):
                        _remove(path)

    def get(self, requirements: frozenset[str], make: Callable[[Path], None]) -> Path | None:
        """Return an environment of *requirements*, which *make* puts into an empty folder.

        It is the caller's alone until the cache is closed. Return None when the cache cannot be
        written.
        """
        today = int(time.time() // _DAY)
        key = [self._key, sorted(requirements), today]
        name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
        try:
            for folder in (*reversed(self._folder.parents), self._folder):
                folder.mkdir(mode=0o700, exist_ok=True)  # whatever the umask
            path = self._lock(name)
            if path and not _is_untouched(path, recorded_fingerprint(path)):
                self.renew(path, requirements, make)
                self._evict()
            elif path:
                self._states[path] = recorded_fingerprint(path)
        except OSError:
            return None
        return path

    def renew(self, path: Path, requirements: frozenset[str], make: Callable[[Path], None]) -> None:
        """Make the environment at *path*, which is locked, again."""
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
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
            "size": sum(it.st_size for _, it in _entries(path) if stat.S_ISREG(it.st_mode)),
            "files": fingerprint(path),
        }
        # Written last, and at once: with it, the environment is complete.
        write_whole(path / _RECORD, json.dumps(record, indent=2))
        self._states[path] = str(record["files"])

    def _lock(self, name: str) -> Path | None:
        """Lock the first environment of this name that no other run uses."""
        for slot in range(_SLOTS):
            path = self._folder / f"{name}-{slot}"
            lock = path.with_suffix(".lock").open("a")
            if _is_locked(lock):
                self._locks.enter_context(lock)
                os.utime(lock.fileno())
                return path
            lock.close()
        return None

    def _evict(self) -> None:
        """Remove what was not used for long, and what exceeds the largest size."""
        locks = sorted(self._folder.glob("*.lock"), key=lambda lock: -lock.stat().st_mtime)
        total = 0
        for lock in locks:
            size = _read_record(lock.with_suffix("")).get("size", 0)
            old = time.time() - lock.stat().st_mtime > _DAY
            if old or total + size > LARGEST:
                _evict_one(lock)
            else:
                total += size


def cache_folder(environ: Mapping[str, str]) -> Path | None:
    """Return where environments are kept (XDG base directories), or None where they cannot be.

    It is None as well, and said, where another user could write into that folder.
    """
    base, home = environ.get("XDG_CACHE_HOME", ""), environ.get("HOME", "")
    above = next((it for it in (Path(base), Path(home, ".cache")) if it.is_absolute()), None)
    if above is None:
        return None
    folder = above / "shipwheel" / "environments"
    if reason := unsafe_folder(folder):
        warn(
            f"No build environment is kept in {os.fspath(folder)!r}: {reason}; name a folder of"
            " your own in XDG_CACHE_HOME, or build with --no-build-cache"
        )
        return None
    return folder


def unsafe_folder(folder: Path) -> str:
    """Return how another user could write into *folder* or put another in its place; or "".

    What does not exist yet will be this user's own.
    """
    user = os.geteuid()
    for path in (folder, *folder.parents):
        try:
            found = (os.lstat(path), path.stat())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            return f"{os.fspath(path)!r} cannot be read ({error.strerror})"
        for status in found:
            if status.st_uid not in ({user} if path == folder else {user, 0}):
                return f"{os.fspath(path)!r} belongs to another user (number {status.st_uid})"
        if _others_write(found[1]):
            return f"other users may write into {os.fspath(path)!r}"
    return ""


def _others_write(status: os.stat_result) -> bool:
    mode = status.st_mode
    if mode & stat.S_ISVTX:  # only the owner can remove a file there
        return False
    # A group of the user's number is the user's alone.
    return bool(mode & (stat.S_IWOTH if status.st_gid == status.st_uid else _OTHERS))


def _is_locked(lock: IO[str]) -> bool:
    try:
        lock_file(lock.fileno(), wait=False)
    except BlockingIOError:
        return False
    return True


def _evict_one(lock: Path) -> None:
    """Remove the environment, unless it is in use; its lock stays, another run may have it open."""
    with lock.open("a") as held:
        if _is_locked(held):
            _remove(lock.with_suffix(""))


def _remove(path: Path) -> None:
    """Remove the environment, its record first: without that it is never used."""
    with suppress(OSError):
        (path / _RECORD).unlink()
    shutil.rmtree(path, ignore_errors=True)


def _read_record(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        record = json.loads((path / _RECORD).read_text(encoding="utf-8"))
        if isinstance(record, dict):
            return record
    return {}


def _is_untouched(path: Path, state: str) -> bool:
    return bool(state) and state == recorded_fingerprint(path) == fingerprint(path)


def recorded_fingerprint(path: Path) -> str:
    """Return the fingerprint that a kept environment had when it was made, or "" of another one."""
    return str(_read_record(path).get("files", ""))


def fingerprint(path: Path) -> str:
    """Return what tells that nothing in the environment was added, removed, written or replaced.

    The time of the last change of a file, unlike that of its contents, cannot be set.
    """
    states = [
        f"{name!r} {it.st_ino} {it.st_mode} {it.st_size} {it.st_ctime_ns}\n"
        for name, it in _entries(path)
    ]
    return hashlib.sha256("".join(sorted(states)).encode()).hexdigest()


def _entries(folder: Path | str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every file and folder below *folder* but the record, with what the system says."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(f".{_RECORD}") or entry.name == _RECORD:
                continue
            yield entry.path, entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(entry.path)
