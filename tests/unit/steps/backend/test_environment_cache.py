"""Environments are kept from one run to the next, for a day, within a size."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from steps.backend import environment_cache
from steps.backend.environment_cache import EnvironmentCache, cache_folder

if TYPE_CHECKING:
    from pathlib import Path

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
    with EnvironmentCache(folder, sys.executable, environ) as cache:
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
def test_the_settings_of_an_installer_make_an_environment_another(
    name: str, tmp_path: Path
) -> None:
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


def test_one_that_is_in_use_is_its_runs_alone(tmp_path: Path) -> None:
    make = Maker()

    with EnvironmentCache(tmp_path, sys.executable, {}) as other:
        first = other.get(A, make)
        assert get(tmp_path, make) != first
    assert get(tmp_path, make) == first
    assert make.made == 2


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


@pytest.mark.attack("an environment that is kept")
@pytest.mark.parametrize("deed", ["write", "touch", "compile", "add", "remove", "replace", "mode"])
def test_one_that_was_touched_is_made_again(tmp_path: Path, deed: str) -> None:
    path = get(tmp_path, Maker())
    assert path
    module = path / "lib/python3/site-packages/a.py"
    before, make = module.stat(), Maker()
    match deed:
        case "write":
            module.write_text("a = 2\n")
        case "compile":
            module.with_name("__pycache__").mkdir()
        case "add":
            module.with_name("b.py").touch()
        case "remove":
            module.unlink()
        case "replace":
            module.with_name("b.py").write_text("a = 2\n")
            module.with_name("b.py").rename(module)
        case "mode":
            module.chmod(0o600)
    if module.exists():  # to hide it
        os.utime(module, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert get(tmp_path, make) == path
    assert make.made == 1
    assert module.read_text() == "a = 1\n"


@pytest.mark.attack("an environment that is kept")
@pytest.mark.parametrize("is_kept", [True, False])
def test_a_build_that_forges_the_record_gains_nothing(tmp_path: Path, *, is_kept: bool) -> None:
    if is_kept:
        get(tmp_path, Maker())
    with EnvironmentCache(tmp_path, sys.executable, {}) as cache:
        path = cache.get(A, Maker())
        assert path
        module = path / "lib/python3/site-packages/a.py"
        module.write_text("evil = 1\n")
        record = json.loads((path / "environment.json").read_text())
        record["files"] = environment_cache.fingerprint(path)
        (path / "environment.json").write_text(json.dumps(record))

    assert get(tmp_path, Maker()) == path
    assert module.read_text() == "a = 1\n"


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

    with EnvironmentCache(tmp_path, sys.executable, {}) as used:
        used.get(A, Maker())
        os.utime(oldest.with_suffix(".lock"), (0, 0))
        get(tmp_path, Maker(), frozenset({"c"}))
        assert (oldest.exists(), old.exists()) == (True, True)
    get(tmp_path, Maker(), frozenset({"d"}))

    assert (oldest.exists(), old.exists()) == (False, False)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert get(tmp_path / "file", Maker()) is None


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir(mode=0o700)
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("cache", "folder"),
    [("{home}/xdg", "xdg/shipwheel"), ("xdg", ".cache/shipwheel"), ("", ".cache/shipwheel")],
)
def test_the_folder_is_the_users(cache: str, folder: str, home: Path) -> None:
    environ = {"XDG_CACHE_HOME": cache.format(home=home), "HOME": str(home)}

    assert cache_folder(environ) == home / folder / "environments"
    assert cache_folder({}) is None


@pytest.mark.attack("an environment that is kept")
def test_the_folder_is_no_one_elses_whatever_the_umask(home: Path) -> None:
    before = os.umask(0)
    try:
        get(home / ".cache/shipwheel/environments", Maker())
    finally:
        os.umask(before)

    assert cache_folder({"HOME": str(home)}) == home / ".cache/shipwheel/environments"


@pytest.mark.attack("an environment that is kept")
@pytest.mark.parametrize("inner", ["", ".cache", ".cache/shipwheel/environments"])
def test_a_folder_that_others_may_write_to_is_not_used_and_it_is_said(
    inner: str, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (home / ".cache/shipwheel/environments").mkdir(parents=True)
    (home / inner).chmod(0o777)

    assert cache_folder({"HOME": str(home)}) is None
    assert f"other users may write into {os.fspath(home / inner)!r}" in caplog.text


@pytest.mark.attack("an environment that is kept")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("inner", ["", ".cache", ".cache/shipwheel/environments"])
def test_a_folder_of_another_user_is_not_used_not_even_by_root(
    inner: str, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (home / ".cache/shipwheel/environments").mkdir(parents=True)
    os.chown(home / inner, 1234, 1234)

    assert cache_folder({"HOME": str(home)}) is None
    assert f"{os.fspath(home / inner)!r} belongs to another user (number 1234)" in caplog.text
