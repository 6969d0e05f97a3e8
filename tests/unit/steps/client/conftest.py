"""An empty home and a project for `shipwheel settings`, and a service-account key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.steps.client.desk import KEY

if TYPE_CHECKING:
    from pathlib import Path


_PLACES = (
    *("VIRTUAL_ENV", "NETRC", "XDG_CONFIG_HOME", "PIP_CONFIG_FILE", "UV_CONFIG_FILE"),
    *("UV_NO_CONFIG", "POETRY_CONFIG_DIR", "PDM_CONFIG_FILE"),
)
_INDEXES = (
    *("TWINE_USERNAME", "TWINE_PASSWORD", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX"),
    *("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "SHIPWHEEL_REGISTRY"),
    "ARTIFACT_REGISTRY_EMULATOR_HOST",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the command an empty home, a new project, and an API that does not answer."""
    monkeypatch.setattr("steps.settings._described", lambda _registry: None)
    for variable in (*_PLACES, *_INDEXES):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "project/pyproject.toml").write_text('[project]\nname = "office"\n')
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "home"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(KEY))
    return path


@pytest.fixture
def pip_conf(home: Path) -> Path:
    path = home / ".config/pip/pip.conf"
    path.parent.mkdir(parents=True)
    return path
