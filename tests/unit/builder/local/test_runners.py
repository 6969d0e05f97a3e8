"""The command of a step, as a process and in its container."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from builder.local.directories import BuildDirectories
from builder.local.runners import (
    DockerRunner,
    ExtraVariables,
    ProcessRunner,
    image_name,
)
from steps.host.errors import Problem
from triggers.cloudbuild.build_config import Build, Options, Step, Volume

DIRECTORIES = BuildDirectories(Path("/r"))
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


def process(
    directories: BuildDirectories = DIRECTORIES, extra: ExtraVariables = NOTHING
) -> ProcessRunner:
    return ProcessRunner(directories, {"PATH": "/bin:/usr/bin"}, host_tools=True, extra=extra)


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
    docker = DockerRunner(DIRECTORIES, {"PATH": "/bin"}, "b", extra)
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


def test_a_volume_of_the_whole_build_that_a_step_never_names_is_refused() -> None:
    options = Options(volumes=(Volume(name="cache", path="/cache/"),))
    build = Build(
        steps=(Step(name="bash", args=("ls", "/cache")), Step(name=OURS)), options=options
    )

    assert [str(problem) for _, problem in process().refusals(build)] == [
        (
            "Step #1 has a volume at '/cache', which it never names"
            "\n  hint: a process cannot be given another file system: use --docker"
        )
    ]


def test_a_process_runs_the_script_with_its_paths_translated(tmp_path: Path) -> None:
    directories = BuildDirectories(tmp_path)
    build = Build(steps=(Step(name=OURS, script="ls /workspace"),))
    directories.make(build)

    command = process(directories).command(build, 0, {})

    assert command.arguments == (str(directories.script(0)),)
    assert directories.script(0).read_text() == f"#!/bin/sh\nls {tmp_path}/workspace"


def test_a_program_that_is_not_there_is_refused() -> None:
    build = Build(steps=(Step(name="bash", entrypoint="no-such-program", id="x"),))

    assert [problem.message for _, problem in process().refusals(build)] == [
        "Step #0 - \"x\" runs 'no-such-program', which is not on PATH"
    ]


@pytest.mark.parametrize(
    ("image", "host_tools", "hint"),
    [
        (
            "gcr.io/x/git",
            False,
            "--docker runs it in its container, --host-tools as this machine's program",
        ),
        ("gcr.io/x/kaniko", False, "--docker runs it in its container"),
        ("gcr.io/x/kaniko", True, "--docker runs it in its container"),
    ],
)
def test_an_image_that_no_program_here_is_used_for_is_refused(
    image: str, host_tools: bool, hint: str
) -> None:
    runner = ProcessRunner(DIRECTORIES, {"PATH": "/bin:/usr/bin"}, host_tools, NOTHING)

    assert runner.refusals(Build(steps=(Step(name=OURS), Step(name=image)))) == [
        (1, Problem(f"Step #1 needs the image {image!r}, and no container runs here", hint))
    ]


def test_a_script_a_path_and_a_program_that_is_there_are_not_refused() -> None:
    steps = (
        Step(name=OURS, script="no-such-program"),
        Step(name="bash", entrypoint="/workspace/no-such-program"),
        Step(name="ubuntu", args=("sh",)),
    )
    assert process().refusals(Build(steps=steps)) == []


def test_an_engine_that_does_not_answer_refuses_every_step(tmp_path: Path) -> None:
    build = Build(steps=(Step(name="a"), Step(name="b")))
    runner = DockerRunner(DIRECTORIES, {"PATH": str(tmp_path)}, "b", NOTHING)

    def said() -> list[tuple[int, str]]:
        return [(index, str(problem)) for index, problem in runner.refusals(build)]

    hint = "\n  hint: start one, or run without --docker"
    missing = "No Docker engine answers: [Errno 2] No such file or directory: 'docker'"
    assert said() == [(0, missing + hint), (1, missing + hint)]

    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'Cannot connect' >&2\nexit 1\n")
    program.chmod(0o755)
    refused = "No Docker engine answers: Cannot connect"
    assert said() == [(0, refused + hint), (1, refused + hint)]

    program.write_text("#!/bin/sh\necho 29.0\n")
    assert said() == []


def test_the_engines_own_socket_is_the_one_that_steps_get() -> None:
    step = Step(name="x")
    for host, socket in (
        ("unix:///run/user/1/docker.sock", "/run/user/1/docker.sock"),
        ("tcp://127.0.0.1:2375", "/var/run/docker.sock"),
    ):
        runner = DockerRunner(DIRECTORIES, {"PATH": "/bin", "DOCKER_HOST": host}, "b", NOTHING)
        arguments = runner.command(Build(steps=(step,)), 0, {}).arguments
        assert f"{socket}:/var/run/docker.sock" in arguments


def docker(step: Step, environment: dict[str, str] | None = None) -> list[str]:
    runner = DockerRunner(DIRECTORIES, {"PATH": "/bin", "HOME": "/me"}, "12345678-9", NOTHING)
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
    directories = BuildDirectories(tmp_path)
    build = Build(steps=(Step(name="x", script="echo /workspace"),))
    directories.make(build)
    arguments = (
        DockerRunner(directories, {"PATH": "/bin"}, "b", NOTHING).command(build, 0, {}).arguments
    )

    assert arguments[-3:] == ("--entrypoint", "/builder/script", "x")
    assert f"{directories.script(0)}:/builder/script" in arguments
    assert directories.script(0).read_text() == "#!/bin/sh\necho /workspace"


def test_a_container_that_outlives_its_command_is_removed_by_name() -> None:
    command = DockerRunner(DIRECTORIES, {"PATH": "/bin"}, "12345678-9", NOTHING).command(
        Build(steps=(Step(name="x"),)), 0, {}
    )

    assert command.cleanup == ("docker", "rm", "--force", "shipwheel-12345678-step-0")
