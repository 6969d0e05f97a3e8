"""Parameters of which `make test` takes some, and `make test-exhaustive` the others."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


exhaustive = pytest.mark.exhaustive


def sample(
    name: str, values: Iterable[object], *kept: object, indirect: bool = False
) -> pytest.MarkDecorator:
    """Run the test with each of *values*; all but those *kept* are exhaustive.

    Where it is *indirect*, the fixture *name* is given the value.
    """
    marks = [(it, () if it in kept else exhaustive) for it in values]
    values = [pytest.param(it, marks=mark) for it, mark in marks]
    return pytest.mark.parametrize(name, values, indirect=indirect)


def sample_pairs(
    names: tuple[str, str], first: Collection[str], second: Collection[str], *kept: str
) -> pytest.MarkDecorator:
    """Run the test with each of *first* and each of *second*.

    Exhaustive are those but each of *first* with the first of *second*, and each of those *kept* of
    *second* with one of *first*, all of which are taken in turn.
    """
    taken = {(other, turn % len(first)) for turn, other in enumerate(kept)}
    pairs = [
        pytest.param(
            one,
            other,
            marks=() if not column or (other, row) in taken else exhaustive,
            id=f"{one}-{other}",
        )
        for (row, one), (column, other) in product(enumerate(first), enumerate(second))
    ]
    return pytest.mark.parametrize(names, pairs)
