"""A registry that is not Artifact Registry: pypiserver, as its own program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import requests

from builder.__main__ import main
from tests.ports import unused_port
from tests.tiny import make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "packages").mkdir()
    port = unused_port()
    options = ("--interface", "127.0.0.1", "--port", str(port), "-P", ".", "-a", ".")
    with subprocess.Popen(
        [sys.executable, "-m", "pypiserver", "run", *options, str(tmp_path / "packages")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    ) as process:
        url = f"http://127.0.0.1:{port}/"
        for _ in range(200):
            try:
                requests.get(url, timeout=5)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield url
        process.terminate()


def test_pypiserver_is_published_to_once(
    registry: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = str(make_project(tmp_path / "tides", "tides", "1.0"))

    for expected in ({("new", "uploaded")}, {("identical", "found")}):
        assert main(["-q", "publish", project, "--registry", registry, "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)
        assert {(row["outcome"], row["result"]) for row in rows} == expected
    stored = {path.suffix for path in (tmp_path / "packages").iterdir()}
    assert stored == {".whl", ".gz"}
