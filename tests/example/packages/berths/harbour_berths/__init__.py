"""Which berth a vessel can lie at, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harbour_tides import height

if TYPE_CHECKING:
    from collections.abc import Iterable

KEEL_CLEARANCE = 0.5


@dataclass(frozen=True)
class Vessel:
    """A vessel that wants a berth; length and draught are in metres."""

    name: str
    length: float
    draught: float


@dataclass(frozen=True)
class Berth:
    """A place at the quay; its depth is in metres below chart datum."""

    name: str
    length: float
    depth: float

    def takes(self, vessel: Vessel, tide: float) -> bool:
        """Return whether *vessel* fits, with *tide* metres of water over chart datum."""
        return vessel.length <= self.length and vessel.draught + KEEL_CLEARANCE <= self.depth + tide


def find_berth(vessel: Vessel, berths: Iterable[Berth], tide: float = 0) -> Berth | None:
    """Return the shortest berth that takes *vessel*, or None when there is none."""
    fitting = [berth for berth in berths if berth.takes(vessel, tide)]
    return min(fitting, key=lambda berth: berth.length, default=None)


def first_hour(vessel: Vessel, berth: Berth, low: float, high: float) -> int | None:
    """Return the first full hour after low water at which *berth* takes *vessel*."""
    hours = (hour for hour in range(7) if berth.takes(vessel, height(low, high, hour)))
    return next(hours, None)
