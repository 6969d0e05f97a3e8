"""A file is written whole or not at all, and never through a symbolic link."""

from __future__ import annotations

import errno
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from steps.host import files, placement
from steps.host.children import Children
from steps.host.errors import InputError
from steps.host.files import (
    NewFile,
    link_problems,
    move_together,
    open_whole,
    write_together,
    write_whole,
)


def contents(folder: Path) -> dict[str, str]:
    return {it.name: it.read_text() for it in folder.iterdir() if it.is_file()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def _full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)


@pytest.mark.parametrize("content", ["new\r\n", b"new\r\n"])
def test_a_file_is_written_byte_for_byte(tmp_path: Path, content: str | bytes) -> None:
    write_whole(tmp_path / "a", content)

    assert (tmp_path / "a").read_bytes() == b"new\r\n"
    assert [it.name for it in tmp_path.iterdir()] == ["a"]


def test_a_file_keeps_its_permissions_unless_it_is_given_others(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    path.chmod(0o640)

    write_whole(path, "new")
    assert mode(path) == 0o640
    write_whole(path, "new", mode=0o600)
    assert mode(path) == 0o600


@pytest.mark.attack("files of the user")
@pytest.mark.usefixtures("_full_disk")
def test_on_a_full_disk_everything_is_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")

    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "a", "new")
    with pytest.raises(InputError, match=r"'.*/a' cannot be written: No space left on device"):
        write_together([NewFile(path=tmp_path / it, content="new") for it in ("a", "new/deep/b")])

    assert contents(tmp_path) == {"a": "old"}
    assert not (tmp_path / "new").exists()


def test_what_fails_halfway_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")

    with pytest.raises(TypeError), open_whole(tmp_path / "a") as stream:
        stream.writelines([b"new", None])  # type: ignore[list-item]

    assert contents(tmp_path) == {"a": "old"}


@pytest.mark.attack("files of the user")
@pytest.mark.parametrize("target", ["there", "nowhere", "../outside", "."])
def test_nothing_is_written_through_a_symbolic_link(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "there").write_text("old")
    (folder / "link").symlink_to(target)
    message = re.escape(f"'{folder}/link' is a symbolic link, to '{target}'")

    with pytest.raises(InputError, match=message):
        write_whole(folder / "link", "new")
    with pytest.raises(InputError, match=message):
        write_together(NewFile(path=folder / it, content="new") for it in ("a", "link"))

    assert {it.name for it in folder.iterdir()} == {"there", "link"}
    assert (folder / "there").read_text() == "old"
    assert [it.name for it in tmp_path.iterdir()] == ["folder"]


@pytest.mark.attack("files of the user")
def test_a_folder_that_leads_out_is_named(tmp_path: Path) -> None:
    for name in "inside", "outside":
        (tmp_path / name).mkdir()
    root = tmp_path / "inside"
    (root / "folder").symlink_to("../outside")
    (root / "own").symlink_to(".")

    problems = link_problems((root / "folder/a", root / "own/a", root / "new/a"), inside=root)

    assert [it.message for it in problems] == [
        f"The folder of '{root}/folder/a' is a symbolic link, to '{tmp_path}/outside'"
    ]


@pytest.fixture(params=["no names", "hidden names"])
def _staging(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "hidden names":  # as on macOS, and on some file systems
        monkeypatch.setattr(files, "OPEN_FILES", "/nowhere")


@pytest.mark.usefixtures("_staging")
def test_where_one_file_cannot_be_replaced_all_are_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "mounted").write_text("old")
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if target.name == "mounted":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(files, "PROGRAM", "/nowhere")  # so that this process does it

    with pytest.raises(InputError, match="mounted' cannot be written: Device or resource busy"):
        write_together(NewFile(path=tmp_path / it, content="new") for it in ("a", "new", "mounted"))

    assert contents(tmp_path) == {"a": "old", "mounted": "old"}


KILLED = """
import os, runpy
from pathlib import Path

real, calls = Path.replace, iter(range(9))
def replace(self, target):
    if next(calls) == {when}:
        os.kill({process}, 9)
    return real(self, target)

Path.replace = replace
runpy.run_path({program!r}, run_name="__main__")
"""


def program_that_kills(folder: Path, process: str, when: int) -> str:
    path = folder / "program.py"
    path.write_text(KILLED.format(process=process, when=when, program=placement.PROGRAM))
    return os.fspath(path)


@pytest.mark.usefixtures("_staging")
@pytest.mark.parametrize("when", range(3))
def test_who_is_killed_while_placing_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_text("old")
    monkeypatch.setattr(files, "PROGRAM", program_that_kills(tmp_path, "os.getpid()", when))

    write_together(NewFile(path=folder / it, content="new") for it in "abc")

    assert contents(folder) == dict.fromkeys("abc", "new")


WRITER = """
import sys
from pathlib import Path
from steps.host import files

files.PROGRAM, files.OPEN_FILES, folder = sys.argv[1:]
files.write_together(files.NewFile(path=Path(folder, it), content="new") for it in "abc")
"""


@pytest.mark.parametrize("open_files", [placement.OPEN_FILES, "/nowhere"])
@pytest.mark.parametrize("when", range(3))
def test_a_killed_writer_leaves_all_new(tmp_path: Path, when: int, open_files: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_text("old")
    program = program_that_kills(tmp_path, "os.getppid()", when)

    command = [sys.executable, "-c", WRITER, program, open_files, os.fspath(folder)]
    ended = subprocess.run(command, check=False, timeout=60)

    assert ended.returncode == -signal.SIGKILL
    end = time.monotonic() + 30
    while contents(folder) != dict.fromkeys("abc", "new") and time.monotonic() < end:
        time.sleep(0.01)
    assert contents(folder) == dict.fromkeys("abc", "new")


def test_another_process_says_what_it_cannot_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two processes somebody makes a folder of the second file's name."""
    folder = tmp_path / "folder"
    folder.mkdir()
    program = tmp_path / "program.py"
    run = f"runpy.run_path({placement.PROGRAM!r}, run_name='__main__')"
    program.write_text(f"import os, runpy\nos.mkdir({os.fspath(folder / 'b')!r})\n{run}\n")
    monkeypatch.setattr(files, "PROGRAM", os.fspath(program))

    with pytest.raises(InputError, match="folder/b' cannot be written: Is a directory"):
        write_together(NewFile(path=folder / it, content="new") for it in "ab")

    assert [it.name for it in folder.iterdir()] == ["b"]


@pytest.mark.attack("limits of the machine")
def test_more_files_than_may_be_open_are_written_as_the_hint_says(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = [tmp_path / str(number) for number in range(600)]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, limits[1]))
        write_together(NewFile(path=it, content="old") for it in many)
        with pytest.raises(InputError, match="Too many open files") as caught:
            write_together(NewFile(path=it, content="new") for it in many)
        assert {*contents(tmp_path).values()} == {"old"}
        limit = re.search(r"ulimit -n (\d+)", caught.value.problems[0].hint)
        assert limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(limit[1]), limits[1]))
        write_together(NewFile(path=it, content="new") for it in many)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert {*contents(tmp_path).values()} == {"new"}


@pytest.mark.attack("limits of the machine")
def test_nothing_is_written_where_no_process_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(Children, "start", refuse)
    with pytest.raises(InputError, match="The files cannot be written: Resource temporarily"):
        write_together([NewFile(path=tmp_path / "a", content="new")])
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(("make", "reason"), [(os.mkdir, "Is a dir"), (os.mkfifo, "Invalid arg")])
def test_what_is_not_a_file_is_not_replaced(tmp_path: Path, make: object, reason: str) -> None:
    assert callable(make)
    make(tmp_path / "a")

    with pytest.raises(InputError, match=f"'{tmp_path}/a' cannot be written: {reason}"):
        write_together([NewFile(path=tmp_path / it, content="new") for it in ("b", "a")])

    assert [it.name for it in tmp_path.iterdir()] == ["a"]


def test_files_are_moved_all_or_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    moves = {tmp_path / it: tmp_path / f"{it}.moved" for it in ("a", "missing")}

    with pytest.raises(FileNotFoundError):
        move_together(moves)
    assert contents(tmp_path) == {}
    (tmp_path / "a").write_text("a")
    move_together({tmp_path / "a": tmp_path / "b"})
    assert contents(tmp_path) == {"b": "a"}
