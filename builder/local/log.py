"""The build's log, as Cloud Build prints it, without the value of any secret."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SHORTEST_LINE = 8  # of a secret of many lines; shorter ones would blot out the log
MASK = "***"


class BuildLog:
    """Writes lines, one at a time whoever calls; *write* gets each with its line break."""

    def __init__(self, write: Callable[[str], None], secrets: Iterable[str] = ()) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._secrets = _pattern(secrets)

    def line(self, text: str = "") -> None:
        """Write a line of the builder's own."""
        with self._lock:
            self._write(f"{self.mask(text)}\n")

    def step_line(self, label: str, text: str) -> None:
        """Write a line of a step's output."""
        self.line(f"{label}: {text}")

    def mask(self, text: str) -> str:
        """Return *text* with every secret blotted out."""
        return self._secrets.sub(MASK, text) if self._secrets else text


def _pattern(secrets: Iterable[str]) -> re.Pattern[str] | None:
    parts = set()
    for secret in secrets:
        parts.add(secret.strip())
        # A key of many lines is printed line by line.
        parts |= {line.strip() for line in secret.splitlines() if len(line) >= _SHORTEST_LINE}
    longest_first = sorted(filter(None, parts), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
