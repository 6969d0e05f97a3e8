"""What tests of judgements share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.steps.release.judging import Fetch

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    folder = tmp_path / "fetched"
    folder.mkdir()
    return Fetch(folder)
