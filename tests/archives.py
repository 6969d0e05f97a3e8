"""What is in a distribution, for tests that compare two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.distribution.archive import open_archive

if TYPE_CHECKING:
    from pathlib import Path


def member_hashes(path: Path) -> dict[str, str]:
    """Return the sha256 of every file in a distribution, an sdist's without its top folder."""
    with open_archive(path) as archive:
        return {name: content.sha256 for name, content in archive.contents().items()}
