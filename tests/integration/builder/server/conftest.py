"""The registry emulator: one that is open to all, one that asks for a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builder.server import Emulator
from tests.integration.builder.server.plain_http import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator(tmp_path / "registry", token=TOKEN) as emulator:
        yield emulator
