"""Which repositories an emulator can have, and how they are written on the command line."""

from __future__ import annotations

import pytest

from builder.server import Layout, parse_remote, parse_virtual, upstream_of
from steps.host.errors import InputError, Problem
from steps.registry.address import parse_registry
from steps.registry.public_index import default_url

UPSTREAM = upstream_of("demo/public", "https://example.com/team/simple")


def problems(call: pytest.ExceptionInfo[InputError]) -> list[tuple[str, str]]:
    return [(problem.message, problem.hint) for problem in call.value.problems]


def test_a_layout_tells_all_that_is_wrong_with_it_at_once() -> None:
    with pytest.raises(InputError) as refused:
        Layout(
            standards=("demo/pypi", "Demo/pypi"),
            remotes={"demo/public": UPSTREAM, "demo/pypi": UPSTREAM},
            virtuals={
                "demo/all": {"demo/pypy": 100, "demo/public": 50, "demo/pypi": 50},
                "demo/more": {"demo/all": 1, "team/wheels": 2},
                "demo/none": {},
            },
        )

    assert problems(refused) == [
        ("A repository has one mode, and this one has 2: 'demo/pypi'",
         "give each repository a name of its own"),
        ("No repository can have this name: 'Demo/pypi'", "use PROJECT/REPO, in lower case"),
        ("The upstream 'demo/pypy' of 'demo/all' is not served here", "did you mean 'demo/pypi'?"),
        ("The upstream 'demo/all' of 'demo/more' is a virtual repository itself",
         "an upstream is a standard or a remote repository"),
        ("The upstream 'team/wheels' of 'demo/more' is not served here",
         "name it as a repository, too"),
        ("The virtual repository 'demo/none' has no upstream",
         "use PROJECT/REPO=UPSTREAM:PRIORITY,UPSTREAM:PRIORITY with numbers as priorities"),
    ]  # fmt: skip


def test_a_virtual_repository_has_a_name_of_its_own_too() -> None:
    upstreams = {"demo/pypi": 1}
    with pytest.raises(InputError) as refused:
        Layout(
            standards=("demo/pypi", "demo/pypi"),
            virtuals={"demo/pypi": upstreams, "demo/all/x y": upstreams},
        )

    assert problems(refused) == [
        (
            "A repository has one mode, and this one has 2: 'demo/pypi'",
            "give each repository a name of its own",
        ),
        ("No repository can have this name: 'demo/all/x y'", "use PROJECT/REPO, in lower case"),
        (
            "The upstream 'demo/pypi' of 'demo/pypi' is a virtual repository itself",
            "an upstream is a standard or a remote repository",
        ),
        (
            "The upstream 'demo/pypi' of 'demo/all/x y' is a virtual repository itself",
            "an upstream is a standard or a remote repository",
        ),
    ]


def test_a_layout_of_all_three_modes_is_taken_whole() -> None:
    layout = Layout(
        standards=("demo/pypi", "example.com/demo/pypi"),
        remotes={"demo/public": UPSTREAM},
        virtuals={"demo/all": {"demo/pypi": 100, "demo/public": 0}},
    )

    assert layout.remotes["demo/public"].index_url == "https://example.com/team/simple/"


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("demo/public", ("demo/public", "")),
        ("example.com:demo/public", ("example.com/demo/public", "")),
        ("demo/public=https://example.com/a=b", ("demo/public", "https://example.com/a=b")),
    ],
)
def test_a_remote_repository_comes_with_its_upstream_or_has_the_public_one(
    text: str, parsed: tuple[str, str]
) -> None:
    assert parse_remote(text) == parsed


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/simple/", "Plain http is only for a loopback address"),
        ("https://me:planted@example.com/", "The registry address holds credentials"),
        ("ftp://example.com/", "The registry address is not an http(s) URL: 'ftp://example.com/'"),
    ],
)
def test_an_upstream_is_https_or_on_loopback_and_holds_no_secret(url: str, why: str) -> None:
    with pytest.raises(InputError) as refused:
        upstream_of("demo/public", url)

    assert str(refused.value).startswith(
        f"The upstream of the remote repository 'demo/public' cannot be used: {why}"
    )
    assert "planted" not in str(refused.value)


def test_without_an_upstream_of_its_own_a_remote_repository_has_the_public_index() -> None:
    assert upstream_of("demo/public", "") == parse_registry(default_url(), {})


def test_an_empty_upstream_is_not_mistaken_for_the_public_index() -> None:
    with pytest.raises(InputError, match="'demo/public' has an empty upstream"):
        parse_remote("demo/public=")


@pytest.mark.parametrize(
    ("text", "upstreams"),
    [
        ("demo/all=pypi:100,public:50", {"demo/pypi": 100, "demo/public": 50}),
        ("demo/all=team/wheels:1, public:0 ,", {"team/wheels": 1, "demo/public": 0}),
        ("example.com:demo/all=pypi:1", {"example.com/demo/pypi": 1}),
        ("example.com/demo/all=pypi:1", {"example.com/demo/pypi": 1}),
        ("demo/all=example.com:demo/pypi:1", {"example.com/demo/pypi": 1}),
        ("demo/all", {}),
    ],
)
def test_a_virtual_repository_is_written_with_the_priorities_of_its_upstreams(
    text: str, upstreams: dict[str, int]
) -> None:
    name = "example.com/demo/all" if text.startswith("example") else "demo/all"

    assert parse_virtual(text) == (name, upstreams)


def test_every_upstream_without_a_priority_is_named() -> None:
    with pytest.raises(InputError) as refused:
        parse_virtual("demo/all=pypi,public:high,a:1,a:2,b:-1,c:²")

    hint = "use PROJECT/REPO=UPSTREAM:PRIORITY,UPSTREAM:PRIORITY with numbers as priorities"
    assert refused.value.problems == tuple(
        Problem(message, hint)
        for message in (
            "No upstream with its priority: 'pypi'",
            "No upstream with its priority: 'public:high'",
            "An upstream twice: 'demo/a'",
            "No upstream with its priority: 'b:-1'",
            "No upstream with its priority: 'c:²'",
        )
    )
