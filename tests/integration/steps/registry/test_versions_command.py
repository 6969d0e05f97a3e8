"""`shipwheel versions` as a program, against the emulator."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.integration.program import shipwheel_at
from tests.integration.servers.faults import Answer, Fault, FaultyRegistry, Request
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator
    from steps.distribution.files import Distribution


@pytest.fixture
def tides(tmp_path: Path) -> dict[str, tuple[Distribution, ...]]:
    """Three versions of a package in the registry, and one of another."""
    found = {}
    for name, version in (("tides", "1.9"), ("tides", "1.10"), ("tides", "1.2"), ("berths", "1")):
        directory = make_project(tmp_path / version, name, version)
        found[version] = make_distributions(directory)
        folder = tmp_path / "registry/demo/pypi" / name
        folder.mkdir(parents=True, exist_ok=True)
        for it in found[version]:
            shutil.copy(it.path, folder)
    return found


@pytest.mark.usefixtures("tides")
def test_versions_are_in_their_order_the_highest_last(emulator: Emulator) -> None:
    one = shipwheel_at(emulator.host, "versions", "Tides")
    every = shipwheel_at(emulator.host, "versions", "--all")

    assert (one.returncode, one.stdout, one.stderr) == (0, "1.2\n1.9\n1.10\n", "")
    assert every.stdout == "berths 1\ntides 1.2\ntides 1.9\ntides 1.10\n"
    few = shipwheel_at(emulator.host, "versions", "--all", "--limit", "2")
    assert few.stdout == "berths 1\ntides 1.9\ntides 1.10\n"


def test_files_come_with_their_sha256(
    emulator: Emulator, tides: dict[str, tuple[Distribution, ...]]
) -> None:
    done = shipwheel_at(emulator.host, "versions", "tides", "--files", "--version", "1.9.0")
    as_json = shipwheel_at(emulator.host, "versions", "tides", "--json", "--version", "v1.9")

    by_name = sorted(tides["1.9"], key=lambda it: it.filename)
    assert sorted(done.stdout.splitlines()) == sorted(
        f"{it.sha256}           -  {it.filename}" for it in by_name
    )
    (package,) = json.loads(as_json.stdout)
    (version,) = package.pop("versions")
    assert package == {"package": "tides", "unreadable": []}
    assert version["version"] == "1.9"
    assert sorted(version["files"], key=lambda it: it["filename"]) == [
        {
            "filename": it.filename,
            "kind": it.kind,
            "size": None,
            "sha256": it.sha256,
            "url": f"http://{emulator.host}/demo/pypi/tides/{it.filename}",
        }
        for it in by_name
    ]


@pytest.mark.usefixtures("tides")
def test_what_is_not_there_is_an_error_that_names_what_is(emulator: Emulator) -> None:
    package = shipwheel_at(emulator.host, "versions", "tide")
    version = shipwheel_at(emulator.host, "versions", "tides", "--version", "3")
    wrong = shipwheel_at(emulator.host, "versions", "tides", "--version", "three")
    path = shipwheel_at(emulator.host, "versions", "../tides")
    nothing = shipwheel_at(emulator.host, "versions")

    assert package.stderr == (
        "error: The registry holds no package 'tide'\n"
        "  hint: did you mean 'tides'?"
        " `shipwheel versions --all --registry us-central1/demo/pypi` lists them\n"
    )
    assert version.stderr == (
        "error: The registry holds no version '3' of 'tides'\n  hint: the highest is 1.10\n"
    )
    assert wrong.stderr == (
        "error: Not a version that PEP 440 knows: 'three'\n"
        "  hint: `shipwheel versions tides` lists those of the package\n"
    )
    assert path.stderr == (
        "error: No package can have this name: '../tides'\n"
        "  hint: letters, digits, and - _ . between them\n"
    )
    assert nothing.stderr.startswith(
        "error: Name a package, or --all packages of the repository.\n"
    )
    assert {it.returncode for it in (package, version, wrong, path, nothing)} == {2}


def test_the_hint_at_a_repository_that_is_not_there_is_one_for_this_command(
    emulator: Emulator,
) -> None:
    other = f"http://{emulator.host}/demo/none/"
    one = shipwheel_at(emulator.host, "versions", "tides", "--registry", "us-central1/demo/none")
    every = shipwheel_at(emulator.host, "versions", "--all", "--registry", "us-central1/demo/none")
    elsewhere = shipwheel_at(emulator.host, "versions", "tides", "--registry", other)

    assert {(it.returncode, it.stdout) for it in (one, every, elsewhere)} == {(4, "")}
    assert one.stderr.startswith(
        "error: Repository not found: 'projects/demo/locations/us-central1/"
    )
    assert every.stderr == one.stderr
    assert elsewhere.stderr.splitlines()[1:] == ["  hint: check its address"]


@pytest.mark.usefixtures("tides")
def test_a_registry_that_does_not_list_its_packages_still_tells_of_one(emulator: Emulator) -> None:
    def script(request: Request) -> Fault | None:
        return Fault(answer=Answer(404)) if request.path == "/demo/pypi/simple/" else None

    with FaultyRegistry(emulator, script) as registry:
        place = f"http://{registry.host}/demo/pypi/"
        every = shipwheel_at(registry.host, "versions", "--all", "--registry", place)
        one = shipwheel_at(registry.host, "versions", "tides", "--registry", place)

    url = f"{place}simple/"
    assert (every.returncode, every.stdout) == (4, "")
    assert every.stderr == (
        f"error: The registry does not list its packages: {url!r} answers 404 Not Found\n"
        "  hint: name a package; not every registry tells which ones it has\n"
    )
    assert one.stdout == "1.2\n1.9\n1.10\n"
