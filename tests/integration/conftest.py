"""Integration tests use real programs, and sockets on loopback only."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

from builder.server import Emulator
from tests.integration.tally import Tally, render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pytest_configure(config: pytest.Config) -> None:
    """Give each worker a folder for builds of its own: builds of one name take turns in one.

    uv starts every Python of PATH once, and the shims of pyenv are slow: what they start is there.
    """
    here = os.path.join(sys.base_prefix, "bin")  # noqa: PTH118 - a text among others
    folders = os.environ["PATH"].split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(here if it.endswith("/shims") else it for it in folders)
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = tempfile.mkdtemp(prefix="worker-")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        os.environ["TMPDIR"] = tempfile.tempdir = folder


@pytest.fixture
def emulator(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """Serve the registry in `registry/`; a marker of this name has the emulator's arguments."""
    marker = request.node.get_closest_marker("emulator")
    with Emulator(tmp_path / "registry", **(marker.kwargs if marker else {})) as emulator:
        yield emulator


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Count what this test tries into the table at the end of the run."""
    return Tally(request.node.user_properties)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    properties = [
        entry
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for entry in report.user_properties
    ]
    if lines := render(properties):
        terminalreporter.section("publishing under faults and kills")
        for line in lines:
            terminalreporter.write_line(line)
