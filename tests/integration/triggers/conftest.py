"""Google's APIs on loopback, as far as triggers and what they start ask them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.servers.cloud_build_api import CloudBuildApi
from tests.integration.servers.functions_api import FunctionsApi

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="api")
def _api(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudBuildApi]:
    """Serve triggers and builds, to every gcloud that is started from here."""
    with CloudBuildApi() as api:
        api.send_gcloud_here(monkeypatch)
        yield api


@pytest.fixture(name="functions_api")
def _functions_api() -> Iterator[FunctionsApi]:
    with FunctionsApi() as api:
        yield api
