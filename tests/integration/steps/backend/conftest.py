"""What is made once for all the builds of a run: a context, and an environment for hooks."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import uv

from steps.backend.context import BuildOptions, open_build_context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steps.backend.context import BuildContext


@pytest.fixture(scope="session", name="context")
def _context() -> Iterator[BuildContext]:
    options = BuildOptions(workers=2, timeout=120)
    with open_build_context(options, os.environ) as context:
        yield context


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run(
        [uv.find_uv_bin(), "venv", "--quiet", "--python", sys.executable, folder], check=True
    )
    return folder
