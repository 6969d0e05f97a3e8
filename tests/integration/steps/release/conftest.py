"""A registry emulator that asks for a token, and a project's files to upload to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builder.server import Emulator
from tests.integration.steps.release.sending import TOKEN
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steps.distribution.files import Distribution


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator(tmp_path / "registry", token=TOKEN) as emulator:
        yield emulator


@pytest.fixture
def files(tmp_path: Path) -> tuple[Distribution, ...]:
    return make_distributions(make_project(tmp_path, "berths", padding=300_000))
