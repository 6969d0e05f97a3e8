"""What the tests attacked, and what withstood it, for the table at the end of a run.

A test is an attack by its marker: `attack(AREA)`, with `cases` where it tries many. It has been
withstood when the test passes.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

_KEY = "shipwheel-attack"


def note(item: pytest.Item, report: pytest.TestReport) -> None:
    """Write into *report* what the test *item* has tried, if it is an attack."""
    marker = item.get_closest_marker("attack")
    if marker and report.when == "call":
        tried = marker.kwargs.get("cases", 1)
        report.user_properties.append((_KEY, [*marker.args, tried, tried * report.passed]))


def render(properties: Iterable[tuple[str, Any]]) -> list[str]:
    """Return the lines of the table, or nothing when no test was an attack."""
    tried, survived = Counter[str](), Counter[str]()
    for key, value in properties:
        if key == _KEY:
            area, cases, passed = value
            tried[area] += cases
            survived[area] += passed
    if not tried:
        return []
    rows = [(area, str(tried[area]), str(survived[area])) for area in sorted(tried)]
    width = max(map(len, tried))
    lines = [("area", "tried", "survived"), *rows]
    return [f"{area:<{width}}  {cases:>5}  {passed:>8}" for area, cases, passed in lines]
