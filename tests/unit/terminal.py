"""What a program shows on a terminal."""

from __future__ import annotations

import os
import pty
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What a terminal obeys."""


def shown_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
    show: Callable[[], None],
    *,
    columns: int = 80,
    stream: Literal["stdout", "stderr"] = "stdout",
) -> str:
    """Call *show* with a terminal as *stream*, and return what is to be seen there."""
    shows, printed_to = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    with os.fdopen(printed_to, "w") as terminal:
        monkeypatch.setattr(sys, stream, terminal)
        show()
    seen = b""
    with suppress(OSError):  # what Linux raises after the last of it
        while part := os.read(shows, 9999):
            seen += part
    os.close(shows)
    return seen.decode()
