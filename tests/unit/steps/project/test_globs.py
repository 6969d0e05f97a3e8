from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.project.globs import BadGlobError, LiteralText, parse_glob

if TYPE_CHECKING:
    from collections.abc import Iterator

# What Go 1.19's filepath.Match answered; "bad" is its ErrBadPattern. It stops at
# the first difference, so malformed globs are here only where it got to see that they are.
GO = json.loads((Path(__file__).parents[2] / "data/go_match.json").read_text(encoding="utf-8"))

# Google's documents: the page "Create and manage build triggers", and triggers of its own.
DOCUMENTED = [
    ("src/*", "src/code.py", True),
    ("src/*", "src/sub/code.py", False),
    ("src/**", "src/code.py", True),
    ("src/**", "src/sub/code.py", True),
    ("src/**", "other/src/code.py", False),
    ("src/**", "srcs/code.py", False),
    ("**/README.md", "README.md", True),
    ("**/README.md", "docs/README.md", True),
    ("**/README.md", "docs/deep/README.md", True),
    ("**/README.md", "docs/README.md.txt", False),
    ("**/README.md", "OLD-README.md", False),
    ("**/generated/**", "src/generated/a/b.rs", True),
    ("**/generated/**", "generated/b.rs", True),
    ("**/generated/**", "src/generated", False),
    ("docs/{a,b}.md", "docs/a.md", True),
    ("docs/{a,b}.md", "docs/c.md", False),
    ("{src,lib}/**/*.py", "lib/x/y.py", True),
    ("{src,lib}/**/*.py", "lib/y.py", True),
    ("{src,lib}/**/*.py", "lib/y.pyc", False),
    ("**", "a/b", True),
    ("*", "a/b", False),
    ("cloudbuild.yaml", "cloudbuild.yaml", True),
    ("cloudbuild.yaml", "cloudbuildXyaml", False),
]
# What follows from the rules together.
FURTHER = [
    ("a/**/b", "a/b", True),
    ("a/**/b", "a/x/y/b", True),
    ("a/**/b", "ab", False),
    ("a/**/**/b", "a/b", True),
    ("{**/,}a", "x/a", True),
    ("a{/**,}", "a", True),
    ("{a,b/{c,d}}/e", "b/d/e", True),
    ("{a,b/{c,d}}/e", "b/e", False),
    ("{a,b}{c,d}", "bc", True),
    ("a{,b}", "a", True),
    ("{a}", "a", True),
    ("{}", "", True),
    ("a,b}", "a,b}", True),
    (r"\{a,b\}", "{a,b}", True),
    ("[{]a,b[}]", "{a,b}", True),
    ("{[,]x,b}", ",x", True),
    (r"{\,,b}", ",", True),
    ("a\nb", "a\nb", True),
    ("*", "a\nb", True),
    ("a[^x]b", "a/b", True),  # as Go says: only * and ? stop at a slash
    ("[b-a]", "b", False),
    ("[b-ac]", "X", False),
    ("[^b-a]", "b", True),
]


@pytest.mark.parametrize(("glob", "path", "expected"), DOCUMENTED + FURTHER)
def test_a_glob_matches_as_the_documents_say(glob: str, path: str, expected: bool) -> None:
    assert parse_glob(glob).matches(path) is expected


def test_without_extensions_a_glob_matches_what_gos_own_function_matches() -> None:
    wrong = [(glob, path, said) for glob, path, said in GO if answer(glob, path) != said]

    assert wrong == []
    assert {said for _, _, said in GO} == {"true", "false", "bad"}


def answer(glob: str, path: str) -> str:
    try:
        return json.dumps(parse_glob(glob).matches(path))
    except BadGlobError:
        return "bad"


@pytest.mark.parametrize(
    ("glob", "reason"),
    [
        ("a[", "a [ has no ]"),
        ("a[]", "a [] is empty"),
        ("[a-]", "a - in [] has to be escaped, or between two characters"),
        ("a\\", "it ends in a backslash"),
        ("a{b,c", "a { has no }"),
        ("{a,b}{c", "a { has no }"),
        ("{a,b}" * 20, "it expands to more than 1000 globs"),
    ],
)
def test_a_malformed_glob_is_refused_with_the_reason(glob: str, reason: str) -> None:
    with pytest.raises(BadGlobError) as caught:
        parse_glob(glob)
    assert str(caught.value) == reason


def test_a_thousand_alternatives_are_not_too_many() -> None:
    assert parse_glob("{0,1,2,3,4,5,6,7,8,9}" * 3).matches("907")


@pytest.mark.parametrize(
    ("glob", "literals"),
    [
        ("src/**", [LiteralText("src/", leads=True)]),
        ("a/*/longer/?", [LiteralText("/longer/", leads=False)]),
        (r"x*b\*c", [LiteralText("b*c", leads=False)]),
        ("{a,*bc}", [LiteralText("a", leads=True), LiteralText("bc", leads=False)]),
        ("**", [LiteralText("", leads=True)]),
    ],
)
def test_the_quick_test_of_a_glob_is_its_longest_text(
    glob: str, literals: list[LiteralText]
) -> None:
    assert parse_glob(glob).literals == tuple(literals)


@pytest.mark.parametrize("glob", ["*", "src/*.py", "**/a*", "a/**"])
def test_nothing_is_undocumented_about_one_star_or_two_alone(glob: str) -> None:
    assert parse_glob(glob).undocumented == ""


@pytest.mark.parametrize("glob", ["src/**.py", "a**", "***/a"])
def test_two_stars_beside_something_else_are_undocumented_and_like_one(glob: str) -> None:
    assert parse_glob(glob).undocumented == "`**` beside other characters is read as `*`"
    one = parse_glob(re.sub(r"\*+", "*", glob))
    for path in ("src/a.py", "src/a/b.py", "ab", "a/b", "x/a"):
        assert parse_glob(glob).matches(path) is one.matches(path)


def test_many_stars_do_not_multiply() -> None:
    """A matcher that tried all combinations would not come back."""
    assert not parse_glob("*a" * 30 + "b").matches("a" * 3000)


# An oracle that is slow and plain: a glob is a tree, and a tree yields where a match may end.

letters = st.sampled_from("ab.")
# Without negated ones: Go lets those match a slash, and this oracle looks at a segment at a time.
classes = st.sets(letters, min_size=1)
choices = st.lists(st.text(letters, min_size=1, max_size=2), min_size=1, max_size=2)
atoms = st.one_of(
    st.tuples(st.just("text"), st.text(letters, min_size=1, max_size=2)),
    st.tuples(st.just("one"), st.none()),
    st.tuples(st.just("star"), st.none()),
    st.tuples(st.just("class"), classes),
    st.tuples(st.just("choice"), choices),
)
single = st.lists(atoms, min_size=1, max_size=3).filter(
    lambda atoms: all(pair != ("star", "star") for pair in pairwise(kind for kind, _ in atoms))
)
segments = st.one_of(st.just("**"), single)
globs = st.lists(segments, min_size=1, max_size=3)
paths = st.lists(st.text(letters, min_size=1, max_size=4), min_size=1, max_size=4).map("/".join)


def written(atom: tuple[str, object]) -> str:
    match atom:
        case ("text", str(text)):
            return text
        case ("class", set(held)):
            return f"[{''.join(sorted(held))}]"
        case ("choice", list(choices)):
            return f"{{{','.join(choices)}}}"
    return "?" if atom[0] == "one" else "*"


def ends(atoms: list[tuple[str, object]], text: str, start: int) -> Iterator[int]:
    """Yield the places in a segment's *text* where a match of *atoms* from *start* may end."""
    if not atoms:
        yield start
        return
    for end in range(start, len(text) + 1):
        if holds(atoms[0], text[start:end]):
            yield from ends(atoms[1:], text, end)


def holds(atom: tuple[str, object], text: str) -> bool:
    match atom:
        case ("text", wanted):
            return text == wanted
        case ("class", set(held)):
            return text in held
        case ("choice", list(choices)):
            return text in choices
    return atom[0] == "star" or len(text) == 1


def matches(glob: list[str | list[tuple[str, object]]], path: list[str]) -> bool:
    match glob, path:
        case [], _:
            return not path
        case ["**"], _:
            return bool(path)
        case ["**", *rest], _:
            return any(matches(rest, path[skipped:]) for skipped in range(len(path) + 1))
        case [list(atoms), *rest], [segment, *others]:
            return len(segment) in set(ends(atoms, segment, 0)) and matches(rest, others)
    return False


@given(globs, paths)
def test_a_glob_matches_what_a_slow_and_plain_matcher_matches(
    glob: list[str | list[tuple[str, object]]], path: str
) -> None:
    text = "/".join(part if isinstance(part, str) else "".join(map(written, part)) for part in glob)
    parsed = parse_glob(text)

    assert parsed.matches(path) is matches(glob, path.split("/")), text
    if parsed.matches(path):
        assert any(
            path.startswith(literal.text) if literal.leads else literal.text in path
            for literal in parsed.literals
        )


@given(paths)
def test_a_path_is_matched_by_itself_and_by_everything_around_it(path: str) -> None:
    assert parse_glob(path).matches(path)
    assert parse_glob("**").matches(path)
    assert parse_glob(f"**/{path}").matches(path)
    assert parse_glob(f"{path}/**").matches(f"{path}/x")
    assert not parse_glob(f"{path}/**").matches(path)
