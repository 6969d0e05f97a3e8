"""The clock of every build."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from steps.reproducible import EARLIEST, LATEST, source_date_epoch

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
        ("-1", NEWEST),
        ("yesterday", NEWEST),
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
