"""Globs of files, with one meaning for Cloud Build's triggers and for what needs no release.

The rules are those of Go's `filepath.Match`, with `**` over directories and alternation `{a,b}`;
Cloud Build's page "Create and manage build triggers" names all three. Paths are those of git: with
slashes, and without a leading one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from steps.host.errors import Problem
from steps.host.files import kind_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

# No pattern written by hand has so many, but nested alternations multiply.
_MOST_ALTERNATIVES = 1000

_TOKEN = re.compile(
    r"""
    (?P<deep>   (?:(?<=/)|\A)\*\*(?:/|\Z) )         # ** is all of a path's segment
  | (?P<star>   \*+ )
  | (?P<one>    \? )
  | (?P<class>  \[(?P<negated>\^?)(?P<inner>(?:\\.|[^\\\]])*)\] )
  | (?P<escape> \\(?P<escaped>.) )
  | (?P<plain>  [^*?[\\{},]+ | [{},] )
    """,
    re.VERBOSE | re.DOTALL,
)
_STAR = "[^/]*"
_RANGE = re.compile(r"(?P<low>\\.|[^\\-])(?:-(?P<high>\\.|[^\\-]))?", re.DOTALL)


class BadGlobError(ValueError):
    """The glob is malformed; Go would say "syntax error in pattern"."""


@dataclass(frozen=True)
class LiteralText:
    """A text that every match of an alternative has in it, or *leads* with."""

    text: str
    leads: bool


@dataclass(frozen=True)
class Glob:
    """A glob that was understood.

    *literals* has one per alternative: a quick test before `matches`. *undocumented* says, if not
    empty, which part no document explains, and how it was read. *pattern* is a regular expression.
    """

    text: str
    literals: tuple[LiteralText, ...]
    undocumented: str
    pattern: str

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """The regular expression, compiled for the first path that it is asked about."""
        return re.compile(self.pattern, re.DOTALL)

    def matches(self, path: str) -> bool:
        """Return whether the glob matches the whole *path*."""
        return self.expression.fullmatch(path) is not None


@cache
def parse_glob(text: str) -> Glob:
    """Return the glob that *text* is; raise BadGlobError for a malformed one."""
    alternatives = [_tokens(alternative) for alternative in _expand(text)]
    return Glob(
        text=text,
        literals=tuple(map(_longest_literal, alternatives)),
        undocumented=_undocumented(alternatives),
        pattern="|".join(map(_expression, alternatives)),
    )


def can_never_match(glob: str) -> bool:
    """Return whether no path of a file from the root can match *glob*."""
    outside = re.match(r"\.?/|\.\./|\.?\.?\Z", glob)
    return bool(outside) or glob.endswith("/") or "$" in glob


def glob_problems(
    globs: Iterable[str], where: str, directory: Path | None = None
) -> Iterator[Problem]:
    """Yield a problem per glob that matches no file of a project, such as of *directory*."""
    for glob in globs:
        if can_never_match(glob.rstrip("/")):
            hint = "write it from the project's directory, such as tests/**"
            yield Problem(f"{where}: {glob!r} matches no file", hint)
        elif glob.endswith("/") or (directory and kind_at(directory / glob) == "folder"):
            hint = f"write {glob.rstrip('/')}/** for all that is in it"
            yield Problem(f"{where}: {glob!r} is a directory", hint)
        elif glob.startswith("!"):
            hint = "name only the files that are meant: a glob cannot leave others out"
            yield Problem(f"{where}: {glob!r} is a negation, which globs do not have", hint)
        else:
            try:
                parse_glob(glob)
            except BadGlobError as error:
                hint = "fix it, or escape the character with a backslash"
                yield Problem(f"{where}: the glob {glob!r} is malformed: {error}", hint)


def _expand(text: str) -> list[str]:
    """Return the globs without alternation that *text* expands to; braces may be nested."""
    edges: list[int] = []
    depth = 0
    for token in _tokens(text):
        mark = token.group()
        depth += mark == "{"
        if depth == 1 and mark in {"{", ",", "}"}:
            edges.append(token.start())
        if mark == "}" and depth:
            depth -= 1
            if depth == 0:
                return _choices(text, edges)
    if depth:
        raise BadGlobError("a { has no }")
    return [text]


def _choices(text: str, edges: Sequence[int]) -> list[str]:
    """Return what *text* expands to, whose first alternation has its marks at *edges*."""
    before, after = text[: edges[0]], text[edges[-1] + 1 :]
    expanded: list[str] = []
    for start, end in pairwise(edges):
        expanded += _expand(before + text[start + 1 : end] + after)
    if len(expanded) > _MOST_ALTERNATIVES:
        raise BadGlobError(f"it expands to more than {_MOST_ALTERNATIVES} globs")
    return expanded


def _tokens(text: str) -> list[re.Match[str]]:
    tokens: list[re.Match[str]] = []
    place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise BadGlobError("a [ has no ]" if text[place] == "[" else "it ends in a backslash")
        tokens.append(token)
        place = token.end()
    return tokens


def _expression(tokens: Sequence[re.Match[str]]) -> str:
    """Return the regular expression of one alternative.

    A star that another one follows takes the first place where what is between them fits, as Go's
    does: trying the others, too, finds nothing more and may take for ever.
    """
    done, rest = "", ""
    for token in reversed(tokens):
        match token.lastgroup:
            case "star":
                between = f"(?>{_STAR}?{rest})" if done else f"{_STAR}{rest}"
                done, rest = between + done, ""
            case "deep":
                # Before a slash it may stand for nothing at all; at the end it is a file.
                deep = "(?:.*/)?" if token.group().endswith("/") else ".+"
                done, rest = deep + rest + done, ""
            case _:
                rest = _expression_of(token) + rest
    return rest + done


def _expression_of(token: re.Match[str]) -> str:
    if token["class"]:
        return _class_expression(token["inner"], negated=bool(token["negated"]))
    return "[^/]" if token["one"] else re.escape(_literal(token))


def _class_expression(inner: str, *, negated: bool) -> str:
    held, place = "", 0
    while place < len(inner):
        found = _RANGE.match(inner, place)
        if found is None:
            raise BadGlobError("a - in [] has to be escaped, or between two characters")
        low = found["low"][-1]
        high = (found["high"] or low)[-1]
        # Go takes a range that runs backwards for one that holds nothing.
        held += f"{re.escape(low)}-{re.escape(high)}" if low <= high else ""
        place = found.end()
    if not inner:
        raise BadGlobError("a [] is empty")
    if not held:
        return "." if negated else "(?!)"
    return f"[{'^' if negated else ''}{held}]"


def _longest_literal(tokens: Sequence[re.Match[str]]) -> LiteralText:
    """Return the longest text without a wildcard; the first of them leads, if empty, too."""
    texts = [""]
    for token in tokens:
        if token["plain"] or token["escape"]:
            texts[-1] += _literal(token)
        else:
            texts.append("")
    longest = max(texts, key=len)
    return LiteralText(longest, leads=longest == texts[0])


def _literal(token: re.Match[str]) -> str:
    return token["plain"] or token["escaped"]


def _undocumented(alternatives: Sequence[Sequence[re.Match[str]]]) -> str:
    if any(len(token["star"] or "") > 1 for tokens in alternatives for token in tokens):
        return "`**` beside other characters is read as `*`"
    return ""
