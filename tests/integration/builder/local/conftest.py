"""A laptop to run a build config on, and a registry emulator for its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.builder.local.laptop import Laptop

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    return Laptop(tmp_path)
