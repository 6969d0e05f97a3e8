"""Dynamic substitutions: a substitution's value may refer to others, in the manner of bash.

`$KEY`, `${KEY}` and the parameter expansions `${KEY:-word}`, `${KEY-word}`, `${KEY:+word}`,
`${KEY+word}`, `${KEY:offset:length}`, `${#KEY}`, `${KEY#glob}`, `##`, `%`, `%%`, `/glob/word`,
`//`, `/#`, `/%`, `^`, `^^`, `,` and `,,`. Always on for triggers, by an option for submit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

_KEY = r"[A-Z_][A-Z0-9_]*"
_START = re.compile(rf"\\\$|\$(?:\$|(?P<bare>{_KEY})|\{{(?P<length>#)?(?P<key>{_KEY}))")
_SLICE = re.compile(r":\s*(?P<offset>\d{1,9}|\s-\d{1,9})\s*(?::\s*(?P<length>-?\d{1,9})\s*)?")
# Values that repeat one another could fill the memory, what is nested the stack, and looking for
# globs could take minutes.
_LONGEST_EXPANSION = 4_000  # characters; a value that is written may have as many
_DEEPEST = 20  # braces
_LONGEST_CHAIN = 100  # values that refer to one another
_MOST_STEPS = 40_000_000  # of looking for globs: a value's length squared, for each
_EXPANSIONS = "${KEY:-word}, ${KEY:0:8}, ${KEY#glob}, ${KEY%glob}, ${KEY/glob/word}, ${KEY^^}"


class ExpansionError(ValueError):
    """The value of *key* cannot be expanded; *hint* is the next action."""

    def __init__(self, key: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.hint = hint


@dataclass(frozen=True)
class _Expansion:
    """A reference in a text, from *start* to *end*; a dollar when it has no key."""

    start: int
    end: int
    key: str = ""
    operation: str = ""
    length: bool = False


def expand_values(values: Mapping[str, str], own: Collection[str]) -> dict[str, str]:
    """Return *values* with the values of the *own* keys expanded; the others are plain.

    Raises ExpansionError for a cycle or an expansion that is not supported.
    """
    return _Expander(values, own).all()


def keys_of(text: str) -> dict[str, bool]:
    """Return the keys that *text* refers to, and whether each has to have a value.

    One that is only read with a default, as in `${KEY:-word}`, need not have one.
    """
    needed: dict[str, bool] = {}
    try:
        found = [expansion for expansion in _expansions(text) if expansion.key]
    except ValueError:
        return {}  # expand_values says so
    for expansion in found:
        has_default = expansion.operation.startswith((":-", "-", ":+", "+"))
        for key, need in {expansion.key: not has_default, **keys_of(expansion.operation)}.items():
            needed[key] = needed.get(key, False) or need
    return needed


@dataclass
class _Expander:
    values: Mapping[str, str]
    own: Collection[str]
    done: dict[str, str] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    steps: int = 0

    def all(self) -> dict[str, str]:
        return {key: self.value(key) for key in self.values}

    def value(self, key: str) -> str:
        if key not in self.own:
            return self.values.get(key, "")
        if key in self.open:
            circle = " -> ".join((*self.open[self.open.index(key) :], key))
            message = f"the substitutions refer to one another in a circle: {circle}"
            raise ExpansionError(key, message)
        if key not in self.done:
            if len(self.open) == _LONGEST_CHAIN:
                message = f"more than {_LONGEST_CHAIN} values refer to one another"
                raise ExpansionError(key, message, "write some of them out")
            self.open.append(key)
            self.done[key] = self.text(self.values[key])
            self.open.pop()
        return self.done[key]

    def text(self, text: str) -> str:
        parts, last = [], 0
        for expansion in self.expansions(text):
            parts += [text[last : expansion.start], self.expand(expansion)]
            last = expansion.end
        return self.limited("".join((*parts, text[last:]))) if parts else text

    def limited(self, text: str) -> str:
        if len(text) > _LONGEST_EXPANSION:
            message = f"the value expands to more than {_LONGEST_EXPANSION} characters"
            raise ExpansionError(self.open[-1], message, "shorten what it refers to")
        return text

    def expansions(self, text: str) -> list[_Expansion]:
        try:
            return _expansions(text)
        except ValueError as error:
            raise ExpansionError(self.open[-1], f"{error} in {text!r}") from None

    def expand(self, expansion: _Expansion) -> str:
        if not expansion.key:
            return "$"
        value = self.value(expansion.key)
        if expansion.length:
            return str(len(value))
        if not expansion.operation:
            return value
        try:
            self.steps += len(value) ** 2
            if self.steps > _MOST_STEPS:
                message = "the expansions are too many, or of texts too long"
                raise ExpansionError(self.open[-1], message, "write some of them out")
            return self.limited(_apply(value, expansion.operation, self.text))
        except LookupError:
            bad = f"${{{expansion.key}{expansion.operation}}}"
            message = f"bad substitution: {bad}"
            raise ExpansionError(self.open[-1], message, f"supported are {_EXPANSIONS}") from None


def _expansions(text: str) -> list[_Expansion]:
    """Return the references in *text*. Raises ValueError for a brace that is never closed."""
    found: list[_Expansion] = []
    position = 0
    while match := _START.search(text, position):
        if match[0] == r"\$":  # a dollar for the shell of the step, with its backslash
            position = match.end()
            continue
        key = match["key"] or match["bare"] or ""
        end = match.end()
        operation = ""
        if match["key"]:
            close = _closing_brace(text, end)
            operation, end = text[match.end() : close], close + 1
        found.append(_Expansion(match.start(), end, key, operation, bool(match["length"])))
        position = end
    return found


def _closing_brace(text: str, position: int) -> int:
    depth = 0
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text.startswith("${", position):
            depth += 1
        elif text[position] == "}":
            if depth == 0:
                return position
            depth -= 1
        if depth > _DEEPEST:
            raise ValueError(f"braces are nested more than {_DEEPEST} deep")
        position += 1
    raise ValueError("a brace is never closed")


def _apply(value: str, operation: str, expand: Callable[[str], str]) -> str:
    """Return *value* after *operation*. Raises LookupError for one that is not supported."""
    for mark, wanted in ((":-", bool(value)), ("-", True), (":+", bool(value)), ("+", True)):
        # A substitution always has a value, so `-` and `+` without a colon see it as set.
        if operation.startswith(mark):
            word = expand(operation[len(mark) :])
            return (value if wanted else word) if "-" in mark else (word if wanted else "")
    if match := _SLICE.fullmatch(operation):
        return _slice(value, int(match["offset"]), match["length"])
    for mark, trim in _TRIMS.items():
        if operation.startswith(mark):
            return trim(value, expand(operation[len(mark) :]))
    if operation.startswith("/"):
        return _replace(value, operation[1:], expand)
    if operation in _CASES:
        return _CASES[operation](value)
    raise LookupError(operation)


def _slice(value: str, offset: int, length: str | None) -> str:
    start = offset if offset >= 0 else len(value) + offset
    if not 0 <= start <= len(value):
        return ""
    if length is None:
        return value[start:]
    end = start + int(length) if int(length) >= 0 else len(value) + int(length)
    if end < start:
        raise LookupError(length)
    return value[start:end]


def _trim_prefix(value: str, glob: str, *, longest: bool) -> str:
    match = re.match(_regex(_tokens(glob), longest=longest), value, re.DOTALL)
    return value[match.end() :] if match else value


def _trim_suffix(value: str, glob: str, *, longest: bool) -> str:
    """Return *value* without a suffix: a prefix of what is read backwards."""
    match = re.match(_regex(_tokens(glob)[::-1], longest=longest), value[::-1], re.DOTALL)
    return value[: len(value) - match.end()] if match else value


# The longer mark first: `##` begins with `#`.
_TRIMS = {
    "##": partial(_trim_prefix, longest=True),
    "#": partial(_trim_prefix, longest=False),
    "%%": partial(_trim_suffix, longest=True),
    "%": partial(_trim_suffix, longest=False),
}
_CASES: dict[str, Callable[[str], str]] = {
    "^^": str.upper,
    "^": lambda value: value[:1].upper() + value[1:],
    ",,": str.lower,
    ",": lambda value: value[:1].lower() + value[1:],
}


def _replace(value: str, operation: str, expand: Callable[[str], str]) -> str:
    kind = operation[:1] if operation[:1] in {"/", "#", "%"} else ""
    glob, _, word = _split_at_slash(operation[len(kind) :])
    pattern = _regex(_tokens(expand(glob)), longest=True)
    replacement = expand(re.sub(r"\\(.)", r"\1", word))
    if not pattern:
        return replacement + value if kind == "#" else value + replacement if kind == "%" else value
    anchored = {"#": rf"\A(?:{pattern})", "%": rf"(?:{pattern})\Z"}.get(kind, pattern)
    count = 0 if kind == "/" else 1
    if (len(replacement) + 1) * len(value) > _LONGEST_EXPANSION and not count:
        count = _LONGEST_EXPANSION // max(len(replacement), 1) + 1  # one too many is refused
    return re.sub(anchored, lambda _match: replacement, value, count=count, flags=re.DOTALL)


def _split_at_slash(text: str) -> tuple[str, str, str]:
    """Return the parts before and after the first slash that no backslash protects."""
    match = re.match(r"((?:\\.|[^\\/])*)(/?)(.*)", text, re.DOTALL)
    return (match[1], match[2], match[3]) if match else (text, "", "")


_GLOB = re.compile(
    r"\\(?P<escaped>.)|\[(?P<negated>[!^]?)(?P<set>\]?[^\]]+)\]|(?P<star>\*)|(?P<one>\?)|(?P<plain>.)",
    re.DOTALL,
)


def _tokens(glob: str) -> list[str]:
    """Return the expressions of the parts of a shell *glob*: `*`, `?`, `[...]` and backslashes.

    Raises LookupError for a class that has a name, such as `[[:alpha:]]`.
    """
    if "[:" in glob:
        raise LookupError(glob)

    def expression(match: re.Match[str]) -> str:
        if match["star"]:
            return "*"
        if match["one"]:
            return "."
        if match["set"]:
            inside = re.sub(r"[\\\[\]^]", r"\\\g<0>", match["set"])
            return f"[{'^' if match['negated'] else ''}{inside}]"
        return re.escape(match["escaped"] or match["plain"])

    return [expression(match) for match in _GLOB.finditer(glob)]


def _regex(tokens: list[str], *, longest: bool) -> str:
    """Return the regular expression of a glob's *tokens*.

    A star that another one follows takes the first place where what is between them fits: trying
    the others, too, finds nothing more and may take for ever.
    """
    stars = [place for place, each in enumerate(tokens) if each == "*"]
    if not stars:
        return "".join(tokens)
    edges = pairwise([*stars, len(tokens)])
    *middle, last = ("".join(tokens[start + 1 : end]) for start, end in edges)
    atoms = "".join(f"(?>.*?{part})" for part in middle)
    return f"{''.join(tokens[: stars[0]])}{atoms}{'.*' if longest else '.*?'}{last}"
