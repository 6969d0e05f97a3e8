"""Pages that are not an index page, and the page of a whole repository."""

from __future__ import annotations

import pytest

from steps.host.errors import RegistryError
from steps.registry.page import parse_page, parse_root
from tests.unit.steps.registry.pages import HTML, JSON, URL, as_json, link, page, parse


@pytest.mark.parametrize(
    "body",
    [
        page(),
        page(title="Simple index"),
        page(title="", head='<meta name="pypi:repository-version" content="1.3">'),
        page(link("tide_tables-1.0.tar.gz"), title="Directory"),
        page(title="\n Links for tide-tables"),
        page(head='<meta name="viewport" content="width=device-width"><meta charset="utf-8">'),
        page(head='<meta name="pypi:repository-version">'),
        f"{link('tide_tables-1.0.tar.gz')}<br>".encode(),
        f"<html>{link('tide_tables-1.0.tar.gz')}</html>".encode(),
        f"<body>{link('tide_tables-1.0.tar.gz')}</body>".encode(),
    ],
)
def test_a_page_proves_that_it_is_an_index_page(body: bytes) -> None:
    assert parse(body).unreadable == ()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "'https://example.com/simple/…' is not an index page: it is not a page of HTML"),
        (
            page(head='<meta name="pypi:repository-version" content="2.0">'),
            "'https://example.com/simple/…' speaks version '2.0' of the Simple API, and 1 is what",
        ),
    ],
)
def test_what_may_be_secret_in_the_address_of_a_page_is_not_repeated(
    body: bytes, message: str
) -> None:
    with pytest.raises(RegistryError) as caught:
        parse_page(body, name="tides", url="https://example.com/simple/?token=x", content_type=HTML)

    assert caught.value.problems[0].message.startswith(message)


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"", HTML, "it is not a page of HTML"),
        (page(title="Welcome")[:-14] + b"<p>Busy</p></body></html>", HTML, "it says 'Busy'"),
        (page("<form></form>", title="Portal"), HTML, "it has a form"),
        (page(title="App", head="<script src='x.js'></script>"), HTML, "it is empty but for a"),
        (page(head="<meta http-equiv=Refresh content='0'>", title=""), HTML, "it is empty but for"),
        (page(title="Error 404 (Not Found)!!1"), HTML, "its title is 'Error 404 (Not Found)!!1'"),
        (
            page('<a href="/login">Sign in</a>', title="Sign in - Proxy"),
            HTML,
            "its title is 'Sign in - Proxy', and it links to no distribution",
        ),
        (
            page(title="Sign in", head='<meta name="theme" content="1">'),
            HTML,
            "its title is 'Sign in'",
        ),
        (b"<title></title>Links for tide-tables", HTML, "it is not a page of HTML"),
        (b"<html><a href='tide_tables-1.0.tar.gz'>", HTML, "it is cut off before its end"),
        (b"<body><a href='tide_tables-1.0.tar.gz'>", HTML, "it is cut off before its end"),
        (page(link("tide_tables-1.0.tar.gz"))[:-30], HTML, "it is cut off before its end"),
        (b"Internal error", "text/plain", "it is not a page of HTML"),
        (page()[:-20] + b"<!-- </body></html>", HTML, "it is cut off before its end"),
        (page(head="<base href='ftp://x/'>"), HTML, "its <base> is not an http(s) URL"),
        (page("<h1>Please sign in</h1>", title=""), HTML, "its heading is 'Please sign in'"),
        (page('<a href="/a">a</a>', title="x\n\x1b[2J"), HTML, r"its title is 'x\n\x1b[2J', and"),
        (page("::error::" + "x" * 999, title=""), HTML, r"it says ':\x3aerror:\x3axxx"),
        (as_json(name=["tide-tables"]), JSON, "its JSON is wrong: TypeError('list in the place of"),
        (as_json(name="\ud800\n"), JSON, r"it is that of '\ud800\n'"),
        (as_json(versions=[["1"]]), JSON, "its JSON is wrong: TypeError('list in the place of"),
        (as_json(versions=1), JSON, "its JSON is wrong: TypeError("),
        (as_json(meta={"api-version": 1}), JSON, "its JSON is wrong: TypeError('int in the place"),
        (
            as_json(files=[{"filename": ["a"], "url": "b", "hashes": {}}]),
            JSON,
            "its JSON is wrong: TypeError('list in the place of a text')",
        ),
        (b'{"size": ' + b"1" * 5000 + b"}", JSON, "its JSON is wrong: ValueError("),
        (as_json(name="other"), JSON, "it is that of 'other'"),
        (b"<html></html>", JSON, "its JSON is wrong: JSONDecodeError"),
        (b"[]", JSON, "its JSON is wrong: TypeError"),
        (b'{"message": "error"}', "application/json", "its JSON is wrong: KeyError('meta')"),
        (as_json(files=[{"filename": "a"}]), JSON, "its JSON is wrong: KeyError('url')"),
        (as_json(files=[1]), JSON, "its JSON is wrong: TypeError"),
        (
            as_json(files=[{"filename": "a", "url": "b", "hashes": []}]),
            JSON,
            "its JSON is wrong: AttributeError",
        ),
        (b"[" * 200_000, JSON, "its JSON is wrong: RecursionError"),
        (as_json()[:-5], JSON, "its JSON is wrong: JSONDecodeError"),
    ],
)
def test_what_is_not_an_index_page_is_an_error_and_never_no_versions(
    body: bytes, content_type: str, reason: str
) -> None:
    with pytest.raises(RegistryError) as caught:
        parse(body, content_type)

    (problem,) = caught.value.problems
    assert problem.message.startswith(f"{URL!r} is not an index page: {reason}")
    assert problem.hint == (
        "check the registry's address and any proxy before it; the check fails closed: nothing is"
        " published while the registry cannot be read"
    )


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (page(head='<meta name="pypi:repository-version" content="2.0">'), HTML),
        (as_json(meta={"api-version": "2.0"}), JSON),
    ],
)
def test_an_unknown_version_of_the_api_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(RegistryError, match=r"speaks version '2\.0' of the Simple API"):
        parse(body, content_type)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (page(title="Simple Index"), HTML),
        (b"<!DOCTYPE html><html><body></body></html>", HTML),
        (b"<!doctype html>", HTML),
        (page("<h1>Our packages</h1>", title="Our packages"), HTML),
        (page("<h1>Our packages</h1><p>0 packages", title="ACME"), HTML),
        (b"<html><body><h1>Harbour</h1></body></html>", HTML),
        (b'{"meta": {"api-version": "1.0"}, "projects": []}', JSON),
        (b"", "application/vnd.pypi.simple.v1+html"),
    ],
)
def test_a_repository_may_be_empty(body: bytes, content_type: str) -> None:
    assert parse_root(body, url=URL, content_type=content_type) == ()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (
            page(
                '<a href="../">up</a>',
                '<a href="#top">top</a>',
                '<a href="Tide%2ETables/">x</a>',
                '<a href="/demo/pypi/simple/berths/#x">y</a>',
                title="Simple index",
            ),
            HTML,
        ),
        (b'<a href="tide-tables/">Tide.Tables</a><a href="berths">berths</a>', HTML),
        (
            page(
                "<h1>Packages of the harbour</h1><p>2 packages</p><script></script>",
                f'<a href="{URL}tide-tables/">tide-tables</a>',
                '<a href="/demo/pypi/simple/tide-tables/berths/#x">berths</a>',
                title="user/dev: simple list",
            ),
            HTML,
        ),
        (
            page(
                '<a href="/">Home</a><a href="https://help.example/">Help</a>',
                "<a href=tide-tables/><code>Tide</code>-tables</a><a href=berths/>berths</a>",
                head="<base href='/mirror/simple/'>",
                title="ACME",
            ),
            HTML,
        ),
        (b'{"projects": [{"name": "Tide_Tables"}, {"name": "berths"}]}', JSON),
        (
            b'{"projects": [{"name": "tide-tables"}, {"name": "berths"}]}',
            "Application/JSON; charset=utf-8",
        ),
    ],
)
def test_the_page_of_a_repository_lists_its_projects(body: bytes, content_type: str) -> None:
    assert parse_root(body, url=URL, content_type=content_type) == ("tide-tables", "berths")


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (page(title="Sign in"), HTML, "its title is 'Sign in'"),
        (
            page('<a href="tides/">', title="Simple index").partition(b"</body>")[0],
            HTML,
            "it is cut off before its end",
        ),
        (b"not found", "text/plain", "it is not a page of HTML"),
        (page('<a href="a/">a</a><form></form>', title="Portal"), HTML, "it has a form"),
        (page('<a href="a/">a</a>', title="Index of /simple"), HTML, "its title is 'Index of"),
        (b'<a href="a/">a/</a>', HTML, "its link 'a/' is not that of a project"),
        (b'<a href="../">up</a>', HTML, "its link '../' is not that of a project"),
        (b'<a href="/login">login</a>', HTML, "its link '/login' is not that of a project"),
        (b'<a href="https://sso/a">a</a>', HTML, "its link 'https://sso/a' is not that of"),
        (page("<a href=../>..</a><a href=a/>a</a>", title=""), HTML, "its link '../' is not that"),
        (page("<a href=?C=N>a</a><a href=a/>a</a>", title=""), HTML, "its link '…' is not that"),
        (b'{"projects": [{"name": ["tides"]}]}', JSON, "its JSON is wrong: TypeError("),
        (b'{"projects": [{"name": "\\ud800"}]}', JSON, "its JSON is wrong: ValueError("),
        (b'{"projects": {"a": 1}}', JSON, "its JSON is wrong: TypeError("),
        (b'{"error": 404}', "application/json", "its JSON is wrong: KeyError('projects')"),
        (b'{"projects": ["tides"]}', JSON, "its JSON is wrong: TypeError("),
        (b"{", "application/json", "its JSON is wrong: JSONDecodeError("),
        (b"[" * 200_000, JSON, "its JSON is wrong: RecursionError("),
    ],
)
def test_another_page_is_not_an_empty_repository(
    body: bytes, content_type: str, reason: str
) -> None:
    with pytest.raises(RegistryError) as caught:
        parse_root(body, url=URL, content_type=content_type)

    (problem,) = caught.value.problems
    assert problem.message.startswith(f"{URL!r} is not an index page: {reason}")
