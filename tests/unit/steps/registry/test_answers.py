"""What an answer of the registry means, and what is said of it."""

from __future__ import annotations

import base64
import errno
import io
import json
import os
import socket
import time

import pytest
import requests

import steps.registry.transport
from steps.host.errors import AccessError, RegistryError
from steps.registry.address import Registry, parse_registry
from steps.registry.credentials import Credentials, Login, LookUpFailed
from steps.registry.index import Index
from steps.registry.retry import Transient, retry
from steps.registry.transport import Transport

AR = parse_registry("us-east4/demo/pypi", {})
OTHER = Registry(upload_url="https://example.com/pypi/")
TOKEN = Login("oauth2accesstoken", "planted", "the test")
READER, WRITER = "roles/artifactregistry.reader", "roles/artifactregistry.writer"
PLACE = "projects/demo/locations/us-east4/repositories/pypi"


def key(email: str) -> Login:
    content = json.dumps({"client_email": email}).encode()
    return Login("_json_key_base64", base64.b64encode(content).decode(), "the test")


def answer(status: int, text: str = "", reason: str = "Why", **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code, response.reason = status, reason
    response.url = "https://us-east4-python.pkg.dev/demo/pypi/?signature=planted"
    response.raw = io.BytesIO(text.encode())
    response.headers.update(headers)
    return response


def judge(
    response: requests.Response, *, login: Login | None, registry: Registry, method: str = "GET"
) -> requests.Response:
    transport = Transport(registry, Credentials(lambda: login))
    return transport.answer(method, lambda: response)


@pytest.mark.parametrize(
    ("text", "reason", "expected"),
    [
        ("", "Why", "400 Why"),
        ("", "", "400"),
        (" It\n is   so. ", "Why", "400 Why, 'It is so.'"),
        ("x" * 500, "Why", f"400 Why, '{'x' * 500}'"),
        ("x" * 501, "Why", f"400 Why, '{'x' * 500}… and 1 more characters'"),
        ("a planted secret", "Why", "400 Why, 'a [hidden] secret'"),
        (
            "\x1b[2J::error::x\u202e",
            "W\x1bhy ::error::",
            r"400 W\x1bhy :\x3aerror:\x3a, '\x1b[2J:\x3aerror:\x3ax\u202e'",
        ),
        (f"<html><title>It{'<title' * 90_000}", "Why", "400 Why, 'a page of HTML without a title'"),
    ],
)
def test_an_answer_is_reported_short_and_without_the_secret(
    text: str, reason: str, expected: str
) -> None:
    credentials = Credentials(lambda: TOKEN)
    credentials.login()

    assert Transport(AR, credentials).describe(answer(400, text, reason)) == expected


@pytest.mark.parametrize(
    ("login", "method", "who", "grant"),
    [
        (
            TOKEN,
            "GET",
            "The account in use may not read",
            f"{READER} --member=serviceAccount:ACCOUNT",
        ),
        (
            key("ship@demo.iam.gserviceaccount.com"),
            "POST",
            "ship@demo.iam.gserviceaccount.com may not write to",
            f"{WRITER} --member=serviceAccount:ship@demo.iam.gserviceaccount.com",
        ),
        (
            key("me@example.com"),
            "POST",
            "me@example.com may not write to",
            f"{WRITER} --member=user:me@example.com",
        ),
    ],
)
def test_who_may_not_is_named_with_the_role_that_is_missing(
    login: Login, method: str, who: str, grant: str
) -> None:
    with pytest.raises(AccessError) as caught:
        judge(answer(403, "No."), login=login, registry=AR, method=method)

    said = f"{method} https://us-east4-python.pkg.dev/demo/pypi/… was answered 403 Why, 'No.'"
    assert str(caught.value) == (
        f"{who} {PLACE}: {said}\n"
        f"  hint: grant it {grant.partition(' ')[0]}: gcloud artifacts repositories"
        f" add-iam-policy-binding pypi --project=demo --location=us-east4 --role={grant}"
    )


def test_of_another_index_the_address_is_named_and_no_command() -> None:
    with pytest.raises(AccessError) as caught:
        judge(answer(403), login=TOKEN, registry=OTHER)

    assert str(caught.value) == (
        "The account in use may not read https://example.com/pypi/: GET"
        " https://us-east4-python.pkg.dev/demo/pypi/… was answered 403 Why\n"
        f"  hint: grant it {READER}"
    )


def test_credentials_that_are_not_there_are_reported_with_the_reason() -> None:
    def fail() -> Login:
        raise LookUpFailed("gcloud is asleep")

    with pytest.raises(AccessError) as caught:
        Transport(AR, Credentials(fail)).answer("POST", lambda: answer(401))

    assert str(caught.value) == (
        "The registry asks for credentials and there are none (gcloud is asleep): POST"
        " https://us-east4-python.pkg.dev/demo/pypi/… was answered 401 Why\n"
        "  hint: set TWINE_USERNAME and TWINE_PASSWORD, or run `gcloud auth application-default"
        f" login` as an account with {WRITER} on {PLACE}"
    )


@pytest.mark.parametrize("status", [408, 429, 500, 503, 599])
def test_a_fault_that_may_pass_tells_how_long_to_wait(status: int) -> None:
    with pytest.raises(Transient) as caught:
        judge(answer(status, "Later.", **{"Retry-After": "7"}), login=None, registry=AR)

    assert (str(caught.value), caught.value.retry_after) == (
        f"{status} Why, 'Later.', Retry-After: '7'",
        7,
    )


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            "900",
            "Retry-After: '900', and asked to wait 900 s\n  hint: wait longer with --retry-for",
        ),
        ("Fri, 31 Dec 2999 23:59:59 GMT", "'Fri, 31 Dec 2999 23:59:59 GMT', and asked to wait "),
        ("soon\x1b::x", r"Retry-After: 'soon\x1b:\x3ax', still after 0 s"),
    ],
)
def test_what_an_answer_asks_for_is_quoted_as_it_came(asked: str, told: str) -> None:
    transport = Transport(AR, Credentials(lambda: None))
    answers = [answer(429, **{"Retry-After": asked})]

    with pytest.raises(RegistryError) as caught:
        retry(
            lambda: transport.answer("GET", lambda: answers[0]),
            what="It",
            retry_for=0 if "soon" in asked else 60,
        )

    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("host", "told", "hint"),
    [
        ("us-centrall1-python.pkg.dev", "'us-centrall1' is not a region", "mean 'us-central1'?"),
        ("mars-python.pkg.dev", "'mars' is not a region", "gcloud artifacts locations list"),
        ("europe-west3-python.pkg.dev", "'europe-west3' is a region of Artifact Registry", "DNS"),
        ("index.example", "The host 'index.example' does not resolve\n", "network and DNS"),
    ],
)
@pytest.mark.parametrize("fault", [socket.EAI_NONAME, socket.EAI_AGAIN])
def test_a_host_that_does_not_resolve_is_reported_once_and_within_seconds(
    host: str, told: str, hint: str, fault: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(fault, "It does not resolve")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(steps.registry.transport, "_RESOLVE_SECONDS", 0.2)
    registry = Registry(upload_url=f"https://{host}/demo/pypi/")
    index = Index(registry, Transport(registry, Credentials(lambda: None)))
    begin = time.monotonic()

    with pytest.raises(RegistryError) as caught:
        index.read_many(["tides", "berths", "quays"])

    assert time.monotonic() - begin < 5
    assert str(caught.value).count("does not resolve") == 1
    assert told in str(caught.value)
    assert hint in caught.value.problems[0].hint


@pytest.mark.attack("limits of the machine")
def test_a_limit_of_this_machine_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    registry = Registry(upload_url="https://index.example/demo/pypi/")
    index = Index(registry, Transport(registry, Credentials(lambda: None)))
    begin = time.monotonic()

    with pytest.raises(OSError, match="Too many open files"):
        index.read("tides")
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("status", [200, 302, 400, 404, 409, 499, 501, 507])
def test_every_other_answer_is_for_its_caller(status: int) -> None:
    response = answer(status)

    assert judge(response, login=None, registry=AR) is response
