"""Expansions in the manner of bash: bash itself is the oracle."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers.cloudbuild.dynamic_substitutions import ExpansionError, expand_values, keys_of

BASH = shutil.which("bash") or "bash"
VALUES = {"TAG": "v1.2.3", "BRANCH": "feature/New.Thing", "EMPTY": "", "WORD": "aXbXc"}
EXPANSIONS = [
    "$TAG",
    "${TAG}",
    "x$TAG-${BRANCH}",
    "${EMPTY:-latest}",
    "${EMPTY-latest}",
    "${TAG:-latest}",
    "${TAG:+set}",
    "${EMPTY:+set}",
    "${EMPTY+set}",
    "${EMPTY:-${TAG}}",
    "${EMPTY:-a$TAG}",
    "${TAG:0:3}",
    "${TAG:1}",
    "${TAG: -3}",
    "${TAG: -3:2}",
    "${TAG:1:-1}",
    "${TAG: -9}",
    "${TAG: -9:2}",
    "${TAG: -6:1}",
    "${TAG:6}",
    "${TAG:7:1}",
    "${TAG:2:-4}",
    "${TAG:0:0}",
    "${#TAG}",
    "${TAG#v}",
    "${TAG#*.}",
    "${TAG##*.}",
    "${TAG%.*}",
    "${TAG%%.*}",
    "${TAG%v}",
    "${BRANCH//./-}",
    "${BRANCH//\\//-}",
    "${BRANCH/e/E}",
    "${BRANCH//[^a-z]/-}",
    "${BRANCH//[!a-zA-Z]/_}",
    "${BRANCH/#f/F}",
    "${BRANCH/%g/G}",
    "${BRANCH/t*N/-}",
    "${BRANCH//x/}",
    "${BRANCH//e}",
    "${BRANCH//}",
    "${BRANCH/#/x}",
    "${BRANCH/%/x}",
    "${BRANCH///x}",
    "${BRANCH/[]e]/x}",
    "${BRANCH//\\?/x}",
    "${BRANCH/e/\\/}",
    "${WORD/X?/-}",
    "${WORD%X*}",
    "${WORD%%X*}",
    "${BRANCH^}",
    "${BRANCH^^}",
    "${BRANCH,,}",
    "${WORD,}",
    "lower $x stays",
]


def _expand(text: str, values: dict[str, str]) -> str:
    return expand_values({**values, "_RESULT": text}, {"_RESULT"})["_RESULT"]


def _bash(text: str, values: dict[str, str]) -> str:
    script = f'printf %s "{text}"'
    answer = subprocess.run(
        [BASH, "-c", script],
        env={**values, "x": "$x", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
    )
    return answer.stdout


@pytest.mark.parametrize("text", EXPANSIONS)
def test_an_expansion_is_bash_s(text: str) -> None:
    assert _expand(text, VALUES) == _bash(text, VALUES)


@given(
    st.text(alphabet="ab./-", max_size=6),
    st.sampled_from(["#", "##", "%", "%%"]),
    st.text(alphabet="ab*?.", max_size=4),
)
def test_trimming_is_bash_s_for_every_glob(value: str, mark: str, glob: str) -> None:
    text = f"${{V{mark}{glob}}}"

    assert _expand(text, {"V": value}) == _bash(text, {"V": value})


def test_values_are_expanded_through_one_another() -> None:
    values = {"_A": "${_B}!", "_B": "${_C:-c}", "_C": ""}

    assert expand_values(values, set(values)) == {"_A": "c!", "_B": "c", "_C": ""}


@pytest.mark.attack("time and memory")
def test_a_circle_is_named() -> None:
    values = {"_A": "$_B", "_B": "$_C", "_C": "$_B"}

    with pytest.raises(ExpansionError) as error:
        expand_values(values, set(values))
    assert str(error.value) == (
        "the substitutions refer to one another in a circle: _B -> _C -> _B"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${TAG@Q}", "bad substitution: ${TAG@Q}"),
        ("${TAG:x}", "bad substitution: ${TAG:x}"),
        ("${TAG:3:-4}", "bad substitution: ${TAG:3:-4}"),
        ("${TAG#[[:alpha:]]}", "bad substitution: ${TAG#[[:alpha:]]}"),
        ("${TAG:-x", "a brace is never closed in '${TAG:-x'"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(ExpansionError) as error:
        _expand(text, VALUES)
    assert str(error.value) == message
    assert error.value.key == "_RESULT"
    assert error.value.hint == (
        "supported are ${KEY:-word}, ${KEY:0:8}, ${KEY#glob}, ${KEY%glob}, ${KEY/glob/word},"
        " ${KEY^^}"
        if message.startswith("bad")
        else ""
    )


def test_a_dollar_after_a_backslash_is_left_to_the_shell_of_the_step() -> None:
    assert _expand(r"\$TAG \${TAG:-x} $TAG", VALUES) == r"\$TAG \${TAG:-x} v1.2.3"


def test_values_of_others_are_never_expanded() -> None:
    assert _expand("$BRANCH_NAME", {"BRANCH_NAME": "$HOME${X"}) == "$HOME${X"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("$_A ${_B} $$_C", {"_A": True, "_B": True}),
        ("${_A:-x} ${_B-x} ${_C:+x} ${_D+x}", dict.fromkeys(["_A", "_B", "_C", "_D"], False)),
        ("${_A:-x} $_A", {"_A": True}),
        ("$_A ${_A:-x}", {"_A": True}),
        ("${_A:-$_B} ${_C:+${_D:-x}}", {"_A": False, "_B": True, "_C": False, "_D": False}),
        ("${_A:0:2} ${_B#$_C}", {"_A": True, "_B": True, "_C": True}),
        ("$_A ${_B", {}),
    ],
)
def test_a_key_that_is_read_without_a_default_has_to_have_a_value(
    text: str, keys: dict[str, bool]
) -> None:
    assert keys_of(text) == keys


LONG = "a" * 3_999
TOO_MUCH = {
    "the value expands to more than 4000 characters": {
        **{f"_A{i}": f"${{_A{i + 1}}}" * 10 for i in range(30)},
        "_A30": "xxxxxxxxxx",
    },
    "more than 100 values refer to one another": {f"_A{i}": f"$_A{i + 1}" for i in range(300)},
    "braces are nested more than 20 deep": {"_A": "${_B:-" * 400 + "}" * 400},
    "bad substitution": {"_A": LONG, "_B": "${_A:" + "9" * 5_000 + "}"},
    "the expansions are too many, or of texts too long": {
        "_A": LONG,
        **{f"_B{i}": "${_A//*x*y/}" for i in range(100)},
    },
}


@pytest.mark.attack("time and memory")
@pytest.mark.parametrize("message", TOO_MUCH)
def test_what_would_fill_the_memory_the_stack_or_minutes_is_refused(message: str) -> None:
    values = TOO_MUCH[message]

    with pytest.raises(ExpansionError, match=re.escape(message)):
        expand_values(values, {*values})
    assert all(isinstance(keys_of(value), dict) for value in values.values())
