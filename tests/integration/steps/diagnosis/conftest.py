"""A home, and the registries that the doctor asks: an emulator, and Google on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builder.server import Emulator
from tests.integration.servers.artifact_registry_api import ArtifactRegistryApi
from tests.integration.servers.google import Google
from tests.integration.steps.diagnosis.machine import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make a home, and a directory to work in, with no settings at all, and no program.

    To ask gcloud and others for their versions takes a second, each time.
    """
    for folder in ("work", "bin"):
        (tmp_path / "place" / folder).mkdir(parents=True)
    return tmp_path / "place"


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    virtuals = {"demo/all": {"demo/pypi": 1}}
    with Emulator(tmp_path / "registry", virtuals=virtuals, token=TOKEN) as emulator:
        yield emulator


@pytest.fixture
def google(tmp_path: Path, emulator: Emulator) -> Iterator[Google]:
    with Google(tmp_path, emulator.host, TOKEN) as google:
        yield google


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ArtifactRegistryApi]:
    with ArtifactRegistryApi(tmp_path) as api:
        yield api
