"""Repositories written for a test, and what discovery finds in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.tree import write
from tests.unit.triggers.manifest.test_manifest import SMALLEST
from triggers.discovery.inventory import (
    Inventory,
    take_inventory,
)
from triggers.manifest.manifest import parse_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


IMPORT = "import functions_framework\n"


BUILDS = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'


def project(name: str, *dependencies: str, more: str = "") -> str:
    """Return a `pyproject.toml` that builds."""
    lines = ", ".join(f"'{line}'" for line in dependencies)
    return (
        f'{BUILDS}[project]\nname = "{name}"\nversion = "1.0"\ndependencies = [{lines}]\n{more}\n'
    )


def inventory(root: Path, files: Mapping[str, str], **manifest: Any) -> Inventory:
    return take_inventory(write(root, files), parse_manifest({**SMALLEST, **manifest}))


def found(root: Path, files: Mapping[str, str], **manifest: Any) -> dict[str, str]:
    return {each.path: each.kind for each in inventory(root, files, **manifest).components}


def folders(root: Path, files: Mapping[str, str], path: str = "a") -> tuple[str, ...]:
    taken = inventory(root, files)
    assert taken.warnings == ()
    return next(each for each in taken.components if each.path == path).dependencies.folders
