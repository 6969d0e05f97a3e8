"""Index pages, in HTML and JSON: what they say, and what is none."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest
from packaging.version import InvalidVersion, Version

from steps.host.errors import RegistryError
from steps.registry.page import PublishedFile, PublishedProject
from tests.unit.steps.registry.pages import FILES, HTML, JSON, SHA, URL, as_json, link, page, parse


def test_an_html_page_gives_files_and_versions() -> None:
    found = parse(
        page(link("Tide_Tables-1.10-py3-none-any.whl"), link("tide-tables-1.9.tar.gz", fragment=""))
    )

    assert found == PublishedProject(
        name="tide-tables",  # type: ignore[arg-type]  # a NormalizedName, as written
        files=(
            PublishedFile(
                filename="Tide_Tables-1.10-py3-none-any.whl",
                url=f"{FILES}Tide_Tables-1.10-py3-none-any.whl",
                kind="wheel",
                version=Version("1.10"),
                sha256=SHA,
            ),
            PublishedFile(
                filename="tide-tables-1.9.tar.gz",
                url=f"{FILES}tide-tables-1.9.tar.gz",
                kind="sdist",
                version=Version("1.9"),
            ),
        ),
    )
    assert found.versions == (Version("1.9"), Version("1.10"))


@pytest.mark.parametrize(
    ("link", "unreadable"),
    [
        ('<a href="//[::1/tide_tables-2.tar.gz">', "tide_tables-2.tar.gz"),
        (f'<a href="{FILES}tide_tables-{"1" * 5000}.tar.gz">', f"tide_tables-{'1' * 5000}.tar.gz"),
    ],
    ids=["an address that is none", "a number of 5000 digits"],
)
def test_a_link_that_nothing_can_read_is_unreadable(link: str, unreadable: str) -> None:
    found = parse(page(link))

    assert (found.files, found.unreadable) == ((), (unreadable,))
    has_name = unreadable == "tide_tables-2.tar.gz"
    assert found.versions == ((Version("2"),) if has_name else ())


def test_a_json_page_gives_the_same_and_sizes_and_listed_versions() -> None:
    files = [
        {
            "filename": "tide_tables-1.9.tar.gz",
            "url": "../../tide-tables/tide_tables-1.9.tar.gz",
            "hashes": {"sha256": SHA},
            "size": 17,
            "upload-time": "2026-01-02T03:04:05Z",
        },
        {"filename": "notes.txt", "url": "notes.txt", "hashes": {}},
    ]

    found = parse(as_json(files=files, versions=["1.9", "2.0", "odd version"]), JSON)

    assert found.files == (
        PublishedFile(
            filename="tide_tables-1.9.tar.gz",
            url="https://us-east4-python.pkg.dev/demo/pypi/tide-tables/tide_tables-1.9.tar.gz",
            kind="sdist",
            version=Version("1.9"),
            sha256=SHA,
            size=17,
            uploaded="2026-01-02T03:04:05Z",
        ),
    )
    assert found.versions == (Version("1.9"), Version("2.0"))
    assert found.unreadable == ("notes.txt",)


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("../../files/tide_tables-1.0.tar.gz", "https://us-east4-python.pkg.dev/demo/pypi/files/"),
        ("/files/tide_tables-1.0.tar.gz", "https://us-east4-python.pkg.dev/files/"),
        ("//files.example/tide_tables-1.0.tar.gz", "https://files.example/"),
        ("HTTPS://files.example/tide_tables-1.0.tar.gz", "https://files.example/"),
        ("https:tide_tables-1.0.tar.gz", URL),
        ("./x/../tide_tables-1.0.tar.gz", URL),
        ("\n tide_tables-1.0.tar.gz\t", URL),
        ("tide_tables-1.0.tar.gz?token=x", URL),
        ("tide_tables-1.0.tar.gz?to=a/b&amp;c=d#sha256=ab", URL),
        ("tide&#95;tables-1.0&period;tar.gz", URL),
    ],
)
def test_relative_links_are_resolved_against_the_page(href: str, url: str) -> None:
    (file,) = parse(page(f'<a href="{href}">x</a>')).files

    assert file.url.startswith(f"{url}tide_tables-1.0.tar.gz")


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://files.example/a/", "https://files.example/a/"),
        ("/a/b", "https://us-east4-python.pkg.dev/a/"),
        ("../", "https://us-east4-python.pkg.dev/demo/pypi/simple/"),
    ],
)
def test_links_are_relative_to_the_base_that_a_page_names(base: str, url: str) -> None:
    (file,) = parse(page('<a href="tide_tables-1.0.zip">x</a>', head=f'<base href="{base}">')).files

    assert file.url == f"{url}tide_tables-1.0.zip"


@pytest.mark.parametrize(
    ("fragment", "sha256"),
    [
        (f"#sha256={SHA.upper()}", SHA),
        (f"#SHA256={SHA}", SHA),
        (f"#sha256={SHA}&egg=tide_tables", SHA),
        (f"#egg=tide_tables&amp;sha256={SHA}", SHA),
        (f"#md5=0123#sha256={SHA}", SHA),
        (f"?x=#sha256={SHA};x", SHA),
        ("#sha256=", None),
        (f"#md5={SHA}", None),
        (f"#not-sha256={SHA}", None),
    ],
)
def test_the_hash_is_found_in_whatever_else_a_fragment_holds(
    fragment: str, sha256: str | None
) -> None:
    (file,) = parse(page(link("tide_tables-1.0.tar.gz", fragment=fragment))).files

    assert (file.sha256, "#" in file.url) == (sha256, False)


def test_the_hash_of_a_json_page_may_be_in_capitals() -> None:
    file = {"filename": "tide_tables-1.zip", "url": "x", "hashes": {"sha256": SHA.upper()}}

    assert parse(as_json(files=[file]), JSON).files[0].sha256 == SHA


@pytest.mark.parametrize(
    "body",
    [
        "<!doctype html><title>x</title><a href=tide_tables-1.0.zip>x<a href=tide_tables-2.zip>y",
        "<html><head><body><a href=tide_tables-1.0.zip>x</a><a href=tide_tables-2.zip>",
        "<html><body><p><a href=tide_tables-1.0.zip>x</a><p><a href=tide_tables-2.zip>y</a>",
    ],
)
def test_end_tags_may_be_left_out(body: str) -> None:
    assert parse(body.encode()).versions == (Version("1.0"), Version("2"))


@pytest.mark.parametrize(
    ("filename", "version"),
    [
        ("tide_tables-1.0-1-py3-none-any.whl", "1.0"),  # with a build tag
        ("tide.tables-1.0.zip", "1.0"),
        ("tide-tables-1.0-1.tar.gz", "1.0.post1"),  # the dash of a post release of old
        ("tide_tables-1.0%2Blocal.1.tar.gz", "1.0+local.1"),
        ("tide_tables-1%2110.1-py3-none-any.whl", "1!10.1"),
        ("TIDE-TABLES-v1.0-RC1.tar.gz", "1.0rc1"),
        ("tide_tables-1.0-oddly-tagged-any.whl", "1.0"),
    ],
)
def test_versions_are_read_from_file_names_of_all_ages(filename: str, version: str) -> None:
    assert parse(page(link(filename))).versions == (Version(version),)


@pytest.mark.parametrize(
    "filename",
    [
        "tide-tables-2004d.tar.gz",
        "tide-tables-1.0.linux-x86_64.tar.gz",
        "tide-tables-extra-1.0.tar.gz",
        "tide_tables_extra-1.0-py3-none-any.whl",
        "other-1.0.tar.gz",
        "tide_tables-1.0.whl",
        "tide_tables-1.0-py2.7.egg",
        "tide-tables-1.0.win32.exe",
        "tide_tables.tar.gz",
        "-1.0.tar.gz",
        "..%2Ftide_tables-1.0.tar.gz",
        "README",
    ],
)
def test_a_file_name_that_only_looks_like_a_version_is_reported(filename: str) -> None:
    found = parse(page(link(filename), link("tide_tables-0.1.tar.gz")))

    assert found.versions == (Version("0.1"),)
    assert found.unreadable == (filename.replace("%2F", "/"),)


@pytest.mark.parametrize("form", [HTML, JSON])
def test_a_project_of_thousands_of_files_is_read_whole(form: str) -> None:
    names = [
        f"tide_tables-{major}.{minor}{tail}"
        for major in range(50)
        for minor in range(40)
        for tail in (".tar.gz", "-py3-none-any.whl", "-cp313-cp313-manylinux_2_28_x86_64.whl")
    ]
    files = [{"filename": name, "url": name, "hashes": {}} for name in names]
    body = as_json(files=files) if form == JSON else page(*map(link, names))

    found = parse(body, form)

    assert [file.filename for file in found.files] == names
    assert (len(found.versions), found.versions[-1]) == (2000, Version("49.39"))


def test_the_name_of_a_project_may_end_like_a_version() -> None:
    found = parse(
        page(link("tide-2-1.0.tar.gz"), link("tide_2-1.1-py3-none-any.whl")), name="tide-2"
    )

    assert found.versions == (Version("1.0"), Version("1.1"))


def test_all_files_of_real_projects_are_read_or_reported() -> None:
    path = Path(__file__).parents[2] / "data/versions.txt.gz"
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        if line.startswith("#"):
            continue
        name, *texts = line.split(" ")
        found = parse(page(*(link(f"{name}-{text}.tar.gz") for text in texts)), name=name)

        readable, refused = set(), []
        for text in texts:
            try:
                readable.add(Version(text))
            except InvalidVersion:
                refused.append(f"{name}-{text}.tar.gz")
        assert (set(found.versions), [*found.unreadable]) == (readable, refused)


def test_the_way_up_that_some_pages_show_is_not_a_file() -> None:
    found = parse(page('<a href="../">up</a>', link("tide_tables-1.0.tar.gz")))

    assert (found.versions, found.unreadable) == ((Version("1.0"),), ())


@pytest.mark.parametrize("character", ["/", "\\", "\0", "\n", "\x1b", "\u202e", "\ud800", "::"])
def test_a_file_name_that_leads_elsewhere_is_not_read(character: str) -> None:
    name = f"tide_tables-1.0-py3-none-..{character}any.whl"

    found = parse(as_json(files=[{"filename": name, "url": "x.whl", "hashes": {}}]), JSON)

    assert (found.files, found.unreadable) == ((), (name,))


@pytest.mark.parametrize("title", ["", "Links for tide-tables", "tide-tables", "Harbour packages"])
@pytest.mark.parametrize(
    "content",
    [
        "",
        "<h1>{title}</h1>",
        "<h2>Links of the <b>harbour</b></h2>",
        "<p>No files yet.</p>",
        '<a href="../">All projects</a>',
        '<a href="/">Home</a><a href="#top">Top</a>',
        '<a href="tide_tables-1.0-py2.7.egg">tide_tables-1.0-py2.7.egg</a>',
    ],
)
def test_a_project_without_versions_may_have_a_page_of_any_title(title: str, content: str) -> None:
    assert parse(page(content.format(title=title), title=title)).versions == ()


@pytest.mark.parametrize(
    "name",
    ["-" * 120_000, "tide_tables" + "-1" * 60_000, "tide-tables-" + "1." * 60_000, "\u00e9" * 128],
)
def test_a_name_longer_than_a_file_system_takes_is_not_read(name: str) -> None:
    file = {"filename": f"{name}.zip", "url": "x", "hashes": {}}
    begin = time.process_time()

    found = parse(as_json(files=[file], versions=[f"1{'.1' * 60_000}"]), JSON)

    assert (found.versions, found.unreadable) == ((), (f"{name}.zip",))
    assert time.process_time() - begin < 0.5


@pytest.mark.parametrize("piece", ["<a", "<", "<!--", "<a href='", "</", "<?", "<a href=x>y", "&#"])
def test_a_page_of_garbage_is_refused_in_the_time_that_its_length_takes(piece: str) -> None:
    begin = time.process_time()

    with pytest.raises(RegistryError, match="is not an index page"):
        parse(f"<html><body>{piece * 30_000}".encode())

    assert time.process_time() - begin < 1


def test_its_media_type_proves_an_index_page_that_holds_nothing() -> None:
    assert parse(b"", "application/vnd.pypi.simple.v1+html").versions == ()


@pytest.mark.parametrize("odd", [b"<a href>nothing</a>", b'<a href="">nothing</a>', b"\xff"])
def test_what_is_odd_on_a_page_hides_none_of_its_files(odd: bytes) -> None:
    body = page(link("tide_tables-1.0.tar.gz")).replace(b"<body>", b"<body>" + odd)

    assert parse(body).versions == (Version("1.0"),)
