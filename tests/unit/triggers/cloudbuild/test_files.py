"""One minimal config per condition: what is read, what is refused, and on which line."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic.alias_generators import to_camel

from steps.host.errors import InputError
from triggers.cloudbuild.build_config import Build, Options, Step, is_portable, seconds
from triggers.cloudbuild.files import read_build_config
from triggers.cloudbuild.substitutions import StartedBy, resolve, substitute_build

TWO = "steps: [{name: bash}, {name: bash}]"
LONG = "x" * 10_001


def _problems(text: str) -> list[str]:
    with pytest.raises(InputError) as error:
        read_build_config(text, "f")
    return [problem.message for problem in error.value.problems]


CONDITIONS = {
    "": "f:1: interpreting as build config: it is not a mapping",
    "- a": "f:1: interpreting as build config: it is not a mapping",
    "steps: [": (
        "f:1: parsing as YAML: while parsing a flow node, did not find expected node content"
    ),
    "timeout: 60s": "f:1: config must list at least one step",
    "steps: []": "f:1: config must list at least one step",
    "steps: [{args: [a]}]": "f:1: build step 0 must specify name",
    "steps: [{name: ''}]": "f:1: build step 0 must specify name",
    "steps: [{name: bash, arg: [a]}]": "f:1: .steps[0].arg: unused",
    "stepps: []\nsteps: [{name: bash}]": "f:1: .stepps: unused",
    "steps: [{name: bash}]\nsource: {}": "f:2: config cannot specify source",
    "steps: [{name: bash}]\noptions: {logging: CLOUD}": "f:2: .options.logging: unused",
    "steps: [{name: bash}]\ntimeout: 600": (
        "f:2: .timeout: Expected type <class 'str'> for field timeout,"
        " found 600 (type <class 'int'>)"
    ),
    "steps: [{name: bash}]\nsubstitutions:\n  _V: 3.10": (
        "f:3: .substitutions._V: Expected type <class 'str'> for field value,"
        " found 3.1 (type <class 'float'>)"
    ),
    "steps: [{name: bash}]\nsubstitutions:\n  REGION: x": (
        "f:3: substitution key REGION does not respect format ^_[A-Z0-9_]+$"
    ),
    "steps: [{name: bash}]\ntimeout: 15 m": (
        "f:2: invalid .timeout: Illegal duration format; duration must end with 's', found '15 m'"
    ),
    "steps: [{name: bash, timeout: -1s}]": (
        "f:1: invalid .timeout in build step #0: timeout must be >=0"
    ),
    "steps: [{name: bash}]\ntimeout: 25h": ("f:2: invalid .timeout: 25h exceeds the limit of 24h"),
    "steps: [{name: bash}]\ntimeout: 90000s": (
        "f:2: invalid .timeout: 90000s exceeds the limit of 24h"
    ),
    "steps: [{name: bash, timeout: 20s}]\ntimeout: 10s": (
        "f:1: invalid .timeout in build step #0: build step timeout 20s must be"
        " <= build timeout 10s"
    ),
    "steps:\n- name: bash\n  id: a\n- name: bash\n  id: a": (
        'f:5: build step #1 - "a": the ID is not unique'
    ),
    "steps: [{name: bash, id: '-'}]": (
        'f:1: build step #0 - "-": the ID cannot be "-" which is reserved as a dependency'
        " for build steps that should run first"
    ),
    "steps:\n- name: bash\n  waitFor: [x]": (
        'f:3: build step #0 depends on "x", which has not been defined'
    ),
    "steps:\n- name: bash\n  id: a\n  waitFor: [b]\n- {name: bash, id: b}": (
        'f:4: build step #0 - "a" depends on "b", which has not been defined'
    ),
    "steps: [{name: bash, script: x, args: [a]}]": (
        "f:1: build step 0 cannot specify script together with args or entrypoint"
    ),
    "steps: [{name: bash, env: [A]}]": (
        'f:1: build step #0 - "": the Env entry "A" must be of the form "KEY=VALUE"'
    ),
    f"steps: [{{name: bash, args: [{LONG}]}}]": "f:1: build step 0 arg 0 too long (max: 10000)",
    "steps: [{name: bash, volumes: [{name: vol, path: /v}]}]": (
        'f:1: Volume "vol" is only used by one step'
    ),
    "steps: [{name: bash}]\noptions: {volumes: [{name: vol, path: /v}]}": (
        "f:2: Global volumes defined but there are fewer than two steps"
    ),
    f"{TWO}\noptions: {{volumes: [{{name: vol, path: /workspace}}]}}": (
        'f:2: invalid .options.volumes: path "/workspace" is reserved'
    ),
    f"{TWO}\noptions: {{volumes: [{{name: vol, path: v}}]}}": (
        'f:2: invalid .options.volumes: path "v" is not valid, must be absolute'
    ),
    f"{TWO}\noptions: {{volumes: [{{name: v, path: /v}}]}}": (
        'f:2: invalid .options.volumes: volume name "v" does not match'
        ' "^[a-zA-Z0-9][a-zA-Z0-9_.-]+$"'
    ),
    "steps: [{name: bash, secretEnv: [S]}]": 'f:1: secretEnv "S" is used without being defined',
    "steps: [{name: bash}]\nsecrets: [{kmsKeyName: k, secretEnv: {S: x}}]": (
        'f:2: secretEnv "S" is defined without being used'
    ),
    "steps: [{name: bash, env: [S=1], secretEnv: [S]}]\nsecrets: [{secretEnv: {S: x}}]": (
        'f:1: step 0 has secret and non-secret env "S"'
    ),
    "steps: [{name: bash}]\nimages: [a]\nartifacts: {images: [b]}": (
        "f:3: cannot specify different .images and .artifacts.images"
    ),
    "steps: [{name: bash}]\nartifacts: {objects: {location: /tmp, paths: [a]}}": (
        'f:2: invalid .artifacts.location value "/tmp";'
        " Google Cloud Storage URLs must begin with 'gs://'"
    ),
    "steps: [{name: bash}]\noptions: {diskSizeGb: 5000}": (
        "f:2: invalid .options.diskSizeGb: 5000 is not between 0 and 4000"
    ),
}


@pytest.mark.parametrize(("text", "message"), CONDITIONS.items())
def test_what_the_service_refuses_is_refused_with_its_line(text: str, message: str) -> None:
    assert _problems(text) == [message]


ACCEPTED = {
    "snake_case": "steps: [{name: bash, wait_for: ['-'], secret_env: []}]",
    "json": json.dumps({"steps": [{"name": "bash", "args": ["a"]}], "timeout": "60s"}),
    "a queue longer than a day": "steps: [{name: bash}]\nqueueTtl: 259200s",
    "what is newer than gcloud": (
        "steps: [{name: bash, results: [{name: a}]}]\n"
        "options: {workerRelease: stable, pool: {workerRelease: stable},"
        " machineType: E2_STANDARD_2, requestedVerifyOption: BEST_EFFORT}\n"
        "artifacts: {genericArtifacts: [{folder: a, registryPath: b}],"
        " oci: [{file: a, registryPath: b, tags: [c]}]}\n"
    ),
    "null for nothing": "steps: [{name: bash, args: null}]\nimages:",
    "an empty substitution": "steps: [{name: bash}]\nsubstitutions: {_A: }",
    "an int64 as text": "steps: [{name: bash}]\noptions: {diskSizeGb: '100'}",
    "merge keys": "steps:\n- &a {name: bash, id: a}\n- {<<: *a, id: b}",
    "fractions of seconds": "steps: [{name: bash, timeout: 1.5s}]",
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_what_the_service_accepts_is_accepted(text: str) -> None:
    assert read_build_config(text, "f").notes == ()


def test_every_fault_is_reported_at_once_in_the_order_of_the_lines() -> None:
    text = (
        "steps:\n- name: bash\n  arg: [a]\n- args: [b]\n- name: bash\n  waitFor: [nope]\n"
        "timeout: 600\nsubstitutions: {REGION: x}\n"
    )

    assert _problems(text) == [
        "f:3: .steps[0].arg: unused",
        "f:4: build step 1 must specify name",
        'f:6: build step #2 depends on "nope", which has not been defined',
        (
            "f:7: .timeout: Expected type <class 'str'> for field timeout,"
            " found 600 (type <class 'int'>)"
        ),
        "f:8: substitution key REGION does not respect format ^_[A-Z0-9_]+$",
    ]


def test_a_near_miss_is_named() -> None:
    with pytest.raises(InputError) as error:
        read_build_config("steps: [{name: bash, waitfor: [x]}]", "f")

    assert error.value.problems[0].hint == "did you mean 'waitFor'?"


def test_a_key_written_twice_keeps_its_first_value_and_is_noted() -> None:
    config = read_build_config("steps: [{name: bash}]\ntimeout: 1s\ntimeout: 2s", "f")

    assert config.build.timeout == "1s"
    assert [note.message for note in config.notes] == [
        "f:2: 'timeout' is written again on line 3; the first value counts"
    ]


def test_a_field_in_both_spellings_keeps_its_last_value_and_is_noted() -> None:
    config = read_build_config(
        "steps: [{name: bash, allow_failure: false, allowFailure: true}]", "f"
    )

    assert config.build.steps[0].allow_failure
    assert [note.message for note in config.notes] == [
        "f:1: .steps[0].allowFailure is written as 'allow_failure', too; the last value counts"
    ]


def test_what_describe_prints_is_ignored_and_noted() -> None:
    text = "id: x\nstatus: SUCCESS\nsteps: [{name: bash, timing: {}}]"

    assert [note.message for note in read_build_config(text, "f").notes] == [
        "f:1: .id is filled in by the service and ignored here",
        "f:2: .status is filled in by the service and ignored here",
        "f:3: .steps[0].timing is filled in by the service and ignored here",
    ]


_FIELDS = [to_camel(name) for model in (Build, Step, Options) for name in model.model_fields]
_KEYS = st.sampled_from([*_FIELDS, "wait_for", "secretEnv", "name", "repository", "x", "_X"])
_PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just("10s")
)
_VALUES = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_KEYS, _VALUES, max_size=5), st.lists(_VALUES, max_size=3))
def test_whatever_a_config_holds_it_is_read_or_refused_with_lines(
    data: dict[str, Any], steps: list[Any]
) -> None:
    content = {**data, "steps": [*steps, {"name": "bash", **data}]}
    text = yaml.dump(content, Dumper=yaml.CSafeDumper)
    messages = []
    try:
        build = read_build_config(text, "f").build
        substitute_build(build, resolve(build, {}, {}, StartedBy.TRIGGER).values)
    except InputError as error:
        messages = [problem.message for problem in error.problems]

    assert [message for message in messages if not re.match(r"f:\d+: ", message)] == []


@given(st.text(alphabet="steps: []{}-&*!\n'\"#|>%@name\t\x07", max_size=40))
def test_whatever_the_text_is_it_is_read_or_refused(text: str) -> None:
    with suppress(InputError):
        read_build_config(text, "f")


NOTED = {
    "steps: [{name: bash, args: --version}]": (
        "f:1: .steps[0].args is a single value: gcloud makes a list of it, a trigger fails"
    ),
    "steps: [{name: bash}]\nserviceAccount: projects/p/serviceAccounts/s": (
        "f:2: if 'build.service_account' is specified, the build must either (a) specify"
        " 'build.logs_bucket', (b) use the REGIONAL_USER_OWNED_BUCKET"
        " build.options.default_logs_bucket_behavior option, or (c) use either"
        " CLOUD_LOGGING_ONLY / NONE logging options: invalid argument"
    ),
}


@pytest.mark.parametrize(("text", "note"), NOTED.items())
def test_what_some_readers_accept_is_noted_and_not_refused(text: str, note: str) -> None:
    assert [each.message for each in read_build_config(text, "f").notes] == [note]


def test_minutes_and_hours_are_for_the_config_files_of_triggers_only() -> None:
    text = "timeout: 15m\nsteps:\n- {name: bash, timeout: 1h30m}\n"

    with pytest.raises(InputError) as error:
        read_build_config(text.replace("1h30m", "90.5s"), "f", submitted=True)
    with pytest.raises(InputError, match="build step timeout 1h30m must be <= build timeout 15m"):
        read_build_config(text, "f")
    config = read_build_config(text.replace("15m", "2h"), "f")

    assert [problem.message for problem in error.value.problems] == [
        "f:1: invalid .timeout: Illegal duration format; duration must end with 's', found '15m'"
    ]
    assert [note.message for note in config.notes] == [
        "f:1: .timeout is '2h': `gcloud builds submit` refuses that",
        "f:3: .timeout in build step #0 is '1h30m': `gcloud builds submit` refuses that",
    ]


@pytest.mark.parametrize(
    ("text", "expected", "portable"),
    [
        ("600s", 600.0, True),
        ("1.5s", 1.5, True),
        ("-1s", -1.0, True),
        ("15m", 900.0, False),
        ("1h1m1.5s", 3661.5, False),
        ("1500ms", 1.5, False),
        (".5s", 0.5, False),
        ("1.1234567891s", 1.1234567891, False),
        ("", None, False),
        ("600", None, False),
        ("s", None, False),
        ("10 m", None, False),
        ("1d", None, False),
        ("\u0661s", None, False),
    ],
)
def test_a_duration_is_what_a_reader_takes(
    text: str, expected: float | None, portable: bool
) -> None:
    assert (seconds(text), is_portable(text)) == (expected, portable)
