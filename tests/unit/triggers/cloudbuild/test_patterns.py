"""Which patterns of branches and tags are anchored, and which RE2 refuses."""

from __future__ import annotations

import pytest

from triggers.cloudbuild.conditions import anchored, is_anchored, ref_matches, syntax_fault


@pytest.mark.parametrize(
    "pattern",
    [
        *("^main$", "^.*$", ".*", ".+", ".*-rc.*", r"\Amain\z", "(?i)^main$", r"^a\z"),
        *("^a$|^b$", "^(a|b)$", "(^a$)", "(^a$)|(^b$)", "(?:^a$|^b$)", "(?P<x>^a$)"),
        *("^[|]$", "^[)|(]$", "^[]|]$", r"^[\]|]$", "^[^]|]$", r"^a\|b$", r"^(a\))$", r"^a\\$"),
        "((^a$)|^(b|c)$)",
    ],
)
def test_a_pattern_that_says_what_whole_names_look_like_is_anchored(pattern: str) -> None:
    assert is_anchored(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        *("main", "^main", "main$", "(?i)main", "[^a]$", "^a[|$]", "", "()"),
        *(r"^main\$", r"^a\\\$", r"^a\.*", r"^a\.+"),
        *(
            "^a$|b",
            "^a|b$",
            "(^a$)|b",
            "(^a)",
            "(^a$|b)",
            "(a)(b)",
            "a(^b$)",
            "^[)]$|b",
            "(?:^a)(?:b$)?",
        ),
    ],
)
def test_a_pattern_that_is_found_in_longer_names_is_not(pattern: str) -> None:
    assert not is_anchored(pattern)


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("main", "^main$"),
        ("main$", "^main$"),
        ("^main", "^main$"),
        ("^main$", "^main$"),
        ("main|release", "^(?:main|release)$"),
        ("^main$|^release$", "^(?:main|release)$"),
        ("^main$|dev$", "^(?:main|dev)$"),
        ("^main|dev$", "^(?:main|dev)$"),
        (r"\Amain|release-.*|dev\z", "^(?:main|release-.*|dev)$"),
        ("(main|dev)", "^(main|dev)$"),
        ("a[|$]|b", "^(?:a[|$]|b)$"),
        (r"price-in-\$", r"^price-in-\$$"),
        (r"price-in-\\$", r"^price-in-\\$"),
        ("(?i)main", "(?i)^main$"),
        ("", "^$"),
    ],
)
def test_the_anchors_of_a_pattern_go_around_all_of_it(pattern: str, meant: str) -> None:
    assert anchored(pattern) == meant
    assert is_anchored(meant)


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        *((p, "it has neither look-around nor back-references") for p in (
            "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?>a)", r"(a)\1", "(?P<x>a)(?P=x)", r"\\(?=a)",
        )),
        ("(", "missing ), unterminated subpattern"),
        pytest.param("(" * 5_000, "it nests or repeats too much", id="nested"),
        ("a{99999999999999999999}", "it nests or repeats too much"),
        ("*", "nothing to repeat"),
        (")", "unbalanced parenthesis"),
        ("[a", "unterminated character set"),
        *((p, "") for p in ("^main$", r"\\1", r"\(?=a", r"\Q(\E", r"\pL", "a**", "(?P<x>a)")),
    ],
)  # fmt: skip
def test_only_what_python_and_re2_refuse_for_the_same_reason_is_a_fault(
    pattern: str, fault: str
) -> None:
    assert syntax_fault(pattern) == fault


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
