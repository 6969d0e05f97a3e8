"""A publish of three dependent projects, one of them compiled, killed at every request."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Literal

import pytest

from tests.integration.program import COMMAND, environment, shipwheel
from tests.integration.selection import exhaustive, sample
from tests.integration.servers.faults import Fault, FaultyRegistry
from tests.processes import wait_until_ended
from tests.tiny import add_extension, make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator
    from tests.integration.servers.faults import Request
    from tests.integration.tally import Tally

# A publish asks for three projects before it builds, the API for the repository, and for what the
# builds require, of two backends; then three projects are asked for, and each of six files is sent
# and confirmed.
REQUESTS = 3 + 1 + 2 + 3 + 6 * 2
# Each with those that it needs.
PROJECTS = {"charts": [], "berths": ["charts"], "tides": ["berths", "charts"]}
COMPILED = "tides"

When = Literal["before", "after"]


@pytest.fixture(name="compiled", scope="module")
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the compiled project, built."""
    folder = tmp_path_factory.mktemp("compiled")
    directory = make_project(folder, COMPILED, requires=PROJECTS[COMPILED])
    add_extension(directory)
    answer = shipwheel(os.environ, "build", directory)
    assert answer.returncode == 0, answer.stderr
    return directory


@pytest.fixture
def projects(tmp_path: Path, compiled: Path) -> Path:
    for name, requires in PROJECTS.items():
        if name != COMPILED:
            make_distributions(make_project(tmp_path / "projects", name, requires=requires))
    shutil.copytree(compiled, tmp_path / "projects" / COMPILED)
    return tmp_path / "projects"


def built(projects: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in projects.glob("*/dist/*-*")}


def stored(registry: Path) -> dict[str, str]:
    return {
        path.name: sha256(path)
        for path in (registry / "demo/pypi").rglob("*")
        if path.is_file() and not path.name.startswith(".upload-")
    }


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def start(
    host: str, command: str, projects: Path, *, temporary: Path | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, command, "--all", str(projects), "--json", "--workers", "3"],
        env=environment(host, **({"TMPDIR": str(temporary)} if temporary else {})),
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
    seconds: float = 0
    installable_without_dependency: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Fault:
        if request.number != self.number:
            return Fault(after=self.look)
        if self.when == "before":
            return Fault(before=self.kill, cut="before the body")
        return Fault(after=self.kill, cut="before the answer")

    def kill(self) -> None:
        assert self.victim is not None
        begin = time.monotonic()
        self.victim.send_signal(self.signal)
        self.victim.wait(30)
        self.seconds = time.monotonic() - begin
        self.look()

    def look(self) -> None:
        """Note a project that is there and lacks one that it needs."""
        there = {name.partition("-")[0] for name in stored(self.registry)}
        for name in there:
            if not there.issuperset(PROJECTS[name]):
                self.installable_without_dependency.append(name)


KILL, TERM = signal.SIGKILL, signal.SIGTERM
LAST = REQUESTS - 1
# Both signals, after a request in the middle and before the last.
FEW = {(KILL, "after", 7), (TERM, "before", LAST)}
MOMENTS = [
    pytest.param(*it, id=f"{it[0].name}-{it[1]}-{it[2]}", marks=() if it in FEW else exhaustive)
    for it in product((KILL, TERM), ("before", "after"), range(REQUESTS))
]


@pytest.mark.parametrize(("kill", "when", "number"), MOMENTS)
def test_what_was_killed_at_any_request_is_finished_by_the_next(
    emulator: Emulator,
    tmp_path: Path,
    projects: Path,
    tally: Tally,
    *,
    number: int,
    when: When,
    kill: signal.Signals,
) -> None:
    killer = Killer(tmp_path / "registry", number, when, kill)

    check_that_the_next_one_finishes("publish", emulator, projects, killer, tally)


@sample("number", [0, 4, 9], 4)
@sample("kill", [KILL, TERM], KILL)
def test_a_killed_upload_is_finished_by_the_next(
    emulator: Emulator,
    tmp_path: Path,
    projects: Path,
    tally: Tally,
    *,
    number: int,
    kill: signal.Signals,
) -> None:
    killer = Killer(tmp_path / "registry", number, "after", kill)

    check_that_the_next_one_finishes("upload", emulator, projects, killer, tally)


def check_that_the_next_one_finishes(
    command: str, emulator: Emulator, projects: Path, killer: Killer, tally: Tally
) -> None:
    tally.kill(f"{killer.signal.name} {killer.when} a request of {command}")
    with FaultyRegistry(emulator, killer) as registry:
        killer.victim = start(registry.host, command, projects)
        output, errors = killer.victim.communicate(timeout=60)
    left = stored(killer.registry)
    with FaultyRegistry(emulator, lambda _: Fault(after=killer.look)) as registry:
        again = start(registry.host, command, projects)
        receipt, narration = again.communicate(timeout=60)

    if killer.signal == signal.SIGTERM:
        last = "Terminated. Run the same command again to finish the job."
        assert (killer.victim.returncode, errors.splitlines()[-1]) == (143, last)
        assert killer.seconds < 1
    else:
        assert killer.victim.returncode == -signal.SIGKILL
    assert output == ""
    assert again.returncode == 0, narration
    rows = json.loads(receipt)
    expected = built(projects)
    tally.outcomes(outcome for _, outcome in {(row["project"], row["outcome"]) for row in rows})
    assert {row["file"]: row["sha256"] for row in rows} == expected
    assert {row["file"]: row["sha256"] for row in rows if row["result"] == "found"} == left
    assert killer.installable_without_dependency == []
    tally.registry(expected, stored(killer.registry))


@pytest.mark.parametrize("command", ["upload", "publish"])
def test_a_publish_that_is_left_alone_makes_that_many_requests(
    emulator: Emulator, tmp_path: Path, projects: Path, command: str
) -> None:
    with FaultyRegistry(emulator, lambda _: None) as registry:
        process = start(registry.host, command, projects)
        process.communicate(timeout=60)

    assert len(registry.requests) == REQUESTS - 5 * (command == "upload")
    assert stored(tmp_path / "registry") == built(projects)
    assert len(built(projects)) == 6


def test_sigterm_ends_a_build_and_all_that_it_started(
    emulator: Emulator, tmp_path: Path, tally: Tally
) -> None:
    tally.kill("SIGTERM in a build")
    project = make_project(tmp_path / "projects", "charts")
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "charts"\nversion = "1.0"\n'
    )
    (project / "backend.py").write_text(
        "import subprocess, sys\n"
        "def build_sdist(folder, config=None):\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"    open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid) + '\\n')\n"
        "    child.wait()\n"
        "build_wheel = build_sdist\n"
    )

    process = start(emulator.host, "publish", project)
    number = wait_for_number(tmp_path / "pid")
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=30)
    seconds = time.monotonic() - begin

    assert (process.returncode, output) == (143, "")
    assert errors.splitlines()[-1] == "Terminated. Run the same command again to finish the job."
    assert seconds < 1
    wait_until_ended(number)
    assert not (project / "dist").exists()


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@sample("hook", ["build_sdist", "build_wheel"], "build_wheel")
def test_a_signal_in_a_hook_leaves_nothing_and_ends_within_a_second(
    emulator: Emulator, tmp_path: Path, tally: Tally, hook: str, kill: signal.Signals
) -> None:
    tally.kill(f"{kill.name} in {hook} of three projects")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    for name in PROJECTS:
        wait_in(make_project(tmp_path / "projects", name), hook, tmp_path / f"{name}.pid")

    process = start(emulator.host, "publish", tmp_path / "projects", temporary=temporary)
    numbers = [wait_for_number(tmp_path / f"{name}.pid") for name in PROJECTS]
    begin = time.monotonic()
    process.send_signal(kill)
    output, errors = process.communicate(timeout=30)
    seconds = time.monotonic() - begin

    word = "Terminated" if kill == signal.SIGTERM else "Interrupted"
    assert (process.returncode, output) == (128 + kill, "")
    assert errors.splitlines()[-1] == f"{word}. Run the same command again to finish the job."
    assert seconds < 1
    for number in numbers:
        wait_until_ended(number)
    assert [*temporary.iterdir()] == []
    assert [*(tmp_path / "projects").glob("*/dist")] == []


def test_what_sigkill_leaves_the_next_one_removes(
    emulator: Emulator, tmp_path: Path, projects: Path, tally: Tally
) -> None:
    tally.kill("SIGKILL in a build")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    directory = make_project(tmp_path / "waiting", "charts")
    wait_in(directory, "build_wheel", tmp_path / "pid")

    process = start(emulator.host, "publish", directory, temporary=temporary)
    number = wait_for_number(tmp_path / "pid")
    process.kill()
    process.communicate(timeout=30)
    assert [*temporary.iterdir()] != []
    again = start(emulator.host, "upload", projects, temporary=temporary)
    _, errors = again.communicate(timeout=60)

    wait_until_ended(number)
    assert again.returncode == 0, errors
    assert [*temporary.iterdir()] == []


def wait_in(project: Path, hook: str, told: Path) -> None:
    """Let the backend of *project* start a child in *hook*, tell its number, and wait for it."""
    pyproject = project / "pyproject.toml"
    in_tree = 'build-backend = "backend"\nbackend-path = ["."]'
    text = pyproject.read_text().replace('build-backend = "flit_core.buildapi"', in_tree)
    pyproject.write_text(f'{text}[tool.flit.sdist]\ninclude = ["backend.py"]\n')
    (project / "backend.py").write_text(
        "import subprocess, sys, tempfile\nfrom flit_core.buildapi import *\n"
        f"def {hook}(*arguments):\n"
        "    tempfile.mkdtemp()\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"    open({str(told)!r}, 'w').write(str(child.pid) + '\\n')\n"
        "    child.wait()\n"
    )


def wait_for_number(path: Path) -> int:
    end = time.monotonic() + 30
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < end
        time.sleep(0.02)
    return int(path.read_text())
