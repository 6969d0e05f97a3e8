"""Distributions are read without trusting them."""

from __future__ import annotations

import errno
import hashlib
import io
import stat
import tarfile
import zipfile
from functools import partial
from typing import TYPE_CHECKING

import pytest

import steps.distribution.archive
from steps.distribution.archive import Sdist, open_archive
from steps.host.errors import InputError
from tests.archives import member_hashes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def sdist(path: Path, *entries: tarfile.TarInfo | tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            info = tarfile.TarInfo(entry[0])
            info.size = len(entry[1])
            archive.addfile(info, io.BytesIO(entry[1]))
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def with_headers(name: str, headers: dict[str, str]) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.pax_headers = headers
    return info


def executable(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode = 0o755
    return info


def wheel(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def packed(path: Path, members: dict[str, bytes]) -> Path:
    """Write a wheel or an sdist, by the name of *path*."""
    if path.suffix == ".whl":
        return wheel(path, members)
    return sdist(path, *((f"a-1/{name}", content) for name, content in members.items()))


def test_members_are_hashed_without_the_top_folder_of_an_sdist(tmp_path: Path) -> None:
    path = sdist(tmp_path / "a-1.tar.gz", ("a-1/x", b"ships"), link("a-1/y", "x"))
    expected = hashlib.sha256(b"ships").hexdigest()

    assert member_hashes(path) == {"x": expected, "y": expected}
    with open_archive(path) as archive:
        assert archive.read("y") == b"ships"


@pytest.mark.parametrize("name", ["a-1.tar.gz", "a-1-py3-none-any.whl"])
def test_a_member_that_comes_twice_with_the_same_bytes_is_one(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if path.suffix == ".whl":
        write_doubled(path, b"same", b"same")
    else:
        sdist(path, ("a-1/x", b"same"), ("a-1/x", b"same"), link("a-1/y", "x"), link("a-1/y", "x"))

    assert member_hashes(path)["x"] == hashlib.sha256(b"same").hexdigest()


def write_doubled(path: Path, first: bytes, second: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", first)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("x", second)


def test_a_member_that_comes_twice_with_different_bytes_is_named_with_what_to_do(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a-1-py3-none-any.whl"
    write_doubled(path, b"one", b"two")

    with pytest.raises(InputError) as caught:
        member_hashes(path)

    assert str(caught.value) == (
        "'a-1-py3-none-any.whl' holds 'x' more than once, with different contents\n"
        "  hint: pack one of them: remove it from the project's folder where an unpacked sdist or"
        " an earlier build left it, or exclude it in the settings of the build backend"
    )
    path = sdist(tmp_path / "a-1.tar.gz", ("a-1/x", b""), executable("a-1/x"))
    with pytest.raises(InputError, match="holds 'x' more than once"):
        member_hashes(path)


def test_members_of_a_wheel_are_hashed(tmp_path: Path) -> None:
    path = wheel(tmp_path / "a-1-py3-none-any.whl", {"a/": b"", "a/x": b"ships"})

    assert member_hashes(path) == {"a/x": hashlib.sha256(b"ships").hexdigest()}


@pytest.mark.attack("an archive")
@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (("../x", b""), "'../x' leaves its folder"),
        (("a-1/../../x", b""), "leaves its folder"),
        (("/etc/x", b""), "'/etc/x' leaves its folder"),
        (("a-1\\..\\x", b""), "leaves its folder"),
        (("b-2/x", b""), "it has 2 top folders"),
        (link("a-1/y", "../../x"), "'a-1/y' is a link that leads out: '../../x'"),
        (link("a-1/y", "/etc/passwd"), "is a link that leads out"),
        (link("a-1/y", "../x", tarfile.LNKTYPE), "is a link that leads out"),
        (link("a-1/y", "", tarfile.CHRTYPE), "is neither a file, a folder nor a link"),
        (("a-1/ok", b"other"), "holds 'ok' more than once, with different contents"),
        (("a-1/./ok", b"other"), "holds 'ok' more than once, with different contents"),
        (link("a-1/ok", "x"), "holds 'ok' more than once, with different contents"),
        ((f"a-1/{'x' * 256}", b""), "is a longer name than file systems take"),
        (("a-1/" + "\u00e9" * 128, b""), "is a longer name than file systems take"),
        (("a-1/" + "x/" * 500, b""), "is a longer name than file systems take"),
        (with_headers("a-1/y", {"GNU.sparse.map": "0,1", "GNU.sparse.size": "9"}), "a sparse file"),
        (("a-1/ok/x", b""), "'a-1/ok/x' is below 'a-1/ok', which is not a folder"),
        (("a-1/\n\x1b[31m", b""), "'a-1/\\n\\x1b[31m' is not a name for a file"),
        ((".", b""), "'.' is not a name for a file"),
        (link("a-1/y", "ok/../x"), "is a link that leads out: 'ok/../x'"),
        (link("a-1/y", "../a-1/./ok/ok/../../x"), "is a link that leads out"),
        (link("a-1/y", ".."), "is a link that leads out: '..'"),
    ],
)
def test_a_hostile_sdist_is_refused_before_it_is_unpacked(
    tmp_path: Path, entry: tarfile.TarInfo | tuple[str, bytes], reason: str
) -> None:
    path = sdist(tmp_path / "a-1.tar.gz", ("a-1/ok", b""), entry)

    with pytest.raises(InputError) as caught, open_archive(path):
        pass

    assert reason in str(caught.value)


@pytest.mark.parametrize("target", ["ok", "./ok", "../a-1/ok", "sub/ok", "nothing", "."])
def test_a_link_that_stays_in_its_sdist_is_no_harm(tmp_path: Path, target: str) -> None:
    path = sdist(tmp_path / "a-1.tar.gz", ("a-1/ok", b""), link("a-1/y", target))

    with open_archive(path) as archive:
        assert archive.names() == ("ok", "y")


@pytest.mark.attack("an archive")
@pytest.mark.parametrize("target", ["x", "y", "./x", "sub/z"])
def test_a_link_that_leads_back_to_itself_is_refused(tmp_path: Path, target: str) -> None:
    others = link("a-1/y", "x"), link("a-1/sub/z", "a-1/y", tarfile.LNKTYPE)
    path = sdist(tmp_path / "a-1.tar.gz", link("a-1/x", target), *others)

    with pytest.raises(InputError, match="'a-1/x' is a link to itself"):
        member_hashes(path)


@pytest.mark.attack("an archive")
def test_a_description_of_a_member_that_is_a_bomb_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps.distribution.archive, "_LARGEST_READ", 1024**2)
    described = tarfile.TarInfo("a-1/x")
    described.pax_headers = {"comment": "z" * 1024**2}
    path = sdist(tmp_path / "a-1.tar.gz", described)

    with pytest.raises(InputError, match="are more than is read at once"):
        member_hashes(path)


@pytest.mark.attack("an archive")
def test_many_large_descriptions_are_a_bomb_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps.distribution.archive, "BOMB_BYTES", 2 * 1024**2)
    path = tmp_path / "a-1.tar.gz"
    entries = [tarfile.TarInfo(f"a-1/{number}") for number in range(10)]
    for entry in entries:
        entry.pax_headers = {"comment": "z" * 300_000}
    sdist(path, *entries)

    with pytest.raises(InputError, match="unpacks to more than a distribution holds"):
        member_hashes(path)


@pytest.mark.attack("an archive")
@pytest.mark.parametrize("name", ["../x", "/x", "a\\..\\x", "C:/x", "a/\n"])
def test_a_hostile_wheel_is_refused(tmp_path: Path, name: str) -> None:
    path = wheel(tmp_path / "a-1-py3-none-any.whl", {name: b""})

    with pytest.raises(InputError, match=r"leaves its folder|is not a name for a file"):
        member_hashes(path)


@pytest.mark.attack("an archive")
def test_a_link_in_a_wheel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a-1-py3-none-any.whl"
    info = zipfile.ZipInfo("a/x")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc/passwd")

    with pytest.raises(InputError, match="'a/x' is neither a file nor a folder"):
        member_hashes(path)


@pytest.mark.attack("an archive")
@pytest.mark.parametrize("name", ["a-1.tar.gz", "a-1-py3-none-any.whl"])
def test_a_bomb_is_refused_and_what_is_no_larger_than_a_distribution_is_read(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps.distribution.archive, "BOMB_BYTES", 1024**2)

    def of_zeros(number: int) -> Path:
        path = tmp_path / str(number) / name
        path.parent.mkdir()
        return packed(path, {"zeros": bytes(number)})

    assert len(member_hashes(of_zeros(1024**2 - 2048))) == 1
    with pytest.raises(InputError, match="unpacks to more than a distribution holds"):
        member_hashes(of_zeros(1024**2 + 1))


@pytest.mark.parametrize("name", ["a-1.tar.gz", "a-1-py3-none-any.whl"])
def test_what_is_large_and_hardly_packed_is_not_a_bomb(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps.distribution.archive, "BOMB_BYTES", 1000)
    noise = hashlib.shake_256(b"sea").digest(50_000)
    path = packed(tmp_path / name, {"x": noise})

    assert member_hashes(path) == {"x": hashlib.sha256(noise).hexdigest()}


@pytest.mark.attack("an archive")
@pytest.mark.parametrize("name", ["a-1.tar.gz", "a-1-py3-none-any.whl"])
def test_more_members_than_any_distribution_has_are_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path / name, {"x": b"sea", "y": b"", "z": b""})
    monkeypatch.setattr(steps.distribution.archive, "MAX_MEMBERS", 3)
    assert len(member_hashes(path)) == 3

    monkeypatch.setattr(steps.distribution.archive, "MAX_MEMBERS", 2)
    with pytest.raises(InputError) as caught:
        member_hashes(path)

    size = 3 if path.suffix == ".whl" else 2048  # tar has a head for each, and pads
    assert str(caught.value) == (
        f"{name!r} unpacks to more than a distribution holds: at least {size} bytes in 3 members\n"
        "  hint: look at how it was made; it is not opened"
    )


def test_a_link_to_nothing_has_no_hash(tmp_path: Path) -> None:
    path = sdist(tmp_path / "a-1.tar.gz", link("a-1/y", "nothing"))

    with pytest.raises(InputError) as caught:
        member_hashes(path)

    assert str(caught.value) == (
        "'a-1.tar.gz' cannot be read as an sdist: 'y' is a link to nothing\n  hint: build it again"
    )


@pytest.mark.parametrize("name", ["a-1.tar.gz", "a-1-py3-none-any.whl"])
def test_a_member_that_is_not_there_is_the_callers_mistake(name: str, tmp_path: Path) -> None:
    path = packed(tmp_path / name, {"x": b""})

    with open_archive(path) as archive, pytest.raises(KeyError):
        archive.read("y")


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError(errno.ENOENT, "gone", "other"), OSError(errno.ENOSPC, "the disk is full")],
)
def test_a_fault_of_the_reader_of_an_archive_is_not_the_archives(
    error: OSError, tmp_path: Path
) -> None:
    path = sdist(tmp_path / "a-1.tar.gz", ("a-1/x", b""))

    with pytest.raises(type(error)) as caught, open_archive(path):
        raise error

    assert caught.value is error


def test_an_archive_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        member_hashes(tmp_path / "a-1.tar.gz")

    assert str(caught.value) == (
        "'a-1.tar.gz' cannot be read as an sdist: No such file or directory\n  hint: build it again"
    )


@pytest.mark.attack("an archive")
@pytest.mark.parametrize("name", ["a-1.tar.gz", "a-1-py3-none-any.whl"])
@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08\x00broken"])
def test_a_broken_archive_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(InputError, match=f"'{name}' cannot be read as"):
        member_hashes(path)


def test_a_truncated_sdist_is_refused(tmp_path: Path) -> None:
    path = sdist(tmp_path / "a-1.tar.gz", ("a-1/x", bytes(range(256)) * 4096))
    path.write_bytes(path.read_bytes()[:-2000])

    with pytest.raises(InputError, match="cannot be read as an sdist"):
        member_hashes(path)


@pytest.mark.attack("an archive")
@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_member_whose_compression_is_broken_is_refused(tmp_path: Path, compression: int) -> None:
    path = tmp_path / "a-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("x", b"ships" * 100)
    content = bytearray(path.read_bytes())
    content[40:60] = b"\xff" * 20
    path.write_bytes(content)

    with pytest.raises(InputError, match=f"{path.name!r} cannot be read as a wheel"):
        member_hashes(path)


def with_field(at: int, value: bytes, content: bytes) -> bytes:
    """Change a field of the only member, and where the list of the members repeats it."""
    there = content.index(b"PK\x01\x02") + 2 + at
    content = content[:at] + value + content[at + 2 :]
    return content[:there] + value + content[there + 2 :]


def with_list_elsewhere(content: bytes) -> bytes:
    begin = content.rindex(b"PK\x05\x06") + 16
    return content[:begin] + b"\xff\xff\xff\x00" + content[begin + 4 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "encrypted": partial(with_field, 6, b"\x01\x00"),
    "packed oddly": partial(with_field, 8, b"\x63\x00"),
    "members elsewhere": with_list_elsewhere,
    "a name not in its UTF-8": lambda content: content.replace("\u00fc".encode(), b"\xff\xff"),
}


@pytest.mark.attack("an archive")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_wheel_that_is_not_what_it_says_is_refused(damage: str, tmp_path: Path) -> None:
    path = wheel(tmp_path / "a-1-py3-none-any.whl", {"\u00fc": b"ships"})
    path.write_bytes(DAMAGES[damage](path.read_bytes()))

    with pytest.raises(InputError, match=f"{path.name!r} cannot be read as a wheel"):
        member_hashes(path)


def test_unpacking_makes_modes_plain(tmp_path: Path) -> None:
    script = tarfile.TarInfo("a-1/script")
    script.mode = 0o4777
    data = tarfile.TarInfo("a-1/data")
    data.mode = 0o600
    path = sdist(tmp_path / "a-1.tar.gz", script, data)

    with open_archive(path) as archive:
        assert isinstance(archive, Sdist)
        top = archive.unpack(tmp_path / "out")

    assert top == tmp_path / "out/a-1"
    assert stat.S_IMODE((top / "script").stat().st_mode) == 0o755
    assert stat.S_IMODE((top / "data").stat().st_mode) == 0o644
