"""A registry emulator, and a netrc file that is never read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "netrc"
    lines = [
        f"machine {host} login n password netrc-planted" for host in ("127.0.0.1", "localhost")
    ]
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
