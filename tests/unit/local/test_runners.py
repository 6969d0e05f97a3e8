"""The command of a step, as a process and in its container."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from builder.local.room import Room
from builder.local.runners import (
    DockerRunner,
    ExtraVariables,
    ProcessRunner,
    image_name,
)
from triggers.build_config import Build, Step, Volume

ROOM = Room(Path("/r"))
NOTHING = ExtraVariables({}, {})
OURS = "us-docker.pkg.dev/p/r/shipwheel:1"


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("bash", "bash"),
        ("gcr.io/cloud-builders/git:latest", "git"),
        ("localhost:5000/shipwheel", "shipwheel"),
        ("us-docker.pkg.dev/p/r/shipwheel@sha256:" + 64 * "a", "shipwheel"),
        ("p/shipwheel:1.0@sha256:" + 64 * "a", "shipwheel"),
        ("shipwheel/other", "other"),
        ("shipwheel-builder", "shipwheel-builder"),
    ],
)
def test_an_image_is_known_by_its_last_component(image: str, name: str) -> None:
    assert image_name(image) == name


def process(room: Room = ROOM, extra: ExtraVariables = NOTHING) -> ProcessRunner:
    return ProcessRunner(room, {"PATH": "/bin:/usr/bin"}, host_tools=True, extra=extra)


@pytest.mark.parametrize(
    ("step", "arguments"),
    [
        (Step(name=OURS, args=("publish",)), (sys.executable, "-I", "-m", "builder", "publish")),
        (Step(name=OURS, entrypoint="/x/pip", args=("list",)), ("/x/pip", "list")),
        (Step(name="gcr.io/x/git", args=("status",)), ("git", "status")),
        (Step(name="bash", args=("-c", "x")), ("bash", "-c", "x")),
        (Step(name="bash", args=("bash", "-c", "x")), ("bash", "-c", "x")),
        (Step(name="ubuntu", args=("ls", "/workspace/a")), ("ls", "/r/workspace/a")),
        (Step(name="python:3.13"), ("python3",)),
        (Step(name="docker", args=("ps",)), ("docker", "ps")),
        (Step(name="gcr.io/cloud-builders/gcloud", args=("info",)), ("gcloud", "info")),
        (
            Step(name="gcr.io/google.com/cloudsdktool/cloud-sdk:slim", args=("gcloud", "info")),
            ("gcloud", "info"),
        ),
    ],
)
def test_a_process_runs_what_the_image_would_run(step: Step, arguments: tuple[str, ...]) -> None:
    command = process().command(Build(steps=(step,)), 0, {})

    assert (Path(command.arguments[0]).name, *command.arguments[1:]) == (
        Path(arguments[0]).name,
        *arguments[1:],
    )


def test_a_process_runs_in_its_directory_with_translated_variables() -> None:
    step = Step(name=OURS, dir="sub")
    extra = ExtraVariables({"EMULATOR": "e"}, {"TWINE_USERNAME": "me"})
    command = process(extra=extra).command(
        Build(steps=(step,)), 0, {"OUT": "/workspace/x", "EMULATOR": "config"}
    )

    assert command.directory == Path("/r/workspace/sub")
    assert command.environment == {
        "PATH": "/bin:/usr/bin",
        "HOME": "/r/home",
        "BUILDER_OUTPUT": "/r/outputs/0",
        "OUT": "/r/workspace/x",
        "EMULATOR": "e",
        "TWINE_USERNAME": "me",
    }


def test_credentials_are_only_for_our_image() -> None:
    extra = ExtraVariables({}, {"TWINE_PASSWORD": "p"})
    build = Build(steps=(Step(name="bash"),))

    assert "TWINE_PASSWORD" not in process(extra=extra).command(build, 0, {}).environment
    docker = DockerRunner(ROOM, {"PATH": "/bin"}, "b", extra)
    assert "TWINE_PASSWORD" not in docker.command(build, 0, {}).environment


def test_an_absolute_directory_outside_of_the_workspace_stays_as_it_is() -> None:
    command = process().command(Build(steps=(Step(name="bash", dir="/srv/x"),)), 0, {})

    assert command.directory == Path("/srv/x")


def test_a_volume_that_a_step_never_names_is_refused() -> None:
    volume = (Volume(name="cache", path="/root/.cache"),)
    build = Build(
        steps=(
            Step(name="bash", volumes=volume, args=("ls", "/root/.cache/pip")),
            Step(name="bash", volumes=volume, args=("pip", "install", "x")),
        )
    )

    assert [(index, problem.message) for index, problem in process().refusals(build)] == [
        (1, "Step #1 has a volume at '/root/.cache', which it never names")
    ]


def test_a_program_that_is_not_there_is_refused() -> None:
    build = Build(steps=(Step(name="bash", entrypoint="no-such-program", id="x"),))

    assert [problem.message for _, problem in process().refusals(build)] == [
        "Step #0 - \"x\" runs 'no-such-program', which is not on PATH"
    ]


def docker(step: Step, environment: dict[str, str] | None = None) -> list[str]:
    runner = DockerRunner(ROOM, {"PATH": "/bin", "HOME": "/me"}, "12345678-9", NOTHING)
    return [*runner.command(Build(steps=(step,)), 0, environment or {}).arguments]


def test_a_container_gets_the_room_the_engine_and_the_network() -> None:
    assert docker(Step(name="gcr.io/x/git", args=("status",), dir="sub")) == [
        *["docker", "run", "--rm", "--name", "shipwheel-12345678-step-0", "--network", "host"],
        *["--volume", "/r/workspace:/workspace", "--volume", "/r/home:/builder/home"],
        *["--volume", "/r/outputs/0:/builder/outputs"],
        *["--volume", "/var/run/docker.sock:/var/run/docker.sock", "--workdir", "/workspace/sub"],
        *["--env", "HOME=/builder/home", "--env", "BUILDER_OUTPUT=/builder/outputs"],
        *["gcr.io/x/git", "status"],
    ]


def test_a_container_s_entrypoint_and_volumes_are_the_step_s() -> None:
    step = Step(name="x", entrypoint="bash", volumes=(Volume(name="v", path="/v"),))
    arguments = docker(step)

    assert arguments[-3:] == ["--entrypoint", "bash", "x"]
    assert arguments[arguments.index("/r/volumes/v:/v") - 1] == "--volume"


def test_values_never_stand_on_the_command_line() -> None:
    arguments = docker(Step(name="x"), {"SECRET": "hunter2", "HOME": "/root"})

    assert arguments[-5:] == ["--env", "HOME=/root", "--env", "SECRET", "x"]
    assert "hunter2" not in " ".join(arguments)


def test_a_script_is_mounted_and_is_the_entrypoint(tmp_path: Path) -> None:
    room = Room(tmp_path)
    build = Build(steps=(Step(name="x", script="echo /workspace"),))
    room.make(build)
    arguments = DockerRunner(room, {"PATH": "/bin"}, "b", NOTHING).command(build, 0, {}).arguments

    assert arguments[-3:] == ("--entrypoint", "/builder/script", "x")
    assert f"{room.script(0)}:/builder/script" in arguments
    assert room.script(0).read_text() == "#!/bin/sh\necho /workspace"


def test_a_container_that_outlives_its_command_is_removed_by_name() -> None:
    command = DockerRunner(ROOM, {"PATH": "/bin"}, "12345678-9", NOTHING).command(
        Build(steps=(Step(name="x"),)), 0, {}
    )

    assert command.cleanup == ("docker", "rm", "--force", "shipwheel-12345678-step-0")
