"""Where substitutions are made in a build config, and what is said of each that goes wrong."""

from __future__ import annotations

import pytest

from steps.host.errors import Finding
from triggers.cloudbuild.files import read_build_config
from triggers.cloudbuild.substitutions import StartedBy, resolve, substitute_build, template_texts

WHOLE = """
steps:
- {name: a$_A, dir: b$_A, entrypoint: c$_A, args: [d$_A, e$_A], env: [F=$_A]}
- {name: g$_A}
images: [h$_A]
tags: [i$_A]
logsBucket: gs://j$_A
serviceAccount: projects/p/serviceAccounts/k$_A
options: {pool: {name: l$_A}, logging: NONE}
availableSecrets: {secretManager: [{versionName: m$_A, env: S}]}
artifacts:
  images: [h$_A]
  objects: {location: gs://o$_A, paths: [p$_A]}
  pythonPackages: [{repository: q$_A, paths: [r$_A]}]
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
    (("availableSecrets", "secretManager", 0, "versionName"), "m$_A"),
    (("artifacts", "images", 0), "h$_A"),
    (("artifacts", "objects", "location"), "gs://o$_A"),
    (("artifacts", "objects", "paths", 0), "p$_A"),
    (("artifacts", "pythonPackages", 0, "repository"), "q$_A"),
    (("artifacts", "pythonPackages", 0, "paths", 0), "r$_A"),
]
STEP = "steps: [{name: bash}]"


def test_every_text_in_which_the_service_substitutes_is_known_with_its_path() -> None:
    build = read_build_config(WHOLE, "f").build

    assert [(path, text) for path, text in template_texts(build) if text] == TEXTS


def test_every_one_of_them_is_substituted() -> None:
    build = substitute_build(read_build_config(WHOLE, "f").build, {"_A": "1"})

    assert [(path, text) for path, text in template_texts(build) if text] == [
        (path, text.replace("$_A", "1")) for path, text in TEXTS
    ]


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
def test_a_key_that_nobody_may_set_is_refused(key: str, started_by: StartedBy) -> None:
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
