"""What a program shows on a terminal."""

from __future__ import annotations

import os
import pty
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def shown_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, show: Callable[[], None], *, columns: int = 80
) -> str:
    """Call *show* with a terminal as standard output, and return what is to be seen there."""
    shows, printed_to = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    with os.fdopen(printed_to, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        show()
    seen = b""
    with suppress(OSError):  # what Linux raises after the last of it
        while part := os.read(shows, 9999):
            seen += part
    os.close(shows)
    return seen.decode()
