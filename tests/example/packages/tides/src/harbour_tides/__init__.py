"""The height of the tide between low water and high water."""

from __future__ import annotations

from itertools import pairwise

# How many twelfths of the range the water has risen, full hours after low water.
TWELFTHS = (0, 1, 3, 6, 9, 11, 12)


def height(low: float, high: float, hours: float) -> float:
    """Return the height in metres, *hours* after low water, by the rule of twelfths."""
    if not 0 <= hours <= len(TWELFTHS) - 1:
        message = f"the tide rises for six hours: {hours!r}"
        raise ValueError(message)
    hour = min(int(hours), len(TWELFTHS) - 2)
    before, after = [*pairwise(TWELFTHS)][hour]
    risen = before + (after - before) * (hours - hour)
    return round(low + (high - low) * risen / 12, 2)
