"""What a wheel says of itself beside what it holds: installers go by its RECORD, twine by METADATA.

So the RECORD has to be true, and the METADATA what twine takes for it.
"""

from __future__ import annotations

import base64
import csv
from itertools import islice
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from steps.distribution.archive import open_archive
from steps.distribution.files import (
    file_sha256,
    metadata_member,
    parse_filename,
    read_distribution,
)
from steps.host.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from steps.distribution.archive import Archive
    from steps.distribution.files import Distribution

# What cannot hold its own hash, and signatures of it.
_UNLISTED = ("RECORD", "RECORD.jws", "RECORD.p7s")
_HEXADECIMAL = 64  # digits of a sha256
_NAMED = 5  # lies at a time: the first ones show what is wrong


def read_whole(path: Path, sha256: Callable[[Path], str] = file_sha256) -> Distribution:
    """Read the distribution at *path*; raise InputError, too, for a wheel that is not whole."""
    beside = check_wheel if path.suffix == ".whl" else None
    return read_distribution(path, beside=beside, sha256=sha256)


def check_wheel(wheel: Path) -> None:
    """Raise InputError unless *wheel* holds exactly what its RECORD says, in its own folder.

    Every member is read for it, so that a damaged one is found as well. One that twine takes for
    the metadata, and that is not, is refused, too: the registry would be told what it says.
    """
    with open_archive(wheel) as archive:
        hashes = archive.hashes()
        metadata = metadata_member(archive) or ""
        folder = metadata.partition("/")[0]
        record = f"{folder}/RECORD"
        text = archive.read(record).decode("utf-8", "replace") if record in hashes else ""
        mistaken = tuple(_mistaken(wheel, archive, metadata))
    own = {f"{folder}/{name}" for name in _UNLISTED}
    held = {member: sha256 for member, sha256 in hashes.items() if member not in own}
    said = {member: sha256 for member, sha256 in _rows(text).items() if member not in own}
    problems = [
        Problem(
            f"{wheel.name!r} is not a whole wheel: {problem}",
            "build it again, and change nothing in a wheel that is built",
        )
        for problem in (*_folder_problems(wheel, folder), *islice(_lies(held, said), _NAMED))
    ]
    InputError.raise_all([*problems, *mistaken])


def _mistaken(wheel: Path, archive: Archive, metadata: str) -> Iterator[Problem]:
    """Yield a problem when twine takes another member than *metadata* for the metadata.

    It takes the first one whose name has METADATA in it, and that looks like some.
    """
    from twine.exceptions import TwineException  # noqa: PLC0415 - `--help` does without
    from twine.wheel import Wheel  # noqa: PLC0415 - the same

    try:
        taken = Wheel(str(wheel)).read()
    except TwineException:  # there is none at all; whoever uploads it says so
        return
    names = [name for name in archive.names() if "METADATA" in name]
    found = [name for name in names if archive.read(name) == taken]
    if found and metadata not in found:
        yield Problem(
            f"{wheel.name!r} holds {found[0]!r}, which twine takes for its metadata, in the place"
            f" of {metadata!r}",
            "give that file another name, or leave it out of the wheel",
        )


def _folder_problems(wheel: Path, folder: str) -> Iterator[str]:
    """Yield a problem when the metadata are in a folder that installers do not look into."""
    try:
        name, version, *_ = parse_wheel_filename(f"{folder.removesuffix('.dist-info')}-x-x-x.whl")
    except InvalidWheelFilename:
        name, version = None, None
    if (name, version) != parse_filename(wheel.name)[1:]:
        yield f"its metadata are in {folder!r}"


def _lies(held: Mapping[str, str], said: Mapping[str, str]) -> Iterator[str]:
    for member in sorted(held.keys() | said.keys()):
        if member not in said:
            yield f"{member!r} is not in its RECORD"
        elif member not in held:
            yield f"{member!r} is in its RECORD only"
        elif said[member] not in {"", held[member]}:
            yield f"{member!r} is not the file that its RECORD says"


def _rows(text: str) -> dict[str, str]:
    """Return the sha256 by member, in hexadecimal; nothing where there is another hash."""
    rows = (row for row in csv.reader(text.splitlines()) if row)
    return {row[0]: _sha256("".join(row[1:2])) for row in rows}


def _sha256(text: str) -> str:
    method, _, encoded = text.partition("=")
    if method != "sha256":
        return "" if encoded else "none"
    if len(encoded) == _HEXADECIMAL:  # as early releases of uv_build wrote it
        return encoded
    try:
        return base64.urlsafe_b64decode(f"{encoded}==").hex()  # more padding than enough is none
    except ValueError:
        return "none"
