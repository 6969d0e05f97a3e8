"""A loopback project, and a repository to set it up for."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.integration.servers.project_api import ProjectApi
from tests.integration.triggers.cloud_project.project import SAMPLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(name="api")
def _api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProjectApi]:
    with ProjectApi() as api:
        api.send_gcloud_here(monkeypatch)
        yield api


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    """Return a copy of the sample repository without its function: fewer calls of gcloud."""
    root = tmp_path / "harbour"
    shutil.copytree(SAMPLE, root)
    manifest = yaml.safe_load((root / "shipwheel.yaml").read_text())
    del manifest["overrides"]
    (root / "shipwheel.yaml").write_text(yaml.safe_dump({**manifest, "functions": {"include": []}}))
    return root
