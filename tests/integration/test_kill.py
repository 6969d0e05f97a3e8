"""A publish of three dependent projects, killed at every request, and run again."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pytest

from builder.emulator import Emulator
from tests.integration.faults import Fault, FaultyRegistry
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.faults import Request
    from tests.integration.tally import Tally

# Three projects are asked for, the repository once; then each of six files is sent and confirmed.
REQUESTS = 3 + 1 + 6 * 2
# Each with those that it needs.
PROJECTS = {"charts": [], "berths": ["charts"], "tides": ["berths", "charts"]}

When = Literal["before", "after"]


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator(tmp_path / "registry") as emulator:
        yield emulator


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, str]:
    """Make the three projects; return the sha256 of each file."""
    return {
        file.filename: file.sha256
        for name, requires in PROJECTS.items()
        for file in make_distributions(make_project(tmp_path / "projects", name, requires=requires))
    }


def stored(registry: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (registry / "demo/pypi").rglob("*")
        if path.is_file() and not path.name.startswith(".upload-")
    }


def start(host: str, projects: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-m", "builder", "upload", "--all", str(projects), "--json"],
        env={
            **os.environ,
            "SHIPWHEEL_REGISTRY": "us-east4/demo/pypi",
            "ARTIFACT_REGISTRY_EMULATOR_HOST": host,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@dataclass
class Killer:
    """Kills the publish at one request, before the registry does it or after."""

    registry: Path
    number: int
    when: When
    signal: signal.Signals
    victim: subprocess.Popen[str] | None = None
    installable_without_dependency: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Fault:
        if request.number != self.number:
            return Fault(after=self.look)
        if self.when == "before":
            return Fault(before=self.kill, cut="before the body")
        return Fault(after=self.kill, cut="before the answer")

    def kill(self) -> None:
        assert self.victim is not None
        self.victim.send_signal(self.signal)
        self.victim.wait(30)
        self.look()

    def look(self) -> None:
        """Note a project that is there and lacks one that it needs."""
        there = {name.partition("-")[0] for name in stored(self.registry)}
        for name in there:
            if not there.issuperset(PROJECTS[name]):
                self.installable_without_dependency.append(name)


@pytest.mark.parametrize("number", range(REQUESTS))
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_a_killed_publish_is_finished_by_the_next(
    emulator: Emulator,
    tmp_path: Path,
    expected: dict[str, str],
    tally: Tally,
    *,
    number: int,
    when: When,
    kill: signal.Signals,
) -> None:
    tally.kill(f"{kill.name} {when} a request")
    killer = Killer(tmp_path / "registry", number, when, kill)

    with FaultyRegistry(emulator, killer) as registry:
        killer.victim = start(registry.host, tmp_path / "projects")
        output, errors = killer.victim.communicate(timeout=60)
    left = stored(tmp_path / "registry")
    with FaultyRegistry(emulator, lambda _: Fault(after=killer.look)) as registry:
        again = start(registry.host, tmp_path / "projects")
        receipt, narration = again.communicate(timeout=60)

    assert killer.victim.returncode == (-signal.SIGKILL if kill == signal.SIGKILL else 143)
    if kill == signal.SIGTERM:
        last = "Terminated. Run the same command again to finish the job."
        assert errors.splitlines()[-1] == last
    assert output == ""
    assert again.returncode == 0, narration
    rows = json.loads(receipt)
    tally.outcomes(outcome for _, outcome in {(row["project"], row["outcome"]) for row in rows})
    assert {row["file"]: row["sha256"] for row in rows} == expected
    assert {row["file"]: row["sha256"] for row in rows if row["result"] == "found"} == left
    assert killer.installable_without_dependency == []
    tally.registry(expected, stored(tmp_path / "registry"))


def test_a_publish_that_is_left_alone_makes_that_many_requests(
    emulator: Emulator, tmp_path: Path, expected: dict[str, str]
) -> None:
    with FaultyRegistry(emulator, lambda _: None) as registry:
        process = start(registry.host, tmp_path / "projects")
        process.communicate(timeout=60)

    assert len(registry.requests) == REQUESTS
    assert stored(tmp_path / "registry") == expected
