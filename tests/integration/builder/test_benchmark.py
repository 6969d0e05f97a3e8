"""The benchmark measures, prints as docs/speed.md has it, and shows the error of a program."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.benchmark import run, ways
from tests.benchmark.measure import usage
from tests.benchmark.report import Row
from tests.integration.selection import exhaustive

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FAILING = [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"]


@exhaustive
def test_two_packages_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = {name: run.WAYS[name] for name in (run.FLOOR, run.KEPT)}
    monkeypatch.setattr(run, "WAYS", quick)
    benchmark = run.Benchmark(tmp_path, rounds=1, packages=2, many=1)

    benchmark.ways()

    assert without_figures(run.report(benchmark))[:5] == [
        "| 2 packages | 1 worker | 2 workers | processor |",
        "| --- | --: | --: | --: |",
        *(f"| {name} | N s | N s | N s |" for name in quick),
        "",
    ]
    told = capsys.readouterr().err.splitlines()
    assert without_figures(line.partition("  ")[2] for line in told) == [
        f"{run.FLOOR}, 2 at a time: N s",
        f"{run.KEPT}, 2 at a time: N s",
        f"{run.KEPT}, the second time: N s",
        f"{run.FLOOR}, 1 at a time: N s",
        f"{run.KEPT}, 1 at a time: N s",
    ]


def test_the_tables_come_at_the_end_and_a_plot_only_of_all_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = tmp_path / "plot.svg"
    arguments = ["--packages", "1", "--many", "3", "--only", "check", "--plot", str(plot)]
    monkeypatch.setattr(sys, "argv", ["run", *arguments])

    assert run.main() == 0

    machine, *lines = capsys.readouterr().out.splitlines()
    assert machine.endswith(", medians of 3 rounds")
    assert "| check of 3: requests per project | 1.00 |" in lines
    assert without_figures(lines) == [
        "",
        "| measured |  |",
        "| --- | --: |",
        "| check of 3: requests per project | N |",
        "| check: processor time per project over the parse of its page | N ms |",
    ]
    assert not plot.exists()


def without_figures(lines: Iterable[str]) -> list[str]:
    """Return *lines* without what was measured."""
    measured = re.compile(r"-?\d+\.\d\d((?: m?s)?)")
    return [measured.sub(r"N\1", line) for line in lines]


def test_a_bar_that_is_missed_is_printed() -> None:
    assert str(Row("time", 1.2, 1.1, " s")) == "time: 1.20 s, missed (bar: 1.1 s)"


def test_a_program_that_fails_is_shown_with_what_it_printed() -> None:
    with pytest.raises(ways.ProgramFailed, match=r"ended with 3:\nthe reason$"):
        ways.run(*FAILING)
    with pytest.raises(ways.ProgramFailed, match=r"ended with 3:\nthe reason$"):
        usage(FAILING)
