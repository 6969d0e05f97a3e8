"""Which references there are, what replaces them, and what the service says to the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers.cloudbuild.files import read_build_config
from triggers.cloudbuild.substitutions import (
    Resolution,
    StartedBy,
    references,
    resolve,
    substitute,
    substitute_build,
)

VALUES = {"PROJECT_ID": "p", "_A": "1", "_B_": "2", "_C": "${_A}"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$_A and ${_A}", "1 and 1"),
        ("$$_A", "$_A"),
        ("$$$_A", "$1"),
        ("$$$$", "$$"),
        ("$lower ${lower} $1 $", "$lower ${lower} $1 $"),
        ("$_B_$_A", "21"),  # the longest key: `_B_`, not `_B`
        ("${_A:-x}", "${_A:-x}"),  # no reference at all
        ("${_A", "${_A"),
        ("${}", "${}"),
        ("$_NONE.", "."),
        ("$_C", "${_A}"),  # what was put in is not looked at again
        ("$PROJECT_IDs", "ps"),
    ],
)
def test_a_reference_is_replaced_as_the_service_does(text: str, expected: str) -> None:
    assert substitute(text, VALUES) == expected


def test_references_are_found_in_order_without_escaped_ones() -> None:
    assert references("$_A ${_B_} $$_C $_A") == ["_A", "_B_", "_A"]


@given(st.text(alphabet="$ab{}_A:-"))
def test_a_text_whose_dollars_are_doubled_comes_out_as_it_was(text: str) -> None:
    assert substitute(text.replace("$", "$$"), VALUES) == text


@given(st.text(alphabet="$ab{}_A:-"))
def test_only_keys_that_are_references_decide_the_result(text: str) -> None:
    used = {key: VALUES.get(key, "") for key in references(text)}

    assert substitute(text, VALUES) == substitute(text, used)


def _resolve(
    text: str,
    started_by: StartedBy = StartedBy.SUBMIT,
    given_values: dict[str, str] | None = None,
) -> Resolution:
    build = read_build_config(text, "cloudbuild.yaml").build
    return resolve(build, given_values or {}, {"PROJECT_ID": "p"}, started_by)


USES_A = "steps: [{name: bash, args: ['$_A']}]"


def test_submit_refuses_a_key_without_a_value_in_the_service_words() -> None:
    result = _resolve(USES_A)

    assert [finding.message for finding in result.findings] == [
        'key in the template "_A" is not matched in the substitution data'
    ]


def test_a_trigger_forgives_a_key_without_a_value_but_it_is_said() -> None:
    result = _resolve(USES_A, StartedBy.TRIGGER)

    assert result.findings == []
    assert [finding.hint for finding in result.notes] == [
        "it becomes an empty string; give it: --substitutions _A=…"
    ]


def test_submit_refuses_a_value_that_nothing_uses() -> None:
    result = _resolve("steps: [{name: bash}]", given_values={"_B": "1"})

    assert [finding.message for finding in result.findings] == [
        'key "_B" in the substitution data is not matched in the template'
    ]


@pytest.mark.parametrize(
    "text",
    [
        "steps: [{name: bash}]\noptions: {substitutionOption: ALLOW_LOOSE}",
        "steps: [{name: bash}]\noptions: {automapSubstitutions: true}",
        "steps: [{name: bash, automapSubstitutions: true}]",
        "steps: [{name: bash, env: ['B=$_B']}]",
    ],
)
def test_a_value_that_may_be_used_is_not_refused(text: str) -> None:
    assert _resolve(text, given_values={"_B": "1"}).findings == []


@pytest.mark.parametrize("started_by", StartedBy)
def test_an_unknown_name_without_underscore_is_never_forgiven(started_by: StartedBy) -> None:
    loose = "\noptions: {substitutionOption: ALLOW_LOOSE}"
    result = _resolve(f"steps: [{{name: bash, args: ['$URL']}}]{loose}", started_by)

    assert [finding.message for finding in result.findings] == [
        (
            "invalid value for 'build.substitutions':"
            ' key in the template "URL" is not a valid built-in substitution'
        )
    ]


def test_a_built_in_without_a_value_is_empty() -> None:
    assert _resolve("steps: [{name: 'bash$TAG_NAME'}]").values["TAG_NAME"] == ""


def test_values_refer_to_one_another_only_where_that_is_on() -> None:
    text = "steps: [{name: bash, args: ['$_X']}]\nsubstitutions: {_X: 'v-${PROJECT_ID}'}"

    assert _resolve(text).values["_X"] == "v-${PROJECT_ID}"
    assert _resolve(text, StartedBy.TRIGGER).values["_X"] == "v-p"
    dynamic = f"{text}\noptions: {{dynamicSubstitutions: true}}"
    assert _resolve(dynamic).values["_X"] == "v-p"


def test_a_key_that_only_another_value_uses_counts_as_used() -> None:
    text = (
        "steps: [{name: bash, args: ['$_X']}]\n"
        "substitutions: {_X: '${_Y}', _Y: z}\noptions: {dynamicSubstitutions: true}"
    )

    assert _resolve(text).findings == []


def test_a_default_in_an_expansion_needs_no_value() -> None:
    text = "steps: [{name: bash, args: ['$_X']}]\nsubstitutions: {_X: '${_Y:-d}'}"
    result = _resolve(text, StartedBy.TRIGGER)

    assert (result.values["_X"], result.findings, result.notes) == ("d", [], [])


def test_submit_may_set_the_built_ins_that_gcloud_lets_it_set() -> None:
    text = "steps: [{name: bash, args: ['$SHORT_SHA$TRIGGER_NAME']}]"

    assert _resolve(text, given_values={"SHORT_SHA": "abc"}).findings == []
    assert [f.message for f in _resolve(text, given_values={"TRIGGER_NAME": "t"}).findings] == [
        (
            'substitution key "TRIGGER_NAME" does not respect format "^_[A-Z0-9_]+$"'
            " and is not an overridable built-in substitutions"
        )
    ]


def test_scripts_and_global_variables_are_left_alone() -> None:
    text = (
        "steps: [{name: 'a$_A', args: ['$_A'], dir: '$_A'}, {name: bash, script: 'echo $_A'}]\n"
        "options: {env: ['A=$_A']}\nimages: ['i$_A']\ntags: ['t$_A']"
    )
    build = substitute_build(read_build_config(text, "f").build, {"_A": "1"})

    assert (build.steps[0].name, build.steps[0].args, build.steps[0].dir) == ("a1", ("1",), "1")
    assert build.steps[1].script == "echo $_A"
    assert build.options.env == ("A=$_A",)
    assert (build.images, build.tags) == (("i1",), ("t1",))
