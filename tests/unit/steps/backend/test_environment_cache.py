"""Environments are kept from one run to the next, for a day, within a size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from steps.backend import environment_cache
from steps.backend.environment_cache import EnvironmentCache, cache_folder

A, B = frozenset({"a>=1"}), frozenset({"b"})


class Maker:
    """Makes environments, and counts them."""

    made = 0

    def __call__(self, path: Path) -> None:
        self.made += 1
        packages = path / "lib/python3/site-packages"
        (packages / "a-1.2.dist-info").mkdir(parents=True)
        (packages / "a.py").write_text("a = 1\n")


def get(folder: Path, make: Maker, wanted: frozenset[str] = A, **environ: str) -> Path | None:
    with EnvironmentCache(folder, environ) as cache:
        return cache.get(wanted, make)


def test_a_second_run_finds_what_the_first_has_made(tmp_path: Path) -> None:
    make = Maker()

    first, second, other = get(tmp_path, make), get(tmp_path, make), get(tmp_path, make, B)

    assert first
    assert first == second != other
    assert make.made == 2


def test_the_record_says_what_was_resolved(tmp_path: Path) -> None:
    path = get(tmp_path, Maker())

    assert path
    record = json.loads((path / "environment.json").read_text())
    assert (record["requirements"], record["resolved"], record["size"]) == (
        ["a>=1"],
        ["a-1.2"],
        len("a = 1\n"),
    )


@pytest.mark.parametrize("name", ["UV_INDEX_URL", "SHIPWHEEL_BACKENDS"])
def test_what_an_installer_is_told_makes_an_environment_another(name: str, tmp_path: Path) -> None:
    make = Maker()

    plain = get(tmp_path, make, LANG="C")
    told = get(tmp_path, make, A, **{name: "https://host.invalid/simple"})

    assert plain != told
    assert get(tmp_path, make, LANG="de") == plain


def test_the_next_day_makes_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    day = 24 * 60 * 60
    midnight = time.time() // day * day
    make = Maker()
    found = []
    for seconds in (0, day - 1, day):
        monkeypatch.setattr(time, "time", lambda seconds=seconds: midnight + seconds)
        found.append(get(tmp_path, make))

    assert found[0] == found[1] != found[2]
    assert make.made == 2


def test_the_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    path = get(tmp_path / "cache/shipwheel", Maker())

    assert path
    assert path.parent == tmp_path / "cache/shipwheel"


def test_one_that_is_in_use_is_shared(tmp_path: Path) -> None:
    make = Maker()

    with EnvironmentCache(tmp_path, {}) as other:
        assert other.get(A, make) == get(tmp_path, make)
    assert make.made == 1


def test_one_that_was_not_used_for_a_day_goes(tmp_path: Path) -> None:
    old, newer = get(tmp_path, Maker()), get(tmp_path, Maker(), B)
    assert old
    assert newer
    for hours, path in ((25, old), (23, newer)):
        used = time.time() - hours * 60 * 60
        os.utime(path.with_suffix(".lock"), (used, used))

    get(tmp_path, Maker(), frozenset({"c"}))

    assert (old.exists(), newer.exists()) == (False, True)


def test_one_that_was_used_of_late_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {name: get(tmp_path, Maker(), frozenset({name})) for name in "abc"}
    for age, path in zip((30, 20, 10), made.values(), strict=True):
        assert path
        os.utime(path.with_suffix(".lock"), (time.time() - age, time.time() - age))
    monkeypatch.setattr(environment_cache, "LARGEST", 3 * len("a = 1\n"))

    get(tmp_path, Maker(), frozenset({"a"}))
    get(tmp_path, Maker(), frozenset({"d"}))

    assert [name for name, path in made.items() if path and path.exists()] == ["a", "c"]


@pytest.mark.parametrize("deed", ["write", "add", "remove"])
def test_one_that_somebody_wrote_into_is_not_used(tmp_path: Path, deed: str) -> None:
    path = get(tmp_path, Maker())
    assert path
    module = path / "lib/python3/site-packages/a.py"
    if deed == "write":
        module.write_text("a = 2\n")
        os.utime(module, (0, 0))
    elif deed == "add":
        module.with_name("b.py").touch()
    else:
        module.unlink()

    assert get(tmp_path, Maker()) is None


def test_compiled_files_are_no_change(tmp_path: Path) -> None:
    path = get(tmp_path, Maker())
    assert path
    compiled = path / "lib/python3/site-packages/__pycache__/a.pyc"
    compiled.parent.mkdir()
    compiled.touch()

    assert get(tmp_path, Maker()) == path


def test_one_that_was_not_finished_is_made_again(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        (path / "half").touch()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        get(tmp_path, fail)  # type: ignore[arg-type]  # it never returns
    assert [*tmp_path.rglob("half")] == []
    path = get(tmp_path, Maker())
    assert path
    (path / "environment.json").unlink()  # killed between the files and their record
    make = Maker()

    assert get(tmp_path, make) == path
    assert make.made == 1


def test_what_exceeds_the_size_goes_oldest_first_unless_it_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest, old = get(tmp_path, Maker()), get(tmp_path, Maker(), B)
    assert oldest
    assert old
    for age, path in ((20, oldest), (10, old)):
        os.utime(path.with_suffix(".lock"), (time.time() - age, time.time() - age))
    monkeypatch.setattr(environment_cache, "LARGEST", 2 * len("a = 1\n"))

    with EnvironmentCache(tmp_path, {}) as used:
        used.get(A, Maker())
        os.utime(oldest.with_suffix(".lock"), (0, 0))
        get(tmp_path, Maker(), frozenset({"c"}))
        assert (oldest.exists(), old.exists()) == (True, True)
    get(tmp_path, Maker(), frozenset({"d"}))

    assert (oldest.exists(), old.exists()) == (False, False)


def test_two_processes_make_it_once(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from steps.backend.environment_cache import EnvironmentCache
def make(path):
    with open(sys.argv[2], "a") as log: log.write("made\\n")
    time.sleep(0.5)
    (path / "file").touch()
with EnvironmentCache(Path(sys.argv[1]), {}) as cache:
    print(cache.get(frozenset("a"), make))
"""
    command = [sys.executable, "-c", program, str(tmp_path / "cache"), str(tmp_path / "log")]

    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    paths = {process.communicate(timeout=20)[0] for process in started}

    assert (tmp_path / "log").read_text() == "made\n"
    assert len(paths) == 1
    assert paths != {"None\n"}


def test_whoever_waits_for_one_does_not_wait_for_the_run_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2, timeout=10)
    monkeypatch.setattr(os, "utime", lambda *_: both.wait())  # each has seen that there is none
    make = Maker()

    with (
        ThreadPoolExecutor(2) as pool,
        EnvironmentCache(tmp_path, {}) as one,
        EnvironmentCache(tmp_path, {}) as other,
    ):
        found = [pool.submit(cache.get, A, make) for cache in (one, other)]
        paths = {it.result(10) for it in found}

    assert (len(paths), make.made) == (1, 1)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert get(tmp_path / "file", Maker()) is None


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"XDG_CACHE_HOME": "/cache", "HOME": "/home"}, Path("/cache/shipwheel/environments")),
        ({"XDG_CACHE_HOME": "cache", "HOME": "/home"}, Path("/home/.cache/shipwheel/environments")),
        ({"HOME": "/home"}, Path("/home/.cache/shipwheel/environments")),
        ({}, None),
    ],
)
def test_the_folder_is_the_users(environ: dict[str, str], folder: Path | None) -> None:
    assert cache_folder(environ) == folder
