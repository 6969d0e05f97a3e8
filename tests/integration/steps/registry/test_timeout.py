"""Which answers are asked for again, and how long one is waited for."""

from __future__ import annotations

import email.utils
import gzip
import logging
import re
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

import steps.registry.adapter
from builder.server.answers import Answers
from steps.host.errors import RegistryError
from steps.registry.address import Registry
from steps.registry.credentials import Credentials
from steps.registry.index import Index
from steps.registry.page import PublishedFile
from steps.registry.retry import Transient
from steps.registry.transport import Transport
from tests.integration.servers.faults import Answer, Fault, FaultyRegistry
from tests.integration.steps.registry.connection import connect

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator
    from tests.integration.servers.faults import Request

# Seconds. What would have to be waited for takes twenty and more.
AT_ONCE = 10

pytestmark = pytest.mark.emulator(answers=Answers(root_page=None))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_answer_that_may_pass_is_asked_for_again(emulator: Emulator, status: int) -> None:
    def script(request: Request) -> Fault | None:
        return Fault(answer=Answer(status)) if request.number == 0 else None

    with FaultyRegistry(emulator, script) as registry:
        answer = connect(registry.host).get(f"http://{registry.host}/demo/pypi/simple/")

    assert (answer.status_code, len(registry.requests)) == (200, 2)


@pytest.mark.parametrize("cut", ["before the body", "before the answer", "in the answer"])
def test_a_broken_connection_is_made_again(emulator: Emulator, cut: str) -> None:
    def script(request: Request) -> Fault | None:
        return Fault(cut=cut) if request.number == 0 else None

    with FaultyRegistry(emulator, script) as registry:
        answer = connect(registry.host).get(f"http://{registry.host}/demo/pypi/simple/")

    assert (answer.status_code, len(registry.requests)) == (200, 2)


def test_retry_after_may_be_a_date(emulator: Emulator) -> None:
    begin = time.time()
    date = email.utils.formatdate(begin + 100, usegmt=True)
    answer = Answer(503, headers=(("Retry-After", date),))

    with (
        FaultyRegistry(emulator, lambda _: Fault(answer=answer)) as registry,
        pytest.raises(RegistryError, match=r"and asked to wait \d+ s") as caught,
    ):
        connect(registry.host).get(f"http://{registry.host}/demo/pypi/simple/")

    (seconds,) = re.findall(r"asked to wait (\d+) s", str(caught.value))
    assert 99 - (time.time() - begin) <= int(seconds) <= 100


@pytest.mark.parametrize(
    "value",
    ["soon", "-5", "1.5", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 99999 07:28:00 GMT"],
)
def test_a_retry_after_that_cannot_be_read_or_is_over_asks_for_nothing(
    emulator: Emulator, value: str
) -> None:
    answer = Answer(503, headers=(("Retry-After", value),))

    with (
        FaultyRegistry(emulator, lambda _: Fault(answer=answer)) as registry,
        pytest.raises(RegistryError, match=r"still after 0 s"),
    ):
        connect(registry.host, retry_for=0).get(f"http://{registry.host}/demo/pypi/simple/")


def test_an_answer_that_does_not_come_is_asked_for_again(emulator: Emulator) -> None:
    def script(request: Request) -> Fault | None:
        return Fault(hang=60) if request.number == 0 else None

    with FaultyRegistry(emulator, script) as registry:
        place = Registry(upload_url=f"http://{registry.host}/demo/pypi/")
        transport = Transport(place, Credentials(lambda: None), retry_for=5, timeout=2)
        answer = transport.get(place.index_url)

    assert (answer.status_code, len(registry.requests)) == (200, 2)


def trickling(status: int) -> Fault:
    return Fault(answer=Answer(status, b"z" * 600, headers=(("Location", "/"),)), trickle=0.1)


@pytest.mark.parametrize(
    "fault",
    [
        *map(trickling, (200, 302, 400)),
        Fault(answer=Answer(200, b"z"), drip=0.2),
        Fault(answer=Answer(200, b"z", (("Transfer-Encoding", "none"),) * 999), drip=0.001),
    ],
    ids=["body", "redirect", "error", "head, slowly", "head, quickly"],
)
def test_an_answer_that_trickles_is_not_waited_for(emulator: Emulator, fault: Fault) -> None:
    with FaultyRegistry(emulator, lambda _: fault) as registry:
        place = Registry(upload_url=f"http://{registry.host}/demo/pypi/")
        transport = Transport(place, Credentials(lambda: None), retry_for=0, timeout=0.5)
        begin = time.monotonic()
        with pytest.raises(RegistryError, match="no answer came in time"):
            transport.get(place.index_url)

    assert time.monotonic() - begin < 3


def test_a_registry_that_takes_an_upload_sip_by_sip_is_not_waited_for(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps.registry.adapter, "SLOWEST_BYTES_PER_SECOND", 16 * 1024**2)
    with FaultyRegistry(emulator, lambda _: Fault(sip=0.05)) as registry:
        place = Registry(upload_url=f"http://{registry.host}/demo/pypi/")
        transport = Transport(place, Credentials(lambda: None), retry_for=0, timeout=0.5)
        begin = time.monotonic()
        with pytest.raises(Transient, match="no answer came in time"):
            transport.send("POST", place.upload_url, data=bytes(16 * 1024**2))

    assert 1 < time.monotonic() - begin < 4


@pytest.mark.parametrize("length", [True, False], ids=["with its length", "without"])
def test_a_download_may_take_long_as_long_as_it_is_fast_enough(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, *, length: bool
) -> None:
    monkeypatch.setattr(steps.registry.adapter, "SLOWEST_BYTES_PER_SECOND", 10)
    fault = Fault(answer=Answer(200, b"z" * 100), trickle=0.02, unmeasured=not length)
    with FaultyRegistry(emulator, lambda _: fault) as registry:
        place = Registry(upload_url=f"http://{registry.host}/demo/pypi/")
        transport = Transport(place, Credentials(lambda: None), retry_for=0, timeout=1.5)
        with transport.get(f"{place.upload_url}file", stream=True) as response:
            begin = time.monotonic()
            body = b"".join(response.iter_content(5))

    assert time.monotonic() - begin > 1.5
    assert body == b"z" * 100


@pytest.mark.parametrize("length", [True, False], ids=["with its length", "without"])
def test_a_download_that_is_too_slow_is_not_waited_for(
    emulator: Emulator, tmp_path: Path, *, length: bool
) -> None:
    fault = Fault(answer=Answer(200, b"z" * 900), trickle=0.05, unmeasured=not length)
    file = PublishedFile(
        filename="a-1.tar.gz", url="", kind="sdist", version=Version("1"), sha256=None, size=None
    )
    with FaultyRegistry(emulator, lambda _: fault) as registry:
        place = Registry(upload_url=f"http://{registry.host}/demo/pypi/")
        transport = Transport(place, Credentials(lambda: None), retry_for=0, timeout=0.5)
        begin = time.monotonic()
        with pytest.raises(RegistryError, match="it broke off"):
            Index(place, transport).download(replace(file, url=f"{place.upload_url}f"), tmp_path)

    assert time.monotonic() - begin < 3
    assert [*tmp_path.glob("a-1*")] == []


def test_a_limit_that_is_over_cuts_no_other(emulator: Emulator) -> None:
    place = Registry(upload_url=f"http://{emulator.host}/demo/pypi/")
    transport = Transport(place, Credentials(lambda: None), retry_for=0, timeout=1.5)
    for _ in range(20):
        assert transport.get(place.index_url).status_code == 200
        time.sleep(0.1)


def test_an_answer_that_unpacks_to_more_than_a_page_is_not_read_to_its_end(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps.registry.adapter, "_LARGEST_ANSWER", 1024**2)
    answer = Answer(200, gzip.compress(bytes(2 * 1024**2)), (("Content-Encoding", "gzip"),))

    with (
        FaultyRegistry(emulator, lambda _: Fault(answer=answer)) as registry,
        pytest.raises(RegistryError, match="answers more than 1048576 bytes"),
    ):
        connect(registry.host).get(f"http://{registry.host}/demo/pypi/simple/")


def test_an_answer_with_a_body_leaves_the_connection_for_the_next(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "urllib3")
    transport = connect(emulator.host)
    for _ in range(3):
        assert transport.get(f"http://{emulator.host}/demo/pypi/simple/").text

    assert caplog.text.count("Starting new HTTP connection") == 1


def test_an_answer_that_trickles_over_a_kept_connection_is_not_waited_for(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def script(request: Request) -> Fault | None:
        return Fault(answer=Answer(200, b"z" * 900), trickle=0.1) if request.number else None

    caplog.set_level(logging.DEBUG, "urllib3")
    with FaultyRegistry(emulator, script) as registry:
        transport = connect(registry.host, retry_for=0)
        url = transport.registry.index_url
        assert transport.get(url).status_code == 200
        monkeypatch.setattr(transport.session.get_adapter(url), "_seconds", 0.5)
        begin = time.monotonic()
        with pytest.raises(RegistryError, match="no answer came in time"):
            transport.get(url)

    assert time.monotonic() - begin < AT_ONCE
    assert caplog.text.count("Starting new HTTP connection") == 1


def test_nothing_watches_a_request_that_was_answered(emulator: Emulator) -> None:
    others = set(threading.enumerate())
    connect(emulator.host).get(f"http://{emulator.host}/demo/pypi/simple/")

    end = time.monotonic() + AT_ONCE
    while limits() - others and time.monotonic() < end:
        time.sleep(0.01)
    assert limits() - others == set()


def limits() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "request"}
