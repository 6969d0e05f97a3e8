"""A loopback Cloud Build, and a repository of three triggers for it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.integration.triggers.live.repository import SAMPLE

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    """Return a copy of the sample repository with one package: two triggers, and one function."""
    root = tmp_path / "harbour"
    shutil.copytree(SAMPLE, root)
    manifest = yaml.safe_load((root / "shipwheel.yaml").read_text())
    manifest["packages"] = {"include": ["packages/dues"]}
    manifest["publish"] = {"ignoredFiles": ["**/*.md"], "approval": True}
    (root / "shipwheel.yaml").write_text(yaml.safe_dump(manifest))
    return root
