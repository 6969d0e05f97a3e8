"""A wheel holds what its RECORD says."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from typing import TYPE_CHECKING

import pytest

from steps.distribution import read_distribution
from steps.errors import InputError
from steps.record import check_record, read_whole
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from steps.distribution import Distribution

FOLDER = "berths-1.0.dist-info"
RECORD = f"{FOLDER}/RECORD"


def rewritten(tmp_path: Path, change: Callable[[dict[str, bytes]], object]) -> Distribution:
    """Return a wheel like that of a tiny project, with its members changed by *change*."""
    wheel, _ = make_distributions(make_project(tmp_path, "berths"))
    with zipfile.ZipFile(wheel.path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(wheel.path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return read_distribution(wheel.path)


def edit_record(old: str, new: str) -> Callable[[dict[str, bytes]], object]:
    def edit(members: dict[str, bytes]) -> None:
        text = members[RECORD].decode()
        assert old in text
        members[RECORD] = text.replace(old, new).encode()

    return edit


def write_hexadecimal(members: dict[str, bytes]) -> None:
    digest = hashlib.sha256(members["berths/__init__.py"]).digest()
    encoded = base64.urlsafe_b64encode(digest).rstrip(b"=")
    assert encoded in members[RECORD]
    members[RECORD] = members[RECORD].replace(encoded, digest.hex().encode())


def move_metadata(folder: str) -> Callable[[dict[str, bytes]], object]:
    def move(members: dict[str, bytes]) -> None:
        for name in [name for name in members if name.startswith(FOLDER)]:
            members[name.replace(FOLDER, folder)] = members.pop(name)
        text = members[f"{folder}/RECORD"].decode()
        members[f"{folder}/RECORD"] = text.replace(FOLDER, folder).encode()

    return move


@pytest.mark.parametrize(
    "change",
    [
        dict.copy,
        write_hexadecimal,
        edit_record("berths/__init__.py,sha256=", "berths/__init__.py,sha512="),
        edit_record("berths/__init__.py,sha256=", "\nberths/__init__.py,sha256="),
        lambda members: members.update({f"{RECORD}.jws": b"one", f"{RECORD}.p7s": b"two"}),
        lambda members: members.update({"berths/sub/": b""}),
    ],
    ids=["as built", "in hexadecimal", "another hash", "an empty line", "signed", "a folder"],
)
def test_a_wheel_that_holds_what_it_says_is_let_through(
    tmp_path: Path, change: Callable[[dict[str, bytes]], object]
) -> None:
    check_record(rewritten(tmp_path, change).path)


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        (
            lambda members: members.update({"berths/__init__.py": b"evil"}),
            ["'berths/__init__.py' is not the file that its RECORD says"],
        ),
        (lambda members: members.update({"more.py": b""}), ["'more.py' is not in its RECORD"]),
        (
            lambda members: members.pop("berths/__init__.py"),
            ["'berths/__init__.py' is in its RECORD only"],
        ),
        (
            edit_record("berths/__init__.py,sha256=", "berths/__init__.py,"),
            ["'berths/__init__.py' is not the file that its RECORD says"],
        ),
        (
            edit_record("berths/__init__.py,sha256=", "berths/__init__.py,sha256=é"),
            ["'berths/__init__.py' is not the file that its RECORD says"],
        ),
        (
            lambda members: members.pop(RECORD),
            [
                f"'{FOLDER}/METADATA' is not in its RECORD",
                f"'{FOLDER}/WHEEL' is not in its RECORD",
                "'berths/__init__.py' is not in its RECORD",
            ],
        ),
        (
            lambda members: members.update({RECORD: b"\xff"}),
            [
                f"'{FOLDER}/METADATA' is not in its RECORD",
                f"'{FOLDER}/WHEEL' is not in its RECORD",
                "'berths/__init__.py' is not in its RECORD",
                "'\N{REPLACEMENT CHARACTER}' is in its RECORD only",
            ],
        ),
        (move_metadata("tides-1.0.dist-info"), ["its metadata are in 'tides-1.0.dist-info'"]),
        (move_metadata("berths.dist-info"), ["its metadata are in 'berths.dist-info'"]),
    ],
    ids=[
        "changed",
        "added",
        "missing",
        "no hash",
        "broken hash",
        "no RECORD",
        "no text",
        "another's folder",
        "nobody's folder",
    ],
)
def test_a_wheel_that_does_not_is_refused_with_all_that_is_wrong(
    tmp_path: Path, change: Callable[[dict[str, bytes]], object], problems: list[str]
) -> None:
    wheel = rewritten(tmp_path, change)

    with pytest.raises(InputError) as caught:
        check_record(wheel.path)

    prefix = "'berths-1.0-py3-none-any.whl' is not a whole wheel: "
    assert [it.message.removeprefix(prefix) for it in caught.value.problems] == problems
    assert {it.hint for it in caught.value.problems} == {
        "build it again, and change nothing in a wheel that is built"
    }


def test_a_wheel_is_read_only_when_it_is_whole(tmp_path: Path) -> None:
    wheel, sdist = make_distributions(make_project(tmp_path, "berths"))

    assert (read_whole(wheel.path), read_whole(sdist.path)) == (wheel, sdist)

    lying = rewritten(tmp_path, lambda members: members.update({"more.py": b""}))
    with pytest.raises(InputError, match=r"'more\.py' is not in its RECORD\n"):
        read_whole(lying.path)


def test_a_damaged_member_is_found(tmp_path: Path) -> None:
    wheel, _ = make_distributions(make_project(tmp_path, "berths", padding=100))
    content = bytearray(wheel.path.read_bytes())
    at = content.find(b"berths/data.bin") + len(b"berths/data.bin")
    content[at] ^= 1
    wheel.path.write_bytes(content)

    with pytest.raises(InputError, match="cannot be read as a wheel: Bad CRC-32"):
        check_record(wheel.path)


def test_only_the_first_of_many_problems_are_told(tmp_path: Path) -> None:
    more = {f"more{number}.py": b"" for number in range(100)}
    wheel = rewritten(tmp_path, lambda members: members.update(more))

    with pytest.raises(InputError) as caught:
        check_record(wheel.path)

    assert len(caught.value.problems) == 5
