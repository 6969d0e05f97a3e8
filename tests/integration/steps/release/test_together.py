"""Two publishes of one version at once: the registry holds what one of them built."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from steps.distribution.files import file_sha256
from tests.integration.program import COMMAND, environment
from tests.integration.selection import exhaustive, sample
from tests.integration.servers.faults import Fault, FaultyRegistry
from tests.integration.steps.release.sending import stored
from tests.tiny import make_compiled, make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator
    from tests.integration.servers.faults import Request
    from tests.integration.tally import Tally

ROUNDS = [0, *(pytest.param(it, marks=exhaustive) for it in range(1, 5))]


def run_upload(host: str, directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "upload", str(directory), "--json"],
        env=environment(host),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_both(emulator: Emulator, *directories: Path) -> list[tuple[int, str, str]]:
    """Upload both, each having judged before any of them sends a file."""
    both = threading.Barrier(2)

    def wait_for_the_other(request: Request) -> Fault | None:
        return Fault(before=meet) if request.method == "POST" else None

    def meet() -> None:
        with suppress(threading.BrokenBarrierError):
            both.wait(0 if both.broken else 20)
            both.abort()

    with FaultyRegistry(emulator, wait_for_the_other) as registry:
        processes = [run_upload(registry.host, directory) for directory in directories]
        ended = [(process.communicate(timeout=60), process.returncode) for process in processes]
    return [(code, output, errors) for (output, errors), code in ended]


@pytest.mark.parametrize("_round", ROUNDS)
def test_of_two_equal_publishes_one_uploads_and_the_other_is_identical(
    emulator: Emulator, tmp_path: Path, tally: Tally, _round: int
) -> None:
    directories = [make_project(tmp_path / part, "berths") for part in ("one", "two")]
    files = [make_distributions(directory) for directory in directories]

    ended = run_both(emulator, *directories)

    assert [code for code, _, _ in ended] == [0, 0], ended
    rows = [json.loads(output) for _, output, _ in ended]
    outcomes = sorted({row["outcome"] for row in part} for part in rows)
    tally.outcomes(name for names in outcomes for name in names)
    assert sorted(sorted({(row["outcome"], row["result"]) for row in part}) for part in rows) == [
        [("identical", "found")],
        [("new", "uploaded")],
    ]
    tally.registry({file.filename: file.sha256 for file in files[0]}, stored(tmp_path / "registry"))


@sample("cut", ["before the body", "in the body", "before the answer"], "before the answer")
def test_who_is_lost_race_and_never_hears_the_refusal_is_identical_too(
    emulator: Emulator, tmp_path: Path, tally: Tally, cut: str
) -> None:
    tally.fault(f"another publish is faster, reset {cut}")
    one, two = (make_project(tmp_path / part, "berths", padding=300_000) for part in ("one", "two"))
    files = make_distributions(one), make_distributions(two)
    others: list[tuple[str, str]] = []

    def overtake(request: Request) -> Fault | None:
        return Fault(before=publish_other, cut=cut) if request.method == "POST" else None

    def publish_other() -> None:
        if not others:
            others.append(run_upload(emulator.host, two).communicate(timeout=60))

    with FaultyRegistry(emulator, overtake) as registry:
        process = run_upload(registry.host, one)
        output, errors = process.communicate(timeout=60)

    assert process.returncode == 0, errors
    assert [(row["outcome"], row["result"]) for row in json.loads(output)] == [
        ("identical", "found"),
        ("identical", "found"),
    ]
    assert {row["outcome"] for row in json.loads(others[0][0])} == {"new"}
    tally.outcomes(["identical", "new"])
    tally.registry({file.filename: file.sha256 for file in files[0]}, stored(tmp_path / "registry"))


@pytest.mark.parametrize("_round", ROUNDS)
def test_of_two_different_publishes_one_uploads_and_the_other_is_changed(
    emulator: Emulator, tmp_path: Path, tally: Tally, _round: int
) -> None:
    directories = [make_project(tmp_path / part, "berths", text=part) for part in ("one", "two")]
    files = [make_distributions(directory) for directory in directories]

    ended = run_both(emulator, *directories)

    codes = [code for code, _, _ in ended]
    assert sorted(codes) == [0, 1]
    winner = codes.index(0)
    errors = ended[1 - winner][2]
    tally.outcomes(["new", "changed"])
    assert "error: changed: another publish has put a different 'berths-1.0-py3-none-any.whl'" in (
        errors
    )
    assert "file changed: berths/__init__.py" in errors
    expected = {file.filename: file.sha256 for file in files[winner]}
    tally.registry(expected, stored(tmp_path / "registry"))


@pytest.mark.parametrize(
    ("sources", "slower"), [("same", "rebuilt"), ("others", "changed"), ("none", "changed")]
)
def test_of_two_publishes_of_compiled_files_the_sources_tell_what_the_slower_is(
    emulator: Emulator, tmp_path: Path, tally: Tally, sources: str, slower: str
) -> None:
    directories = [tmp_path / part / "berths" for part in ("one", "two")]
    for part in ("one", "two"):
        text = part if sources == "others" else ""
        elf = b"\x7fELF" + part.encode()
        _, sdist = make_compiled(tmp_path / part, "berths", "_c.so", elf, text)
        if sources == "none":
            sdist.path.unlink()

    ended = run_both(emulator, *directories)

    outcomes = [json.loads(output)[0]["outcome"] if not code else "" for code, output, _ in ended]
    assert sorted(outcomes) == sorted(["new", "" if slower == "changed" else slower]), ended
    assert sorted(code for code, _, _ in ended) == [0, int(slower == "changed")]
    tally.outcomes(["new", slower])
    winner = directories[outcomes.index("new")]
    expected = {it.name: file_sha256(it) for it in (winner / "dist").iterdir()}
    tally.registry(expected, stored(tmp_path / "registry"))
