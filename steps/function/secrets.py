"""Finds tokens and keys in the files of a directory, by their look."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGEST = 1 << 20  # bytes; a file that somebody wrote is smaller
_NEVER = {".git", ".venv", "__pycache__", "node_modules", "site-packages"}
_SECRET = re.compile(
    r"ya29\.[\w-]{16,}"  # an access token
    r"|-----BEGIN (?:RSA |EC )?PRIVATE KEY-----"
    r"|_json_key_base64:[A-Za-z0-9+/=%]{16,}"
    r"|://oauth2accesstoken:(?!\{\{|\$|\*|<|%[({s]|[A-Z_]+@)[^@\s/\"']+@"
    r"|://[^/@:\s\"']*:(?!\{\{|\$|\*|<|%[({s])[^@\s/\"']{16,}@[\w.-]*pkg\.dev"
)


def find_secrets(directory: Path, *, leave_out: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Yield path and line of each secret below *directory*, but for the paths in *leave_out*."""
    for folder, folders, files in os.walk(directory):
        folders[:] = sorted(name for name in folders if name not in _NEVER)
        for name in sorted(files):
            path = Path(folder, name)
            inside = path.relative_to(directory).as_posix()
            if inside not in leave_out:
                for number in _lines(path):
                    yield inside, number


def _lines(path: Path) -> Iterator[int]:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
            return
        content = path.read_bytes()
    except OSError:
        return
    if b"\0" in content:
        return
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        if _SECRET.search(line):
            yield number
