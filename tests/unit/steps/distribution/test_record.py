"""A wheel holds what its RECORD says."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from typing import TYPE_CHECKING

import pytest
from twine.package import PackageFile

from steps.distribution.files import check_built, read_distribution, read_whole
from steps.host.errors import InputError
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from steps.distribution.files import Distribution

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


def write_sha512(members: dict[str, bytes]) -> None:
    encoded = base64.urlsafe_b64encode(hashlib.sha512(members["berths/__init__.py"]).digest())
    before, _, after = members[RECORD].partition(b"berths/__init__.py,")
    size = after.partition(b"\n")[0].rpartition(b",")[2]
    row = b"berths/__init__.py,sha512=" + encoded + b"," + size + b"\n"
    members[RECORD] = before + row + after.partition(b"\n")[2]


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
        write_sha512,
        edit_record("berths/__init__.py,sha256=", "\nberths/__init__.py,sha256="),
        lambda members: members.update({f"{RECORD}.jws": b"one", f"{RECORD}.p7s": b"two"}),
        lambda members: members.update({"berths/sub/": b""}),
    ],
    ids=["as built", "in hexadecimal", "another hash", "an empty line", "signed", "a folder"],
)
def test_a_wheel_that_holds_what_it_says_is_let_through(
    tmp_path: Path, change: Callable[[dict[str, bytes]], object]
) -> None:
    check_built(rewritten(tmp_path, change).path)


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        (
            lambda members: members.update({"berths/__init__.py": b"evil"}),
            ["'berths/__init__.py' has another hash or size"],
        ),
        (lambda members: members.update({"more.py": b""}), ["'more.py' is not listed"]),
        (
            lambda members: members.pop("berths/__init__.py"),
            ["'berths/__init__.py' is listed and missing"],
        ),
        (
            edit_record("berths/__init__.py,sha256=", "berths/__init__.py,"),
            ["'berths/__init__.py' has another hash or size"],
        ),
        (
            edit_record("berths/__init__.py,sha256=", "berths/__init__.py,sha512="),
            ["'berths/__init__.py' has another hash or size"],
        ),
        (
            edit_record("berths/__init__.py,sha256=", "berths/__init__.py,shake_128="),
            ["'berths/__init__.py' has another hash or size"],
        ),
        (
            edit_record(",14\r\n", ",15\r\n"),
            ["'berths/__init__.py' has another hash or size"],
        ),
        (
            edit_record("berths/__init__.py,sha256=", "berths/__init__.py,sha256=é"),
            ["'berths/__init__.py' has another hash or size"],
        ),
        (
            lambda members: members.pop(RECORD),
            [
                f"'{FOLDER}/METADATA' is not listed",
                f"'{FOLDER}/WHEEL' is not listed",
                "'berths/__init__.py' is not listed",
            ],
        ),
        (
            lambda members: members.update({RECORD: b"\xff"}),
            ["the file cannot be read: Row Index 0: expected 3 elements, got 1"],
        ),
        (
            move_metadata("tides-1.0.dist-info"),
            ["has its metadata in 'tides-1.0.dist-info', where no installer looks"],
        ),
        (
            move_metadata("berths.dist-info"),
            ["has its metadata in 'berths.dist-info', where no installer looks"],
        ),
    ],
    ids=[
        "changed",
        "added",
        "missing",
        "no hash",
        "a false hash of another kind",
        "a hash without a length",
        "another size",
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
        check_built(wheel.path)

    messages = [it.message.removeprefix(f"{wheel.filename!r} ") for it in caught.value.problems]
    assert [it.removeprefix("does not match its RECORD: ") for it in messages] == problems
    assert {it.hint for it in caught.value.problems} == {
        "build it again, and change nothing in a wheel that is built"
    }


OTHER = b"Metadata-Version: 2.4\nName: tides\nVersion: 9\n"


def add(name: str, content: bytes) -> Callable[[dict[str, bytes]], object]:
    def change(members: dict[str, bytes]) -> None:
        members[name] = content
        encoded = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
        members[RECORD] += f"{name},sha256={encoded.decode()},{len(content)}\n".encode()

    return change


@pytest.mark.parametrize("name", ["METADATA", "a/METADATA", "NO-METADATA.txt"])
def test_a_member_that_twine_takes_for_the_metadata_is_refused(tmp_path: Path, name: str) -> None:
    wheel = rewritten(tmp_path, add(name, OTHER))

    with pytest.raises(InputError) as caught:
        check_built(wheel.path)

    assert PackageFile.from_filename(str(wheel.path), None).metadata["name"] == "tides"
    assert str(caught.value) == (
        f"'berths-1.0-py3-none-any.whl' holds {name!r}, which twine takes for its metadata, in the"
        f" place of '{FOLDER}/METADATA'\n"
        "  hint: give that file another name, or leave it out of the wheel"
    )


@pytest.mark.parametrize(
    "change",
    [
        add("berths/_vendor/tides-9.dist-info/METADATA", OTHER),
        add("z/METADATA", OTHER),
        add("a/METADATA", b"no such thing"),
        add("a/METADATA", b""),
    ],
    ids=["deeper", "later", "another text", "empty"],
)
def test_a_member_that_twine_passes_over_may_have_that_name(
    tmp_path: Path, change: Callable[[dict[str, bytes]], object]
) -> None:
    wheel = rewritten(tmp_path, change)

    check_built(wheel.path)

    assert PackageFile.from_filename(str(wheel.path), None).metadata["name"] == "berths"


def test_a_member_that_says_the_same_may_be_taken(tmp_path: Path) -> None:
    def copy(members: dict[str, bytes]) -> None:
        add("a/METADATA", members[f"{FOLDER}/METADATA"])(members)

    check_built(rewritten(tmp_path, copy).path)


def test_a_wheel_is_read_only_when_it_is_whole(tmp_path: Path) -> None:
    wheel, sdist = make_distributions(make_project(tmp_path, "berths"))

    assert (read_whole(wheel.path), read_whole(sdist.path)) == (wheel, sdist)

    lying = rewritten(tmp_path, lambda members: members.update({"more.py": b""}))
    with pytest.raises(InputError, match=r"'more\.py' is not listed\n"):
        read_whole(lying.path)


def test_a_damaged_member_is_found(tmp_path: Path) -> None:
    wheel, _ = make_distributions(make_project(tmp_path, "berths", padding=100))
    content = bytearray(wheel.path.read_bytes())
    at = content.find(b"berths/data.bin") + len(b"berths/data.bin")
    content[at] ^= 1
    wheel.path.write_bytes(content)

    with pytest.raises(InputError, match="cannot be read as a wheel: Bad CRC-32"):
        check_built(wheel.path)


def test_only_the_first_of_many_problems_are_reported(tmp_path: Path) -> None:
    more = {f"more{number}.py": b"" for number in range(100)}
    wheel = rewritten(tmp_path, lambda members: members.update(more))

    with pytest.raises(InputError) as caught:
        check_built(wheel.path)

    assert len(caught.value.problems) == 5


def test_a_mismatch_and_other_metadata_are_reported_together(tmp_path: Path) -> None:
    wheel = rewritten(tmp_path, lambda members: members.update({"a/METADATA": OTHER}))

    with pytest.raises(InputError) as caught:
        check_built(wheel.path)

    assert [
        it.message.removeprefix("'berths-1.0-py3-none-any.whl' ") for it in caught.value.problems
    ] == [
        "does not match its RECORD: 'a/METADATA' is not listed",
        (
            "holds 'a/METADATA', which twine takes for its metadata, in the place of"
            f" '{FOLDER}/METADATA'"
        ),
    ]
