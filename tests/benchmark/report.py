"""What the measurements print: progress while they run, and tables for docs/speed.md."""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


@dataclass(frozen=True)
class Row:
    """A line of the second table: what was measured; and the bar that it is compared with."""

    what: str
    measured: float
    bar: float
    unit: str = ""

    def cells(self) -> tuple[str, str]:
        """Return the cells of the table, which is for readers and has no bar."""
        return self.what, f"{self.measured:.2f}{self.unit}"

    def __str__(self) -> str:
        missed = "" if self.measured <= self.bar else ", missed"
        return f"{': '.join(self.cells())}{missed} (bar: {self.bar:g}{self.unit})"


def tell(text: object) -> None:
    """Say at once how far the measurements are; the tables alone are standard output."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown; all columns but the first are numbers."""
    yield from (_line(head), _line(["---", *["--:"] * (len(head) - 1)]))
    yield from map(_line, rows)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def machine() -> str:
    """Return the machine, in words."""
    models = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    model = models[0].partition(":")[2].strip() if models else platform.machine()
    return (
        f"{os.cpu_count()} processors ({model}), {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} before the start"
    )
