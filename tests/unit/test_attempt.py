"""What twine reads of a distribution, once, before anything is sent."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from steps.attempt import Packages
from steps.collect import collect
from steps.errors import InputError
from steps.project import read_project
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return make_project(tmp_path, "berths")


def test_a_file_is_hashed_once_for_its_reader_and_for_twine(directory: Path) -> None:
    packages = Packages()
    make_distributions(directory)

    files = collect(read_project(directory), packages.sha256)

    assert [file.sha256 for file in files] == [
        hashlib.sha256(file.path.read_bytes()).hexdigest() for file in files
    ]
    read = [packages.of(file) for file in files]
    assert [packages.of(file) for file in files] == read  # PackageFile is compared by identity


@pytest.mark.parametrize(
    ("version", "why"),
    [("1.9", "'1.9' is not a valid metadata version"), ("newest", "Invalid version: 'newest'")],
)
def test_all_files_that_twine_does_not_take_are_told_before_one_is_sent(
    directory: Path, version: str, why: str
) -> None:
    make_distributions(directory, metadata_version=version)

    with pytest.raises(InputError) as caught:
        collect(read_project(directory), Packages().sha256)

    messages = [problem.message for problem in caught.value.problems]
    assert [message.partition(" cannot be uploaded: ")[0] for message in messages] == [
        "'berths-1.0-py3-none-any.whl'",
        "'berths-1.0.tar.gz'",
    ]
    assert all(why in message for message in messages)


def test_a_file_that_changed_after_it_was_judged_is_not_sent(directory: Path) -> None:
    wheel, _sdist = make_distributions(directory)
    (directory / "berths/__init__.py").write_text("changed = True\n")
    now, _sdist = make_distributions(directory)

    with pytest.raises(InputError) as caught:
        Packages().of(wheel)

    assert caught.value.problems[0].message == (
        f"'berths-1.0-py3-none-any.whl' was changed after it was judged: its sha256 was"
        f" {wheel.sha256}, and now is {now.sha256}"
    )
