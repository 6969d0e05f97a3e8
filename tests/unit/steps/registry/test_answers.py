"""What an answer of the registry means, and what is told of it."""

from __future__ import annotations

import base64
import io
import json

import pytest
import requests

from steps.host.errors import AccessError
from steps.registry.address import Registry
from steps.registry.credentials import Credentials, Login, LookUpFailed
from steps.registry.retry import Transient
from steps.registry.transport import Transport

AR = Registry(
    upload_url="https://us-east4-python.pkg.dev/demo/pypi/",
    location="us-east4",
    project="demo",
    repository="pypi",
)
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
        ("x" * 501, "Why", f"400 Why, '{'x' * 500}…'"),
        ("a planted secret", "Why", "400 Why, 'a [hidden] secret'"),
    ],
)
def test_an_answer_is_told_short_and_without_the_secret(
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
def test_whoever_may_not_is_named_with_the_role_that_is_missing(
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


def test_credentials_that_are_not_there_are_told_with_the_reason() -> None:
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

    assert (str(caught.value), caught.value.retry_after) == (f"{status} Why, 'Later.'", 7)


@pytest.mark.parametrize("status", [200, 302, 400, 404, 409, 499])
def test_every_other_answer_is_for_whoever_asked(status: int) -> None:
    response = answer(status)

    assert judge(response, login=None, registry=AR) is response
