"""Draws horizontal bars as an SVG that reads on light and on dark pages."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_WIDTH, _LABELS, _HEIGHT, _TOP = 760, 300, 26, 40
_OURS, _THEIRS = "#2a78d6", "#8a8f98"


def bars(title: str, values: Mapping[str, float]) -> str:
    """Return an SVG with a bar for each of *values*; those of Shipwheel have the colour."""
    scale = (_WIDTH - _LABELS - 70) / max(values.values())
    height = _TOP + _HEIGHT * len(values) + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"',
        f' width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        "<style>text{fill:#24292f}@media(prefers-color-scheme:dark){text{fill:#e6edf3}}</style>",
        f'<text x="8" y="22" font-weight="bold">{escape(title)}</text>',
    ]
    for number, (name, value) in enumerate(values.items()):
        y = _TOP + _HEIGHT * number
        colour = _OURS if name.startswith("shipwheel") else _THEIRS
        width = max(value * scale, 1)
        lines += [
            f'<text x="{_LABELS - 8}" y="{y + 16}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{_LABELS}" y="{y + 3}" width="{width:.1f}" height="{_HEIGHT - 8}"',
            f' rx="3" fill="{colour}"/>',
            f'<text x="{_LABELS + width + 6:.1f}" y="{y + 16}">{value:.1f} s</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
