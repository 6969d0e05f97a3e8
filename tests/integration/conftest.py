"""Integration tests use real programs, and sockets on loopback only."""

from __future__ import annotations

import pytest

from tests.integration.tally import Tally, render


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
