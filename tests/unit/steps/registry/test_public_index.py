"""The public index is only asked; it decides nothing and delays nothing."""

from __future__ import annotations

import io
import threading
import time

import pytest
import requests
from packaging.utils import canonicalize_name

from steps.host.errors import InputError
from steps.registry.public_index import PublicIndex, PublicNames, default_url

NAMES = [canonicalize_name(name) for name in ("tides", "berths")]


def answer(status: int) -> requests.Response:
    response = requests.Response()
    response.status_code, response.raw = status, io.BytesIO()
    return response


def test_the_address_is_that_of_twine() -> None:
    assert default_url().startswith("https://")
    assert default_url().endswith("/simple/")


@pytest.mark.parametrize("url", ["index.example", "ftp://index.example/", "https://", "https://[x"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InputError) as caught:
        PublicIndex(url)

    [problem] = caught.value.problems
    assert problem.message == f"The public index's address is not an http(s) URL: {url!r}"


@pytest.mark.parametrize("slash", ["/", ""])
def test_each_name_is_asked_once(slash: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def request(_method: str, url: str, **_: object) -> requests.Response:
        asked.append(url)
        return answer(200 if "tides" in url else 404)

    monkeypatch.setattr(requests, "request", request)
    public = PublicIndex(f"https://index.example/simple{slash}")
    public.ask(NAMES)
    public.ask(NAMES)

    assert public.answers() == PublicNames(found=(NAMES[0],))
    assert sorted(asked) == [
        "https://index.example/simple/berths/",
        "https://index.example/simple/tides/",
    ]


@pytest.mark.parametrize("status", [403, 429, 503])
def test_another_answer_is_none(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "request", lambda *_, **__: answer(status))
    public = PublicIndex("https://index.example/simple/")
    public.ask(NAMES)

    assert public.answers() == PublicNames(unknown=tuple(NAMES))


@pytest.mark.parametrize("status", [405, 501])
@pytest.mark.parametrize("then", [200, 404])
def test_one_that_knows_no_head_is_asked_for_the_page(
    status: int, then: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def request(method: str, _url: str, **_: object) -> requests.Response:
        asked.append(method)
        return answer(status if method == "HEAD" else then)

    monkeypatch.setattr(requests, "request", request)
    public = PublicIndex("https://index.example/simple/")
    public.ask(NAMES[:1])

    assert public.answers() == PublicNames(found=tuple(NAMES[:1]) if then == 200 else ())
    assert asked == ["HEAD", "GET"]


@pytest.mark.parametrize("error", [requests.ConnectionError, UnicodeError])
def test_one_that_cannot_be_reached_is_not_asked_again(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def request(_method: str, url: str, **_: object) -> requests.Response:
        asked.append(url)
        raise error

    monkeypatch.setattr(requests, "request", request)
    public = PublicIndex("https://index.example/simple/")
    public.ask(NAMES[:1])
    assert public.answers() == PublicNames(unknown=tuple(NAMES[:1]))
    public.ask(NAMES)

    assert public.answers() == PublicNames(unknown=tuple(NAMES))
    assert len(asked) == 1


def test_one_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    end = threading.Event()

    def request(_method: str, _url: str, **_: object) -> requests.Response:
        end.wait(30)
        return answer(200)

    monkeypatch.setattr(requests, "request", request)
    public = PublicIndex("https://index.example/simple/", seconds=0.05)
    start = time.monotonic()
    public.ask(NAMES)

    assert public.answers() == PublicNames(unknown=tuple(NAMES))
    assert time.monotonic() - start < 5
    end.set()
