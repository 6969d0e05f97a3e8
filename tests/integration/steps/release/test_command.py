"""`shipwheel upload` as a program: its receipt, its refusals, and its end on SIGTERM."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from twine.package import HashManager

from builder.__main__ import main
from steps.host.errors import readable_size
from tests.integration.program import (
    COMMAND,
    environment,
    on_a_terminal,
    shipwheel_at,
    without_times,
)
from tests.integration.selection import sample
from tests.integration.servers.faults import Fault, FaultyRegistry
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from builder.server import Emulator
    from tests.integration.servers.faults import Request


def test_the_receipt_tells_what_was_uploaded_and_what_was_found(
    emulator: Emulator, tmp_path: Path
) -> None:
    directory = make_project(tmp_path, "berths")
    wheel, sdist = make_distributions(directory)
    url = f"http://{emulator.host}/demo/pypi/"

    first = shipwheel_at(emulator.host, "upload", directory, "--json")
    again = shipwheel_at(emulator.host, "upload", directory)

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert without_times(first.stderr) == (
        "Uploaded berths-1.0-py3-none-any.whl in T s\nUploaded berths-1.0.tar.gz in T s\n"
    )
    assert without_times(again.stderr) == "1 package: 1 identical, in T s\n"
    assert json.loads(first.stdout) == [
        {
            "project": "berths",
            "version": "1.0",
            "outcome": "new",
            "file": file.filename,
            "result": "uploaded",
            "size": file.size,
            "sha256": file.sha256,
            "registry": url,
            "unreleased": [],
            "reason": "the first release",
            "hint": "",
        }
        for file in (wheel, sdist)
    ]
    rows = [re.split("  +", line) for line in again.stdout.splitlines()]
    size = readable_size(wheel.size + sdist.size)
    assert rows == [
        ["PROJECT", "VERSION", "OUTCOME", "FILES", "SIZE"],
        ["berths", "1.0", "identical", "2 found", size],
    ]


@sample("columns", [60, 110, 200], 60)
def test_on_a_terminal_an_upload_of_a_large_file_shows_bytes_and_rate(
    emulator: Emulator, tmp_path: Path, columns: int
) -> None:
    directory = make_project(tmp_path, "berths", padding=3_000_000)
    make_distributions(directory)

    with FaultyRegistry(emulator, lambda _: Fault(sip=0.0002)) as slow:
        code, shown = on_a_terminal(environment(slow.host), "upload", directory, columns=columns)

    *_, summary, head, row = shown
    assert code == 0
    assert [it for it in shown if re.fullmatch(r"\[0/2\] Uploading 2 files  \d\.\d s", it)]
    part = r"  \[1/2\] berths-1\.0.+  uploading  \d\.\d MB of 3\.0 MB, \d+(\.\d)? \wB/s"
    assert [it for it in shown if re.fullmatch(part, it)]
    assert max(map(len, shown)) <= columns
    assert without_times(summary) == "1 package: 1 published, in T s"
    assert (head.split()[0], row.split()[:3]) == ("PROJECT", ["berths", "1.0", "new"])
    assert not [it for it in shown if "Uploaded" in it]


def test_twine_hashes_each_file_once(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make_project(tmp_path, "berths")
    files = make_distributions(directory)
    for name, value in environment(emulator.host).items():
        monkeypatch.setenv(name, value)
    hashed = []
    hash_file = HashManager.hash

    def counted(manager: HashManager) -> None:
        hashed.append(manager.filename)
        hash_file(manager)

    monkeypatch.setattr(HashManager, "hash", counted)

    assert main(["upload", str(directory)]) == 0

    assert hashed == [str(file.path) for file in files]


def test_a_project_goes_after_those_that_it_requires(emulator: Emulator, tmp_path: Path) -> None:
    directories = [
        make_project(tmp_path, "berths", requires=["tides"]),
        make_project(tmp_path, "tides"),
    ]
    berths, tides = map(make_distributions, directories)

    result = shipwheel_at(emulator.host, "upload", *directories)

    *uploaded, summary = without_times(result.stderr).splitlines()
    assert uploaded == [f"Uploaded {it.filename} in T s" for it in (*tides, *berths)]
    assert summary == "2 packages: 2 published, in T s"


def test_a_folder_and_files_without_a_project_are_uploaded_dependencies_first(
    emulator: Emulator, tmp_path: Path
) -> None:
    house = tmp_path / "wheelhouse"
    house.mkdir()
    versions: list[tuple[str, str, list[str]]] = [
        ("berths", "1.0", ["tides"]),
        ("berths", "1.1", ["tides"]),
        ("tides", "2.0", []),
    ]
    for name, version, requires in versions:
        for file in make_distributions(make_project(tmp_path, name, version, requires=requires)):
            file.path.rename(house / file.filename)
    (house / "tides-2.0.tar.gz.asc").touch()
    sdist = (house / "tides-2.0.tar.gz").rename(tmp_path / "tides-2.0.tar.gz")

    first = shipwheel_at(emulator.host, "upload", house, sdist, "--json")
    again = shipwheel_at(emulator.host, "upload", house, sdist, "--json")

    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    rows = [(it["project"], it["version"], it["outcome"]) for it in json.loads(first.stdout)]
    assert {*rows} == {(name, version, "new") for name, version, _ in versions}
    assert len(rows) == 6
    assert {it["outcome"] for it in json.loads(again.stdout)} == {"identical"}
    uploaded = [line.split()[1] for line in first.stderr.splitlines() if "Uploaded " in line]
    names = ("tides-2.0", "berths-1.0", "berths-1.1")
    assert uploaded == [
        f"{name}{end}" for name in names for end in ("-py3-none-any.whl", ".tar.gz")
    ]
    assert "Passed over, not being distributions: tides-2.0.tar.gz.asc" in first.stderr


def test_one_version_that_is_refused_keeps_every_file_of_the_folder_back(
    emulator: Emulator, tmp_path: Path
) -> None:
    berths, tides = make_project(tmp_path, "berths", "2.0"), make_project(tmp_path, "tides")
    make_distributions(berths)
    assert shipwheel_at(emulator.host, "upload", berths).returncode == 0
    house = tmp_path / "house"
    house.mkdir()
    for project in (make_project(tmp_path, "berths", "1.0"), tides):
        for file in make_distributions(project):
            file.path.rename(house / file.filename)

    answer = shipwheel_at(emulator.host, "upload", *house.iterdir())

    assert answer.returncode == 1
    assert "berths 1.0 is not greater than 2.0" in answer.stderr
    assert shipwheel_at(emulator.host, "versions", "tides").returncode != 0


def test_a_part_that_is_missing_is_uploaded(emulator: Emulator, tmp_path: Path) -> None:
    directory = make_project(tmp_path, "berths")
    _, sdist = make_distributions(directory)
    content = sdist.path.read_bytes()
    sdist.path.unlink()
    shipwheel_at(emulator.host, "upload", directory)
    sdist.path.write_bytes(content)

    result = shipwheel_at(emulator.host, "upload", directory, "--json")

    rows = [(row["outcome"], row["file"], row["result"]) for row in json.loads(result.stdout)]
    assert rows == [
        ("partial", "berths-1.0-py3-none-any.whl", "found"),
        ("partial", "berths-1.0.tar.gz", "uploaded"),
    ]


def test_one_refusal_leaves_the_registry_as_it_was(emulator: Emulator, tmp_path: Path) -> None:
    make_distributions(make_project(tmp_path, "berths", "2.0"))
    shipwheel_at(emulator.host, "upload", tmp_path / "berths")
    make_project(tmp_path, "berths", "1.0")
    for file in (tmp_path / "berths/dist").glob("*-*"):
        file.unlink()
    make_distributions(tmp_path / "berths")
    make_distributions(make_project(tmp_path, "tides"))

    with FaultyRegistry(emulator, lambda _: None) as registry:
        result = shipwheel_at(registry.host, "upload", "--all", tmp_path)

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("error: berths 1.0 is not greater than ")
    assert {request.method for request in registry.requests} == {"GET"}


def test_what_does_not_belong_into_dist_is_refused_before_any_request(
    emulator: Emulator, tmp_path: Path
) -> None:
    make_distributions(make_project(tmp_path, "berths", "0.9"))
    make_project(tmp_path, "berths", "1.0")
    make_project(tmp_path, "tides")

    with FaultyRegistry(emulator, lambda _: None) as registry:
        result = shipwheel_at(registry.host, "upload", "--all", tmp_path)

    assert result.returncode == 2
    assert result.stderr.count("error: ") == 3
    assert registry.requests == []


def test_sigterm_ends_an_upload_within_a_second(emulator: Emulator, tmp_path: Path) -> None:
    directory = make_project(tmp_path, "berths")
    make_distributions(directory)
    posted = threading.Event()

    def script(request: Request) -> Fault | None:
        return Fault(before=posted.set, hang=20) if request.method == "POST" else None

    with (
        FaultyRegistry(emulator, script) as registry,
        subprocess.Popen(
            [*COMMAND, "upload", directory],
            env=environment(registry.host),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert posted.wait(30)
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=30)
        seconds = time.monotonic() - start

    assert (process.returncode, output) == (143, "")
    assert errors == "Terminated. Run the same command again to finish the job.\n"
    assert seconds < 1
