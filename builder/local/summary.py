"""The end of a build: a table with times and a timeline for people, JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from builder.local.execution import Execution, StepRun
    from builder.local.log import BuildLog
    from builder.local.room import Room

_WIDTH = 40  # columns of the timeline


def report(execution: Execution, room: Room, log: BuildLog, build_id: str) -> dict[str, Any]:
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
                "allowedToFail": run.forgiven,
                "began": round(run.began, 3),
                "seconds": round(run.seconds, 3),
                "output": log.mask(room.output(index)),
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
    wide = max(map(len, labels), default=0)
    whole = max(record["seconds"], 0.001)
    lines = []
    for label, run in zip(labels, execution.runs.values(), strict=True):
        status = f"{run.status}*" if run.forgiven else run.status
        bar = _bar(run, whole)
        lines.append(f"{label:<{wide}}  {status:<10} {run.seconds:8.1f} s  {bar}".rstrip())
    if any(run.forgiven for run in execution.runs.values()):
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
