"""What each request carries, and to whom: the login, the certificates, the limits, the proxies."""

from __future__ import annotations

import io
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter

from steps.host.errors import RegistryError
from steps.registry.address import Registry
from steps.registry.credentials import Certificates, Credentials, Login
from steps.registry.transport import Transport

HOST = "us-east4-python.pkg.dev"
REGISTRY = Registry(upload_url=f"https://{HOST}/demo/pypi/")
LOOPBACK = Registry(upload_url="http://127.0.0.1:9/demo/pypi/")
LOGIN = "Basic dXNlcjpwbGFudGVk"  # user:planted
OURS = Certificates("/authorities.pem", "/client.pem")


class Recorder(BaseAdapter):
    """Stands where the connections are; redirects the first request, and answers the others."""

    def __init__(self, location: str) -> None:
        super().__init__()
        self.location = location
        self.logins: list[str | None] = []
        self.options: list[dict[str, Any]] = []

    def send(
        self, request: requests.PreparedRequest, *_: object, **options: Any
    ) -> requests.Response:
        self.logins.append(request.headers.get("Authorization"))
        self.options.append(options)
        response = requests.Response()
        response.status_code = 200
        if self.location and len(self.logins) == 1:
            response.status_code = 302
            response.headers["Location"] = self.location
        response.request, response.url, response.raw = request, request.url or "", io.BytesIO()
        return response

    def close(self) -> None:
        """Close nothing: there is no connection."""


def get(
    registry: Registry, location: str = "", certificates: Certificates | None = None
) -> Recorder:
    """Send one request to *registry*, which redirects it to *location*."""
    credentials = Credentials(lambda: Login("user", "planted", "the test"))
    transport = Transport(registry, credentials, certificates or Certificates(), timeout=7)
    recorder = Recorder(location)
    for scheme in ("https://", "http://"):
        transport.session.mount(scheme, recorder)
    transport.send("GET", registry.index_url)
    return recorder


@pytest.mark.parametrize(
    ("location", "login"),
    [
        (f"https://{HOST}/other/", LOGIN),
        (f"https://{HOST}:443/other/", LOGIN),
        (f"https://{HOST}:444/other/", None),
        ("https://storage.example.com/other/", None),
        ("https://europe-python.pkg.dev/demo/pypi/", None),
        ("http://localhost:443/other/", None),
    ],
)
def test_the_login_goes_to_the_registrys_own_origin_and_nowhere_else(
    location: str, login: str | None
) -> None:
    assert get(REGISTRY, location).logins == [LOGIN, login]


@pytest.mark.parametrize(
    ("location", "login"),
    [
        ("http://127.0.0.1:9/other/", LOGIN),
        ("http://127.0.0.1/other/", None),
        ("http://localhost:9/other/", None),
        ("https://127.0.0.1:9/other/", None),
    ],
)
def test_an_origin_is_scheme_host_and_port(location: str, login: str | None) -> None:
    assert get(LOOPBACK, location).logins == [LOGIN, login]


def test_plain_http_is_only_followed_to_this_machine() -> None:
    with pytest.raises(RegistryError) as caught:
        get(REGISTRY, f"http://{HOST}/?signature=planted")

    assert str(caught.value) == (
        f"The registry points to what is not https: 'http://{HOST}/…'\n"
        "  hint: it was not followed: anyone on the network path could read and change the answer"
    )


def test_the_client_certificate_is_shown_to_the_registry_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)

    def trust(certificates: Certificates | None) -> list[tuple[object, object]]:
        recorder = get(REGISTRY, "https://storage.example.com/", certificates)
        return [(it["verify"], it["cert"]) for it in recorder.options]

    assert trust(OURS) == [("/authorities.pem", "/client.pem"), ("/authorities.pem", None)]
    assert trust(None) == [(True, None), (True, None)]


@pytest.mark.parametrize(
    ("named", "trusted"),
    [
        ({"REQUESTS_CA_BUNDLE": "/requests.pem", "CURL_CA_BUNDLE": "/curl.pem"}, "/requests.pem"),
        ({"CURL_CA_BUNDLE": "/curl.pem", "SSL_CERT_FILE": "/uv.pem"}, "/curl.pem"),
        ({"SSL_CERT_FILE": "/uv.pem"}, True),
    ],
)
def test_authorities_are_those_of_twine_and_requests(
    monkeypatch: pytest.MonkeyPatch, named: dict[str, str], trusted: object
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, path in named.items():
        monkeypatch.setenv(name, path)

    assert [it["verify"] for it in get(REGISTRY).options] == [trusted]
    assert [it["verify"] for it in get(REGISTRY, certificates=OURS).options] == [OURS.ca_bundle]


def test_every_request_has_its_time_outs() -> None:
    recorder = get(REGISTRY, "https://storage.example.com/")

    assert [it["timeout"] for it in recorder.options] == [(10.0, 7), (10.0, 7)]


def test_a_proxy_is_used_for_other_machines_and_never_for_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("no_proxy", "")
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://proxy.example.com")

    assert get(LOOPBACK).options[0]["proxies"] == {}
    assert get(REGISTRY).options[0]["proxies"]["https"] == "http://proxy.example.com"
