"""Substitutions: what a text refers to, and which texts are substituted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.host.errors import Finding
from triggers.cloudbuild.files import read_build_config
from triggers.cloudbuild.substitutions import (
    Resolution,
    StartedBy,
    references,
    resolve,
    substitute,
    substitute_build,
    template_texts,
)

VALUES = {"PROJECT_ID": "p", "_A": "1", "_B_": "2", "_C": "${_A}"}
WHOLE = """
steps:
- {name: a$_A, dir: b$_A, entrypoint: c$_A, args: [d$_A, e$_A], env: [F=$_A]}
- {name: g$_A}
images: [h$_A]
tags: [i$_A]
logsBucket: gs://j$_A
serviceAccount: projects/p/serviceAccounts/k$_A
options: {pool: {name: l$_A}, workerPool: s$_A, env: [T=$_A], logging: NONE}
availableSecrets: {secretManager: [{versionName: m$_A, env: S}]}
artifacts:
  images: [h$_A]
  objects: {location: gs://o$_A, paths: [p$_A]}
  pythonPackages: [{repository: q$_A, paths: [r$_A]}]
  npmPackages: [{repository: u$_A}]
"""
TEXTS = [
    (("steps", 0, "name"), "a$_A"),
    (("steps", 0, "dir"), "b$_A"),
    (("steps", 0, "entrypoint"), "c$_A"),
    (("steps", 0, "args", 0), "d$_A"),
    (("steps", 0, "args", 1), "e$_A"),
    (("steps", 0, "env", 0), "F=$_A"),
    (("steps", 1, "name"), "g$_A"),
    (("images", 0), "h$_A"),
    (("tags", 0), "i$_A"),
    (("logsBucket",), "gs://j$_A"),
    (("serviceAccount",), "projects/p/serviceAccounts/k$_A"),
    (("options", "pool", "name"), "l$_A"),
    (("options", "workerPool"), "s$_A"),
    (("options", "env", 0), "T=$_A"),
    (("availableSecrets", "secretManager", 0, "versionName"), "m$_A"),
    (("artifacts", "images", 0), "h$_A"),
    (("artifacts", "objects", "location"), "gs://o$_A"),
    (("artifacts", "objects", "paths", 0), "p$_A"),
    (("artifacts", "pythonPackages", 0, "repository"), "q$_A"),
    (("artifacts", "pythonPackages", 0, "paths", 0), "r$_A"),
    (("artifacts", "npmPackages", 0, "repository"), "u$_A"),
]
STEP = "steps: [{name: bash}]"


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


def test_scripts_are_left_alone_and_global_variables_are_not() -> None:
    text = (
        "steps: [{name: 'a$_A', args: ['$_A'], dir: '$_A'}, {name: bash, script: 'echo $_A'}]\n"
        "options: {env: ['A=$_A']}\nimages: ['i$_A']\ntags: ['t$_A']"
    )
    build = substitute_build(read_build_config(text, "f").build, {"_A": "1"})

    assert (build.steps[0].name, build.steps[0].args, build.steps[0].dir) == ("a1", ("1",), "1")
    assert build.steps[1].script == "echo $_A"
    assert build.options.env == ("A=1",)
    assert (build.images, build.tags) == (("i1",), ("t1",))


def test_every_text_in_which_the_service_substitutes_is_known_with_its_path() -> None:
    build = read_build_config(WHOLE, "f").build

    assert dict(template_texts(build)).items() >= dict(TEXTS).items()
    assert {text for _path, text in template_texts(build) if "$" in text} == {
        text for _path, text in TEXTS
    }


def test_every_one_of_them_is_substituted() -> None:
    build = substitute_build(read_build_config(WHOLE, "f").build, {"_A": "1"})

    expected = {path: text.replace("$_A", "1") for path, text in TEXTS}
    assert dict(template_texts(build)).items() >= expected.items()


def said(
    text: str, started_by: StartedBy, given: dict[str, str] | None = None
) -> tuple[list[Finding], list[Finding]]:
    build = read_build_config(text, "cloudbuild.yaml").build
    result = resolve(build, given or {}, {"PROJECT_ID": "p"}, started_by)
    return result.findings, result.notes


def missing(key: str, hint: str, *path: str | int) -> Finding:
    message = f'key in the template "{key}" is not matched in the substitution data'
    return Finding.at(path or ("steps", 0, "args", 0), message, hint, "SW502")


def unused(key: str) -> Finding:
    message = f'key "{key}" in the substitution data is not matched in the template'
    return Finding.at(("substitutions", key), message, f"use ${{{key}}}, or remove it", "SW503")


@pytest.mark.parametrize(
    ("text", "started_by", "hint"),
    [
        ("args: [$_A]", StartedBy.SUBMIT, "give it: --substitutions _A=…"),
        (
            "args: [$_A]",
            StartedBy.TRIGGER,
            "it becomes an empty string; give it: --substitutions _A=…",
        ),
        ("args: [$_PR_NUMBER]", StartedBy.SUBMIT, "only pull-request triggers fill it in"),
        ("args: [$_PR_NUMBER]", StartedBy.TRIGGER, "only pull-request triggers fill it in"),
        ("args: [$_REGIO, $_REGION]", StartedBy.SUBMIT, "did you mean '_REGION'?"),
        ("args: [$_REGIO, $_REGION]", StartedBy.TRIGGER, "did you mean '_REGION'?"),
    ],
)
def test_a_key_without_a_value_is_a_fault_for_submit_and_a_note_for_a_trigger(
    text: str, started_by: StartedBy, hint: str
) -> None:
    key = text.partition("$")[2].partition("]")[0].partition(",")[0]
    given = {"_REGION": "r"} if "_REGION" in text else {}

    found = said(f"steps: [{{name: bash, {text}}}]", started_by, given)

    expected = [missing(key, hint)]
    assert found == ((expected, []) if started_by is StartedBy.SUBMIT else ([], expected))


def test_what_is_forgiven_is_said_once_at_its_first_place() -> None:
    text = "steps: [{name: bash, args: [$_A, $_B, $_A]}, {name: bash, args: [$_A]}]"
    hint = "it becomes an empty string; give it: --substitutions {}=…"

    assert said(text, StartedBy.TRIGGER)[1] == [
        missing("_A", hint.format("_A")),
        missing("_B", hint.format("_B"), "steps", 0, "args", 1),
    ]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("PROJET_ID", "did you mean 'PROJECT_ID'? a variable of the shell is written $$PROJET_ID"),
        ("URL", "a variable of the shell is written $$URL"),
    ],
)
def test_a_name_that_is_no_built_in_has_its_near_miss(key: str, hint: str) -> None:
    assert said(f"steps: [{{name: bash, args: [${key}]}}]", StartedBy.TRIGGER) == (
        [
            Finding.at(
                ("steps", 0, "args", 0),
                "invalid value for 'build.substitutions':"
                f' key in the template "{key}" is not a valid built-in substitution',
                hint,
                "SW314",
            )
        ],
        [],
    )


def test_values_that_nothing_uses_come_in_the_order_of_their_keys() -> None:
    keys = [f"_{letter}" for letter in "HBGDFACE"]
    given = dict.fromkeys([*keys, "SHORT_SHA"], "x")
    expected = [unused(key) for key in sorted([*keys, "SHORT_SHA"])]

    assert said(STEP, StartedBy.SUBMIT, given) == (expected, [])
    assert said(STEP, StartedBy.TRIGGER, given) == ([], expected)


def test_what_the_service_gives_itself_may_be_given_and_not_used() -> None:
    given = {"BUILD_ID": "b", "PROJECT_ID": "q"}

    assert said(STEP, StartedBy.SUBMIT, given) == ([], [])
    assert said(STEP, StartedBy.TRIGGER, {**given, "TRIGGER_NAME": "t"}) == ([], [])


def test_a_step_without_the_mapping_takes_nothing_from_those_that_have_it() -> None:
    text = "steps: [{name: bash, automapSubstitutions: false}]\n"
    mapped = f"{text}options: {{automapSubstitutions: true}}"

    assert said(mapped, StartedBy.SUBMIT, {"_A": "x"}) == ([unused("_A")], [])


@pytest.mark.parametrize(("key", "started_by"), [("REGION", each) for each in StartedBy])
def test_a_key_that_must_not_be_set_is_refused(key: str, started_by: StartedBy) -> None:
    [finding] = [it for each in said(STEP, started_by, {key: "x"}) for it in each if not it.path]

    assert finding == Finding.at(
        (),
        f'substitution key "{key}" does not respect format "^_[A-Z0-9_]+$"'
        " and is not an overridable built-in substitutions",
        f"did you mean '_{key}'?",
        "SW109",
    )


def test_values_that_refer_to_one_another_in_a_circle_are_refused_where_they_are() -> None:
    text = "steps: [{name: bash, args: [$_A]}]\nsubstitutions: {_A: '${_B}', _B: '${_A}'}"
    [finding] = said(text, StartedBy.TRIGGER)[0]

    assert (finding.path[0], finding.code) == ("substitutions", "SW315")
    assert finding.message.startswith("the substitutions refer to one another in a circle: ")


def test_what_is_given_wins_over_the_config_and_that_over_what_the_service_knows() -> None:
    text = "steps: [{name: bash, args: [$_A, $_B, $PROJECT_ID]}]\nsubstitutions: {_A: c, _B: c}"
    build = read_build_config(text, "f").build

    values = resolve(build, {"_A": "g"}, {"PROJECT_ID": "p", "_B": "s"}, StartedBy.SUBMIT).values

    assert (values["_A"], values["_B"], values["PROJECT_ID"]) == ("g", "c", "p")
    assert values["TAG_NAME"] == ""
