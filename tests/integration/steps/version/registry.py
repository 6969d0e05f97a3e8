"""What a registry holds before a bump."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tree import write

if TYPE_CHECKING:
    from pathlib import Path


def hold(registry: Path, name: str, *versions: str) -> None:
    """Have the emulator's folder *registry* hold an sdist of each of *versions*."""
    for version in versions:
        write(registry / "demo/pypi" / name, {f"{name}-{version}.tar.gz": version})
