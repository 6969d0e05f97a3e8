"""What `shipwheel requirements` asks of the registry and of the index that the function reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.integration.selection import exhaustive
from tests.integration.servers.faults import Answer, Fault, FaultyRegistry, Request
from tests.integration.steps.function.place import SOUND, Place
from tests.tiny import make_project

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLIC = "functions_framework==3.0\n"
NO_PAGE = Answer(
    404,
    b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>",
    (("Content-Type", "text/html; charset=utf-8"),),
)
EMPTY = Answer(
    200,
    b"<!DOCTYPE html><title>Links for berths</title>",
    (("Content-Type", "text/html"),),
)
_PROOF = re.compile(r".*/simple/?|/v1/.*")
_VIRTUAL = {"SHIPWHEEL_VIRTUAL": ""}


def no_proof(request: Request) -> Fault | None:
    """Answer as a service that shows neither a root page nor its API."""
    return Fault(answer=NO_PAGE) if _PROOF.fullmatch(request.path) else None


@pytest.mark.parametrize(
    ("options", "environ"),
    [
        ([], {}),
        (["--dry-run"], {}),
        pytest.param(["--pin"], {}, marks=exhaustive),
        pytest.param(["--vendor", "vendor"], {}, marks=exhaustive),
        (["--vendor", "vendor"], _VIRTUAL),
        (["--extra-index-url"], _VIRTUAL),
        pytest.param(["--extra-index-url", "--pin"], _VIRTUAL, marks=exhaustive),
    ],
)
def test_a_public_name_needs_no_proof_of_the_repository(
    place: Place, options: list[str], environ: dict[str, str]
) -> None:
    place.write(requirements__in=SOUND)
    with FaultyRegistry(place.private, no_proof) as registry:
        host = {"ARTIFACT_REGISTRY_EMULATOR_HOST": registry.host}
        done = place.shipwheel(*options, **host, **environ)

    assert done.returncode == 0, done.stderr
    assert [it.path for it in registry.requests if _PROOF.fullmatch(it.path)] == []


def test_a_registry_that_holds_nothing_that_is_required_may_be_unseen(place: Place) -> None:
    place.write(requirements__txt=PUBLIC)
    with FaultyRegistry(place.private, no_proof) as registry:
        done = place.shipwheel(ARTIFACT_REGISTRY_EMULATOR_HOST=registry.host)

    assert done.returncode == 0, done.stderr
    assert place.text().endswith(PUBLIC)
    warning = f"warning: http://{registry.host}/demo/pypi/ could not be looked up: "
    assert done.stderr.startswith(warning)


def late(path: str, answer: Answer, times: int) -> Callable[[Request], Fault | None]:
    """Give *answer* to the first requests for the page at *path*."""
    seen: list[Request] = []

    def script(request: Request) -> Fault | None:
        if request.path != path:
            return None
        seen.append(request)
        return Fault(answer=answer) if len(seen) <= times else None

    return script


@pytest.mark.parametrize(
    ("options", "project", "answer"),
    [
        ([], "berths", NO_PAGE),  # its first release
        ([], "berths", EMPTY),
        (["--extra-index-url"], "berths", NO_PAGE),
        (["--pin"], "tides", NO_PAGE),  # which berths requires
    ],
)
def test_what_is_deployed_waits_until_its_own_index_shows_the_version(
    place: Place, options: list[str], project: str, answer: Answer
) -> None:
    place.write(requirements__txt=SOUND)
    path = f"/demo/virtual/simple/{project}/"
    with FaultyRegistry(place.private, late(path, answer, times=2)) as registry:
        host = {"ARTIFACT_REGISTRY_EMULATOR_HOST": registry.host}
        done = place.shipwheel(*options, "--wait", "30", **host)

    assert done.returncode == 0, done.stderr
    index = f"The index http://{registry.host}/demo/virtual/simple/"
    assert f"{index}: it does not show {project} 1.0 yet; trying again in " in done.stderr
    assert "berths==1.0" in place.text()


@pytest.mark.parametrize("options", [[], ["--pin"]])
def test_an_index_that_never_shows_the_version_is_reported_in_time(
    place: Place, options: list[str]
) -> None:
    place.write(requirements__txt=SOUND)
    path = "/demo/virtual/simple/berths/"
    with FaultyRegistry(place.private, late(path, EMPTY, times=1000)) as registry:
        host = {"ARTIFACT_REGISTRY_EMULATOR_HOST": registry.host}
        done = place.shipwheel(*options, "--wait", "1", **host)

    assert done.returncode == 4
    assert done.stderr.endswith(
        f"error: The index http://{registry.host}/demo/virtual/simple/: it does not show berths 1.0"
        " yet, still after 1 s\n"
        "  hint: run it again later, or wait longer with --wait SECONDS; if it stays so, check that"
        " the registry is an upstream of that repository\n"
    )
    assert place.text() == SOUND


def test_the_package_of_the_repository_is_waited_for_until_it_is_published(place: Place) -> None:
    place.write(requirements__txt=SOUND)
    make_project(place.root, "tides", "1.0")
    wait = ["--wait-for", str(place.root / "tides"), "--wait", "30"]
    script = late("/demo/pypi/simple/tides/", EMPTY, times=2)
    with FaultyRegistry(place.private, script) as registry:
        host = {"ARTIFACT_REGISTRY_EMULATOR_HOST": registry.host}
        done = place.shipwheel(*wait, **host)

    assert done.returncode == 0, done.stderr
    missing = f"http://{registry.host}/demo/pypi/: it does not have tides 1.0 yet; trying again in "
    assert done.stderr.count(missing) == 2


def test_a_package_that_is_never_published_is_reported_and_a_higher_version_is_enough(
    place: Place,
) -> None:
    place.write(requirements__txt=SOUND)
    for name, version in (("tides", "0.9"), ("berths", "1.1")):
        make_project(place.root, name, version)
    options = ["--wait-for", str(place.root / "tides"), "--wait", "0.5"]

    assert place.shipwheel(*options).returncode == 0
    done = place.shipwheel(*options, "--wait-for", str(place.root / "berths"))

    assert done.returncode == 4
    assert "it does not have berths 1.1 yet, still after 0.5 s\n  hint: look why" in done.stderr
    assert "tides 0.9" not in done.stderr
