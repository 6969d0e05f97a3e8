"""Which published file a built one is compared with, and when a difference is a rebuild."""

from __future__ import annotations

import gzip
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from steps.host.errors import InputError
from steps.registry.page import PublishedFile, PublishedProject
from steps.release.judgement import Outcome
from tests.tiny import make_compiled
from tests.unit.steps.registry.published_tides import TIDES, build, published
from tests.unit.steps.release.judging import Fetch, decide

if TYPE_CHECKING:
    from steps.distribution.files import Distribution


def repack(distribution: Distribution) -> Distribution:
    """Return the same contents as other bytes."""
    if distribution.kind == "wheel":
        with zipfile.ZipFile(distribution.path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(distribution.path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(name), content)
    else:
        data = gzip.decompress(distribution.path.read_bytes())
        distribution.path.write_bytes(gzip.compress(data, compresslevel=1, mtime=1))
    return replace(distribution, sha256="0" * 64)


def for_tags(wheel: Distribution, tags: str) -> Distribution:
    """Return a copy of *wheel* that is named for *tags*."""
    path = wheel.path.parent / tags / f"tides-1.0-{tags}.whl"
    path.parent.mkdir()
    return replace(wheel, path=Path(shutil.copy(wheel.path, path)))


LINUX = "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"


SWAPPED = "cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64"


@pytest.mark.parametrize(
    ("ours", "theirs", "uploaded"),
    [
        (SWAPPED, LINUX, False),
        ("py3.py2-none-any", "py2.py3-none-any", False),
        ("PY3-none-any", "py3-none-any", False),
        ("01-py3-none-any", "1-py3-none-any", False),
        ("py3-none-any", "py2.py3-none-any", False),  # a part of what is there
        ("cp311-cp311-manylinux2014_x86_64", LINUX, False),
        ("py2.py3-none-any", "py3-none-any", True),  # more than that
        (LINUX, "cp311-cp311-manylinux2014_x86_64", True),
        ("2-py3-none-any", "py3-none-any", True),  # another build
        ("py3-none-linux_x86_64", "py3-none-macosx_11_0_arm64", True),
        ("cp311-abi3-linux_x86_64", "cp311-cp311-linux_x86_64", True),
    ],
)
def test_wheels_are_matched_by_their_sets_of_tags(
    ours: str, theirs: str, uploaded: bool, tmp_path: Path, fetch: Fetch
) -> None:
    wheel, _ = build(tmp_path)
    mine, old = for_tags(wheel, ours), replace(for_tags(wheel, theirs), sha256="0" * 64)

    found = decide((mine,), published(old), fetch)

    assert (found.outcome, found.to_upload) == (
        (Outcome.PARTIAL, (mine,)) if uploaded else (Outcome.IDENTICAL, ())
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SWAPPED, LINUX),
        ("py2.py3-none-any", "py3-none-any"),
        ("py3-none-any", "py2.py3-none-any"),
        ("cp311.cp312-none-any", "cp310.cp311-none-any"),
        ("2-py3-none-any", "1-py3-none-any"),
        ("2-py3-none-any", "py3-none-any"),
    ],
)
def test_two_wheels_for_one_tag_of_one_version_do_not_differ(
    ours: str, theirs: str, tmp_path: Path, fetch: Fetch
) -> None:
    old = for_tags(build(tmp_path / "old", text="before")[0], theirs)
    mine = for_tags(build(tmp_path)[0], ours)

    found = decide((mine,), published(old), fetch)

    assert found.outcome is Outcome.CHANGED
    with pytest.raises(InputError) as caught:
        decide((mine, old), published(), fetch)
    assert str(caught.value) == (
        f"{mine.filename!r} and {old.filename!r} are for the same installers, and differ:"
        " file changed: tides/__init__.py\n"
        "  hint: keep one of them, or build both from the same source"
    )


def test_a_published_wheel_is_distinguished_from_each_that_shares_a_tag(
    tmp_path: Path, fetch: Fetch
) -> None:
    wheel, _ = build(tmp_path)
    other = replace(build(tmp_path / "old", text="before")[0], sha256="0" * 64)
    swapped = replace(for_tags(other, SWAPPED), sha256="1" * 64)
    same = for_tags(wheel, LINUX)

    assert decide((same,), published(same, swapped), fetch).outcome is Outcome.CHANGED
    assert decide((same,), published(swapped, same), fetch).outcome is Outcome.CHANGED


ELF, MACH_O, FAT = b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe\0\0\0\2"


PE = b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0"


JAVA = b"\xca\xfe\xba\xbe\0\0\0\x41"


@pytest.mark.parametrize("magic", [ELF, MACH_O, FAT, PE, b"!<arch>\n", b"\0asm"])
def test_a_compiled_file_that_differs_is_a_rebuild_of_the_published_source(
    magic: bytes, tmp_path: Path, fetch: Fetch
) -> None:
    wheel, _ = ours = make_compiled(tmp_path, "tides", "_c.so", magic + b"here")
    theirs = make_compiled(tmp_path / "old", "tides", "_c.so", magic + b"there")

    found = decide(ours, published(*theirs), fetch)

    assert (found.outcome, found.to_upload, found.allowed) == (Outcome.REBUILT, (), True)
    assert found.reason == (
        "1.0 is published, all files, with the same contents; rebuilt from the same source:"
        " file changed: tides/_c.so"
    )
    # Without the published sdist, or without a built one, the bytes decide.
    assert decide(ours, published(theirs[0]), fetch).outcome is Outcome.CHANGED
    assert decide((wheel,), published(*theirs), fetch).outcome is Outcome.CHANGED
    # What is missing is uploaded.
    more = for_tags(wheel, "cp312-cp312-any")
    found = decide((more, *ours), published(*theirs), fetch)
    assert (found.outcome, found.to_upload) == (Outcome.PARTIAL, (more,))
    assert found.reason.endswith("; rebuilt from the same source: file changed: tides/_c.so")


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("_c.so", ELF, MACH_O),
        ("_c.so", b"#!/bin/sh\n", ELF),
        ("_c.so", ELF, b"#!/bin/sh\n"),
        ("C.class", JAVA + b"there", JAVA + b"here"),
        ("_c.exe", b"MZ" + bytes(70), b"MZ" + bytes(71)),
        ("_c.py", b"MZ = 1", b"MZ = 2"),
        ("_generated.py", b"ONE = 1", b"ONE = 2"),
    ],
)
def test_any_other_difference_is_a_change_though_the_source_is_the_same(
    name: str, before: bytes, after: bytes, tmp_path: Path, fetch: Fetch
) -> None:
    theirs = make_compiled(tmp_path / "old", "tides", name, before)

    found = decide(make_compiled(tmp_path, "tides", name, after), published(*theirs), fetch)

    assert found.outcome is Outcome.CHANGED


def test_a_compiled_file_of_another_source_is_a_change(tmp_path: Path, fetch: Fetch) -> None:
    theirs = make_compiled(tmp_path / "old", "tides", "_c.so", ELF + b"there", "before")

    found = decide(
        make_compiled(tmp_path, "tides", "_c.so", ELF + b"here"), published(*theirs), fetch
    )

    assert found.outcome is Outcome.CHANGED


def test_an_sdist_of_old_that_is_a_zip_is_another_file(tmp_path: Path, fetch: Fetch) -> None:
    _, sdist = build(tmp_path)
    zipped = PublishedFile(
        filename="tides-1.0.zip", url="", kind="sdist", version=Version("1.0"), sha256="0" * 64
    )

    found = decide((sdist,), PublishedProject(name=TIDES, files=(zipped,)), fetch)

    assert (found.outcome, found.to_upload) == (Outcome.PARTIAL, (sdist,))
    assert found.reason == (
        "1.0 is published, 0 of 1 file, with the same contents;"
        " the registry also holds, not built here: tides-1.0.zip"
    )


def test_the_name_in_a_file_name_may_be_spelled_otherwise(tmp_path: Path, fetch: Fetch) -> None:
    ours = build(tmp_path)
    theirs = published(*ours)
    renamed = tuple(
        replace(it, filename=it.filename.replace("tides", "Tides")) for it in theirs.files
    )

    found = decide(ours, replace(theirs, files=renamed), fetch)

    assert (found.outcome, fetch.fetched) == (Outcome.IDENTICAL, [])
