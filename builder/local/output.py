"""What a build shows: its log without any secret, a live table on a terminal, and a summary."""

from __future__ import annotations

import contextlib
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from steps.command_line.report import columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from rich.console import Console
    from rich.table import Table

    from builder.local.directories import BuildDirectories
    from builder.local.execution import Execution, StepRun

_SHORTEST_LINE = 8  # of a secret of many lines; shorter ones would blot out the log
MASK = "***"
_REFRESH = 4  # times a second
_STYLES = {"SUCCESS": "green", "FAILURE": "red", "TIMEOUT": "red", "WORKING": "cyan"}
_WIDTH = 40  # columns of the timeline


class BuildLog:
    """Writes lines, one at a time whoever calls; *write* gets each with its line break."""

    def __init__(self, write: Callable[[str], None], secrets: Iterable[str] = ()) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._secrets = _pattern(secrets)

    def line(self, text: str = "") -> None:
        """Write a line of the builder's own."""
        with self._lock:
            self._write(f"{self.mask(text)}\n")

    def step_line(self, label: str, text: str) -> None:
        """Write a line of a step's output."""
        self.line(f"{label}: {text}")

    def mask(self, text: str) -> str:
        """Return *text* with every secret blotted out."""
        return self._secrets.sub(MASK, text) if self._secrets else text


def _pattern(secrets: Iterable[str]) -> re.Pattern[str] | None:
    parts = set()
    for secret in secrets:
        parts.add(secret.strip())
        # A key of many lines is printed line by line.
        parts |= {line.strip() for line in secret.splitlines() if len(line) >= _SHORTEST_LINE}
    longest_first = sorted(filter(None, parts), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


class Display(Protocol):
    """Shows lines, and a build while it runs."""

    def write(self, text: str) -> None:
        """Show *text*, which ends in a line break."""
        ...

    def watch(self, execution: Execution) -> AbstractContextManager[object]:
        """Return a context in which the state of *execution* is shown."""
        ...


@dataclass(frozen=True)
class Stream:
    """A file or a pipe: lines, and nothing that moves."""

    stream: TextIO

    def write(self, text: str) -> None:
        """Show *text* at once: whoever reads the pipe follows the build."""
        self.stream.write(text)
        self.stream.flush()

    def watch(self, execution: Execution) -> AbstractContextManager[object]:
        """Return a context that shows nothing."""
        return contextlib.nullcontext(execution)


class Terminal:
    """A terminal: the log scrolls above a table of the steps, which goes when the build ends."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> None:
        """Show *text* above the table, as it is."""
        self._console.out(text, end="", highlight=False)

    def watch(self, execution: Execution) -> AbstractContextManager[object]:
        """Return a context in which the table follows *execution*."""
        from rich.live import Live  # noqa: PLC0415 - only a terminal pays for it

        return Live(
            get_renderable=lambda: table(execution),
            console=self._console,
            refresh_per_second=_REFRESH,
            transient=True,
        )


def open_display(stream: TextIO) -> Display:
    """Return the display for *stream*; a dumb terminal is a stream."""
    if not stream.isatty():
        return Stream(stream)
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it

    console = Console(file=stream)  # NO_COLOR is honoured by the console
    return (
        Terminal(console)
        if console.is_terminal and not console.is_dumb_terminal
        else Stream(stream)
    )


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
        lines += [f"{label} output: {line}" for line in step["output"].splitlines()]
    lines.append(f"{record['status']} in {record['seconds']:.1f} s")
    return lines


def _bar(run: StepRun, whole: float) -> str:
    """Return the time of a step as a bar at its place; nothing for one that never began."""
    if not run.ended:
        return ""
    left = min(int(run.began / whole * _WIDTH), _WIDTH - 1)
    length = max(1, round(run.seconds / whole * _WIDTH))
    return " " * left + "=" * min(length, _WIDTH - left)
