"""Copies of the tiny projects, one per condition, and their backends."""

from __future__ import annotations

import shutil
from pathlib import Path

PACKAGES = Path(__file__).parents[3] / "packages"
BACKENDS = ["flit", "hatchling", "in-tree-backend", "pdm-backend", "poetry-core", "setuptools"]
BACKENDS += ["uv-build", "dynamic-version"]


def copied(condition: str, to: Path) -> Path:
    shutil.copytree(PACKAGES / condition, to, ignore=shutil.ignore_patterns("dist", "*.egg-info"))
    return to
