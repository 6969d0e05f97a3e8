"""The bytes of a zip: each has to belong to a member, or to the one list of the members.

Readers disagree about other bytes: some begin at the front, some at the end, some search. So a zip
with data before, between or after its members, or with two lists of them, is not the same file to
every installer.
"""

from __future__ import annotations

import struct
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, BinaryIO
    from zipfile import ZipInfo

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
    """Return where a zip holds bytes that are no part of *entries*, in words; empty when nowhere.

    *entries* are all that its list of members has. Raises struct.error for a zip that is cut off.
    """
    at = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset != at:
            where = "before" if at < entry.header_offset else "shared with"
            return f"data {where} {entry.filename!r}"
        end = _end_of_member(stream, entry)
        if end is None:
            return f"two descriptions of {entry.filename!r} that differ"
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
