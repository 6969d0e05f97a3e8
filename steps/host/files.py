"""Files on the disk: written whole or not at all, and the temporary folder of this process.

No file is written through a symbolic link: its owner decides where that leads.

Threads and children that a signal ends have no time to clean up, so nothing relies on it: the
folder is TMPDIR to all of them, and removed when the process ends. After a SIGKILL the next one
removes it: a living process holds the lock in its own folder, a dead one holds none.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import sys
import tempfile
import threading
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from errno import EINVAL, EISDIR
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from steps.host.children import Children, open_output, written
from steps.host.errors import OF_THE_MACHINE, InputError, Problem
from steps.host.placement import OPEN_FILES, PROGRAM, Placement, as_text, place_all

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_OWN = 0o600  # until the file has its permissions, it is its owner's alone
_USUAL = 0o666  # the umask takes away from it
_PREFIX = "shipwheel-"
_LOCK = ".lock"
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)  # which Windows has not


@dataclass(frozen=True, kw_only=True)
class NewFile:
    """A file as it is to be; without a *mode* it keeps the one that it has, or gets the usual."""

    path: Path
    content: str | bytes
    mode: int | None = None


@contextmanager
def open_whole(path: Path, mode: int | None = None) -> Iterator[IO[bytes]]:
    """Yield a stream whose contents are the file at *path* once the context ends without an error.

    Raises OSError, and InputError for a symbolic link.
    """
    InputError.raise_all(link_problems([path]))
    with _Staged(path, mode) as staged:
        yield staged.stream
        staged.finish()
        place_all([staged.placement()])


def write_whole(path: Path, content: str | bytes, mode: int | None = None) -> None:
    """Write the file at *path*; raise OSError, and InputError for a symbolic link."""
    with open_whole(path, mode) as stream:
        stream.write(_encoded(content))


def read_whole(path: Path, hint: str, *, what: str = "", newline: str | None = None) -> str:
    """Return the text of the file at *path*; line ends stay as they are where *newline* is "".

    Raises InputError, with *what* before the path and *hint*, for what cannot be read as UTF-8.
    """
    try:
        with path.open(encoding="utf-8", newline=newline) as stream:
            return stream.read()
    except OSError as error:
        reason = error.strerror
    except UnicodeDecodeError as error:
        reason = f"it is not UTF-8: {error.reason} at byte {error.start}"
    raise InputError(f"{what}{os.fspath(path)!r} cannot be read: {reason}", hint)


def write_together(files: Iterable[NewFile]) -> None:
    """Write all *files* or none, and the folders that they are in.

    All contents are on the disk before the first file is replaced, and another process replaces the
    files: if either process is killed, all files are old, or all are new. Raises InputError.
    """
    files = tuple(files)
    InputError.raise_all(link_problems(file.path for file in files))
    folders: list[Path] = []
    path = None
    try:
        with ExitStack() as stack:
            placements: list[Placement] = []
            for file in files:
                path = file.path
                folders += [it for it in path.parents if not it.exists()]
                path.parent.mkdir(parents=True, exist_ok=True)
                placements.append(_stage(file, stack))
            path = None
            _place(placements)
    except BaseException as error:  # a signal's, too
        for folder in folders:
            with suppress(OSError):  # what is in it stays
                folder.rmdir()
        if not isinstance(error, OSError):
            raise
        what = repr(os.fspath(path or error.filename)) if path or error.filename else "The files"
        message = f"{what} cannot be written: {error.strerror}"
        hint = "make it a place that this user can write to, and run the same command again"
        raise InputError(message, OF_THE_MACHINE.get(error.errno or 0, hint)) from error


def _stage(file: NewFile, stack: ExitStack) -> Placement:
    """Write what belongs in the place of *file*, and what is there now, until *stack* ends."""
    new = stack.enter_context(_Staged(file.path, file.mode))
    new.stream.write(_encoded(file.content))
    new.finish()
    if not file.path.exists():
        return new.placement()
    old = stack.enter_context(_Staged(file.path))
    old.stream.write(file.path.read_bytes())
    old.finish()
    return new.placement(old)


def _place(placements: Sequence[Placement]) -> None:
    """Have a process put the files in their places that a kill of this one leaves alone."""
    if fcntl is None:  # Windows hands no open files to a process
        place_all(placements)
        return
    sources = [source for it in placements for source in (it.new, it.old)]
    with open_output() as given, open_output() as output:
        given.write(as_text(placements))
        given.seek(0)
        child = Children().start(
            [sys.executable, "-I", "-S", PROGRAM],
            environ=os.environ,
            output=output,
            given=given,
            pass_fds=[it for it in sources if isinstance(it, int)],
        )
        try:
            child.wait()
        finally:
            code = child.wait()  # a signal to this process does not end it
        if code:  # it was killed, or could not begin
            place_all(placements)
        elif answer := written(output):
            raise OSError(*json.loads(answer))


def move_together(moves: Mapping[Path, Path]) -> None:
    """Move files, each from a key to its value, where it appears whole; raise OSError.

    Also from one file system to another; where one cannot be moved there, none appears.
    """
    parts = {source: _name_beside(target) for source, target in moves.items()}
    try:
        for source, part in parts.items():
            shutil.move(source, part)
        for source, part in parts.items():
            part.replace(moves[source])
    finally:
        for part in parts.values():
            _remove(part)


def open_regular(path: Path, flags: int = os.O_RDONLY) -> IO[bytes]:
    """Open the file at *path*, where others may have put something else; raise OSError for that.

    A FIFO is not waited for, a symbolic link not followed, and no device is read or written.
    """
    number = os.open(path, flags | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0), _USUAL)
    stream = os.fdopen(number, "ab" if flags & os.O_APPEND else "rb")
    if not stat.S_ISREG(os.fstat(number).st_mode):
        stream.close()
        raise OSError(EINVAL, "It is not a regular file", os.fspath(path))
    return stream


def lock_file(descriptor: int, *, wait: bool = True) -> bool:
    """Lock an open file until it is closed; return False on Windows, which has no such lock.

    Raises OSError where another process holds it and this one is not to *wait*.
    """
    if fcntl is None:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True


def kind_at(path: Path) -> Literal["", "file", "folder", "other"]:
    """Return what is at *path*; nothing where it is no path: a file of the user's may name any."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return ""
    if stat.S_ISREG(mode):
        return "file"
    return "folder" if stat.S_ISDIR(mode) else "other"


def is_open_at(descriptor: int, path: Path) -> bool:
    """Return whether the open file is the one at *path*."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def link_problems(paths: Iterable[Path], *, inside: Path | None = None) -> list[Problem]:
    """Return what is wrong with *paths*: symbolic links, and folders that lead out of *inside*."""
    problems = []
    for path in paths:
        if path.is_symlink():
            message = f"{os.fspath(path)!r} is a symbolic link, to {os.fspath(path.readlink())!r}"
            problems.append(Problem(message, "put a file in its place, or remove it"))
        elif inside and not path.parent.resolve().is_relative_to(inside.resolve()):
            where = os.fspath(path.parent.resolve())
            message = f"The folder of {os.fspath(path)!r} is a symbolic link, to {where!r}"
            problems.append(Problem(message, "put a folder in its place"))
    return problems


class _Staged(AbstractContextManager["_Staged"]):
    """Contents on the disk that have no place yet, with the permissions and owner that *path* gets.

    They have no name either, where the system can give them one later: a kill leaves nothing.
    """

    def __init__(self, path: Path, mode: int | None = None) -> None:
        status = _status_of_file(path)
        if status and mode is None:
            mode = stat.S_IMODE(status.st_mode)
        self._path, self._beside = path, _name_beside(path)
        number, self._is_named = _open_new(self._beside, _USUAL if mode is None else _OWN)
        self.stream = os.fdopen(number, "wb")
        if status and hasattr(os, "fchown"):
            with suppress(PermissionError):  # root may write another user's file, whose it stays
                os.fchown(number, status.st_uid, status.st_gid)
        if mode is not None and hasattr(os, "fchmod"):
            os.fchmod(number, mode)

    def __exit__(self, *_: object) -> None:
        """Remove what has not got its place."""
        with suppress(OSError):  # what a full disk does not take is in the stream still
            self.stream.close()
        if self._is_named:
            _remove(self._beside)

    @property
    def source(self) -> int | str:
        """Where the contents are: a name, or the number of the open file."""
        return os.fspath(self._beside) if self._is_named else self.stream.fileno()

    def finish(self) -> None:
        """See that all is on the disk."""
        self.stream.flush()
        os.fsync(self.stream.fileno())
        if self._is_named:  # Windows moves no open file
            self.stream.close()

    def placement(self, old: _Staged | None = None) -> Placement:
        """Return what puts it in its place, and *old* back."""
        path, beside = os.fspath(self._path), os.fspath(self._beside)
        return Placement(path, beside, self.source, old.source if old else None)


def _status_of_file(path: Path) -> os.stat_result | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        number = EISDIR if stat.S_ISDIR(status.st_mode) else EINVAL
        raise OSError(number, os.strerror(number), os.fspath(path))
    return status


def _open_new(path: Path, mode: int) -> tuple[int, bool]:
    """Return a new file in the folder of *path*, and whether it has that name, or none yet."""
    if Path(OPEN_FILES).exists():  # Linux
        with suppress(OSError):  # a file system that knows no files without names
            return os.open(path.parent, os.O_WRONLY | os.O_TMPFILE, mode), False
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.open(path, flags, mode), True


def _encoded(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _name_beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


class Scratch:
    """Make the folder, beside those of other processes, of which the dead ones' are removed."""

    def __init__(self) -> None:
        beside = Path(tempfile.gettempdir())
        _remove_abandoned(beside)
        _remove_abandoned_builds(builds_folder(beside))
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=beside))
        part = self.folder / f"{_LOCK}.part"
        self._lock = part.open("w")
        # It gets its name when it is locked, or another process would take it for an abandoned one.
        lock_file(self._lock.fileno())
        part.rename(self.folder / _LOCK)
        os.environ["TMPDIR"] = tempfile.tempdir = str(self.folder)

    def remove(self, seconds: float | None = None) -> None:
        """Remove the folder, for so many *seconds* at most; threads may still write into it."""
        remover = threading.Thread(target=self._remove, name="scratch", daemon=True)
        with suppress(RuntimeError):  # no more threads: what is left goes with the next process
            remover.start()
            remover.join(seconds)

    def _remove(self) -> None:
        with self._lock:
            for _ in range(100):
                shutil.rmtree(self.folder, ignore_errors=True)
                if not self.folder.exists():
                    return


def _remove_abandoned(beside: Path) -> None:
    for folder in beside.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or removed by another process at this moment
            descriptor = os.open(folder / _LOCK, os.O_RDWR | _NO_FOLLOW)
            with os.fdopen(descriptor, "w"):
                owners = {os.fstat(descriptor).st_uid, folder.lstat().st_uid}
                if lock_file(descriptor, wait=False) and owners == {os.geteuid()}:
                    shutil.rmtree(folder, ignore_errors=True)


def builds_folder(beside: Path) -> Path:
    """Return this user's folder for builds: each in a folder by its name, beside its lock."""
    user = os.geteuid() if hasattr(os, "geteuid") else 0  # nothing is built on Windows
    return beside / f"shipwheel_{user}"


def _remove_abandoned_builds(root: Path) -> None:
    for path in root.glob("*.lock"):
        with suppress(OSError):  # in use, or removed by another process at this moment
            descriptor = os.open(path, os.O_RDWR | _NO_FOLLOW)
            with os.fdopen(descriptor, "w"):
                # Who held it may have removed it meanwhile, and another have made the next.
                if lock_file(descriptor, wait=False) and is_open_at(descriptor, path):
                    shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                    path.unlink()
                    root.rmdir()
