"""Runs what the documents show: `make docs` writes its output anew, `make lint` compares it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = (".", "builder", "steps", "triggers", "tests/example")
GUIDE = ROOT / "docs" / "guide"
DOCUMENTS = sorted(
    [path for folder in FOLDERS for path in (ROOT / folder).glob("*.md")]
    + [*(ROOT / "docs").rglob("*.md")]
)
