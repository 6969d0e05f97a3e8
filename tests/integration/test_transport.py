"""Where a credential goes, and where it does not; which answers are faults."""

from __future__ import annotations

import email.utils
import gzip
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

import steps.adapter
from builder.emulator import Emulator
from steps.credentials import Credentials, Login
from steps.errors import AccessError, RegistryError, ShipwheelError
from steps.index import Index
from steps.published import PublishedFile
from steps.registry import Registry
from steps.retry import Transient
from steps.transport import Transport
from tests.integration.faults import Answer, Fault, FaultyRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.faults import Request

LOGIN = Login("oauth2accesstoken", "ya29.planted-token", "the test")
BASIC = "Basic b2F1dGgyYWNjZXNzdG9rZW46eWEyOS5wbGFudGVkLXRva2Vu"


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator(tmp_path / "registry") as emulator:
        yield emulator


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "netrc"
    lines = [
        f"machine {host} login n password netrc-planted" for host in ("127.0.0.1", "localhost")
    ]
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))


def connect(host: str, login: Login | None = LOGIN, *, retry_for: float = 5) -> Transport:
    registry = Registry(upload_url=f"http://{host}/demo/pypi/")
    return Transport(registry, Credentials(lambda: login), retry_for=retry_for)


def redirect(location: str) -> Fault:
    return Fault(answer=Answer(302, headers=(("Location", location),)))


def authorizations(registry: FaultyRegistry) -> list[str | None]:
    return [request.headers.get("Authorization") for request in registry.requests]


@pytest.mark.usefixtures("netrc")
def test_the_login_goes_to_the_registry_and_not_to_the_host_of_a_redirect(
    emulator: Emulator,
) -> None:
    with FaultyRegistry(emulator, lambda _: Fault(answer=Answer(200, b"file"))) as other:
        elsewhere = f"http://localhost:{other.host.rpartition(':')[2]}/file"
        with FaultyRegistry(emulator, lambda _: redirect(elsewhere)) as registry:
            transport = connect(registry.host)
            assert transport.get(f"http://{registry.host}/demo/pypi/a/b").content == b"file"

    assert authorizations(registry) == [BASIC]
    assert authorizations(other) == [None]


@pytest.mark.usefixtures("netrc")
def test_netrc_is_not_read(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("requests.sessions.get_netrc_auth")

    with FaultyRegistry(emulator, lambda _: None) as registry:
        connect(registry.host, None).get(f"http://{registry.host}/demo/pypi/simple/")

    assert authorizations(registry) == [None]


def test_a_redirect_within_the_registry_keeps_the_login(emulator: Emulator) -> None:
    def script(request: Request) -> Fault | None:
        return redirect("/demo/pypi/simple/") if request.number == 0 else None

    with FaultyRegistry(emulator, script) as registry:
        answer = connect(registry.host).get(f"http://{registry.host}/demo/pypi/simple")

    assert answer.status_code == 200
    assert authorizations(registry) == [BASIC, BASIC]


def test_a_redirect_to_plain_http_is_refused(emulator: Emulator) -> None:
    with (
        FaultyRegistry(emulator, lambda _: redirect("http://example.com/file")) as registry,
        pytest.raises(RegistryError) as caught,
    ):
        connect(registry.host).get(f"http://{registry.host}/demo/pypi/a/b")

    assert caught.value.problems[0].message == (
        "The registry points to what is not https: 'http://example.com/file'"
    )


def test_what_is_not_there_is_for_the_caller_to_judge(emulator: Emulator) -> None:
    assert connect(emulator.host).get(f"http://{emulator.host}/demo/none/").status_code == 404


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
    date = email.utils.formatdate(time.time() + 100, usegmt=True)
    answer = Answer(503, headers=(("Retry-After", date),))

    with (
        FaultyRegistry(emulator, lambda _: Fault(answer=answer)) as registry,
        pytest.raises(RegistryError, match=r"and asked to wait (99|100) s"),
    ):
        connect(registry.host).get(f"http://{registry.host}/demo/pypi/simple/")


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


def test_an_error_that_repeats_the_request_does_not_repeat_the_secret(emulator: Emulator) -> None:
    body = f"cannot serve Authorization: {BASIC}, ya29.planted-token".encode()

    with (
        FaultyRegistry(emulator, lambda _: Fault(answer=Answer(500, body))) as registry,
        pytest.raises(RegistryError) as caught,
    ):
        connect(registry.host, retry_for=0).get(f"http://{registry.host}/demo/pypi/simple/")

    assert "'cannot serve Authorization: Basic [hidden], [hidden]'" in str(caught.value)


def test_without_credentials_it_is_said_that_there_are_none(tmp_path: Path) -> None:
    with Emulator(tmp_path / "guarded", token="ya29.planted-token") as guarded:
        url = f"http://{guarded.host}/demo/pypi/simple/"
        with pytest.raises(AccessError) as caught:
            connect(guarded.host, None).get(url)

    assert caught.value.problems[0].message == (
        f"The registry asks for credentials and there are none: GET {url} was answered"
        " 401 Unauthorized, 'The request does not have valid authentication credentials.'"
    )
    assert "roles/artifactregistry.reader" in caught.value.problems[0].hint


def test_an_old_token_is_renewed_and_the_request_sent_again(tmp_path: Path) -> None:
    now = [0.0]
    tokens = iter(["ya29.expired", "ya29.planted-token"])

    def look_up() -> Login:
        return Login("oauth2accesstoken", next(tokens), "the test")

    with Emulator(tmp_path / "guarded", token="ya29.planted-token") as guarded:
        credentials = Credentials(look_up, renewable=True, clock=lambda: now[0])
        credentials.login()
        now[0] = 600
        registry = Registry(upload_url=f"http://{guarded.host}/demo/pypi/")
        answer = Transport(registry, credentials).get(registry.index_url)

    assert answer.status_code == 200


@pytest.mark.parametrize("location", ["http://[::1", "ftp://127.0.0.1/a", "file:///etc/passwd"])
def test_a_redirect_to_what_is_no_address_is_one_clean_message(
    emulator: Emulator, location: str
) -> None:
    with (
        FaultyRegistry(emulator, lambda _: redirect(location)) as registry,
        pytest.raises(RegistryError),
    ):
        connect(registry.host).get(f"http://{registry.host}/demo/pypi/simple/")

    assert len(registry.requests) == 1


def test_redirects_that_never_end_are_given_up(emulator: Emulator) -> None:
    with (
        FaultyRegistry(emulator, lambda it: redirect(f"/demo/pypi/{it.number}/")) as registry,
        pytest.raises(RegistryError, match="Exceeded 30 redirects"),
    ):
        connect(registry.host).get(f"http://{registry.host}/demo/pypi/simple/")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("https_proxy", "::ya29.planted-password::"),
        ("https_proxy", "http://user:ya29.planted-password@host:port/"),
        ("https_proxy", "socks5://user:ya29.planted-password@127.0.0.1:9"),
        ("REQUESTS_CA_BUNDLE", "/nowhere/authorities.pem"),
    ],
)
def test_a_setting_that_cannot_be_used_is_told_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy", "no_proxy", "NO_PROXY", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(name, value)
    registry = Registry(upload_url="https://registry.invalid/")
    transport = Transport(registry, Credentials(lambda: LOGIN), retry_for=0)

    with pytest.raises(RegistryError, match="The request cannot be made: ") as caught:
        transport.get(registry.index_url)

    assert "planted" not in str(caught.value)


def test_no_proxy_gets_to_read_what_is_meant_for_this_machine(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with FaultyRegistry(emulator, lambda _: None) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.host}")
        answer = connect(emulator.host).get(f"http://{emulator.host}/demo/pypi/simple/")

    assert answer.status_code == 200
    assert proxy.requests == []


def test_what_a_proxy_answers_in_the_place_of_the_registry_is_told(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    registry = Registry(upload_url="https://registry.invalid/")
    transport = Transport(registry, Credentials(lambda: LOGIN), retry_for=0)
    # It knows no CONNECT.
    with FaultyRegistry(emulator, lambda _: None) as proxy:
        monkeypatch.setenv("https_proxy", f"http://user:planted-password@{proxy.host}")
        with pytest.raises(RegistryError) as caught:
            transport.get(registry.index_url)

    assert caught.value.problems[0].message == (
        "GET https://registry.invalid/simple/: the proxy answered 501 Unsupported method"
        " ('CONNECT'), still after 0 s"
    )


def test_an_answer_that_does_not_come_is_asked_for_again(emulator: Emulator) -> None:
    def script(request: Request) -> Fault | None:
        return Fault(hang=1) if request.number == 0 else None

    with FaultyRegistry(emulator, script) as registry:
        place = Registry(upload_url=f"http://{registry.host}/demo/pypi/")
        transport = Transport(place, Credentials(lambda: None), retry_for=5, patience=0.2)
        answer = transport.get(place.index_url)

    assert (answer.status_code, len(registry.requests)) == (200, 2)


@pytest.mark.parametrize("status", [200, 302, 400])
def test_an_answer_that_trickles_is_not_waited_for(emulator: Emulator, status: int) -> None:
    answer = Answer(status, b"z" * 100, headers=(("Location", "/"),))
    fault = Fault(answer=answer, trickle=0.1)

    with FaultyRegistry(emulator, lambda _: fault) as registry:
        place = Registry(upload_url=f"http://{registry.host}/demo/pypi/")
        transport = Transport(place, Credentials(lambda: None), retry_for=0, patience=0.5)
        begin = time.monotonic()
        with pytest.raises(RegistryError, match="no answer came in time"):
            transport.get(place.index_url)

    assert time.monotonic() - begin < 3


@pytest.mark.parametrize(
    "fault",
    [
        Fault(answer=Answer(200, b"z"), drip=0.02),
        Fault(answer=Answer(200, b"z", (("Transfer-Encoding", "none"),) * 999), drip=0.001),
    ],
    ids=["slowly", "quickly"],
)
def test_a_head_that_trickles_is_not_waited_for(emulator: Emulator, fault: Fault) -> None:
    with FaultyRegistry(emulator, lambda _: fault) as registry:
        place = Registry(upload_url=f"http://{registry.host}/demo/pypi/")
        transport = Transport(place, Credentials(lambda: None), retry_for=0, patience=0.5)
        begin = time.monotonic()
        with pytest.raises(RegistryError, match="no answer came in time"):
            transport.get(place.index_url)

    assert time.monotonic() - begin < 3


def test_a_registry_that_takes_an_upload_sip_by_sip_is_not_waited_for(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps.adapter, "SLOWEST_BYTES_PER_SECOND", 16 * 1024**2)
    with FaultyRegistry(emulator, lambda _: Fault(sip=0.05)) as registry:
        place = Registry(upload_url=f"http://{registry.host}/demo/pypi/")
        transport = Transport(place, Credentials(lambda: None), retry_for=0, patience=0.5)
        begin = time.monotonic()
        with pytest.raises(Transient, match="no answer came in time"):
            transport.send("POST", place.upload_url, data=bytes(16 * 1024**2))

    assert 1 < time.monotonic() - begin < 4


@pytest.mark.parametrize("length", [True, False], ids=["with its length", "without"])
def test_a_download_may_take_long_as_long_as_it_is_fast_enough(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, *, length: bool
) -> None:
    monkeypatch.setattr(steps.adapter, "SLOWEST_BYTES_PER_SECOND", 50)
    fault = Fault(answer=Answer(200, b"z" * 100), trickle=0.01, unmeasured=not length)
    with FaultyRegistry(emulator, lambda _: fault) as registry:
        place = Registry(upload_url=f"http://{registry.host}/demo/pypi/")
        transport = Transport(place, Credentials(lambda: None), retry_for=0, patience=0.5)
        with transport.get(f"{place.upload_url}file", stream=True) as response:
            begin = time.monotonic()
            body = b"".join(response.iter_content(5))

    assert time.monotonic() - begin > 0.8
    assert body == b"z" * 100


@pytest.mark.parametrize("length", [True, False], ids=["with its length", "without"])
def test_a_download_that_is_too_slow_is_not_waited_for(
    emulator: Emulator, tmp_path: Path, *, length: bool
) -> None:
    fault = Fault(answer=Answer(200, b"z" * 100), trickle=0.05, unmeasured=not length)
    file = PublishedFile(
        filename="a-1.tar.gz", url="", kind="sdist", version=Version("1"), sha256=None, size=None
    )
    with FaultyRegistry(emulator, lambda _: fault) as registry:
        place = Registry(upload_url=f"http://{registry.host}/demo/pypi/")
        transport = Transport(place, Credentials(lambda: None), retry_for=0, patience=0.5)
        begin = time.monotonic()
        with pytest.raises(RegistryError, match="it broke off"):
            Index(place, transport).download(replace(file, url=f"{place.upload_url}f"), tmp_path)

    assert time.monotonic() - begin < 3
    assert [*tmp_path.glob("a-1*")] == []


def test_a_limit_that_is_over_cuts_nobody_else(emulator: Emulator) -> None:
    place = Registry(upload_url=f"http://{emulator.host}/demo/pypi/")
    transport = Transport(place, Credentials(lambda: None), retry_for=0, patience=0.3)
    for _ in range(20):
        assert transport.get(place.index_url).status_code == 200
        time.sleep(0.05)


def test_what_a_query_or_a_login_of_an_address_holds_is_not_repeated(emulator: Emulator) -> None:
    address = "/file?X-Goog-Signature=planted-1#planted-2"
    secrets = Fault(answer=Answer(403, b"no"))

    def script(request: Request) -> Fault:
        return redirect(address) if request.number == 0 else secrets

    for status in (403, 418):
        secrets = Fault(answer=Answer(status, b"no"))
        with FaultyRegistry(emulator, script) as registry:
            place = Registry(upload_url=f"http://{registry.host}/demo/pypi/")
            transport = Transport(place, Credentials(lambda: None), retry_for=0)
            with pytest.raises(ShipwheelError) as caught:
                Index(place, transport).read("berths")
        assert "/file…" in str(caught.value)
        assert "planted" not in str(caught.value)


def test_an_answer_that_unpacks_to_more_than_a_page_is_not_read_to_its_end(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps.adapter, "_LARGEST_ANSWER", 1024**2)
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
