"""The registry emulator by plain HTTP: uploads, pages, ranges, and what it refuses."""

from __future__ import annotations

import errno
import hashlib
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests
from requests.auth import HTTPBasicAuth

from builder.server import Emulator
from builder.server.answers import Answers, Reply
from tests.integration.builder.server.plain_http import (
    TIMEOUT,
    TOKEN,
    early_answer,
    get,
    heard,
    make_wheel,
    post,
    post_wheel,
)

if TYPE_CHECKING:
    from pathlib import Path

FILE = "/demo/pypi/tide-tables/tide_tables-1.0.tar.gz"


def test_an_upload_is_listed_at_once_with_its_sha256(emulator: Emulator, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()

    assert post_wheel(emulator, wheel).status_code == 200

    _, headers, page = get(emulator, "/demo/pypi/simple/tide-tables/")
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert re.findall(r'<a href="(.*?)">(.*?)</a>', page) == [
        (f"http://{emulator.host}/demo/pypi/tide-tables/{wheel.name}#sha256={digest}", wheel.name)
    ]


def test_a_file_that_exists_is_refused_whatever_the_client(
    emulator: Emulator, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path)
    contents = wheel.read_bytes()
    post_wheel(emulator, wheel)

    again = post(f"http://{emulator.host}/demo/pypi/", (wheel.name, b"something else"))

    assert (again.status_code, again.reason) == (400, "Bad Request")
    assert again.text == "Requested entity already exists.\n"
    stored = requests.get(
        f"http://{emulator.host}/demo/pypi/tide-tables/{wheel.name}", timeout=TIMEOUT
    )
    assert stored.content == contents


def test_one_of_many_concurrent_uploads_of_a_file_wins_whole(
    emulator: Emulator, tmp_path: Path
) -> None:
    start = threading.Barrier(8)

    def upload(number: int) -> tuple[int, str]:
        start.wait(TIMEOUT)
        content = ("tide_tables-1.0.tar.gz", bytes([number]) * 500_000)
        answer = post(f"http://{emulator.host}/demo/pypi/", content)
        return answer.status_code, answer.text

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(upload, range(8)))

    assert answers == [(200, ""), *[(400, "Requested entity already exists.\n")] * 7]
    repository = tmp_path / "registry" / "demo" / "pypi"
    assert [path.relative_to(repository).as_posix() for path in repository.rglob("*")] == [
        "tide-tables",
        "tide-tables/tide_tables-1.0.tar.gz",
    ]
    stored = (repository / "tide-tables" / "tide_tables-1.0.tar.gz").read_bytes()
    assert (len(stored), len(set(stored))) == (500_000, 1)


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=1-3", 206, "123"),
        ("bytes=7-", 206, "789"),
        ("bytes=-2", 206, "89"),
        ("bytes=90-", 416, ""),
    ],
)
def test_a_range_of_a_file_is_sent(emulator: Emulator, asked: str, status: int, body: str) -> None:
    post(f"http://{emulator.host}/demo/pypi/", ("tide_tables-1.0.tar.gz", b"0123456789"))

    _, moved, _ = get(emulator, FILE)
    answer = get(emulator, moved["Location"], Range=asked)

    assert (answer[0], answer[2]) == (status, body)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/demo",
        "/demo/pypi/",
        "/demo/other/simple/",
        "/demo/pypi2/simple/",
        "/demo/pypi/simple/harbour/",
        f"/demo/pypi/simple/{'a' * 300}/",
        "/demo/pypi/tide-tables/tide_tables-2.0.tar.gz",
        "/demo/pypi/packages/tide-tables/tide_tables-1.0.tar.gz",
        "/demo/pypi/tide-tables/json",
        "/demo/pypi/health",
        "/demo/pypi/../../secret/secret-1.0.tar.gz",
        "/demo/pypi/%2e%2e/secret-1.0.tar.gz",
        "/demo/pypi/..%2f..%2fsecret/secret-1.0.tar.gz",
        "/demo/pypi/tide-tables/..%2f..%2f..%2f..%2fsecret-1.0.tar.gz",
        "/demo/pypi/tide-tables/%00.whl",
        "/demo/pypi/simple/%2e%2e/",
        "/demo/pypi/simple/..",
        "/demo/pypi/%ff/%ff.whl",
        "/demo/pypi/simple/%ff/",
    ],
)
def test_what_does_not_exist_is_not_found(emulator: Emulator, tmp_path: Path, path: str) -> None:
    for folder in (tmp_path, tmp_path / "registry", tmp_path / "registry" / "demo"):
        (folder / "secret-1.0.tar.gz").write_text("planted")
    post(f"http://{emulator.host}/demo/pypi/", ("tide_tables-1.0.tar.gz", b"0123456789"))

    status, _, body = get(emulator, path)

    assert status == 404
    assert "planted" not in body


@pytest.mark.parametrize(
    "path", ["simple/Tide.Tables/", "simple/tide_tables/", "Tide_Tables/tide_tables-1.0.tar.gz"]
)
def test_a_name_that_is_not_normalised_is_not_found(emulator: Emulator, path: str) -> None:
    post(f"http://{emulator.host}/demo/pypi", ("tide_tables-1.0.tar.gz", b"0123456789"))

    assert get(emulator, f"/demo/pypi/{path}")[0] == 404
    assert get(emulator, "/demo/pypi/simple/tide-tables/")[0] == 200


def test_a_link_leads_to_a_long_address_that_wants_the_login_again(guarded: Emulator) -> None:
    login = HTTPBasicAuth("oauth2accesstoken", TOKEN)
    url = f"http://{guarded.host}"
    post(f"{url}/demo/pypi/", ("tide_tables-1.0.tar.gz", b"0123456789"), login)

    moved = requests.get(f"{url}{FILE}", auth=login, timeout=TIMEOUT, allow_redirects=False)
    location = moved.headers["Location"]

    assert moved.status_code == 307
    assert location.startswith("/artifacts-downloads/namespaces/demo/repositories/pypi/downloads/")
    assert len(location) > 2000
    assert requests.get(f"{url}{location}", timeout=TIMEOUT).status_code == 401
    assert requests.get(f"{url}{FILE}", auth=login, timeout=TIMEOUT).content == b"0123456789"


def test_a_version_with_an_epoch_can_be_uploaded_and_not_downloaded(emulator: Emulator) -> None:
    content = ("tide_tables-1!1.0.tar.gz", b"0123456789")

    assert post(f"http://{emulator.host}/demo/pypi/", content, None, version="1!1.0").ok
    assert get(emulator, "/demo/pypi/tide-tables/tide_tables-1%211.0.tar.gz")[0] == 400


LARGE = 30_000_000


@pytest.mark.parametrize(
    ("path", "token", "answers", "status"),
    [
        ("/demo/pypi/", TOKEN, Answers(), b"400"),
        ("/demo/pypi/", "reads-only", Answers(), b"403"),
        ("/demo/pypi/", "wrong", Answers(), b"401"),
        ("/demo/pypj/", TOKEN, Answers(), b"404"),
        ("/demo/all/", TOKEN, Answers(), b"400"),
        ("/demo/all/", TOKEN, Answers(wrong_mode=Reply(status=405)), b"405"),
    ],
)
def test_an_upload_is_refused_before_its_body_is_read_and_the_connection_closed(
    tmp_path: Path, path: str, token: str, answers: Answers, status: bytes
) -> None:
    with Emulator(
        tmp_path,
        virtuals={"demo/all": {"demo/pypi": 1}},
        token=TOKEN,
        more_tokens={"reads-only": "reader"},
        answers=answers,
    ) as emulator:
        url, name = f"http://{emulator.host}/demo/pypi/", "tide_tables-1.0.tar.gz"
        assert post(url, (name, b"0"), HTTPBasicAuth("oauth2accesstoken", TOKEN)).ok
        answer, sent = early_answer(emulator, path, token, name, LARGE)

    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"\r\nConnection: close\r\n" in answer
    assert sent < LARGE


def test_without_early_refusal_the_answer_comes_after_the_body(tmp_path: Path) -> None:
    name = "tide_tables-1.0.tar.gz"
    with Emulator(tmp_path, answers=Answers(early_refusal=False)) as emulator:
        url = f"http://{emulator.host}/demo/pypi/"
        assert post(url, (name, b"0")).ok
        again = post(url, (name, b"0" * LARGE))

    assert (again.status_code, again.text) == (400, "Requested entity already exists.\n")


@pytest.mark.parametrize(
    ("status", "body", "content_type"), [(403, "", "text/plain"), (401, "<p>no", "text/html")]
)
def test_what_a_request_without_login_is_answered_can_be_chosen(
    tmp_path: Path, status: int, body: str, content_type: str
) -> None:
    chosen = Reply(status=status, body=body, content_type=content_type)
    with Emulator(tmp_path, token=TOKEN, answers=Answers(no_credentials=chosen)) as emulator:
        answer = get(emulator, "/demo/pypi/simple/tides/")

    assert (answer[0], answer[1]["Content-Type"], answer[2]) == (status, content_type, body)


def test_an_upload_is_seen_after_the_delay_that_was_chosen(tmp_path: Path) -> None:
    with Emulator(tmp_path, answers=Answers(visible_after=0.5)) as emulator:
        url = f"http://{emulator.host}/demo/pypi/"
        assert post(url, ("tide_tables-1.0.tar.gz", b"0")).ok
        page = f"{url}simple/tide-tables/"
        assert requests.get(page, timeout=TIMEOUT).status_code == 404
        time.sleep(0.6)
        assert requests.get(page, timeout=TIMEOUT).status_code == 200


@pytest.mark.parametrize(
    "user",
    [
        None,
        HTTPBasicAuth("oauth2accesstoken", "wrong"),
        HTTPBasicAuth("someone", TOKEN),
        HTTPBasicAuth("", ""),
        HTTPBasicAuth("oauth2accesstoken", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
    ],
)
def test_without_the_token_everything_is_unauthorised(
    guarded: Emulator, tmp_path: Path, user: HTTPBasicAuth | None
) -> None:
    content = ("tide_tables-1.0.tar.gz", b"0123456789")

    uploaded = post(f"http://{guarded.host}/demo/pypi/", content, user)
    listed = requests.get(f"http://{guarded.host}/no/such/", auth=user, timeout=TIMEOUT)

    for answer in (uploaded, listed):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="Artifact Registry emulator"'
    assert [*(tmp_path / "registry" / "demo" / "pypi").iterdir()] == []


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/demo/pypi/tide-tables/tide_tables-1.0.tar.gz", TOKEN, b"307 Temporary Redirect"),
        ("/demo/pypi/simple/tide-tables/", TOKEN, b"200 OK"),
        ("/demo/pypi/simple/tide-tables", TOKEN, b"200 OK"),
        ("/demo/pypi/simple/tide-tables/", "wrong", b"401 Unauthorized"),
        ("/demo/pypi/simple/harbour/", TOKEN, b"404 Not Found"),
        ("/demo/pypi/tide-tables/tide_tables-2.0.tar.gz", TOKEN, b"404 Not Found"),
        ("/demo/other/simple/", TOKEN, b"404 Not Found"),
    ],
)
def test_head_is_answered_with_the_head_of_get_and_no_byte_more(
    guarded: Emulator, path: str, token: str, status: bytes
) -> None:
    """A client that keeps the connection would read what follows as its next answer."""
    content = ("tide_tables-1.0.tar.gz", b"0123456789")
    post(f"http://{guarded.host}/demo/pypi/", content, HTTPBasicAuth("oauth2accesstoken", TOKEN))

    head, rest = heard(guarded, "HEAD", path, token)

    assert head.startswith(b"HTTP/1.1 " + status)
    assert (head, rest) == (heard(guarded, "GET", path, token)[0], b"")


@pytest.mark.parametrize(
    ("filename", "form", "reason"),
    [
        ("tide_tables-1.0.tar.gz", {"action": "remove_pkg"}, "':action' is not 'file_upload'"),
        ("tide_tables-1.0.tar.gz", {"name": "harbour"}, "'name' is not the file's: 'harbour'"),
        ("tide_tables-1.0.tar.gz", {"version": "2.0"}, "'version' is not the file's: '2.0'"),
        ("tide_tables-1.0.tar.gz", {"version": "one"}, "'version' is not the file's: 'one'"),
        ("tide_tables-1.0.tar.gz", {"sha256_digest": "00"}, "'sha256_digest' is not the file's"),
        ("tide_tables-1.0.egg", {}, "named like no sdist and no wheel: 'tide_tables-1.0.egg'"),
        ("tide_tables-one.tar.gz", {}, "named like no sdist and no wheel: 'tide_tables-one."),
        ("../../tide_tables-1.0.tar.gz", {}, "no wheel: '../../tide_tables-1.0.tar.gz'"),
        ("..-1.0.tar.gz", {"name": ".."}, "no wheel: '..-1.0.tar.gz'"),
        ("", {}, "there is no file in 'content'"),
    ],
)
def test_a_bad_upload_is_refused_with_the_reason_and_leaves_nothing(
    emulator: Emulator, tmp_path: Path, filename: str, form: dict[str, str], reason: str
) -> None:
    content = (filename, b"0123456789") if filename else None

    answer = post(f"http://{emulator.host}/demo/pypi/", content, None, **form)

    assert answer.status_code == 400
    assert reason in answer.text
    assert [*(tmp_path / "registry").rglob("*.gz")] == []
    assert [*(tmp_path / "registry" / "demo" / "pypi").iterdir()] == []


@pytest.mark.parametrize("boundary", ["", "; boundary=\x80", "; boundary=x"])
def test_a_body_that_is_not_a_form_is_a_bad_request(emulator: Emulator, boundary: str) -> None:
    answer = requests.post(
        f"http://{emulator.host}/demo/pypi/",
        data=b"--y\r\n\r\nnothing",
        headers={"Content-Type": f"multipart/form-data{boundary}"},
        timeout=TIMEOUT,
    )

    assert answer.status_code == 400


def test_a_fault_of_this_machine_is_not_blamed_on_the_body(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    with Emulator(tmp_path) as emulator:
        url = f"http://{emulator.host}/demo/pypi/"
        answer = requests.post(url, files={"content": ("a-1.tar.gz", b"1")}, timeout=TIMEOUT)

    assert answer.status_code == 500


@pytest.mark.parametrize("path", ["/demo/pypi/simple/", "/demo/pypi/simple"])
def test_the_root_page_is_googles_for_what_is_not_there(emulator: Emulator, path: str) -> None:
    status, headers, page = get(emulator, path)

    assert (status, headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "<title>Error 404 (Not Found)!!1</title>" in page


@pytest.mark.emulator(answers=Answers(root_page=None))
def test_the_projects_are_listed_where_that_was_asked_for(
    emulator: Emulator, tmp_path: Path
) -> None:
    post_wheel(emulator, make_wheel(tmp_path))

    _, _, projects = get(emulator, "/demo/pypi/simple/")

    assert re.findall(r'<a href="(.*?)">', projects) == ["tide-tables/"]


@pytest.mark.emulator(repositories=["example.com:demo/pypi"], answers=Answers(domain_separator=":"))
def test_a_project_with_a_domain_has_the_address_that_was_chosen(
    emulator: Emulator, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path)
    base = f"http://{emulator.host}/example.com:demo/pypi/"
    assert post(base, (wheel.name, wheel.read_bytes())).ok

    status, _, page = get(emulator, "/example.com:demo/pypi/simple/tide-tables/")

    assert (status, f'"{base}tide-tables/{wheel.name}#' in page) == (200, True)
    link = f"{base}tide-tables/{wheel.name}"
    assert requests.get(link, timeout=TIMEOUT).content == wheel.read_bytes()
    assert get(emulator, "/example.com/demo/pypi/simple/tide-tables/")[0] == 404
