"""A Cloud Function that finds a berth: `?length=24&draught=2.4&tide=1`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import functions_framework
from harbour_berths import Berth, Vessel, find_berth

if TYPE_CHECKING:
    from flask import Request

QUAY = (
    Berth("North", length=30, depth=2.0),
    Berth("South", length=80, depth=4.5),
    Berth("Ferry", length=140, depth=7.0),
)


@functions_framework.http
def find(request: Request) -> tuple[dict[str, object], int]:
    """Answer with the berth for the vessel that the query describes."""
    try:
        length, draught, tide = (
            float(request.args.get(name, 0)) for name in ("length", "draught", "tide")
        )
    except ValueError as error:
        return {"error": str(error)}, 400
    berth = find_berth(Vessel("", length, draught), QUAY, tide)
    return (asdict(berth), 200) if berth else ({"error": "no berth is free for that"}, 404)
