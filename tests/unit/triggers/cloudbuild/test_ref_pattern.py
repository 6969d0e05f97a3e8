from __future__ import annotations

import pytest

from triggers.cloudbuild.patterns import ref_matches

REFS = [
    *("main", "main2", "domain", "foo", "foobar", "barfoo", "release/1.0", "v1.0", "v12", "MAIN"),
    *("develop", "feature-x", "aa", "aab", "x]", "1.2", "a.b", "é"),
]

# What RE2 itself (google-re2 1.1) found in these names.
FOUND = {
    "main": "main main2 domain",
    "^main$": "main",
    "^main": "main main2",
    "main$": "main domain",
    "foo": "foo foobar barfoo",
    ".*": " ".join(REFS),
    "": " ".join(REFS),
    "^release/.*$": "release/1.0",
    r"^v[0-9]+\.[0-9]+$": "v1.0",
    r"^v\d+$": "v12",
    "^(main|develop)$": "main develop",
    "(?i)^MAIN$": "main MAIN",
    "^[^/]+$": " ".join(ref for ref in REFS if ref != "release/1.0"),
    "^mai?n$": "main",
    "a{2}": "aa aab",
    "a{2,}b": "aab",
    r"^\w+$": "main main2 domain foo foobar barfoo v12 MAIN develop aa aab",
    "[]x]": "feature-x x]",
    "^(?P<line>[0-9.]+)$": "1.2",
    "x*?y": "",
    r"\bmain\b": "main",
}


@pytest.mark.parametrize(("pattern", "found"), FOUND.items())
def test_a_pattern_is_found_in_the_names_where_re2_finds_it(pattern: str, found: str) -> None:
    answers = {ref: ref_matches(pattern, ref) for ref in REFS}

    assert answers == {ref: ref in found.split() for ref in REFS}


@pytest.mark.parametrize(
    "pattern",
    [
        *("[[:alpha:]]", r"\pL", r"\Qa.b\E", r"main\z", "(?U)a+", "a{,2}"),  # RE2 reads otherwise
        *("^(?!main)", "(?<=a)b", r"(a)\1", "a?+", r"main\Z", "(?#x)a", "(?>a)"),  # RE2 refuses
        *("(", "*", "a**", "[b-a]", "a{2}{3}", "[^]--]"),  # neither takes, or one warns
    ],
)
def test_where_python_differs_from_re2_there_is_no_answer(pattern: str) -> None:
    assert ref_matches(pattern, "main") is None
