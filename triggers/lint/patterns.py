"""The regular expressions of branches and tags: whether RE2 takes one, and whether it is anchored.

Cloud Build searches: `main` is found in `not-the-main-branch`, too.
"""

from __future__ import annotations

import re

from triggers.ref_pattern import NOT_OF_RE2

# Python and RE2 disagree on more than this; these are refused by both.
_FAULTS = (
    "missing ), unterminated subpattern", "nothing to repeat", "unbalanced parenthesis",
    "unterminated character set",
)  # fmt: skip
_BEGINNINGS = ("^", r"\A", ".*", ".+")
_ENDS = ("$", r"\z", ".*", ".+")


def syntax_fault(pattern: str) -> str:
    """Return why RE2 refuses *pattern*, empty if it may take it."""
    if NOT_OF_RE2.search(pattern):
        return "it has neither look-around nor back-references"
    if r"\Q" in pattern:
        return ""
    try:
        re.compile(pattern)
    except re.error as error:
        return error.msg if error.msg in _FAULTS else ""
    return ""


def is_anchored(pattern: str) -> bool:
    """Return whether *pattern* says what whole names look like, in each of its alternatives."""
    body = re.sub(r"^\(\?[a-z]+\)", "", pattern)
    alternatives = _alternatives(body)
    if len(alternatives) > 1:
        return all(map(is_anchored, alternatives))
    if (inner := _group(body)) is not None:
        return is_anchored(inner)
    return body.startswith(_BEGINNINGS) and body.endswith(_ENDS) and not _ends_escaped(body)


def _ends_escaped(body: str) -> bool:
    if body.endswith(r"\z"):
        return False
    end = body[:-1] if body.endswith("$") else body[:-2]
    return (len(end) - len(end.rstrip("\\"))) % 2 == 1


def _alternatives(pattern: str) -> list[str]:
    """Return the parts of *pattern* between the `|` outside of all groups and classes."""
    parts, start = [], 0
    for place, depth in _depths(pattern):
        if pattern[place] == "|" and depth == 0:
            parts.append(pattern[start:place])
            start = place + 1
    return [*parts, pattern[start:]]


def _group(pattern: str) -> str | None:
    """Return what is in the group that *pattern* is as a whole, None when it is none."""
    opening = re.match(r"\((?:\?:|\?P<\w+>)?(?!\?)", pattern)
    ends = [place for place, depth in _depths(pattern) if pattern[place] == ")" and depth == 0]
    if not opening or ends != [len(pattern) - 1]:
        return None
    return pattern[opening.end() : -1]


def _depths(pattern: str) -> list[tuple[int, int]]:
    """Return the places of all characters outside of classes, with how many groups are open."""
    places, depth = [], 0
    for token in re.finditer(r"\\.|\[\^?\]?(?:\\.|[^\\\]])*\]|.", pattern, re.DOTALL):
        depth -= token.group() == ")"
        if len(token.group()) == 1:
            places.append((token.start(), depth))
        depth += token.group() == "("
    return places
