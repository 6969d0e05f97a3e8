"""What a wheel says of itself: installers go by its RECORD, twine by its METADATA.

So the RECORD has to be true, and the METADATA what twine takes for it.
"""

from __future__ import annotations

import base64
import csv
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, cast

from installer.records import InvalidRecordEntry, RecordEntry, parse_record_file
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from steps.distribution.archive import open_wheel
from steps.distribution.files import (
    file_sha256,
    metadata_member,
    parse_filename,
    read_distribution,
)
from steps.host.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from steps.distribution.archive import Wheel
    from steps.distribution.files import Distribution

# What cannot hold its own hash, and signatures of it.
_UNLISTED = ("RECORD", "RECORD.jws", "RECORD.p7s")
_HEXADECIMAL = 64  # digits of a sha256
_SHOWN = 5  # mismatches: the first ones show what is wrong


def read_whole(path: Path, sha256: Callable[[Path], str] = file_sha256) -> Distribution:
    """Read the distribution at *path*; raise InputError, too, for a wheel unlike its RECORD."""
    also_check = check_wheel if path.suffix == ".whl" else None
    return read_distribution(path, also_check=also_check, sha256=sha256)


def check_wheel(path: Path) -> None:
    """Raise InputError unless the wheel at *path* holds exactly what its RECORD says.

    Every member is read for it, so that a damaged one is found as well. A member that twine takes
    for the metadata, and that is not, is refused, too: the registry would store what it says.
    """
    from steps.distribution.twine_library import other_metadata  # noqa: PLC0415 - imported early

    with open_wheel(path) as wheel:
        metadata = metadata_member(wheel) or ""
        folder = metadata.partition("/")[0]
        mismatches = [*islice(_record_mismatches(wheel, folder), _SHOWN)]
        problems = [f"does not match its RECORD: {it}" for it in mismatches]
        if not _is_own_folder(path, folder):
            problems.insert(0, f"has its metadata in {folder!r}, where no installer looks")
        hint = "build it again, and change nothing in a wheel that is built"
        found = [Problem(f"{path.name!r} {problem}", hint) for problem in problems]
        InputError.raise_all([*found, *other_metadata(path, wheel, metadata)])


def _is_own_folder(path: Path, folder: str) -> bool:
    """Return whether *folder* has the name and the version of the wheel at *path*."""
    try:
        own = parse_wheel_filename(f"{folder.removesuffix('.dist-info')}-x-x-x.whl")
    except InvalidWheelFilename:
        return False
    return own[:2] == parse_filename(path.name)[1:]


def _record_mismatches(wheel: Wheel, folder: str) -> Iterator[str]:
    """Yield in what *wheel* differs from the RECORD in *folder*, member by member."""
    text = ""
    with suppress(KeyError):
        text = wheel.read(f"{folder}/RECORD").decode("utf-8", "replace")
    unlisted = {f"{folder}/{name}" for name in _UNLISTED}
    held = {*wheel.names()} - unlisted
    try:
        rows = {row[0]: row for row in parse_record_file(filter(None, text.splitlines()))}
    except (InvalidRecordEntry, csv.Error) as error:
        yield f"the file cannot be read: {error}"
        return
    for member in sorted(held | rows.keys() - unlisted):
        if member not in rows:
            yield f"{member!r} is not listed"
        elif member not in held:
            yield f"{member!r} is listed and missing"
        elif not _matches(wheel, rows[member]):
            yield f"{member!r} has another hash or size"


def _matches(wheel: Wheel, row: tuple[str, str, str]) -> bool:
    """Return whether *wheel* holds the member that *row* describes by its hash."""
    try:
        entry = RecordEntry.from_elements(*row)
        if entry.hash_ is None:
            return False
        entry.hash_.value = _base64(entry.hash_.value)
        with wheel.open(entry.path) as stream:
            return entry.validate_stream(cast("BinaryIO", stream))
    except (InvalidRecordEntry, ValueError, TypeError):  # or a hash that needs a length
        return False


def _base64(digest: str) -> str:
    """Return *digest* as the specification spells it, and early releases of uv_build did not."""
    if len(digest) == _HEXADECIMAL:
        digest = base64.urlsafe_b64encode(bytes.fromhex(digest)).decode()
    return digest.rstrip("=")
