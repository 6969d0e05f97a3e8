"""What members an archive may have, and where: decided before anything of it is used.

Each byte of a zip has to belong to a member, or to the one list of the members. Readers disagree
about other bytes: some begin at the front, some at the end, some search. So a zip with data before,
between or after its members, or with two lists of them, is not the same file to every installer.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
import struct
from collections import Counter
from itertools import dropwhile, product
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from steps.host.errors import quoted

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, BinaryIO
    from zipfile import ZipInfo

# What Linux and macOS take: for a part of a name, and for all of it below a folder of ours.
_LONGEST_PART = 255
_LONGEST_NAME = 900
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# As the specification of the format (APPNOTE.TXT) has them.
_MEMBER = struct.Struct("<4s5H3L2H")
_LISTED = struct.Struct("<4s6H3L5H2L")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")
_DESCRIPTORS = [*product((b"PK\x07\x08", b""), (struct.Struct("<3L"), struct.Struct("<L2Q")))]
_HAS_DESCRIPTOR = 0x08
_IN_ZIP_64 = 0xFFFFFFFF
_COUNT_IN_ZIP_64 = 0xFFFF


def unlisted_bytes(stream: BinaryIO, entries: Sequence[ZipInfo]) -> str:
    """Return where a zip holds bytes outside *entries*, in words; empty when nowhere.

    *entries* are all that its list of members has. Raises struct.error for a zip that is cut off.
    """
    at = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset != at:
            where = "before" if at < entry.header_offset else "shared with"
            return f"data {where} {quoted(entry.filename)}"
        end = _end_of_member(stream, entry)
        if end is None:
            return f"two descriptions of {quoted(entry.filename)} that differ"
        at = end
    return _after_members(stream, at, len(entries))


def _end_of_member(stream: BinaryIO, entry: ZipInfo) -> int | None:
    """Return where *entry* ends; None when it is not what the list of members says."""
    stream.seek(entry.header_offset)
    signature, _, flags, method, _, _, *sizes, name, extra = _read(stream, _MEMBER)
    if (signature, method) != (b"PK\x03\x04", entry.compress_type):
        return None
    end: int = stream.tell() + name + extra + entry.compress_size
    expected = [entry.CRC, entry.compress_size, entry.file_size]
    if not flags & _HAS_DESCRIPTOR:
        pairs = zip(sizes, expected, strict=True)
        return end if all(size in {said, _IN_ZIP_64} for size, said in pairs) else None
    stream.seek(end)
    tail = stream.read(_DESCRIPTORS[1][1].size + 4)
    for mark, form in _DESCRIPTORS:
        part = tail[len(mark) : len(mark) + form.size]
        whole = tail.startswith(mark) and len(part) == form.size
        if whole and [*form.unpack(part)] == expected:
            return end + len(mark) + form.size
    return None


def _after_members(stream: BinaryIO, start: int, count: int) -> str:
    """Return what is wrong behind the members: there are one list of *count* and its end."""
    stream.seek(start)
    for _ in range(count):
        signature, *_, name, extra, comment, _, _, _, _ = _read(stream, _LISTED)
        if signature != b"PK\x01\x02":
            return "data before the list of its members"
        stream.seek(name + extra + comment, 1)
    size = stream.tell() - start
    said = _end_of_list(stream)
    if said is None:
        return "data behind the list of its members"
    if said != (count, size, start):
        return "a second list of its members"
    return "data behind its end" if stream.read(1) else ""


def _end_of_list(stream: BinaryIO) -> tuple[int, int, int] | None:
    """Read what ends the list of members; return their count, its size and its offset."""
    at = stream.tell()
    large: tuple[int, int, int] | None = None
    if stream.read(4) == b"PK\x06\x06":
        stream.seek(at)
        _, rest, *_, count, size, offset = _read(stream, _END_64)
        stream.seek(at + rest + 12)
        mark, _, where, _ = _read(stream, _LOCATOR_64)
        if mark != b"PK\x06\x07" or where != at:
            return None
        large = count, size, offset
        at = stream.tell()
    stream.seek(at)
    mark, _, _, _, count, size, offset, comment = _read(stream, _END)
    if mark != b"PK\x05\x06" or comment:
        return None
    if large is None:
        return count, size, offset
    limits = (_COUNT_IN_ZIP_64, _IN_ZIP_64, _IN_ZIP_64)
    small = zip((count, size, offset), large, limits, strict=True)
    return large if all(it in {said, limit} for it, said, limit in small) else None


def _read(stream: BinaryIO, form: struct.Struct) -> tuple[Any, ...]:
    return form.unpack(stream.read(form.size))


def wheel_problems(entries: Sequence[ZipInfo]) -> Iterator[str]:
    """Yield what makes a wheel with these members unsafe to open."""
    places = Counter(entry.header_offset for entry in entries)
    for entry in entries:
        if places[entry.header_offset] > 1:  # Python warns, or refuses, by its version
            yield f"{quoted(entry.filename)} shares its data with another member"
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            yield f"{quoted(entry.filename)} is neither a file nor a folder"
        yield from _name_problems(entry.filename)


def sdist_problems(entries: Sequence[tarfile.TarInfo]) -> Iterator[str]:
    """Yield what makes an sdist with these members unsafe to open."""
    tops: set[str] = set()
    for entry in entries:
        if not (entry.isfile() or entry.isdir() or entry.issym() or entry.islnk()):
            yield f"{quoted(entry.name)} is neither a file, a folder nor a link"
        if entry.issparse():
            yield f"{quoted(entry.name)} is a sparse file"
        yield from _name_problems(entry.name)
        yield from _link_problems(entry)
        tops.update(PurePosixPath(entry.name).parts[:1])
    if len(tops) != 1:
        yield f"it has {len(tops)} top folders, and an sdist has one: {sorted(tops)}"
    yield from _nesting_problems(entries)
    yield from _loop_problems(entries)


def _name_problems(name: str) -> Iterator[str]:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or name[1:2] == ":":
        yield f"{quoted(name)} leaves its folder"
    if not path.parts or _CONTROL.search(name):
        yield f"{quoted(name)} is not a name for a file"
    longest = max((len(os.fsencode(part)) for part in path.parts), default=0)
    if longest > _LONGEST_PART or len(os.fsencode(name)) > _LONGEST_NAME:
        yield f"{quoted(name)} is a longer name than file systems take"


def _link_problems(entry: tarfile.TarInfo) -> Iterator[str]:
    """Yield a problem when a link leads out of the top folder."""
    if not (entry.issym() or entry.islnk()):
        return
    top = PurePosixPath(entry.name).parts[:1]
    if PurePosixPath(_target(entry)).parts[:1] != top or _goes_down_and_up(entry.linkname):
        yield f"{quoted(entry.name)} is a link that leads out: {quoted(entry.linkname)}"


def _goes_down_and_up(link: str) -> bool:
    """Return whether `..` follows a folder: that may be a link itself, which leads elsewhere."""
    return ".." in dropwhile(lambda part: part in {"", ".", ".."}, link.split("/"))


def _nesting_problems(entries: Iterable[tarfile.TarInfo]) -> Iterator[str]:
    """Yield a problem for what is below a link or a file: it could be written elsewhere."""
    leaves = {PurePosixPath(entry.name) for entry in entries if not entry.isdir()}
    for path in (PurePosixPath(entry.name) for entry in entries):
        for leaf in leaves.intersection(path.parents):
            yield f"{quoted(str(path))} is below {quoted(str(leaf))}, which is not a folder"


def _loop_problems(entries: Iterable[tarfile.TarInfo]) -> Iterator[str]:
    links = {str(PurePosixPath(it.name)): _target(it) for it in entries if it.issym() or it.islnk()}
    for name, first in links.items():
        seen, target = {name}, first
        while target in links and target not in seen:
            seen.add(target)
            target = links[target]
        if target == name:
            yield f"{quoted(name)} is a link to itself"


def _target(link: tarfile.TarInfo) -> str:
    """Return what *link* leads to: a symbolic one from where it is, a hard one from the top."""
    start = posixpath.dirname(link.name) if link.issym() else ""
    return posixpath.normpath(posixpath.join(start, link.linkname))
