"""A distribution's name and metadata agree."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from steps.distribution.files import (
    Distribution,
    parse_filename,
    read_distribution,
    read_whole,
)
from steps.host.errors import InputError, Problem, quoted
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

METADATA = "Metadata-Version: 2.4\nName: {}\nVersion: {}\nRequires-Dist: berths>=1\n"


def write_wheel(path: Path, name: str, version: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tides/__init__.py", "")
        archive.writestr("tides-1.0.dist-info/METADATA", METADATA.format(name, version))
    return path


def write_sdist(
    path: Path, name: str, version: str, *, member: str = "PKG-INFO", more: Sequence[str] = ()
) -> Path:
    content = METADATA.format(name, version).encode()
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo(f"tides-1.0/{member}")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
        for other in more:
            archive.addfile(tarfile.TarInfo(f"tides-1.0/{other}"))
    return path


def test_a_wheel_is_read(tmp_path: Path) -> None:
    path = write_wheel(tmp_path / "tides-1.0-py3-none-any.whl", "Tides", "1")

    assert read_distribution(path) == Distribution(
        path=path,
        kind="wheel",
        name="tides",  # type: ignore[arg-type]  # a NormalizedName, as written
        version=Version("1.0"),
        size=path.stat().st_size,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        requires=("berths>=1",),
    )


def test_an_sdist_is_read(tmp_path: Path) -> None:
    distribution = read_distribution(write_sdist(tmp_path / "tides-1.0.tar.gz", "tides", "1.0"))

    assert (distribution.kind, distribution.name, distribution.filename) == (
        "sdist",
        "tides",
        "tides-1.0.tar.gz",
    )


@pytest.mark.parametrize(
    ("filename", "why"),
    [
        ("tides-1.0.zip", "neither a wheel nor a .tar.gz sdist: 'tides-1.0.zip'"),
        ("tides-1.0.egg", "neither a wheel nor a .tar.gz sdist: 'tides-1.0.egg'"),
        ("notes.txt", "neither a wheel nor a .tar.gz sdist: 'notes.txt'"),
        ("tides.whl", "Invalid wheel filename (wrong number of parts): 'tides'"),
        ("tides-one.tar.gz", "Invalid sdist filename (invalid version): 'tides-one.tar.gz'"),
        # What could mean something to a terminal or a shell.
        ("tides-1.0-py3-none-any\n.whl", "no registry takes such a name:"),
        ("tides-1.0-py3-none-a;b.whl", "no registry takes such a name:"),
    ],
)
def test_what_is_not_a_distribution_is_refused_by_its_name(
    tmp_path: Path, filename: str, why: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_distribution(tmp_path / filename)

    (problem,) = caught.value.problems
    assert problem.message.startswith(f"{filename!r} is not the name of a distribution ({why}")
    assert problem.hint == "keep it elsewhere, or name the files to upload"


def test_a_pipe_with_the_name_of_a_distribution_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "tides-1.0.tar.gz"
    os.mkfifo(path)

    with pytest.raises(InputError) as caught:
        read_distribution(path)

    assert str(caught.value) == (
        "'tides-1.0.tar.gz' is not a file\n  hint: name a file that exists, or build it"
    )


@pytest.mark.parametrize(
    ("name", "version"),
    [("berths", "1.0"), ("tides", "1.1"), ("tides", "unknown"), ("", ""), ("tides", "1" * 5000)],
)
def test_metadata_of_another_distribution_is_refused(
    tmp_path: Path, name: str, version: str
) -> None:
    path = write_wheel(tmp_path / "tides-1.0-py3-none-any.whl", name, version)

    with pytest.raises(InputError) as caught:
        read_distribution(path)

    assert str(caught.value) == (
        "'tides-1.0-py3-none-any.whl' holds the metadata of another distribution:"
        f" {quoted(name)} {quoted(version)}\n"
        "  hint: build it again, and do not rename distributions"
    )


@pytest.mark.parametrize(
    "members",
    [
        ["tides.py"],
        ["METADATA", "a/tides-1.0.dist-info/METADATA"],
        ["tides-1.0.dist-info/METADATA", "Tides-1.0.dist-info/METADATA"],
    ],
    ids=["none", "elsewhere", "two"],
)
def test_a_wheel_without_its_one_metadata_file_is_refused(
    members: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "tides-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            archive.writestr(member, METADATA.format("tides", "1.0"))

    with pytest.raises(InputError) as caught:
        read_distribution(path)

    assert str(caught.value) == (
        "'tides-1.0-py3-none-any.whl' holds no metadata\n  hint: build it again"
    )


def test_an_sdist_without_its_metadata_file_is_refused(tmp_path: Path) -> None:
    path = write_sdist(tmp_path / "tides-1.0.tar.gz", "tides", "1.0", member="docs/PKG-INFO")

    with pytest.raises(InputError, match=r"^'tides-1\.0\.tar\.gz' holds no metadata\n"):
        read_distribution(path)


def test_metadata_that_names_nothing_is_that_of_another(tmp_path: Path) -> None:
    path = tmp_path / "tides-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tides-1.0.dist-info/METADATA", "Metadata-Version: 2.4\n")

    with pytest.raises(InputError, match="holds the metadata of another distribution: '' ''\n"):
        read_distribution(path)


def test_file_names_are_parsed_by_packaging() -> None:
    assert parse_filename("Tide_Tables-1.0rc1-1-py3-none-any.whl") == (
        "wheel",
        "tide-tables",
        Version("1.0rc1"),
    )
    assert parse_filename("tide.tables-v1.0.tar.gz") == ("sdist", "tide-tables", Version("1.0"))


def test_what_looks_at_the_file_while_it_is_hashed_may_refuse_it(tmp_path: Path) -> None:
    path = write_sdist(tmp_path / "tides-1.0.tar.gz", "tides", "1.0")
    seen: list[Path] = []

    def refuse(path: Path) -> None:
        raise InputError(f"{path.name} is refused")

    assert read_distribution(path, also_check=seen.append) == read_distribution(path)
    assert seen == [path]
    with pytest.raises(InputError, match=r"^tides-1\.0\.tar\.gz is refused$"):
        read_distribution(path, also_check=refuse)


def test_all_that_looking_and_hashing_refuse_is_reported_once(tmp_path: Path) -> None:
    path = write_sdist(tmp_path / "tides-1.0.tar.gz", "tides", "1.0")

    def look(_path: Path) -> None:
        raise InputError(Problem("one"), more=[Problem("both")])

    def sha256(_path: Path) -> str:
        raise InputError(Problem("two"), more=[Problem("both")])

    with pytest.raises(InputError) as caught:
        read_distribution(path, also_check=look, sha256=sha256)

    assert caught.value.problems == (Problem("one"), Problem("both"), Problem("two"))


def test_a_file_that_goes_away_while_it_is_hashed_is_reported(tmp_path: Path) -> None:
    path = write_sdist(tmp_path / "tides-1.0.tar.gz", "tides", "1.0")

    def hash_the_last_of_it(path: Path) -> str:
        path.unlink()
        return "0" * 64

    with pytest.raises(InputError, match=r"^'tides-1\.0\.tar\.gz' cannot be read as an sdist: No "):
        read_distribution(path, sha256=hash_the_last_of_it)


@pytest.mark.parametrize(
    ("tags", "requires", "allowed"),
    [
        ("cp311-cp311-linux_x86_64", ">=3.12", False),
        ("cp311-cp311-linux_x86_64", ">=3.11.4", True),
        ("cp311-cp311-linux_x86_64", "<3.11", False),
        ("cp311-cp311-linux_x86_64", "!=3.11.*", False),
        ("cp311-none-any", ">=3.12", False),
        ("cp311-abi3-linux_x86_64", ">=3.12", True),
        ("cp311-abi3-linux_x86_64", "<3.11", False),
        ("cp310.cp311-none-any", ">=3.11", True),
        ("cp315-cp315-linux_x86_64", ">=3.15.0b1", True),
        ("pp310-pypy310_pp73-linux_x86_64", ">=3.11", False),
        ("py3-none-any", ">=3.12", True),
        ("py3-none-any", "<3", False),
        ("py311-none-any", ">=3.12", True),
        ("py312-none-any", "<3.12", False),
        ("py2-none-any", ">=3.8", False),
        ("py2.py3-none-any", ">=3.8", True),
        ("cp27-cp27mu-linux_x86_64", ">=3.8", False),
        ("graalpy311-graalpy242_311_native-linux_x86_64", ">=3.12", True),  # who knows
        ("cp311-cp311-linux_x86_64", "", True),
        ("cp311-cp311-linux_x86_64", "none", True),  # twine says so
    ],
)
def test_a_wheel_whose_tags_contradict_its_own_requires_python_is_refused(
    tags: str, requires: str, allowed: bool, tmp_path: Path
) -> None:
    wheel, _ = make_distributions(make_project(tmp_path, "tides"), requires_python=requires)
    path = wheel.path.rename(wheel.path.with_name(f"tides-1.0-{tags}.whl"))

    if allowed:
        assert read_whole(path).path == path
        return
    with pytest.raises(InputError) as caught:
        read_whole(path)
    interpreters = ", ".join(sorted(tags.partition("-")[0].split(".")))
    assert str(caught.value) == (
        f"{path.name!r} is for {interpreters}, and its own Requires-Python is {requires!r}\n"
        "  hint: build it with a Python that requires-python allows, which --python names, or"
        " correct that"
    )


@pytest.mark.parametrize("name", ["dist/tides-0.9.tar.gz", "out/Tides-1.0-py3-none-any.whl"])
def test_an_sdist_that_holds_distributions_of_its_own_project_is_refused(
    name: str, tmp_path: Path
) -> None:
    path = write_sdist(tmp_path / "tides-1.0.tar.gz", "tides", "1.0", more=[name])

    with pytest.raises(InputError) as caught:
        read_whole(path)

    assert str(caught.value) == (
        f"'tides-1.0.tar.gz' holds a distribution of its own project: {name!r}\n"
        "  hint: exclude that folder in the settings of the build backend, or move it out of the"
        " project"
    )


def test_an_sdist_may_hold_distributions_of_others(tmp_path: Path) -> None:
    names = ["tests/berths-1.0-py3-none-any.whl", "tests/tides.tar.gz", "tests/tides-1.whl"]
    path = write_sdist(tmp_path / "tides-1.0.tar.gz", "tides", "1.0", more=names)

    assert read_whole(path).path == path


@pytest.mark.parametrize(
    "text",
    [
        METADATA.format("tides", "1.0").encode() + b"\ncaf\xe9\n",
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\na\n--x--\n",
    ],
    ids=["a description in latin-1", "parts"],
)
def test_metadata_that_cannot_be_read_is_reported(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tides-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tides-1.0.dist-info/METADATA", text)

    with pytest.raises(InputError) as caught:
        read_distribution(path)

    (problem,) = caught.value.problems
    assert problem.message.startswith(f"{path.name!r} holds metadata that cannot be read: ")
    assert problem.hint == "write it in UTF-8, as the specification of core metadata has it"
