"""The temporary folder of a process, and those that dead ones left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from steps.host.files import builds_folder

HOLD = "from steps.host.files import Scratch; it = Scratch(); print(it.folder, flush=True); input()"


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"from steps.host.files import Scratch; it = Scratch(); {code}"],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_what_is_temporary_is_below_it_for_children_too(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, tempfile; subprocess.run(['mktemp'], check=True);"
        " print(tempfile.mkdtemp(), it.folder)"
    )
    child, own, folder = run(tmp_path, code).split()

    assert {Path(child).parent, Path(own).parent} == {Path(folder)}
    assert Path(folder).parent == tmp_path


def test_it_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    run(tmp_path, "(it.folder / 'a/b').mkdir(parents=True); it.remove()")

    assert [*tmp_path.iterdir()] == []


def test_that_of_a_killed_process_is_removed_and_that_of_a_living_one_is_not(
    tmp_path: Path,
) -> None:
    with start(tmp_path) as living, start(tmp_path) as dead:
        assert living.stdout
        assert dead.stdout
        folders = [Path(process.stdout.readline().strip()) for process in (living, dead)]  # type: ignore[union-attr]
        dead.send_signal(signal.SIGKILL)
        dead.wait(30)
        run(tmp_path, "it.remove()")
        assert [folder.exists() for folder in folders] == [True, False]
        living.communicate("\n", timeout=30)


@pytest.mark.parametrize("name", ["shipwheel-mine", "other-x/.lock"])
def test_what_has_no_lock_of_shipwheel_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir(parents=True)

    run(tmp_path, "it.remove()")

    assert (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("without", "goes"), [("", True), ("import sys; sys.modules['fcntl'] = None; ", False)]
)
def test_what_a_killed_process_was_building_is_removed_where_locks_tell_that_it_is(
    tmp_path: Path, without: str, goes: bool
) -> None:
    builds = builds_folder(tmp_path)
    (builds / "tides").mkdir(parents=True)
    (builds / "tides.lock").touch()
    code = f"{without}from steps.host.files import Scratch; Scratch().remove()"

    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, check=True
    )

    assert builds.exists() is not goes
