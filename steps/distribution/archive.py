"""The archives that distributions are, read without trusting them.

Nothing is extracted or believed before every member was looked at: a name that leaves its folder,
a link, a device, a name that comes twice with different contents, or more bytes than a distribution
has is refused.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, TypeVar

from packaging.utils import canonicalize_name

from steps.distribution.layout import sdist_problems, unlisted_bytes, wheel_problems
from steps.host.errors import InputError, Problem, quoted, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_Entry = TypeVar("_Entry", tarfile.TarInfo, zipfile.ZipInfo)

# Wheels of gigabytes are real, and so is text that packs to a twentieth: only both is a bomb.
BOMB_BYTES = 256 * 1024**2
BOMB_RATIO = 100
MAX_MEMBERS = 200_000
# Read at once are only what describes a member, and members that we look into.
_LARGEST_READ = 64 * 1024**2
_CHUNK = 1024**2
# What early releases of uv_build gave every file.
_MODE_OF_EARLY_UV_BUILD = 0o230
_HEAD = 4096
_UNREADABLE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,  # a number that is none, or a name that says it is UTF-8
    OverflowError,  # a number that no file is as large as
    IndexError,  # a header that ends early
    struct.error,  # the same
    NotImplementedError,  # a compression that Python does not know
    RuntimeError,  # an encrypted member, or headers that call for headers for ever
)


@dataclass(frozen=True, slots=True)
class Content:
    """What one file of an archive holds: its sha256, its executable bit, its first bytes."""

    sha256: str
    executable: bool = False
    head: bytes = b""


class Archive(ABC):
    """An open distribution whose members were all looked at."""

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Return the names of the files."""

    @abstractmethod
    def open(self, name: str) -> IO[bytes]:
        """Open one file; KeyError when there is none of that name."""

    @abstractmethod
    def is_executable(self, name: str) -> bool:
        """Return whether an installer, or who unpacks it, makes the file executable."""

    @abstractmethod
    def unlisted(self) -> str:
        """Return what the archive holds beside its members, in words; empty when nothing."""

    def read(self, name: str) -> bytes:
        """Return the bytes of one file; KeyError when there is none of that name."""
        with self.open(name) as stream:
            return stream.read()

    def contents(self) -> dict[str, Content]:
        """Return what every file holds, by its name; a link counts as what it points to."""
        return {name: self._content(name) for name in self.names()}

    def _content(self, name: str) -> Content:
        with self.open(name) as stream:
            head = stream.read(_HEAD)
            digest = _sha256(stream, head)
        return Content(digest, self.is_executable(name), head)


class Wheel(Archive):
    """An open wheel."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        entries = archive.infolist()
        _check_size(path, sum(entry.file_size for entry in entries), len(entries))
        _refuse(path, wheel_problems(entries))
        files = [(entry.filename, entry) for entry in entries if not entry.is_dir()]
        _check_doubles(path, files, self._fingerprint)
        self._path, self._entries, self._files = path, entries, dict(files)

    def names(self) -> tuple[str, ...]:  # noqa: D102 - as Archive says
        return tuple(self._files)

    def open(self, name: str) -> IO[bytes]:  # noqa: D102 - as Archive says
        return self._archive.open(self._files[name])

    def is_executable(self, name: str) -> bool:  # noqa: D102 - as Archive says
        mode = self._files[name].external_attr >> 16 & 0o777
        return bool(mode & 0o111) and mode != _MODE_OF_EARLY_UV_BUILD

    def unlisted(self) -> str:  # noqa: D102 - as Archive says
        with self._path.open("rb") as stream:
            return unlisted_bytes(stream, self._entries)

    def _fingerprint(self, entry: zipfile.ZipInfo) -> object:
        with self._archive.open(entry) as stream:
            return _sha256(stream), entry.external_attr


class Sdist(Archive):
    """An open sdist; names are without the top folder.

    A backend that is given an unpacked sdist may pack its PKG-INFO, and then a new one: in what was
    just *built* the last counts, as for who unpacks it.
    """

    def __init__(
        self, path: Path, archive: tarfile.TarFile, stream: gzip.GzipFile, *, built: bool = False
    ) -> None:
        self._path, self._archive, self._stream = path, archive, stream
        self._entries = [*_bounded(path, archive)]
        _refuse(path, sdist_problems(self._entries))
        self.top = PurePosixPath(self._entries[0].name).parts[0]
        files = [
            (str(PurePosixPath(entry.name).relative_to(self.top)), entry)
            for entry in self._entries
            if not entry.isdir()
        ]
        _check_doubles(path, files, self._subject if built else self._fingerprint)
        self._files = dict(files)
        self._has_doubles = built and len(files) > len(self._files)
        if self._has_doubles:
            last = set(map(id, self._files.values()))
            self._entries = [it for it in self._entries if it.isdir() or id(it) in last]

    def names(self) -> tuple[str, ...]:  # noqa: D102 - as Archive says
        return tuple(self._files)

    def open(self, name: str) -> IO[bytes]:  # noqa: D102 - as Archive says
        entry = self._files[name]
        try:
            stream = self._archive.extractfile(entry)
        except KeyError as error:
            raise tarfile.TarError(f"{quoted(name)} is a link to nothing") from error
        return stream or io.BytesIO()

    def is_executable(self, name: str) -> bool:  # noqa: D102 - as Archive says
        return bool(self._files[name].mode & stat.S_IXUSR)

    def unlisted(self) -> str:  # noqa: D102 - as Archive says
        self._stream.seek(self._archive.offset)
        size = self._archive.offset
        while chunk := self._stream.read(_CHUNK):
            size += len(chunk)
            _check_size(self._path, size, len(self._entries))
            if chunk.strip(b"\0"):
                return "data behind its last member"
        return ""

    def _fingerprint(self, entry: tarfile.TarInfo) -> object:
        stream = self._archive.extractfile(entry) if entry.isfile() else None
        digest = _sha256(stream) if stream else entry.linkname
        return entry.type, digest, entry.mode & stat.S_IXUSR

    def _subject(self, entry: tarfile.TarInfo) -> object:
        """Return which project the PKG-INFO at the top is about; else what _fingerprint does."""
        if entry.name == f"{self.top}/PKG-INFO" and (stream := self._archive.extractfile(entry)):
            name = message_from_bytes(stream.read()).get("Name", "")
            return canonicalize_name(str(name)) or self._fingerprint(entry)
        return self._fingerprint(entry)

    def unpack(self, folder: Path) -> Path:
        """Extract everything below *folder* and return the top folder.

        Modes are made plain, so that what is built from it does not depend on who packed it.
        """
        for entry in self._entries:
            entry.mode = _plain_mode(entry)
        if hasattr(tarfile, "data_filter"):  # since Python 3.11.4, and Debian 12 has an older one
            self._archive.extraction_filter = tarfile.data_filter
        self._archive.extractall(folder, members=self._entries)  # noqa: S202 - all were looked at
        return folder / self.top

    def is_normal(self, epoch: int) -> bool:
        """Return whether no member shows when, where or by whom it was packed, or comes twice."""
        return not self._has_doubles and all(
            entry.mtime in {0, epoch}
            and not (entry.uid or entry.gid or entry.uname or entry.gname)
            and (entry.mode == _plain_mode(entry) or entry.issym())
            for entry in self._entries
        )

    def copy_normal(self, target: tarfile.TarFile, epoch: int) -> None:
        """Add every member to *target*, in its order, without the traces of its packing."""
        for entry in self._entries:
            copy = tarfile.TarInfo(entry.name)
            copy.type, copy.linkname = entry.type, entry.linkname
            copy.mode, copy.mtime = _plain_mode(entry), epoch
            if entry.isreg():
                copy.size = entry.size
                target.addfile(copy, self._archive.extractfile(entry))
            else:
                target.addfile(copy)


@contextmanager
def open_wheel(path: Path) -> Iterator[Wheel]:
    """Open a wheel; raise InputError when it is none, or a hostile one."""
    with readable(path), zipfile.ZipFile(path) as archive:
        yield Wheel(path, archive)


@contextmanager
def open_sdist(path: Path, *, built: bool = False) -> Iterator[Sdist]:
    """Open an sdist, one just *built*, too; raise InputError when it is none, or a hostile one."""
    with (
        readable(path),
        _Gunzip(path) as stream,
        tarfile.open(fileobj=stream, mode="r:") as archive,
    ):
        yield Sdist(path, archive, stream, built=built)


def open_archive(path: Path) -> AbstractContextManager[Archive]:
    """Open a wheel or an sdist; raise InputError when it is none, or a hostile one."""
    return open_wheel(path) if path.suffix == ".whl" else open_sdist(path)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise InputError for an error in reading the wheel or sdist at *path* meanwhile."""
    kind = "a wheel" if path.suffix == ".whl" else "an sdist"
    try:
        yield
    except _UNREADABLE as error:
        raise InputError(
            f"{path.name!r} cannot be read as {kind}: {visible(str(error))}", "build it again"
        ) from error
    except OSError as error:
        # bz2 raises one without a number, and zipfile seeks to where a broken archive tells it to.
        of_contents = error.filename is None and error.errno in {None, errno.EINVAL}
        of_contents |= error.errno == errno.ENAMETOOLONG
        if error.filename != os.fspath(path) and not of_contents:
            raise
        raise InputError(
            f"{path.name!r} cannot be read as {kind}: {error.strerror or error}", "build it again"
        ) from error


class _Gunzip(gzip.GzipFile):
    """A gzip stream that a header of gigabytes does not get through."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > _LARGEST_READ:
            raise tarfile.ReadError(f"{size} bytes are more than is read at once")
        return super().read(size)


def _bounded(path: Path, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members, and stop before more is unpacked than a distribution holds."""
    size = 0
    for count, entry in enumerate(archive, start=1):
        size += entry.size
        _check_size(path, max(size, archive.offset), count)  # what describes members counts, too
        yield entry


def _check_size(path: Path, size: int, count: int) -> None:
    if count > MAX_MEMBERS or (size > BOMB_BYTES and size > BOMB_RATIO * path.stat().st_size):
        raise InputError(
            f"{path.name!r} unpacks to more than a distribution holds:"
            f" at least {size} bytes in {count} members",
            "look at how it was made; it is not opened",
        )


def _check_doubles(
    path: Path, files: Iterable[tuple[str, _Entry]], fingerprint: Callable[[_Entry], object]
) -> None:
    """Raise InputError for names that come more than once, with different contents."""
    found: dict[str, list[_Entry]] = {}
    for name, entry in files:
        found.setdefault(str(PurePosixPath(name)), []).append(entry)
    InputError.raise_all(
        Problem(
            f"{path.name!r} holds {quoted(name)} more than once, with different contents",
            "pack one of them: remove it from the project's folder where an unpacked sdist or"
            " an earlier build left it, or exclude it in the settings of the build backend",
        )
        for name, entries in found.items()
        if len(entries) > 1 and len(set(map(fingerprint, entries))) > 1
    )


def _sha256(stream: IO[bytes], head: bytes = b"") -> str:
    """Return the sha256 of *head* and of what is left of *stream*."""
    digest = hashlib.sha256(head)
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _refuse(path: Path, problems: Iterable[str]) -> None:
    InputError.raise_all(
        Problem(
            f"{path.name!r} is not safe to open: {problem}",
            "look at how it was made; nothing of it was used",
        )
        for problem in problems
    )


def _plain_mode(entry: tarfile.TarInfo) -> int:
    return 0o755 if entry.isdir() or entry.mode & stat.S_IXUSR else 0o644
