"""Where a credential goes, and where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builder.server import Emulator
from builder.server.answers import Answers
from steps.host.errors import AccessError, RegistryError, ShipwheelError
from steps.registry.address import Registry
from steps.registry.credentials import Credentials, Login
from steps.registry.index import Index
from steps.registry.transport import Transport
from tests.integration.servers.faults import Answer, Fault, FaultyRegistry
from tests.integration.steps.registry.connection import (
    BASIC,
    LOGIN,
    authorizations,
    connect,
    redirect,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.servers.faults import Request

pytestmark = pytest.mark.emulator(answers=Answers(root_page=None))


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

    assert answer.status_code == 404  # there is no such page, and the token was taken


@pytest.mark.parametrize("location", ["http://[::1", "ftp://127.0.0.1/a", "file:///etc/passwd"])
def test_a_redirect_to_what_is_not_an_address_is_one_clean_message(
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
def test_a_setting_that_cannot_be_used_is_reported_without_its_secret(
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


def test_what_a_proxy_answers_in_the_place_of_the_registry_is_reported(
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
