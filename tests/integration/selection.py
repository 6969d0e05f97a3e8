"""Parameters of which `make test` takes some, and `make test-exhaustive` the others."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


exhaustive = pytest.mark.exhaustive


def sample(name: str, values: Iterable[object], *kept: object) -> pytest.MarkDecorator:
    """Run the test with each of *values*; all but those *kept* are exhaustive."""
    marks = [(it, () if it in kept else exhaustive) for it in values]
    return pytest.mark.parametrize(name, [pytest.param(it, marks=mark) for it, mark in marks])


def sample_pairs(
    names: tuple[str, str], first: Collection[str], second: Collection[str]
) -> pytest.MarkDecorator:
    """Run the test with each of *first* and each of *second*.

    Exhaustive are those but each of *first* with the first of *second*, and each of the others of
    *second* with one of *first*, all of which are taken in turn.
    """
    pairs = [
        pytest.param(
            one,
            other,
            marks=exhaustive if column and (row + column) % len(first) else (),
            id=f"{one}-{other}",
        )
        for (row, one), (column, other) in product(enumerate(first), enumerate(second))
    ]
    return pytest.mark.parametrize(names, pairs)
