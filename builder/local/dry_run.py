"""What a build would do: its steps with everything substituted, and what would run beside what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.local.build import check_runner, make_runner
from builder.local.room import Room
from builder.local.runners import ExtraVariables

if TYPE_CHECKING:
    from builder.local.preparation import Prepared


@dataclass(frozen=True)
class Description:
    """A build that does not run: for people and for programs."""

    lines: list[str]
    record: dict[str, Any]


def describe(prepared: Prepared) -> Description:
    """Return what the build would do. Raises InputError for what this machine cannot run."""
    build = prepared.config.build
    room = Room(Path("/shipwheel-run"))
    check_runner(prepared, make_runner(prepared, room, ExtraVariables({}, {})))
    lines, steps = [], []
    for number, wave in enumerate(prepared.plan.waves()):
        for index in wave:
            step = build.steps[index]
            label = step.label(index)
            what = "script" if step.script else " ".join((step.entrypoint, *step.args)).strip()
            lines.append(f"{number}  {label}: {step.name}: {what}")
            steps.append(
                {
                    "index": index,
                    "id": step.id,
                    "name": step.name,
                    "entrypoint": step.entrypoint,
                    "args": [*step.args],
                    "dir": step.dir,
                    "env": [*step.env],
                    "script": step.script,
                    "after": sorted(prepared.plan.waits[index]),
                    "wave": number,
                }
            )
    record = {"substitutions": dict(sorted(prepared.values.items())), "steps": steps}
    return Description(lines, record)
