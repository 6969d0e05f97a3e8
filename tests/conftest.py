"""What all tests share: none is skipped where all have to run, and attacks are counted."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.attacks import note, render

if TYPE_CHECKING:
    from collections.abc import Generator


# Whoever starts the tests in the background may have them ignore Ctrl-C, and their children too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and "SHIPWHEEL_NO_SKIPS" in os.environ and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped where all have to run: {report.longrepr}"
    note(item, report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = (report for each in terminalreporter.stats.values() for report in each)
    properties = (it for report in reports for it in getattr(report, "user_properties", ()))
    if lines := render(properties):
        terminalreporter.section("attacks")
        for line in lines:
            terminalreporter.write_line(line)
