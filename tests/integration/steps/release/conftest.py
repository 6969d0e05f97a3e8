"""A project's files to upload to an emulator: its wheel holds what a compiler wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tiny import make_compiled, noise

if TYPE_CHECKING:
    from pathlib import Path

    from steps.distribution.files import Distribution


@pytest.fixture
def files(tmp_path: Path) -> tuple[Distribution, ...]:
    return make_compiled(tmp_path, "berths", "_c.so", b"\x7fELF" + noise(300_000))
