"""Tells whether a lock still has what it was pinned from, by the digest in its first line."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steps.functions.requirements_file import RequirementsFile

_LENGTH = 16  # hexadecimal digits: enough to see a change, short enough for a line


def digest(files: Iterable[RequirementsFile]) -> str:
    """Return the digest of what *files* require; comments and line ends do not count."""
    contents = [line.content for file in files for line in file.lines if line.content]
    return hashlib.sha256("\n".join(contents).encode()).hexdigest()[:_LENGTH]
