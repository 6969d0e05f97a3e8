"""Child processes end with all that they started."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from steps import process
from tests.processes import wait_until_ended

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A child that starts a grandchild, writes its number, and waits for it.
PARENT = (
    "import subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "open(sys.argv[1], 'w').write(str(child.pid))\n"
    "child.wait()\n"
)


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def grandchild(path: Path) -> int:
    wait_until(lambda: path.exists() and path.read_text())
    return int(path.read_text())


def test_output_and_errors_are_returned() -> None:
    code = "import sys; print(sys.stdin.read() + 'out'); sys.exit('err')"

    result = process.run([sys.executable, "-c", code], environ=os.environ)

    assert (result.returncode, result.stdout, result.stderr) == (1, "out\n", "err\n")


def test_the_time_limit_ends_grandchildren_too(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        process.run(
            [sys.executable, "-c", PARENT, str(tmp_path / "pid")], environ=os.environ, seconds=2
        )

    wait_until_ended(grandchild(tmp_path / "pid"))


def test_end_children_ends_what_another_thread_waits_for(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", PARENT, str(tmp_path / "pid")]
    thread = threading.Thread(target=process.run, args=[arguments], kwargs={"environ": os.environ})
    thread.start()
    number = grandchild(tmp_path / "pid")

    process.end_children()

    thread.join(10)
    assert not thread.is_alive()
    wait_until_ended(number)
