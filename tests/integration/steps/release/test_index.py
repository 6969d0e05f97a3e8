"""Uploads beside an index that is broken or late, and beside other publishes.

Each test of a fault counts into the table that `make test` prints at its end; see tally.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from steps.host.errors import Refused, RegistryError
from tests.integration.servers.faults import Answer, Fault, FaultyRegistry
from tests.integration.steps.release.sending import TOKEN, expected, once, results, send, stored
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator
    from steps.distribution.files import Distribution
    from tests.integration.servers.faults import Request
    from tests.integration.tally import Tally

pytestmark = pytest.mark.emulator(token=TOKEN)

HTML = (("Content-Type", "text/html"),)


@pytest.mark.parametrize("cut", ["in the answer", "garbage", "empty"])
def test_a_broken_index_page_is_not_believed(
    cut: str, emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...], tally: Tally
) -> None:
    tally.fault(f"broken index page ({cut})")
    faults = {
        "in the answer": Fault(cut="in the answer"),
        "garbage": Fault(answer=Answer(200, b"<p>Down for maintenance</p>", HTML)),
        "empty": Fault(answer=Answer(200, b"", HTML)),
    }
    with (
        FaultyRegistry(
            emulator, lambda request: faults[cut] if request.method == "GET" else None
        ) as registry,
        pytest.raises(RegistryError),
    ):
        send(files, registry.host, retry_for=0.2)

    assert stored(tmp_path / "registry") == expected(files[:1])


def test_a_page_that_was_broken_once_is_read_again(
    emulator: Emulator, files: tuple[Distribution, ...], tally: Tally
) -> None:
    tally.fault("broken index page (once)")
    with FaultyRegistry(emulator, once("GET", Fault(cut="in the answer"))) as registry:
        assert [result for _, result in results(send(files, registry.host))] == ["uploaded"] * 2


def test_an_index_that_lags_is_waited_for(
    emulator: Emulator,
    tmp_path: Path,
    files: tuple[Distribution, ...],
    caplog: pytest.LogCaptureFixture,
    tally: Tally,
) -> None:
    tally.fault("lagging index")
    caplog.set_level("INFO", "shipwheel")
    late = [Fault(answer=Answer(404))] * 2

    def script(request: Request) -> Fault | None:
        is_page = request.method == "GET" and "berths" in request.path
        return late.pop() if is_page and late else None

    with FaultyRegistry(emulator, script) as registry:
        uploaded = send(files, registry.host)

    assert [result for _, result in results(uploaded)] == ["uploaded", "uploaded"]
    assert caplog.messages[0].startswith(
        "Confirmation of 'berths-1.0-py3-none-any.whl': the registry took it, and the index does"
        " not show it yet; trying again in "
    )
    tally.registry(expected(files), stored(tmp_path / "registry"))


def test_a_duplicate_that_the_index_does_not_show_yet_is_waited_for(
    emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...], tally: Tally
) -> None:
    tally.fault("duplicate, lagging index")
    send(files, emulator.host)

    with FaultyRegistry(emulator, once("GET", Fault(answer=Answer(404)))) as registry:
        uploaded = send(files, registry.host)

    assert [result for _, result in results(uploaded)] == ["found", "found"]
    assert all(uploaded_file.lost_race for uploaded_file in uploaded)
    tally.registry(expected(files), stored(tmp_path / "registry"))


def test_a_different_file_that_came_in_between_is_a_change(
    emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...]
) -> None:
    others = make_distributions(make_project(tmp_path / "other", "berths", text="edited"))
    send(others[:1], emulator.host)

    with pytest.raises(Refused) as caught:
        send(files, emulator.host)

    assert str(caught.value) == (
        "changed: another publish has put a different 'berths-1.0-py3-none-any.whl' into the"
        " registry meanwhile\n"
        "  file changed: berths/__init__.py\n"
        "  file added: berths/_c.so\n"
        "  hint: bump the version, and publish that"
    )
    assert stored(tmp_path / "registry") == expected(others[:1])


def test_a_mixture_of_two_builds_is_reported_with_what_to_do(
    emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...]
) -> None:
    others = make_distributions(make_project(tmp_path / "other", "berths", text="edited"))
    send(others[1:], emulator.host)

    with pytest.raises(Refused) as caught:
        send(files, emulator.host)

    refusal, there = caught.value.problems
    assert str(refusal) == (
        "changed: another publish has put a different 'berths-1.0.tar.gz' into the registry"
        " meanwhile\n"
        "  file changed: berths/__init__.py\n"
        "  berths 1.0 is now a mixture of two builds: berths-1.0-py3-none-any.whl came from this"
        " one\n"
        "  hint: delete it, and publish a new version: gcloud artifacts versions delete 1.0"
        " --package=berths"
    )
    assert str(there) == (
        "Already in the registry: berths-1.0-py3-none-any.whl\n"
        "  hint: fix the cause and run the same command again; it uploads what is missing"
    )
