"""What a build shows: its log without any secret, a live table on a terminal, and a summary."""

from __future__ import annotations

import os
import re
import sys
import threading
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, TextIO

from steps.command_line.groups import PROGRESS_VARIABLE
from steps.command_line.report import columns
from steps.host.errors import printable, readable_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from rich.console import Console
    from rich.table import Table

    from builder.local.directories import BuildDirectories
    from builder.local.execution import Execution, StepRun

_SHORTEST_LINE = 8  # of a secret of many lines; shorter ones would blot out the log
_SHORTEST_SECRET = 4  # that is looked for in what the builder itself says
MASK = "***"
_REFRESH = 4  # times a second
_STYLES = {"SUCCESS": "green", "FAILURE": "red", "TIMEOUT": "red", "WORKING": "cyan"}
_WIDTH = 40  # columns of the timeline


class BuildLog:
    """Writes lines, one at a time from any thread; *write* gets each with its line break."""

    def __init__(self, write: Callable[[str], None], secrets: Iterable[str] = ()) -> None:
        self._write = write
        self._lock = threading.Lock()
        parts = _parts(secrets)
        self._all = _pattern(parts)
        self._long = _pattern({part for part in parts if len(part) >= _SHORTEST_SECRET})

    def line(self, text: str = "") -> None:
        """Write a line of the builder's own, which a short secret would only tear."""
        self._write_line(self._long.sub(MASK, text))

    def output_line(self, text: str, label: str = "") -> None:
        """Write a line of what a program printed, after the *label* of its step."""
        start = self._long.sub(MASK, f"{label}: ") if label else ""
        self._write_line(start + self.mask(text))

    def mask(self, text: str) -> str:
        """Return *text* with every secret blotted out."""
        return self._all.sub(MASK, text)

    def _write_line(self, text: str) -> None:
        with self._lock:
            self._write(f"{text}\n")


def _parts(secrets: Iterable[str]) -> set[str]:
    parts = set()
    for secret in secrets:
        parts.add(secret.strip())
        # A key of many lines is printed line by line.
        parts |= {line.strip() for line in secret.splitlines() if len(line) >= _SHORTEST_LINE}
    return parts - {""}


def _pattern(parts: set[str]) -> re.Pattern[str]:
    longest_first = sorted(parts, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


class Display:
    """Shows lines on *stream*, and on a terminal below them a table while the build runs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._console = _console(stream) if stream.isatty() else None

    def write(self, text: str) -> None:
        """Show *text*, which ends in a line break, at once and as it is."""
        # Beside a record on standard output, it is narration, and no reason to end.
        with suppress(OSError) if self._stream is sys.stderr else nullcontext():
            if self._console:
                self._console.out(text, end="", highlight=False)
            else:
                self._stream.write(text)
                self._stream.flush()

    def watch(self, execution: Execution) -> AbstractContextManager[object]:
        """Return a context in which the table follows *execution*; it goes when the build ends."""
        if not self._console or os.environ.get(PROGRESS_VARIABLE):
            return nullcontext()
        from rich.live import Live  # noqa: PLC0415 - only a terminal pays for it

        return Live(
            get_renderable=lambda: table(execution),
            console=self._console,
            refresh_per_second=_REFRESH,
            transient=True,
        )


def _console(stream: TextIO) -> Console | None:
    """Return what draws on the terminal *stream*, None for a dumb one."""
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it

    console = Console(file=stream)  # which honours NO_COLOR and FORCE_COLOR
    return console if console.is_terminal and not console.is_dumb_terminal else None


def table(execution: Execution) -> Table:
    """Return the table of the steps as they are now."""
    from rich.table import Table  # noqa: PLC0415 - only a terminal pays for it

    result = Table.grid(padding=(0, 2))
    now = execution.now()
    for index, run in execution.runs.items():
        label = execution.build.steps[index].label(index)
        spent = (run.ended or now) - run.began if run.began or run.ended else 0.0
        result.add_row(label, run.status, f"{spent:.1f} s", style=_STYLES.get(run.status, "dim"))
    return result


def report(
    execution: Execution, directories: BuildDirectories, log: BuildLog, build_id: str
) -> dict[str, Any]:
    """Return the record of the build: what `--json` prints."""
    steps = []
    for index, run in execution.runs.items():
        step = execution.build.steps[index]
        steps.append(
            {
                "index": index,
                "id": step.id,
                "name": step.name,
                "status": run.status,
                "exitCode": run.exit_code,
                "allowedToFail": run.failure_allowed,
                "began": round(run.began, 3),
                "seconds": round(run.seconds, 3),
                "output": log.mask(directories.output(index)),
            }
        )
    return {
        "buildId": build_id,
        "status": execution.status,
        "failedStep": execution.failed,
        "seconds": round(execution.now(), 3),
        "steps": steps,
    }


def summary_lines(execution: Execution, record: dict[str, Any]) -> list[str]:
    """Return the table of the steps, a timeline beside it, and what they left as output."""
    labels = [execution.build.steps[i].label(i).removeprefix("Step ") for i in execution.runs]
    whole = max(record["seconds"], 0.001)
    rows = []
    for label, run in zip(labels, execution.runs.values(), strict=True):
        status = f"{run.status}*" if run.failure_allowed else run.status
        bar = _bar(run, whole)
        rows.append((label, f"{status:<10} {run.seconds:8.1f} s", bar))
    lines = columns(rows).splitlines()
    if any(run.failure_allowed for run in execution.runs.values()):
        lines.append("* allowed to fail")
    for label, step in zip(labels, record["steps"], strict=True):
        lines += [f"{label} output: {printable(it)}" for it in step["output"].splitlines()]
    lines.append(f"{record['status']} in {readable_time(record['seconds'])}")
    return lines


def _bar(run: StepRun, whole: float) -> str:
    """Return the time of a step as a bar at its place; nothing for one that never began."""
    if not run.ended:
        return ""
    left = min(int(run.began / whole * _WIDTH), _WIDTH - 1)
    length = max(1, round(run.seconds / whole * _WIDTH))
    return " " * left + "=" * min(length, _WIDTH - left)
