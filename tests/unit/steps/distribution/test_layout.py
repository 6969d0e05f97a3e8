"""Every byte of a published archive belongs to a member, or it is a difference."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest

from steps.distribution.archive import open_archive
from steps.distribution.contents import compare
from steps.distribution.files import check_built, read_distribution
from steps.host.errors import InputError
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


END = 22  # the size of the end of a zip


def before(content: bytes) -> bytes:
    return b"#!/bin/sh\n" + content


def before_with_true_offsets(content: bytes) -> bytes:
    buffer = io.BytesIO(b"#!/bin/sh\n")
    buffer.seek(0, 2)
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "a") as new:
        for entry in old.infolist():
            new.writestr(entry, old.read(entry))
    return buffer.getvalue()


def between(content: bytes) -> bytes:
    """Put bytes before the list of the members, and say where that is now."""
    size, offset = struct.unpack("<2L", content[-END + 12 : -END + 20])
    end = content[-END:-6] + struct.pack("<LH", offset + 4, 0)
    return content[:offset] + b"evil" + content[offset : offset + size] + end


def unlisted_member(content: bytes) -> bytes:
    """Leave one member out of the list."""
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("hidden.py", "")
    whole = buffer.getvalue()
    last = whole.rindex(b"PK\x01\x02")
    _, _, _, _, count, _, offset, _ = struct.unpack("<4s4H2LH", whole[-END:])
    fields = (b"PK\x05\x06", 0, 0, count - 1, count - 1, last - offset, offset, 0)
    return whole[:last] + struct.pack("<4s4H2LH", *fields)


def second_list(content: bytes) -> bytes:
    """Append another list of the members, and another end."""
    offset = struct.unpack("<L", content[-END + 16 : -END + 20])[0]
    size = len(content) - END - offset
    end = content[-END:-6] + struct.pack("<LH", len(content), 0)
    return content + content[offset : offset + size] + end


def commented(content: bytes) -> bytes:
    return content[:-2] + struct.pack("<H", 4) + b"evil"


def another_size_in_front(content: bytes) -> bytes:
    return content[:22] + struct.pack("<L", 1) + content[26:]


TRICKS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "before": (before, "data before 'berths/__init__.py'"),
    "before, with true offsets": (before_with_true_offsets, "data before 'berths/__init__.py'"),
    "between": (between, "data before the list of its members"),
    "a member that is not listed": (unlisted_member, "data before the list of its members"),
    "two lists": (second_list, "data behind its end"),
    "behind": (lambda content: content + b"evil", "data behind its end"),
    "a comment": (commented, "data behind the list of its members"),
    "two sizes": (another_size_in_front, "two descriptions of 'berths/__init__.py' that differ"),
}


@pytest.mark.attack("a published file that differs")
@pytest.mark.parametrize("trick", TRICKS)
def test_bytes_of_a_wheel_that_are_no_member_are_a_difference_and_refused_in_our_own(
    trick: str, tmp_path: Path
) -> None:
    change, where = TRICKS[trick]
    wheel, _ = make_distributions(make_project(tmp_path, "berths"))
    theirs = tmp_path / wheel.filename
    theirs.write_bytes(change(wheel.path.read_bytes()))

    assert [str(it) for it in compare(wheel, theirs)] == [f"archive removed: {where}"]
    with pytest.raises(InputError) as caught:
        check_built(theirs)
    assert str(caught.value) == (
        f"{wheel.filename!r} holds {where}, which no installer reads\n  hint: build it again"
    )


@pytest.mark.attack("a published file that differs")
@pytest.mark.parametrize(
    "trailer", [b"evil", bytes(1024) + b"evil"], ids=["at once", "behind zeros"]
)
def test_bytes_behind_the_last_member_of_an_sdist_are_a_difference(
    trailer: bytes, tmp_path: Path
) -> None:
    _, sdist = make_distributions(make_project(tmp_path, "berths"))
    theirs = tmp_path / sdist.filename
    content = gzip.decompress(sdist.path.read_bytes())
    theirs.write_bytes(gzip.compress(content + trailer))

    assert [str(it) for it in compare(sdist, theirs)] == [
        "archive removed: data behind its last member"
    ]
    with pytest.raises(InputError, match="holds data behind its last member"):
        check_built(theirs)
    theirs.write_bytes(gzip.compress(content + bytes(10240)))
    assert compare(sdist, theirs) == ()


class Unseekable(io.BytesIO):
    """Where a zip is written to a pipe: sizes come behind each member."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError


@pytest.mark.parametrize("form", ["streamed", "zip64", "zip64 streamed", "many members"])
def test_every_form_of_zip_that_has_nothing_else_in_it_passes(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form.startswith("zip64"):
        monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    wheel, _ = make_distributions(make_project(tmp_path, "berths", padding=2000))
    buffer = Unseekable() if form.endswith("streamed") else io.BytesIO()
    with zipfile.ZipFile(wheel.path) as old, zipfile.ZipFile(buffer, "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry), zipfile.ZIP_DEFLATED)
        for number in range(65_600 if form == "many members" else 0):
            new.writestr(str(number), b"")
    wheel.path.write_bytes(buffer.getvalue())

    with open_archive(wheel.path) as archive:
        assert archive.unlisted() == ""
    assert read_distribution(wheel.path).name == "berths"


@pytest.mark.attack("a published file that differs")
def test_members_that_share_their_data_are_refused(tmp_path: Path) -> None:
    """Python only warns of two entries for one place, or refuses them, by its version."""
    wheel = make_distributions(make_project(tmp_path, "tides"))[0].path
    content = wheel.read_bytes()
    last = content.rindex(b"PK\x01\x02")
    _, _, _, _, count, size, offset, _ = struct.unpack("<4s4H2LH", content[-END:])
    again = content[last:-END]
    fields = (b"PK\x05\x06", 0, 0, count + 1, count + 1, size + len(again), offset, 0)
    wheel.write_bytes(content[:-END] + again + struct.pack("<4s4H2LH", *fields))

    with pytest.raises(InputError, match="shares its data"), open_archive(wheel):
        pass
