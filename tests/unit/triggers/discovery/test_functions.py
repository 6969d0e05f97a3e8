"""A function's settings: layers, contradictions, and the flags that gcloud gets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.triggers.manifest.test_manifest import CONNECTION, SMALLEST, problems
from triggers.manifest.manifest import parse_manifest
from triggers.rendering.functions import (
    FunctionSettings,
    contradictions,
    deploy_flags,
    resolve_function,
)


def resolved(everybodys: dict[str, Any], own: dict[str, Any] | None = None) -> FunctionSettings:
    manifest = {
        **SMALLEST,
        "deploy": {"function": everybodys},
        "overrides": {"functions/f": {"deploy": {"function": own or {}}}},
    }
    return resolve_function(parse_manifest(manifest), "functions/f")


def flags(**settings: Any) -> dict[str, Any]:
    return deploy_flags(resolved(settings))


class TestLayers:
    def test_a_function_has_a_name_a_region_and_a_runtime_without_any_setting(self) -> None:
        assert flags() == {
            "--region": "us-central1",
            "--gen2": None,
            "--runtime": "python313",
            "--entry-point": "main",
            "--trigger-http": None,
            "--set-build-env-vars": {"GOOGLE_PYTHON_PACKAGE_MANAGER": "pip"},
        }
        assert (resolved({}).name, resolved({}).tool) == ("f", "functions")

    def test_the_override_wins_and_maps_add_up(self) -> None:
        function = resolved(
            {"memory": "256Mi", "timeout": "60s", "environment": {"A": "1", "B": "2"}},
            {"memory": "1Gi", "name": "other", "environment": {"B": "3"}},
        )

        assert function.name == "other"
        given = deploy_flags(function)
        assert (given["--memory"], given["--timeout"]) == ("1Gi", "60s")
        assert given["--set-env-vars"] == {"A": "1", "B": "3"}

    def test_a_trigger_takes_the_place_of_everybodys_and_http_can_be_had_back(self) -> None:
        topic = {"trigger": {"topic": "news", "retry": True}}

        assert "--trigger-topic" not in deploy_flags(
            resolved(topic, {"trigger": {"bucket": "abc"}})
        )
        own = deploy_flags(resolved(topic, {"trigger": {"http": True}}))
        assert [name for name in own if "trigger" in name or "retry" in name] == ["--trigger-http"]

    def test_a_null_in_the_override_gives_nothing(self) -> None:
        function = resolved({"memory": "1Gi", "environment": {"A": "1"}}, {"memory": None})

        assert (function.given.memory, function.given.environment) == ("1Gi", {"A": "1"})

    def test_a_name_has_only_what_the_service_takes(self) -> None:
        manifest = parse_manifest(SMALLEST)

        assert resolve_function(manifest, "functions/_Bill.Of_Lading_").name == "bill-of-lading"

    @pytest.mark.parametrize(
        "source",
        [
            {"github": {"owner": "acme", "name": "harbour"}},
            {"repository": f"{CONNECTION}/repositories/harbour"},
            {"gitRepositoryLink": f"{CONNECTION}/gitRepositoryLinks/harbour"},
        ],
    )
    def test_a_function_in_the_root_is_named_like_the_repository(
        self, source: dict[str, Any]
    ) -> None:
        assert resolve_function(parse_manifest({**SMALLEST, "source": source}), ".").name == (
            "harbour"
        )

    def test_empty_maps_take_away_and_missing_ones_leave_alone(self) -> None:
        emptied = flags(environment={}, secrets={})

        assert emptied["--clear-env-vars"] is emptied["--clear-secrets"] is None
        assert not [name for name in flags() if "secret" in name or name.endswith("-env-vars")][1:]

    def test_pip_is_the_package_manager_unless_the_manifest_names_another(self) -> None:
        variables = flags(buildEnvironment={"GOOGLE_PYTHON_PACKAGE_MANAGER": "uv", "A": "1"})

        assert variables["--set-build-env-vars"] == {
            "GOOGLE_PYTHON_PACKAGE_MANAGER": "uv",
            "A": "1",
        }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"tool": "run", "trigger": {"topic": "news"}},
            (
                "is called by events, which `gcloud run deploy` cannot set up"
                "\n  hint: remove `tool: run`; or set `trigger: {http: true}` and create the"
                " trigger with `gcloud eventarc triggers create`"
            ),
        ),
        (
            {"cpu": 0.5},
            "has `cpu: 0.5` without `memory`\n  hint: set both, as `gcloud functions` needs",
        ),
        (
            {"cpu": 0.5, "memory": "1Gi", "concurrency": 2},
            (
                "has `concurrency: 2` with `cpu: 0.5`"
                "\n  hint: more than one call at once needs `cpu: 1` or more;"
                " else give `concurrency: 1`"
            ),
        ),
        (
            {"concurrency": 8},
            (
                "has `concurrency: 8` with no `cpu`"
                "\n  hint: more than one call at once needs `cpu: 1` or more;"
                " else give `concurrency: 1`"
            ),
        ),
        (
            {"tool": "run", "cpu": 0.5},
            (
                "has no `concurrency` with `cpu: 0.5`"
                "\n  hint: more than one call at once needs `cpu: 1` or more;"
                " else give `concurrency: 1`"
            ),
        ),
        (
            {"minInstances": 3, "maxInstances": 2},
            (
                "has 3 instances at least and 2 at most\n  hint: swap `minInstances` and"
                " `maxInstances`"
            ),
        ),
        ({"timeout": "3601s"}, "has `timeout: 3601s`\n  hint: a call by http may take 3600s"),
        (
            {"timeout": "541s", "trigger": {"bucket": "uploads"}},
            "has `timeout: 541s`\n  hint: a call by events may take 540s",
        ),
        (
            {"vpcEgress": "all-traffic"},
            "has `vpcEgress: all-traffic` without a `vpcConnector`\n  hint: set both",
        ),
        (
            {"environment": {"KEY": "x"}, "secrets": {"KEY": "key:1"}},
            "has 'KEY' as a variable and as a secret\n  hint: remove one of them",
        ),
        (
            {"secrets": {"/etc/keys/a": "a:1", "/etc/keys/b": "b:1"}},
            (
                "has two secrets in the directory '/etc/keys'"
                "\n  hint: give each a directory of its own"
            ),
        ),
        (
            {
                "requirements": {"vendor": "vendor"},
                "buildEnvironment": {"GOOGLE_VENDOR_PIP_DEPENDENCIES": "other"},
            },
            (
                "names the directory of its distributions twice"
                "\n  hint: remove GOOGLE_VENDOR_PIP_DEPENDENCIES: `requirements.vendor` sets it"
            ),
        ),
        (
            {"region": "global"},
            "has no region: its triggers are global\n  hint: set `deploy.function.region`",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_named(settings: dict[str, Any], said: str) -> None:
    assert [str(problem) for problem in contradictions(resolved(settings))] == [
        f"The function in 'functions/f' {said}"
    ]


def test_contradictions_of_one_sort_come_in_the_order_of_their_names() -> None:
    names = [f"KEY_{letter}" for letter in "ABCDEFG"]
    folders = [f"/etc/{letter}" for letter in "abcdefg"]
    twice = {f"{folder}/{name}": "key:1" for folder in folders for name in "xy"}
    settings = {
        "environment": dict.fromkeys(names, "x"),
        "secrets": {**dict.fromkeys(names, "key:1"), **twice},
    }

    assert [problem.message for problem in contradictions(resolved(settings))] == [
        *(f"The function in 'functions/f' has {n!r} as a variable and as a secret" for n in names),
        *(f"The function in 'functions/f' has two secrets in the directory {f!r}" for f in folders),
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {"cpu": 1, "memory": "1Gi", "concurrency": 80},
        {"cpu": 0.5, "memory": "1Gi", "concurrency": 1},
        {"tool": "run", "cpu": 0.5, "concurrency": 1},
        {"tool": "run", "concurrency": 80},
        {"minInstances": 2, "maxInstances": 2},
        {"minInstances": 2},
        {"maxInstances": 2},
        {"secrets": {"KEY": "a:1", "OTHER": "b:1"}},
        {"vpcEgress": "all-traffic", "vpcConnector": "harbour"},
        {"buildEnvironment": {"GOOGLE_VENDOR_PIP_DEPENDENCIES": "vendor"}},
        {"timeout": "3600s"},
        {"timeout": "540s", "trigger": {"topic": "news"}},
        {"secrets": {"/etc/a/key": "a:1", "/etc/b/key": "b:latest", "KEY": "c:2"}},
    ],
)
def test_settings_at_their_bounds_are_no_contradiction(settings: dict[str, Any]) -> None:
    assert [*contradictions(resolved(settings))] == []


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            {"trigger": {"topic": "news", "bucket": "abc"}},
            (
                ".trigger` is the name of 2 callers"
                "\n  hint: give exactly one of: http, topic, bucket, eventFilters"
            ),
        ),
        (
            {"trigger": {}},
            (
                ".trigger` is the name of 0 callers"
                "\n  hint: give exactly one of: http, topic, bucket, eventFilters"
            ),
        ),
        (
            {"trigger": {"http": True, "retry": False}},
            ".trigger` is for HTTP with settings of events\n  hint: remove the others",
        ),
        (
            {"trigger": {"topic": "news", "eventPathPatterns": {"a": "b"}}},
            (
                ".trigger` is with eventPathPatterns alone"
                "\n  hint: give `eventFilters: {type: …}`, too"
            ),
        ),
        (
            {"trigger": {"eventFilters": {"bucket": "abc"}}},
            ".trigger` is for events of no type\n  hint: give `eventFilters: {type: …}`",
        ),
        (
            {"requirements": {"pin": True, "bundle": True}},
            ".requirements` is for several of: pin, vendor, bundle\n  hint: remove all but one",
        ),
        (
            {"environment": {"X_GOOGLE_A": "1"}},
            (
                ".environment.X_GOOGLE_A` is a variable that Google Cloud sets itself"
                "\n  hint: give it another name"
            ),
        ),
        (
            {"environment": {"PORT": "1"}},
            (
                ".environment.PORT` is a variable that Google Cloud sets itself"
                "\n  hint: give it another name"
            ),
        ),
        (
            {"buildEnvironment": {"GOOGLE_RUNTIME": "1"}},
            (
                ".buildEnvironment.GOOGLE_RUNTIME` is a variable that Google Cloud sets itself"
                "\n  hint: take it out"
            ),
        ),
        (
            {"environment": {"A": "a\0b"}},
            ".environment.A` is text with a NUL\n  hint: remove it: no variable can hold it",
        ),
        (
            {"trigger": "http"},
            ".trigger` is 'http'\n  hint: write it as a mapping, `{key: value}`",
        ),
        (
            {"enviroment": {"A": "1"}},
            ".enviroment` is not a key of the manifest\n  hint: did you mean 'environment'?",
        ),
        (
            {"trigger": {"eventFilter": {"type": "x"}, "topic": "news"}},
            (
                ".trigger.eventFilter` is not a key of the manifest"
                "\n  hint: did you mean 'eventFilters'?"
            ),
        ),
        (
            {"concurrency": "8"},
            ".concurrency` is '8'\n  hint: Input should be a valid integer",
        ),
        (
            {"environment": {"A": 8}},
            '.environment.A` has to be text, and is 8\n  hint: put it in quotes: "8"',
        ),
    ],
)
def test_what_a_function_cannot_have_is_said_with_its_path(
    function: dict[str, Any], said: str
) -> None:
    assert problems(deploy={"function": function}) == [f"shipwheel.yaml: `deploy.function{said}"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("runtime", "python2"),
        ("memory", "512KB"),
        ("memory", 0),
        ("memory", True),
        ("cpu", 0),
        ("cpu", 9),
        ("cpu", float("nan")),
        ("timeout", "1.5s"),
        ("timeout", ""),
        ("timeout", 0),
        ("timeout", "3h"),
        ("concurrency", 0),
        ("concurrency", 1001),
        ("maxInstances", 0),
        ("minInstances", -1),
        ("tool", "app"),
        ("ingress", "internal-only"),
        ("vpcEgress", "all"),
        ("entryPoint", "a.b"),
        ("name", "F"),
    ],
)
def test_a_value_that_gcloud_would_refuse_is_refused(key: str, value: object) -> None:
    [problem] = problems(deploy={"function": {key: value}})
    assert problem.startswith(f"shipwheel.yaml: `deploy.function.{key}` is ")


@pytest.mark.parametrize(
    ("key", "given", "flag"),
    [
        ("memory", "1024MB", "1024M"),
        ("memory", "1GB", "1G"),
        ("memory", "512mib", "512Mi"),
        ("memory", 512, "512M"),
        ("timeout", 300, "300s"),
        ("timeout", "300", "300s"),
        ("timeout", "5m", "300s"),
        ("timeout", "1m30s", "90s"),
    ],
)
def test_sizes_and_durations_are_given_as_gcloud_takes_them(
    key: str, given: object, flag: str
) -> None:
    assert flags(**{key: given})[f"--{key}"] == flag


@pytest.mark.parametrize(
    "place", ["/key", "a-b", "/etc/../key", "/etc/./key", "/etc/a,b", "/etc/keys/", "etc/key"]
)
def test_a_secret_has_a_place(place: str) -> None:
    [problem] = problems(deploy={"function": {"secrets": {place: "key:1"}}})
    assert problem.startswith("shipwheel.yaml: `deploy.function.secrets")


@pytest.mark.parametrize("secret", ["key", "key:0", "key:new", "projects/p/secrets/k/versions/1"])
def test_a_secret_has_a_version(secret: str) -> None:
    [problem] = problems(deploy={"function": {"secrets": {"KEY": secret}}})
    assert problem.startswith(f"shipwheel.yaml: `deploy.function.secrets.KEY` is {secret!r}")
