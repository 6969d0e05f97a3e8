"""How the receipt of an upload is shown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from steps.command_line.report import print_receipt
from steps.release.release import Row
from tests.unit.terminal import shown_on_a_terminal

if TYPE_CHECKING:
    import pytest

SHA256 = "6e" * 32
REGISTRY = "https://us-east4-python.pkg.dev/my-project/pypi/"
TIDES = Row(
    project="harbour-tides",
    version="1.2.1",
    outcome="new",
    file="harbour_tides-1.2.1-py3-none-any.whl",
    result="uploaded",
    size=1772,
    sha256=SHA256,
    registry=REGISTRY,
)
BERTHS = Row(
    project="berths",
    version="2.0",
    outcome="identical",
    file="berths-2.0.tar.gz",
    result="found",
    size=None,
    sha256=None,
    registry=REGISTRY,
)
ROWS = (TIDES, BERTHS)
TABLE = (
    "PROJECT        VERSION  OUTCOME    FILE                                  RESULT    SIZE  "
    f"  SHA256{' ' * 58}  REGISTRY\n"
    "harbour-tides  1.2.1    new        harbour_tides-1.2.1-py3-none-any.whl  uploaded  1.8 kB"
    f"  {SHA256}  {REGISTRY}\n"
    "berths         2.0      identical  berths-2.0.tar.gz                     found     -     "
    f"  -{' ' * 63}  {REGISTRY}\n"
)
LIST = (
    f"harbour-tides 1.2.1: new, in {REGISTRY}\n"
    "  harbour_tides-1.2.1-py3-none-any.whl: uploaded, 1.8 kB\n"
    f"    sha256:{SHA256}\n"
    f"berths 2.0: identical, in {REGISTRY}\n"
    "  berths-2.0.tar.gz: found\n"
)


def shown(monkeypatch: pytest.MonkeyPatch, *rows: Row, columns: int) -> str:
    show = partial(print_receipt, rows, as_json=False)
    return shown_on_a_terminal(monkeypatch, show, columns=columns).replace("\r\n", "\n")


def test_what_no_terminal_shows_is_a_table_however_wide(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    print_receipt(ROWS, as_json=False)

    assert capsys.readouterr().out == TABLE


def test_a_terminal_shows_the_table_where_it_fits_and_a_list_where_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    width = max(map(len, TABLE.splitlines()))

    assert shown(monkeypatch, *ROWS, columns=width) == TABLE
    assert shown(monkeypatch, *ROWS, columns=width - 1) == LIST
    assert max(map(len, LIST.splitlines())) < 80


def test_nothing_is_an_empty_table(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, columns=10) == (
        "PROJECT  VERSION  OUTCOME  FILE  RESULT  SIZE  SHA256  REGISTRY\n"
    )
