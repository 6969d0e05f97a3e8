"""Whether a process that a test did not start itself is still there."""

from __future__ import annotations

import time
from pathlib import Path


def is_running(number: int) -> bool:
    """Return whether process *number* runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text(encoding="ascii").split()[2] != "Z"
    except OSError:
        return False


def wait_until_ended(number: int, seconds: float = 10) -> None:
    """Wait for the end of process *number*: one that was killed takes its moment."""
    end = time.monotonic() + seconds
    while is_running(number):
        assert time.monotonic() < end, f"process {number} still runs"
        time.sleep(0.01)
