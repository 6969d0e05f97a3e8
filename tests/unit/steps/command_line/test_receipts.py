"""How the receipt of an upload is shown."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from steps.command_line.report import print_receipt
from steps.release.release import Row
from tests.unit.terminal import CONTROL, shown_on_a_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

SHA256 = "6e" * 32
WHEEL = Row(
    project="harbour-tides",
    version="1.2.1",
    outcome="partial",
    file="harbour_tides-1.2.1-py3-none-any.whl",
    result="uploaded",
    size=1772,
    sha256=SHA256,
    registry="https://us-east4-python.pkg.dev/my-project/pypi/",
)
SDIST = replace(WHEEL, file="harbour_tides-1.2.1.tar.gz", result="found", size=1228)
BERTHS = replace(
    WHEEL,
    project="berths",
    version="2.0",
    outcome="identical",
    file="berths-2.0.tar.gz",
    result="found",
    size=None,
    sha256=None,
)
ROWS = (WHEEL, SDIST, BERTHS)
HEAD = "PROJECT        VERSION  OUTCOME    FILES                SIZE"
TABLE = [
    HEAD,
    "harbour-tides  1.2.1    partial    1 uploaded, 1 found  3.0 kB",
    "berths         2.0      identical  1 found              -",
]
HASHES = [
    f"{SHA256}     1.8 kB  harbour_tides-1.2.1-py3-none-any.whl",
    f"{SHA256}     1.2 kB  harbour_tides-1.2.1.tar.gz",
    f"{'-':64}          -  berths-2.0.tar.gz",
]


@pytest.fixture
def verbose() -> Iterator[None]:
    logger = logging.getLogger("shipwheel")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    yield
    logger.setLevel(before)


def test_a_log_has_a_row_for_each_version(capsys: pytest.CaptureFixture[str]) -> None:
    print_receipt(ROWS, as_json=False)

    assert capsys.readouterr().out.splitlines() == TABLE


@pytest.mark.usefixtures("verbose")
def test_hashes_are_below_it_where_more_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    print_receipt(ROWS, as_json=False)

    assert capsys.readouterr().out.splitlines() == [*TABLE, *HASHES]


@pytest.mark.parametrize("columns", [60, 62, 110, 200])
def test_the_table_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    show = partial(print_receipt, ROWS, as_json=False)

    shown = shown_on_a_terminal(monkeypatch, show, columns=columns)
    lines = CONTROL.sub("", shown).splitlines()

    assert max(map(len, lines)) <= columns
    assert {row.project for row in ROWS} <= {line.split(" ")[0] for line in lines}
    if columns > max(map(len, TABLE)):
        assert [line.rstrip() for line in lines[1:]] == TABLE[1:]


def test_nothing_is_an_empty_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_receipt((), as_json=False)

    assert capsys.readouterr().out == "PROJECT  VERSION  OUTCOME  FILES  SIZE\n"


def test_one_line_sums_up(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "shipwheel")
    left = replace(BERTHS, project="dues", result="left")

    print_receipt((*ROWS, left), as_json=False)

    (record,) = caplog.records
    start = "3 packages: 1 published, 1 identical, 1 left, in "
    assert record.getMessage().startswith(start)
