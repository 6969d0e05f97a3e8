"""What a machine may lack: tests that need it are skipped there, and say so. In CI a skip fails."""

from __future__ import annotations

import shutil

import pytest

from tests.integration.browser import CHROMIUM

needs_gcloud = pytest.mark.skipif(not shutil.which("gcloud"), reason="gcloud is not installed")
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
needs_terraform = pytest.mark.skipif(
    not shutil.which("terraform"), reason="terraform is not installed"
)
