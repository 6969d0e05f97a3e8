"""A command that is followed: its lines, its end, and what ends with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from builder.local.execution import Command, Task, run_to_end
from tests.processes import wait_until_ended

if TYPE_CHECKING:
    from pathlib import Path


def shell(folder: Path, script: str, *cleanup: str) -> Command:
    return Command(("sh", "-c", script), {"PATH": os.defpath}, folder, cleanup)


def test_each_line_is_reported_and_the_exit_code_at_the_end(tmp_path: Path) -> None:
    lines: list[str] = []

    code = run_to_end(shell(tmp_path, r"printf 'a\nb\351\n' >&2; exit 3"), lines.append, 10)

    assert (code, lines) == (3, ["a", "b\ufffd"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "cannot start: No such file or directory: 'nowhere'"),
        (("echo", "a\0b"), "cannot start: embedded null byte: 'echo'"),
    ],
)
def test_what_cannot_be_started_is_a_failure_and_no_timeout(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    lines: list[str] = []

    code = run_to_end(Command(arguments, {"PATH": os.defpath}, tmp_path), lines.append, 10)

    assert (code, lines) == (127, [said])


def test_a_command_whose_time_is_over_ends_with_all_that_it_started(tmp_path: Path) -> None:
    lines: list[str] = []
    script = "trap 'echo asked; exit' TERM; sleep 60 & echo $!; wait"

    code = run_to_end(shell(tmp_path, script, "touch", str(tmp_path / "cleaned")), lines.append, 1)

    assert (code, lines[1:]) == (None, ["asked"])
    wait_until_ended(int(lines[0]))
    assert (tmp_path / "cleaned").exists()


def test_a_command_that_ends_by_itself_is_not_cleaned_up_after(tmp_path: Path) -> None:
    cleanup = ("touch", str(tmp_path / "cleaned"))

    assert run_to_end(shell(tmp_path, "exit 0", *cleanup), print, 10) == 0
    assert not (tmp_path / "cleaned").exists()


def test_a_task_that_is_ended_before_it_begins_never_starts(tmp_path: Path) -> None:
    ended: list[Task] = []
    task = Task(shell(tmp_path, "touch started"), print, None, ended.append)

    task.terminate()
    task.start()

    assert task.join(10)
    assert (ended, task.exit_code) == ([task], None)
    assert [*tmp_path.iterdir()] == []
