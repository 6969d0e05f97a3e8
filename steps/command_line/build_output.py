"""The output of a Cloud Build step: a short text that shows in the build's results."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Cloud Build keeps this much of a step's `output` file.
MAX_BYTES = 4096
OUTPUT_VARIABLE = "BUILDER_OUTPUT"


def write_build_output(lines: Iterable[str], environ: Mapping[str, str]) -> None:
    """Append *lines* to `$BUILDER_OUTPUT/output`, where a build has one.

    Other commands of the same step may write there, too: together they stay within 4 KB, each
    line is there whole or not at all, and the last says how many were left out.
    """
    folder = environ.get(OUTPUT_VARIABLE)
    if not folder or not Path(folder).is_dir():
        return
    with (Path(folder) / "output").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(fitting(lines, MAX_BYTES - file.seek(0, os.SEEK_END)))


def fitting(lines: Iterable[str], size: int) -> bytes:
    """Return as many of *lines* as fit into *size* bytes, and how many did not."""
    encoded = [f"{line}\n".encode() for line in lines]
    for kept in range(len(encoded), -1, -1):
        left_out = len(encoded) - kept
        tail = f"... and {left_out} more lines\n".encode() if left_out else b""
        text = b"".join(encoded[:kept]) + tail
        if len(text) <= size:
            return text
    return b""
