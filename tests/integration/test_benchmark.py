"""The benchmark measures, prints as README.md has it, and says what a program said that failed."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.benchmark import run, ways
from tests.benchmark.measure import usage
from tests.benchmark.report import Row

if TYPE_CHECKING:
    from pathlib import Path

FAILING = [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"]


def test_two_packages_are_measured_and_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = {name: run.WAYS[name] for name in (run.FLOOR, run.KEPT)}
    monkeypatch.setattr(run, "WAYS", quick)
    benchmark = run.Benchmark(tmp_path, rounds=1, packages=2, many=3)

    benchmark.ways()
    benchmark.check()

    # On a busy machine any bar may be missed.
    measured = re.compile(r"\d+\.\d\d((?: m?s)?)(?:, missed)?")
    lines = [measured.sub(r"N\1", line) for line in run.report(benchmark)]
    assert lines == [
        "| 2 packages | 1 worker | 2 workers | processor |",
        "| --- | --: | --: | --: |",
        *(f"| {name} | N s | N s | N s |" for name in quick),
        "",
        "| measured |  | bar |",
        "| --- | --: | --: |",
        "| check of 3: requests per project | N | 1 |",
        "| check: processor time per project over the parse of its page | N ms | 5 ms |",
    ]
    assert benchmark.rows[0].measured == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.partition("  ")[2].partition(":")[0] for line in told] == [
        f"{run.FLOOR.partition(':')[0]}",
        "shipwheel publish, 2 at a time",
        "shipwheel publish, the second time",
        f"{run.FLOOR.partition(':')[0]}",
        "shipwheel publish, 1 at a time",
        *(row.what.partition(":")[0] for row in benchmark.rows),
    ]


def test_a_bar_that_is_missed_is_printed() -> None:
    assert Row("time", 1.2, 1.1, " s").cells() == ("time", "1.20 s, missed", "1.1 s")


def test_a_program_that_fails_is_shown_with_what_it_printed() -> None:
    with pytest.raises(ways.ProgramFailed, match=r"ended with 3:\nthe reason$"):
        ways.run(*FAILING)
    with pytest.raises(ways.ProgramFailed, match=r"ended with 3:\nthe reason$"):
        usage(FAILING)
