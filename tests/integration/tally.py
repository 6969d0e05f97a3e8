"""What the tests of publishing tried and found, for the table at the end of the run.

A test writes into its own report, so that the numbers come together from all workers.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_KEY = "shipwheel-tally"


@dataclass(frozen=True)
class Tally:
    """The part of one test: *properties* are those of its report."""

    properties: list[tuple[str, Any]]

    def fault(self, name: str) -> None:
        """Count a fault that was tried."""
        self._add("faults tried", name)

    def kill(self, name: str) -> None:
        """Count a point at which a publish was killed."""
        self._add("kill points tried", name)

    def outcomes(self, names: Iterable[str]) -> None:
        """Count how publishes, or files of theirs, ended."""
        for name in names:
            self._add("outcomes", name)

    def registry(self, expected: Mapping[str, str], stored: Mapping[str, str]) -> None:
        """Compare what a registry should hold with what it holds, each as sha256 by file name."""
        lost = {name for name, sha256 in expected.items() if stored.get(name) != sha256}
        doubled = stored.keys() - expected.keys()
        for title, names in (("files lost", lost), ("files doubled", doubled)):
            for name in sorted(names):
                self._add(title, name)
        assert stored == expected

    def leaks(self, places: int, found: Iterable[str]) -> None:
        """Count the *places* that were searched for a secret, and those where one was *found*."""
        self._add("places searched", "", places)
        where = list(found)
        for name in where:
            self._add("secrets leaked", name)
        assert where == []

    def _add(self, title: str, name: str, count: int = 1) -> None:
        self.properties.append((_KEY, [title, name, count]))


def render(properties: Iterable[tuple[str, Any]]) -> list[str]:
    """Return the lines of the table, or nothing when no test wrote into it."""
    table: dict[str, Counter[str]] = {}
    for key, value in properties:
        if key == _KEY:
            title, name, count = value
            table.setdefault(title, Counter())[name] += count
    if not table:
        return []
    places = table.pop("places searched", Counter()).total()
    lines = [
        line
        for title in (
            "faults tried",
            "kill points tried",
            "outcomes",
            "files lost",
            "files doubled",
            "secrets leaked",
        )
        for line in _lines(title, table.get(title, Counter()))
    ]
    lines[-1] += f"  (places searched: {places})"
    return lines


def _lines(title: str, names: Counter[str]) -> list[str]:
    head = f"{title:<18} {names.total():>5}"
    if not names:
        return [head]
    detail = "; ".join(f"{name}: {count}" for name, count in sorted(names.items()))
    indent = " " * len(f"{head}  ")
    return textwrap.wrap(f"{head}  {detail}", width=100, subsequent_indent=indent)
