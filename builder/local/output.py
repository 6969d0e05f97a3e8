"""What a build shows: its log without any secret, and a summary."""

from __future__ import annotations

import re
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from steps.command_line.report import columns
from steps.host.errors import printable, readable_time
from steps.host.progress import narration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from builder.local.directories import BuildDirectories
    from builder.local.execution import Execution, StepRun

_SHORTEST_LINE = 8  # of a secret of many lines; shorter ones would blot out the log
_SHORTEST_SECRET = 4  # that is looked for in what the builder itself says
MASK = "***"
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


def log_writer(stream: TextIO) -> Callable[[str], None]:
    """Return what writes text to *stream*, above the progress if a terminal shows both."""
    # Beside a record on standard output, it is narration, and no reason to end.
    expected = [OSError] if stream is sys.stderr else []

    def write(text: str) -> None:
        with suppress(*expected):
            narration.write(text, stream)

    return write


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
