"""The end of a build: times and a timeline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from builder.local.directories import BuildDirectories
from builder.local.execution import (
    CANCELLED,
    FAILURE,
    SUCCESS,
    Command,
    Execution,
    StepGraph,
    StepRun,
)
from builder.local.output import BuildLog, report, summary_lines
from triggers.cloudbuild.build_config import Build, Step

if TYPE_CHECKING:
    import pytest


def test_each_step_has_its_time_and_its_place_in_the_timeline() -> None:
    names = ("build", "test", "lint", "publish")
    build = Build(steps=tuple(Step(name="bash", id=name) for name in names))
    runs = {
        0: StepRun(0, SUCCESS, 0, began=0.0, ended=10.0),
        1: StepRun(1, SUCCESS, 0, began=10.0, ended=40.0),
        2: StepRun(2, FAILURE, 1, began=10.0, ended=12.0, failure_allowed=True),
        3: StepRun(3, CANCELLED),
    }
    never = Command((), {}, Path())
    execution = Execution(build, StepGraph({}), lambda _: never, BuildLog(print, ()))
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


def test_a_bar_is_one_wide_at_least_and_ends_with_the_build() -> None:
    build = Build(steps=tuple(Step(name="bash") for _ in range(3)))
    runs = {
        0: StepRun(0, SUCCESS, 0, began=1.0, ended=1.001),
        1: StepRun(1, SUCCESS, 0, began=20.0, ended=60.0),
        2: StepRun(2, SUCCESS, 0, began=40.0, ended=40.1),
    }
    execution = Execution(
        build, StepGraph({}), lambda _: Command((), {}, Path()), BuildLog(print, ())
    )
    execution.runs = runs
    record = {"status": SUCCESS, "seconds": 40.0, "steps": [{"output": ""}] * 3}

    bars = [line.partition(" s  ")[2] for line in summary_lines(execution, record)[:3]]
    assert bars == [" =", " " * 20 + "=" * 20, " " * 39 + "="]


def test_the_record_has_what_programs_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directories = BuildDirectories(tmp_path)
    build = Build(steps=(Step(name="bash", id="a"), Step(name="git")))
    directories.make(build)
    (directories.outputs(0) / "output").write_text("the s3cret")
    log = BuildLog(print, ["s3cret"])
    execution = Execution(build, StepGraph({}), lambda _: Command((), {}, Path()), log)
    execution.runs = {
        0: StepRun(0, FAILURE, 3, began=0.12345, ended=1.5, failure_allowed=True),
        1: StepRun(1, CANCELLED),
    }

    monkeypatch.setattr(execution, "now", lambda: 1.50055)

    assert report(execution, directories, log, "build") == {
        "buildId": "build",
        "status": execution.status,
        "failedStep": execution.failed,
        "seconds": 1.501,
        "steps": [
            {
                "index": 0,
                "id": "a",
                "name": "bash",
                "status": FAILURE,
                "exitCode": 3,
                "allowedToFail": True,
                "began": 0.123,
                "seconds": 1.377,
                "output": "the ***",
            },
            {
                "index": 1,
                "id": "",
                "name": "git",
                "status": CANCELLED,
                "exitCode": None,
                "allowedToFail": False,
                "began": 0.0,
                "seconds": 0.0,
                "output": "",
            },
        ],
    }
