"""Uploads through twine that meet every fault we could think of, and what the registry then holds.

Each test counts into the table that `make test` prints at its end; see tally.py.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from builder.server import Emulator
from steps.host.errors import InputError, RegistryError
from steps.registry.index import Index
from steps.release.uploading import Plan, upload
from tests.integration.servers.faults import Answer, Fault, FaultyRegistry
from tests.integration.steps.release.sending import (
    TOKEN,
    expected,
    judge,
    once,
    results,
    send,
    stored,
    transport_to,
)
from tests.ports import unused_port
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from steps.distribution.files import Distribution
    from tests.integration.tally import Tally

pytestmark = pytest.mark.emulator(token=TOKEN)


UPLOAD_FAULTS: dict[str, tuple[Fault, str]] = {
    "429": (Fault(answer=Answer(429)), "uploaded"),
    "429 with Retry-After": (
        Fault(answer=Answer(429, headers=(("Retry-After", "1"),))),
        "uploaded",
    ),
    "500": (Fault(answer=Answer(500)), "uploaded"),
    "502": (Fault(answer=Answer(502)), "uploaded"),
    "503": (Fault(answer=Answer(503)), "uploaded"),
    "504": (Fault(answer=Answer(504)), "uploaded"),
    "reset before the body": (Fault(cut="before the body"), "uploaded"),
    "reset in the body": (Fault(cut="in the body"), "uploaded"),
    "reset before the answer, stored": (Fault(cut="before the answer"), "found"),
    "broken answer, stored": (Fault(cut="in the answer"), "found"),
}


@pytest.mark.parametrize("name", UPLOAD_FAULTS)
def test_an_upload_outlives_the_fault(
    name: str, emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...], tally: Tally
) -> None:
    tally.fault(name)
    fault, result = UPLOAD_FAULTS[name]

    with FaultyRegistry(emulator, once("POST", fault)) as registry:
        uploaded = send(files, registry.host)

    assert results(uploaded) == [
        ("berths-1.0-py3-none-any.whl", result),
        ("berths-1.0.tar.gz", "uploaded"),
    ]
    uploads = [(it.method, it.path) for it in registry.requests].count(("POST", "/demo/pypi/"))
    assert uploads == (2 if result == "found" else 3), "what is there is not sent again"
    tally.registry(expected(files), stored(tmp_path / "registry"))


def test_a_file_that_goes_away_between_two_attempts_is_reported(
    emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...]
) -> None:
    busy = Fault(answer=Answer(503), before=files[0].path.unlink)

    with (
        FaultyRegistry(emulator, once("POST", busy)) as registry,
        pytest.raises(InputError) as caught,
    ):
        send(files, registry.host)

    assert [problem.message for problem in caught.value.problems] == [
        "'berths-1.0-py3-none-any.whl' is not a file any more"
    ]
    assert stored(tmp_path / "registry") == {}


def test_an_answer_that_does_not_come_in_time_is_asked_for_in_the_index(
    emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...], tally: Tally
) -> None:
    tally.fault("time-out, stored")
    with FaultyRegistry(emulator, once("POST", Fault(hang=60))) as registry:
        transport = transport_to(registry.host, timeout=2)
        plan = Plan(judgements=(judge(*files),))
        uploaded = upload(plan, transport, Index(transport.registry, transport))

    assert results(uploaded)[0] == ("berths-1.0-py3-none-any.whl", "found")
    tally.registry(expected(files), stored(tmp_path / "registry"))


def test_a_duplicate_that_is_refused_while_its_body_is_sent_is_found(
    emulator: Emulator, tmp_path: Path, tally: Tally
) -> None:
    tally.fault("early close of a duplicate")
    files = make_distributions(make_project(tmp_path, "berths", padding=8_000_000))
    send(files, emulator.host)

    with FaultyRegistry(
        emulator, lambda request: Fault(early=True) if request.method == "POST" else None
    ) as registry:
        uploaded = send(files, registry.host)

    assert [result for _, result in results(uploaded)] == ["found", "found"]
    tally.registry(expected(files), stored(tmp_path / "registry"))


def test_a_registry_that_is_not_up_yet_is_waited_for(
    tmp_path: Path, files: tuple[Distribution, ...], tally: Tally
) -> None:
    tally.fault("connection refused")
    port = unused_port()
    later = Emulator(tmp_path / "registry", token=TOKEN, port=port)
    timer = threading.Timer(0.5, later.__enter__)
    timer.start()
    try:
        uploaded = send(files, f"127.0.0.1:{port}", retry_for=20)
    finally:
        timer.join()
        later.__exit__()

    assert [result for _, result in results(uploaded)] == ["uploaded", "uploaded"]


def test_a_registry_that_stays_away_ends_at_the_limit(
    files: tuple[Distribution, ...], tally: Tally
) -> None:
    tally.fault("connection refused")
    with pytest.raises(RegistryError) as caught:
        send(files, f"127.0.0.1:{unused_port()}", retry_for=0.2)

    assert caught.value.problems[0].message.endswith("Connection refused, still after 0.2 s")
