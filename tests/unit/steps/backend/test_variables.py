"""The clock of every build."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from steps.backend.variables import EARLIEST, LATEST, source_date_epoch
from steps.host.errors import InputError
from tests.tree import commit

if TYPE_CHECKING:
    from pathlib import Path

NEWEST = 1_600_000_000


@pytest.mark.parametrize(
    ("given", "epoch"),
    [
        ("1700000000", 1_700_000_000),
        ("0", EARLIEST),
        ("99999999999", LATEST),
        ("", NEWEST),
    ],
)
def test_the_environment_says_the_time_or_else_the_newest_file(
    given: str, epoch: int, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    os.utime(tmp_path / "file", (NEWEST, NEWEST))
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/newer").touch()

    assert source_date_epoch(tmp_path, {"SOURCE_DATE_EPOCH": given}) == epoch


@pytest.mark.parametrize(
    "given", ["-1", "yesterday", "1.5", "1_000", "\N{ARABIC-INDIC DIGIT ONE}", " 1", "9" * 19]
)
def test_a_time_that_is_none_is_refused(given: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        source_date_epoch(tmp_path, {"SOURCE_DATE_EPOCH": given})

    assert caught.value.problems[0].message == (
        f"SOURCE_DATE_EPOCH is not a number of seconds since 1970: {given!r}"
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository whose first commit has `inner/`, and whose second is outside of it."""
    (tmp_path / "inner").mkdir()
    for number, path in enumerate(("inner/file", "file")):
        (tmp_path / path).touch()
        commit(tmp_path, GIT_COMMITTER_DATE=f"{NEWEST + number} +0900")
    return tmp_path


def test_the_last_commit_that_touched_the_directory_says_the_time(repository: Path) -> None:
    assert source_date_epoch(repository / "inner", {}) == NEWEST
    assert source_date_epoch(repository, {}) == NEWEST + 1


def test_a_clone_of_another_user_has_the_same_time(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    assert source_date_epoch(repository / "inner", {}) == NEWEST


def test_what_git_does_not_know_yet_is_as_old_as_its_newest_file(repository: Path) -> None:
    (repository / "new").mkdir()
    (repository / "new/file").touch()
    os.utime(repository / "new/file", (NEWEST + 7, NEWEST + 7))

    assert source_date_epoch(repository / "new", {}) == NEWEST + 7
