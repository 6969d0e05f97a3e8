"""Globs of `includedFiles` and `ignoredFiles`: what one means, which files it matches, and writing.

The rules are those of Go's `filepath.Match`, with `**` over directories and alternation `{a,b}`;
Cloud Build's page "Create and manage build triggers" names all three. Paths are those of git: with
slashes, from the root of the repository, and without a leading one.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from steps.host.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# Nobody writes that many by hand, but nested alternations multiply.
_MOST_ALTERNATIVES = 1000

# No way to take these literally is documented for all of Cloud Build's readers.
_SPECIAL = frozenset("*?[]{}\\,$")
# Stands between paths; no path holds it.
_BETWEEN = "\0"

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
class Literal:
    """A text that every match of an alternative has in it, or *leads* with."""

    text: str
    leads: bool


@dataclass(frozen=True)
class Glob:
    """A glob that was understood.

    *literals* has one per alternative: a quick test before `matches`. *undocumented* says, if not
    empty, which part no document explains, and how it was read.
    """

    text: str
    literals: tuple[Literal, ...]
    undocumented: str
    expression: re.Pattern[str]

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
        expression=re.compile("|".join(map(_expression, alternatives)), re.DOTALL),
    )


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


def _longest_literal(tokens: Sequence[re.Match[str]]) -> Literal:
    """Return the longest text without a wildcard; the first of them leads, if empty, too."""
    texts = [""]
    for token in tokens:
        if token["plain"] or token["escape"]:
            texts[-1] += _literal(token)
        else:
            texts.append("")
    longest = max(texts, key=len)
    return Literal(longest, leads=longest == texts[0])


def _literal(token: re.Match[str]) -> str:
    return token["plain"] or token["escaped"]


def _undocumented(alternatives: Sequence[Sequence[re.Match[str]]]) -> str:
    if any(len(token["star"] or "") > 1 for tokens in alternatives for token in tokens):
        return "`**` beside other characters is read as `*`"
    return ""


class FileIndex:
    """Paths of files, and which of them match a glob; each glob is asked once."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.files = frozenset(paths)
        self.paths = sorted(self.files)
        self._joined = _BETWEEN.join(self.paths)
        self._starts = [0, *accumulate(len(path) + 1 for path in self.paths)]
        self._globs: dict[str, Glob] = {}
        self._found: dict[str, frozenset[str]] = {}

    def matching(self, text: str) -> frozenset[str]:
        """Return the paths that match the glob *text*.

        Raises BadGlobError, which quotes it.
        """
        if text not in self._found:
            try:
                glob = self._globs[text] = parse_glob(text)
            except BadGlobError as error:
                raise BadGlobError(f"the glob {text!r} is malformed: {error}") from None
            near = {path for literal in glob.literals for path in self._near(literal)}
            self._found[text] = frozenset(filter(glob.matches, near))
        return self._found[text]

    def undocumented(self) -> list[str]:
        """Return what no document says about the globs that were asked for."""
        return [
            f"The glob {glob.text!r}: {glob.undocumented}; no document says"
            for glob in self._globs.values()
            if glob.undocumented
        ]

    def _near(self, literal: Literal) -> Iterator[str]:
        """Yield the paths that have *literal* where it has to be."""
        if literal.leads:
            # No path goes on with the last of all characters.
            end = bisect_left(self.paths, literal.text + chr(sys.maxunicode))
            yield from self.paths[bisect_left(self.paths, literal.text) : end]
            return
        place = self._joined.find(literal.text)
        while place >= 0:
            index = bisect_right(self._starts, place) - 1
            yield self.paths[index]
            place = self._joined.find(literal.text, self._starts[index + 1])


def below(directory: str) -> str:
    """Return the glob of everything in *directory*: `dir/*` would miss its subdirectories."""
    return "**" if directory == "." else f"{directory}/**"


def without_covered(directories: Iterable[str], files: Iterable[str]) -> list[str]:
    """Return globs for *directories* and *files*, none of which another one includes."""
    folders = dict.fromkeys(directories)
    outer = [folder for folder in folders if folders.keys().isdisjoint(above(folder))]
    single = [path for path in dict.fromkeys(files) if folders.keys().isdisjoint(above(path))]
    return [*map(below, outer), *single]


def above(path: str) -> Iterator[str]:
    """Yield the directories that *path* is in, the innermost first."""
    if path == ".":
        return
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
    yield "."


def unwritable(paths: Iterable[str]) -> Iterator[Problem]:
    """Yield a problem per path that a glob cannot name."""
    for path in dict.fromkeys(paths):
        if special := sorted(_SPECIAL & set(path)):
            yield Problem(
                f"The path {path!r} cannot be a glob: it has {' '.join(special)}",
                "rename the directory, or exclude it in the manifest",
            )
