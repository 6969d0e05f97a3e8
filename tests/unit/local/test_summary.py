"""The end of a build: times and a timeline."""

from __future__ import annotations

from pathlib import Path

from builder.local.execution import CANCELLED, FAILURE, SUCCESS, Execution, StepRun
from builder.local.log import BuildLog
from builder.local.plan import Plan
from builder.local.runners import Command
from builder.local.summary import summary_lines
from triggers.build_config import Build, Step


def test_each_step_has_its_time_and_its_place_in_the_timeline() -> None:
    names = ("build", "test", "lint", "publish")
    build = Build(steps=tuple(Step(name="bash", id=name) for name in names))
    runs = {
        0: StepRun(0, SUCCESS, 0, began=0.0, ended=10.0),
        1: StepRun(1, SUCCESS, 0, began=10.0, ended=40.0),
        2: StepRun(2, FAILURE, 1, began=10.0, ended=12.0, forgiven=True),
        3: StepRun(3, CANCELLED),
    }
    never = Command((), {}, Path())
    execution = Execution(build, Plan({}), lambda _: never, BuildLog(print, ()))
    execution.runs = runs
    outputs = ["", "ready\n12 files\n", "", ""]
    record = {
        "status": SUCCESS,
        "seconds": 40.0,
        "steps": [{"output": output} for output in outputs],
    }

    assert summary_lines(execution, record) == [
        '#0 - "build"    SUCCESS        10.0 s  ==========',
        '#1 - "test"     SUCCESS        30.0 s            ==============================',
        '#2 - "lint"     FAILURE*        2.0 s            ==',
        '#3 - "publish"  CANCELLED       0.0 s',
        "* allowed to fail",
        '#1 - "test" output: ready',
        '#1 - "test" output: 12 files',
        "SUCCESS in 40.0 s",
    ]
