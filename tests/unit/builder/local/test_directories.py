"""The paths of a container, translated to those of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.local.directories import BuildDirectories, translate
from triggers.cloudbuild.build_config import Build, Options, Step, Volume

MOUNTS = {"/workspace": Path("/r/workspace"), "/builder/home": Path("/r/home")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/workspace", "/r/workspace"),
        ("/workspace/dist", "/r/workspace/dist"),
        ("cp /workspace/a /builder/home/", "cp /r/workspace/a /r/home/"),
        ("--dir=/workspace:ro", "--dir=/r/workspace:ro"),
        ("'/workspace'", "'/r/workspace'"),
        ("/workspaces", "/workspaces"),
        ("/workspace.bak", "/workspace.bak"),
        ("x/workspace", "x/workspace"),
        ("https://host/workspace", "https://host/workspace"),
        ("./workspace", "./workspace"),
    ],
)
def test_only_whole_paths_are_translated(text: str, expected: str) -> None:
    assert translate(text, MOUNTS) == expected


def test_the_longest_path_wins() -> None:
    mounts = {"/a": Path("/1"), "/a/b": Path("/2")}

    assert translate("/a/b/c /a/c", mounts) == "/2/c /1/c"


def test_volumes_of_the_step_and_of_the_build_are_mounted() -> None:
    step = Step(name="bash", volumes=(Volume(name="own", path="/own/"),))
    build = Build(steps=(step,), options=Options(volumes=(Volume(name="all", path="/all"),)))
    directories = BuildDirectories(Path("/r"))

    assert directories.mounts(build, step, 3) == {
        "/workspace": Path("/r/workspace"),
        "/builder/home": Path("/r/home"),
        "/builder/outputs": Path("/r/outputs/3"),
        "/all": Path("/r/volumes/all"),
        "/own": Path("/r/volumes/own"),
    }


def test_a_volume_of_many_steps_is_made_once(tmp_path: Path) -> None:
    own = Step(name="bash", volumes=(Volume(name="own", path="/own"),))
    options = Options(volumes=(Volume(name="all", path="/all"),))
    directories = BuildDirectories(tmp_path)

    directories.make(Build(steps=(own, own), options=options))

    assert {path.name for path in (tmp_path / "volumes").iterdir()} == {"own", "all"}


def test_of_an_output_the_first_four_kilobytes_are_kept(tmp_path: Path) -> None:
    directories = BuildDirectories(tmp_path)
    directories.make(Build(steps=(Step(name="bash"),)))
    (directories.outputs(0) / "output").write_bytes(b"x" * 5000)

    assert directories.output(0) == "x" * 4096
    assert directories.output(1) == ""


@pytest.mark.parametrize(
    ("script", "written"),
    [("echo", "#!/bin/sh\necho"), ("#!/usr/bin/env bash\necho", "#!/usr/bin/env bash\necho")],
)
def test_a_script_without_a_shell_of_its_own_gets_the_service_s(
    tmp_path: Path, script: str, written: str
) -> None:
    directories = BuildDirectories(tmp_path)
    directories.make(Build())
    path = directories.write_script(0, script)

    assert path.read_text() == written
    assert path.stat().st_mode & 0o777 == 0o755
