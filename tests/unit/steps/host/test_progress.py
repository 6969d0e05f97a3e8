"""What is shown of the work that is under way: on a terminal, and in a log."""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
import time
from typing import TYPE_CHECKING

import pytest
import rich.live

import steps.host.progress as module
from steps.host.progress import PROGRESS_VARIABLE, Progress, Work, narration, progress
from tests.unit.terminal import CONTROL, shown_on_a_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGER = logging.getLogger("shipwheel")


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Narrate as a command does, without its delays."""
    before = LOGGER.handlers[:], LOGGER.level
    monkeypatch.setattr(module, "_DELAY_SECONDS", 0)
    monkeypatch.setattr(module, "_BEAT_SECONDS", 0.05)
    monkeypatch.delenv(PROGRESS_VARIABLE, raising=False)
    narration.begin()
    yield
    LOGGER.handlers[:], LOGGER.level = before
    progress.show = Progress().show


def build_two(*, seconds: float = 0.5) -> None:
    with progress.whole("Building", 12):
        with progress.work("acme-db 1.0.0", "building wheel") as work:
            work.result = "Built acme-db 1.0.0"
        with (
            progress.work(f"acme-{'x' * 60} 2.0", "building sdist"),
            progress.work("inner 1.0", "building wheel"),
        ):
            time.sleep(seconds)
            LOGGER.warning("warning: above")


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int = 110) -> list[str]:
    seen = shown_on_a_terminal(monkeypatch, build_two, columns=columns, stream="stderr")
    return CONTROL.sub("\r", seen).replace("\n", "\r").split("\r")


@pytest.mark.parametrize("columns", [60, 110, 200])
def test_a_terminal_shows_the_whole_and_each_part_in_work(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    lines = on_a_terminal(monkeypatch, columns)

    assert [it for it in lines if re.match(r"\[1/12\] Building 12 packages  \d\.\d s", it)]
    name = f"acme-{'x' * 60} 2.0"
    shown = [re.search(r"\[2/12\] (.+)  building sdist  \d\.\d s", it) for it in lines]
    assert {it[1] for it in shown if it} == {f"{name[:27]}…" if columns == 60 else name}
    assert max(map(len, lines)) <= columns
    assert [it for it in lines if re.match(r"  inner 1\.0  building wheel  \d\.\d s", it)]
    assert "warning: above" in lines
    assert not [it for it in lines if "Built" in it]


@pytest.mark.parametrize("how", ["no progress", "a dumb terminal", "quiet", "-v"])
def test_a_terminal_shows_lines_where_no_display_is_wanted(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    level = {"quiet": logging.WARNING, "-v": logging.DEBUG}.get(how, logging.INFO)
    LOGGER.setLevel(level)

    def show() -> None:
        if how != "-v":
            monkeypatch.setenv(PROGRESS_VARIABLE, "1")
        if how == "a dumb terminal":
            monkeypatch.delenv(PROGRESS_VARIABLE)
            monkeypatch.setenv("TERM", "dumb")
        build_two(seconds=0)

    seen = shown_on_a_terminal(monkeypatch, show, stream="stderr")

    assert ("Built acme-db 1.0.0 in 0.0 s\r\n" in seen) is (how != "quiet")
    assert "warning: above\r\n" in seen


def test_a_log_has_a_line_for_what_is_done_and_now_and_then_for_what_takes_long(
    capsys: pytest.CaptureFixture[str],
) -> None:
    build_two(seconds=0.3)

    first, *long, last = capsys.readouterr().err.splitlines()
    assert (first, last) == ("Built acme-db 1.0.0 in 0.0 s", "warning: above")
    assert 2 <= len(long) <= 6
    outer, inner = r"acme-x+ 2\.0 \(building sdist, 0\.\d s\)", r"inner 1\.0 \(building wheel, .+\)"
    assert re.fullmatch(f"In work: {outer}, {inner}", long[0])


@pytest.mark.parametrize(
    ("size", "sent", "shown"),
    [
        (999_999, 500_000, r"2\.0 s"),
        (114_000_000, 0, r"2\.0 s"),
        (114_000_000, 40_000_000, r"40 MB of 114 MB, 20 MB/s"),
        (1_000_000, 1_000_400, r"1\.0 MB of 1\.0 MB, 500 kB/s"),
    ],
)
def test_a_large_file_is_shown_with_bytes_and_rate(size: int, sent: int, shown: str) -> None:
    began = time.monotonic() - 2
    work = Work(label="big.whl", doing="uploading", size=size, sent=sent, began=began)

    assert re.fullmatch(shown, work.measure)


def test_a_large_file_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.work("big.whl", "uploading", size=114_000_000) as work:
        work.result = "Uploaded big.whl"
    with progress.work("small.whl", "uploading", size=900_000):
        pass

    said = ["Uploading big.whl (114 MB)", "Uploaded big.whl in 0.0 s"]
    assert capsys.readouterr().err.splitlines() == said


@pytest.mark.attack("terminal and log")
def test_a_terminal_that_goes_takes_no_later_message_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(rich.live.Live, "refresh", gone)
        shown_on_a_terminal(patch, build_two, stream="stderr")
    seen = shown_on_a_terminal(monkeypatch, lambda: LOGGER.warning("later"), stream="stderr")

    assert seen == "later\r\n"


def test_what_goes_to_a_file_is_not_drawn_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def show() -> None:
        with progress.whole("Running", 1, "step"), progress.work("Step #0", "running"):
            time.sleep(0.3)
            narration.write("from the step\n", sys.stdout)

    seen = shown_on_a_terminal(monkeypatch, show, stream="stderr")

    assert capsys.readouterr().out == "from the step\n"
    assert "from the step" not in seen
