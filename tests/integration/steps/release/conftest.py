"""A registry emulator that asks for a token, and a project's files to upload to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from steps.distribution.files import Distribution


@pytest.fixture
def files(tmp_path: Path) -> tuple[Distribution, ...]:
    return make_distributions(make_project(tmp_path, "berths", padding=300_000))
