"""The index, over a transport in memory."""

from __future__ import annotations

import hashlib
import http
import io
import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from packaging.version import Version
from requests.adapters import BaseAdapter

import steps.registry.index
from steps.host.errors import AccessError, NoRepository, RegistryError
from steps.registry.address import Registry
from steps.registry.credentials import Credentials
from steps.registry.index import Index
from steps.registry.page import PublishedFile
from steps.registry.transport import WORKERS, Transport

if TYPE_CHECKING:
    from pathlib import Path

BASE = "https://us-east4-python.pkg.dev/demo/pypi/"
REGISTRY = Registry(upload_url=BASE)
ROOT = "<html><head><title>Simple Index</title></head><body></body></html>"
WHEEL = b"the bytes of a wheel"


def page(*filenames: str) -> str:
    links = "".join(f'<a href="../../f/{name}">{name}</a>' for name in filenames)
    return f"<html><head><title>Links for it</title></head><body>{links}</body></html>"


class MemoryTransport(Transport):
    """Answers from *pages*, by the path below the registry; *missing* is the status of the rest."""

    def __init__(self, pages: dict[str, str | bytes | Exception], *, missing: int = 404) -> None:
        super().__init__(REGISTRY, Credentials(lambda: None), retry_for=0)
        self.pages = pages
        self.missing = missing
        self.asked: Counter[str] = Counter()

    def get(self, url: str, **options: Any) -> requests.Response:
        path = url.removeprefix(BASE)
        self.asked[path] += 1
        assert options.get("stream") or "simple.v1+json" in options["headers"]["Accept"]
        content = self.pages.get(path)
        if isinstance(content, Exception):
            raise content
        response = requests.Response()
        response.status_code = self.missing if content is None else 200
        response.reason = http.HTTPStatus(response.status_code).phrase
        response.url = url
        response.headers["Content-Type"] = "text/html"
        body = content.encode() if isinstance(content, str) else content or b""
        response.raw = io.BytesIO(body)
        return response


def published(sha256: str | None) -> PublishedFile:
    return PublishedFile(
        filename="tides-1.0-py3-none-any.whl",
        url=f"{BASE}f/tides-1.0-py3-none-any.whl",
        kind="wheel",
        version=Version("1.0"),
        sha256=sha256,
    )


def test_a_project_is_read_by_its_normalised_name() -> None:
    transport = MemoryTransport({"simple/tide-tables/": page("tide_tables-1.0.tar.gz")})

    found = Index(REGISTRY, transport).read("Tide.Tables")

    assert (found.exists, found.versions) == (True, (Version("1.0"),))
    assert transport.asked == {"simple/tide-tables/": 1}


def test_each_project_is_asked_for_once_and_one_page_proves_the_repository_for_all() -> None:
    transport = MemoryTransport({"simple/a/": page("a-1.0.tar.gz")})

    found = Index(REGISTRY, transport).read_many(["b", "a", "A", "c"])

    assert {name: it.exists for name, it in found.items()} == {"b": False, "a": True, "c": False}
    assert transport.asked == {"simple/a/": 1, "simple/b/": 1, "simple/c/": 1}


def test_the_repository_is_asked_for_once_for_all_that_are_missing() -> None:
    transport = MemoryTransport({"simple/": ROOT})
    index = Index(REGISTRY, transport)

    assert not any(it.exists for it in index.read_many(["a", "b"]).values())
    assert not index.read("c").exists
    assert transport.asked["simple/"] == 1


@pytest.mark.parametrize("root", [{}, {"simple/": page()[:20]}, {"simple/": "<p>Sign in</p>"}])
def test_a_missing_project_in_a_repository_that_was_not_seen_is_not_a_first_release(
    root: dict[str, str | bytes | Exception],
) -> None:
    with pytest.raises(NoRepository, match="Repository not found: ") as caught:
        Index(REGISTRY, MemoryTransport(root)).read("tides")

    assert "--first-release" in caught.value.problems[0].hint


class MeetingTransport(MemoryTransport):
    """Answers only when as many ask at the same time as may."""

    def __init__(self, pages: dict[str, str | bytes | Exception]) -> None:
        super().__init__(pages)
        self.meeting = threading.Barrier(WORKERS, timeout=10)

    def get(self, url: str, **options: Any) -> requests.Response:
        self.meeting.wait()
        return super().get(url, **options)


def test_projects_are_asked_for_at_the_same_time() -> None:
    names = [f"tides{number}" for number in range(2 * WORKERS)]
    transport = MeetingTransport({f"simple/{name}/": page() for name in names})

    assert [*Index(REGISTRY, transport).read_many(names)] == names


def test_the_user_can_say_that_it_is_the_first_release() -> None:
    transport = MemoryTransport({})

    assert not Index(REGISTRY, transport, first_release=True).read("tides").exists
    assert transport.asked == {"simple/tides/": 1}


def test_an_error_is_never_no_versions() -> None:
    refused = AccessError("no permission")
    transport = MemoryTransport({"simple/": ROOT, "simple/tides/": refused})

    with pytest.raises(AccessError):
        Index(REGISTRY, transport).read("tides")


@pytest.mark.parametrize("status", [204, 304, 400, 410, 418])
def test_a_status_that_is_neither_found_nor_missing_is_an_error(status: int) -> None:
    transport = MemoryTransport({"simple/": ROOT}, missing=status)

    with pytest.raises(RegistryError, match=f"answers {status} "):
        Index(REGISTRY, transport, first_release=True).read("tides")


def test_all_that_went_wrong_is_reported() -> None:
    pages = {"simple/a/": "<p>Sign in</p>", "simple/b/": page(), "simple/c/": "<p>Busy</p>"}

    with pytest.raises(RegistryError) as caught:
        Index(REGISTRY, MemoryTransport({**pages})).read_many("abc")

    assert [problem.message.split("'")[1] for problem in caught.value.problems] == [
        f"{BASE}simple/a/",
        f"{BASE}simple/c/",
    ]


def test_files_that_tell_no_version_are_counted_aloud(caplog: pytest.LogCaptureFixture) -> None:
    odd = [f"tides-{year}d.tar.gz" for year in range(2001, 2006)]
    transport = MemoryTransport({"simple/tides/": page(*odd, "tides-1.0.tar.gz")})

    Index(REGISTRY, transport).read("tides")

    (message,) = caplog.messages
    assert message == (
        "Ignored 5 files of tides, whose names tell no version that PEP 440 knows:"
        " 'tides-2001d.tar.gz', 'tides-2002d.tar.gz', 'tides-2003d.tar.gz' and 2 more"
    )


@pytest.mark.parametrize("sha256", [None, hashlib.sha256(WHEEL).hexdigest()])
def test_a_download_has_the_hash_that_the_index_gives(sha256: str | None, tmp_path: Path) -> None:
    file = published(sha256)
    transport = MemoryTransport({f"f/{file.filename}": WHEEL})

    path = Index(REGISTRY, transport).download(file, tmp_path)

    assert (path.name, path.read_bytes()) == (file.filename, WHEEL)


def test_a_download_of_other_bytes_leaves_nothing(tmp_path: Path) -> None:
    file = published("0" * 64)
    transport = MemoryTransport({f"f/{file.filename}": WHEEL})

    with pytest.raises(RegistryError, match="and the index gives 000"):
        Index(REGISTRY, transport).download(file, tmp_path)

    assert [*tmp_path.iterdir()] == []


def test_a_download_without_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = published(None)
    transport = MemoryTransport({f"f/{file.filename}": WHEEL})
    monkeypatch.setattr(steps.registry.index, "MAX_FILE_BYTES", len(WHEEL) - 1)

    with pytest.raises(RegistryError, match="is larger than 19 bytes"):
        Index(REGISTRY, transport).download(file, tmp_path)

    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("sha256", ["ab", "z" * 64, "0" * 63 + "::"])
def test_a_hash_that_is_none_is_reported_as_that(sha256: str, tmp_path: Path) -> None:
    file = published(sha256)
    transport = MemoryTransport({f"f/{file.filename}": WHEEL})

    with pytest.raises(RegistryError, match="that is not 64 hexadecimal digits") as caught:
        Index(REGISTRY, transport).download(file, tmp_path)

    assert "changes files" not in str(caught.value)


class Sites(BaseAdapter):
    """Stands where the connections are: redirects from each URL of *redirects*, else answers."""

    def __init__(self, redirects: dict[str, str]) -> None:
        super().__init__()
        self.redirects = redirects
        self.asked: list[str] = []

    def send(self, request: requests.PreparedRequest, *_: object, **__: Any) -> requests.Response:
        url = request.url or ""
        self.asked.append(url)
        response = requests.Response()
        response.request, response.url = request, url
        response.status_code, body = 200, page("tides-1.0.tar.gz")
        if url in self.redirects:
            response.status_code, body = 302, ""
            response.headers["Location"] = self.redirects[url]
        elif url.endswith("simple/"):
            body = ROOT
        response.raw = io.BytesIO(body.encode())
        return response

    def close(self) -> None:
        """Close nothing: there is no connection."""


PLACE = Registry(upload_url="https://index.example/pypi/")
PAGE = f"{PLACE.index_url}tides/"


def redirected(redirects: dict[str, str], place: Registry = PLACE) -> tuple[Index, Sites]:
    transport = Transport(place, Credentials(lambda: None), retry_for=0)
    sites = Sites(redirects)
    transport.session.mount("https://", sites)
    return Index(place, transport), sites


@pytest.mark.parametrize(
    ("redirects", "exists"),
    [
        ({PAGE: "https://public.example/simple/tides/"}, False),
        ({PAGE: "/a/", "https://index.example/a/": "//public.example/tides/"}, False),
        ({PAGE: "https://index.example:444/tides/"}, False),
        ({PAGE: "https://index.example.evil.example/tides/"}, False),
        ({PAGE: "https://INDEX.example:443/tides/"}, True),
        ({PAGE: "../a/", f"{PLACE.index_url}a/": "../b/"}, True),
    ],
)
def test_a_page_of_another_site_is_not_what_this_registry_holds(
    redirects: dict[str, str], exists: bool
) -> None:
    index, sites = redirected(redirects)

    assert index.read("tides").exists == exists
    assert {urlsplit(url).hostname for url in sites.asked} == {"index.example"}


@pytest.mark.parametrize(
    ("location", "why"),
    [
        (PAGE, "is redirected without end"),
        ("http://index.example/tides/", "The registry points to what is not https"),
        ("https://[x/", "The request cannot be made"),
    ],
)
def test_a_redirect_that_leads_nowhere_is_an_error(location: str, why: str) -> None:
    with pytest.raises(RegistryError, match=why):
        redirected({PAGE: location})[0].read("tides")


def test_a_sign_in_page_elsewhere_proves_nothing() -> None:
    elsewhere = "https://sso.example/login?next=secret"

    with pytest.raises(NoRepository, match=r"302 , a redirect to 'https://sso.example/login…'"):
        redirected({PAGE: elsewhere, PLACE.index_url: elsewhere})[0].read("tides")


def test_artifact_registry_never_sends_to_another_site() -> None:
    place = replace(REGISTRY, location="us-east4", project="demo", repository="pypi")

    with pytest.raises(RegistryError, match=r"a redirect to .https://sso\.example/"):
        redirected({f"{BASE}simple/tides/": "https://sso.example/"}, place)[0].read("tides")


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="answers 404 Not Found"):
        Index(REGISTRY, MemoryTransport({})).download(published(None), tmp_path)


def test_the_projects_of_a_repository_are_listed_in_their_order() -> None:
    root = ROOT.replace("<body>", '<body><a href="tides/">tides</a><a href="Berths/">Berths</a>')

    assert Index(REGISTRY, MemoryTransport({"simple/": root})).names() == ("berths", "tides")
