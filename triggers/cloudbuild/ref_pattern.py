"""Whether a branch or a tag matches a trigger's pattern: an RE2 expression, found anywhere in it.

RE2 itself is no part of Python. Its syntax and that of `re` have a large part in common, in which
both find the same; of anything else this module says that it cannot tell.
"""

from __future__ import annotations

import re

# Look-around and back-references; behind an escaped backslash they are what they seem.
NOT_OF_RE2 = re.compile(r"(?<!\\)(?:\\\\)*(?:\(\?(?:[=!>]|<[=!])|\\[1-9]|\(\?P=)")

_SHARED = re.compile(
    r"""
    (?:\(\?[is]\))?                                          # ignore case, or let . be anything
    (?: (?: [^\\\[\](){}*+?|^$.] | [.^$|)]
          | \( (?:\?:|\?P<[A-Za-z_][A-Za-z0-9_]*>)? (?!\?)
          | \\ (?:[dDsSwWbBA] | [!-/:-@\[-`{-~])
          | \[ \^?+ \]?+ (?:(?!--|&&|~~|\|\|)[^\\\[\]] | \\(?:[dDsSwW]|[!-/:-@\[-`{-~]))* \]
        )
        (?: (?:[*+?] | \{[0-9]{1,3}(?:,[0-9]{0,3})?\}) \?? (?![*+?{]) )?
    )*
    """,
    re.VERBOSE,
)


def ref_matches(pattern: str, name: str) -> bool | None:
    """Return whether *pattern* is found in *name*, as short as `main` or `v1.0`.

    None means that Python cannot tell: RE2 reads the pattern otherwise, or refuses it.
    """
    if not _SHARED.fullmatch(pattern):
        return None
    try:
        return re.search(pattern, name, re.ASCII) is not None
    except re.error:
        return None
