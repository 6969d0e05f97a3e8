"""A finding in a file of the user's: what is wrong, where, under which code, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Finding:
    """A finding; sorted as a reader goes through the files. *line* 0 is the file as a whole."""

    file: str
    line: int
    code: str
    message: str
    hint: str = ""
