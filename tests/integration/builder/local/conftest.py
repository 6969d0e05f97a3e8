"""A laptop to run a build config on, and a registry emulator for its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builder.server import Emulator
from tests.integration.builder.local.laptop import Laptop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    return Laptop(tmp_path)


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator(tmp_path / "registry", repositories=["p/pypi"]) as emulator:
        yield emulator
