"""Child processes end with all that they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from steps.host.children import Children, end_children, limit_of, open_output
from tests.processes import wait_until_ended

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A child that starts a grandchild, writes its number, and waits for it.
PARENT = ["sh", "-c", 'sleep 60 & echo $! >"$0"; wait']


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def grandchild(path: Path) -> int:
    wait_until(lambda: path.exists() and path.read_text())
    return int(path.read_text())


@pytest.mark.attack("limits of the machine")
@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("error: failed to open file `x` (os error 24)\n", "Too many open files"),
        ("failed to spawn thread: Os { code: 11, kind: WouldBlock }\nnote: more", "unavailable"),
        ("Traceback:\nOSError: [Errno 28] No space left on device: 'x'\n", "No space left"),
        ("Traceback:\nMemoryError\n", "Cannot allocate memory"),
        ("OSError: [Errno 28] x\nDuring handling of the above\nKeyError: 'x'", ""),
        ("error: No such file or directory (os error 2)", ""),
        ("FileNotFoundError: [Errno 2] No such file", ""),
    ],
)
def test_the_limit_that_ended_a_program_is_told(output: str, said: str) -> None:
    error = limit_of(subprocess.CalledProcessError(1, ["uv"], output), "it")

    assert bool(error) == bool(said)
    assert said in str(error)


@pytest.mark.parametrize("text", ["", "in, "])
def test_output_and_errors_are_returned(text: str) -> None:
    code = "import sys; print(sys.stdin.read() + 'out'); sys.exit('err')"

    with Children() as children:
        result = children.ask([sys.executable, "-c", code], environ=os.environ, text=text)

    assert (result.returncode, result.stdout, result.stderr) == (1, f"{text}out\n", "err\n")


def test_the_time_limit_ends_grandchildren_too(tmp_path: Path) -> None:
    with Children(timeout=1) as children, pytest.raises(subprocess.TimeoutExpired):
        children.ask([*PARENT, str(tmp_path / "pid")], environ=os.environ)

    wait_until_ended(grandchild(tmp_path / "pid"))


@pytest.mark.parametrize("way", ["run", "ask"])
def test_end_children_ends_what_another_thread_waits_for(tmp_path: Path, way: str) -> None:
    command = [*PARENT, str(tmp_path / "pid")]
    ended = []

    def wait() -> None:
        with Children() as children, suppress(subprocess.CalledProcessError):
            getattr(children, way)(command, environ=os.environ)
        ended.append(True)

    threading.Thread(target=wait, daemon=True).start()
    number = grandchild(tmp_path / "pid")

    def is_ended() -> bool:
        end_children()  # the child may run before the thread has begun to wait for it
        return bool(ended)

    wait_until(is_ended)
    wait_until_ended(number)


def test_what_was_started_and_not_awaited_ends_with_the_context(tmp_path: Path) -> None:
    command = [*PARENT, str(tmp_path / "pid")]
    with Children() as children, open_output() as output:
        child = children.start(command, environ=os.environ, output=output)
        number = grandchild(tmp_path / "pid")
        end_children()
        assert child.poll() is None

    wait_until_ended(number)
    with pytest.raises(subprocess.SubprocessError, match="no child is started any more"):
        children.run(["true"], environ=os.environ)


def test_a_process_left_with_the_output_open_keeps_no_one_waiting() -> None:
    begin = time.monotonic()
    with Children() as children:
        result = children.ask(["sh", "-c", "setsid sleep 60 & echo $!"], environ=os.environ)
    seconds = time.monotonic() - begin

    os.kill(int(result.stdout), signal.SIGKILL)
    assert seconds < 10


def test_a_failure_tells_what_was_printed() -> None:
    with Children() as children, pytest.raises(subprocess.CalledProcessError) as caught:
        children.run(["sh", "-c", "echo out; echo err >&2; exit 3"], environ=os.environ)

    assert (caught.value.returncode, caught.value.output) == (3, "out\nerr\n")


def test_lines_are_handed_on_as_they_come(tmp_path: Path) -> None:
    lines = []

    def go_on(line: str) -> None:
        lines.append(line)
        (tmp_path / "seen").touch()

    script = f"echo one; until [ -e {tmp_path}/seen ]; do sleep 0.02; done; printf 'two\\n3'"
    with Children(timeout=30) as children:
        output = children.run(["sh", "-c", script], environ=os.environ, on_line=go_on)

    assert lines == ["one", "two", "3"]
    assert output == "one\ntwo\n3"


def test_a_full_disk_hides_no_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with Children() as children:
        assert children.run(["echo", "what is wrong"], environ=os.environ) == "what is wrong\n"


def test_children_have_the_umask_that_was_asked_for() -> None:
    with Children(umask=0o027) as children:
        assert children.run(["sh", "-c", "umask"], environ=os.environ) == "0027\n"


@pytest.mark.attack("time and memory")
def test_a_line_without_an_end_is_handed_on_in_pieces() -> None:
    pieces: list[str] = []
    program = "import sys; sys.stdout.write('x' * 1_000_000)"
    with Children(timeout=60) as children:
        children.run([sys.executable, "-c", program], environ=os.environ, on_line=pieces.append)

    assert "".join(pieces) == "x" * 1_000_000
    assert max(map(len, pieces)) < 200_000
