"""What a vessel owes for its nights in the harbour."""

from __future__ import annotations

from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harbour_berths import Vessel

PER_METRE_AND_NIGHT = Decimal("3.50")
NIGHTS_PAID_PER_WEEK = 6


def dues(vessel: Vessel, nights: int) -> Decimal:
    """Return the dues for *nights*; a started metre counts, the seventh night is free."""
    weeks, rest = divmod(nights, 7)
    return PER_METRE_AND_NIGHT * ceil(vessel.length) * (weeks * NIGHTS_PAID_PER_WEEK + rest)
