"""Every setting of a function as the flag that gcloud gets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.triggers.discovery.test_functions import flags, resolved
from triggers.rendering.functions import contradictions, flags_text, requirements_options

EVERYTHING: dict[str, Any] = {
    "memory": "512Mi",
    "cpu": 1,
    "timeout": "90s",
    "concurrency": 8,
    "minInstances": 1,
    "maxInstances": 5,
    "serviceAccount": "runner",
    "buildServiceAccount": "builder",
    "environment": {"A": "1"},
    "secrets": {"KEY": "key:1"},
    "vpcConnector": "harbour",
    "vpcEgress": "all-traffic",
    "ingress": "internal-and-cloud-load-balancing",
    "allowUnauthenticated": False,
    "requirements": {"pin": True},
}
SHARED_FLAGS = {
    "--memory": "512Mi",
    "--cpu": "1",
    "--timeout": "90s",
    "--concurrency": "8",
    "--min-instances": "1",
    "--max-instances": "5",
    "--service-account": "runner@my-project.iam.gserviceaccount.com",
    "--build-service-account": (
        "projects/my-project/serviceAccounts/builder@my-project.iam.gserviceaccount.com"
    ),
    "--vpc-connector": "harbour",
    "--set-env-vars": {"A": "1"},
    "--set-build-env-vars": {"GOOGLE_PYTHON_PACKAGE_MANAGER": "pip"},
    "--set-secrets": {"KEY": "key:1"},
    "--no-allow-unauthenticated": None,
}
EVENTS = {
    "eventFilters": {"type": "google.cloud.audit.log.v1.written"},
    "eventPathPatterns": {"resourceName": "/projects/*"},
    "location": "us",
    "serviceAccount": "caller",
    "retry": False,
}


def test_every_setting_becomes_a_flag_of_functions() -> None:
    assert flags(**EVERYTHING, trigger=EVENTS) == {
        "--region": "us-central1",
        "--gen2": None,
        "--runtime": "python313",
        "--entry-point": "main",
        "--trigger-event-filters": {"type": "google.cloud.audit.log.v1.written"},
        "--trigger-event-filters-path-pattern": {"resourceName": "/projects/*"},
        "--trigger-location": "us",
        "--trigger-service-account": "caller@my-project.iam.gserviceaccount.com",
        "--no-retry": None,
        "--ingress-settings": "internal-and-gclb",
        "--egress-settings": "all",
        **SHARED_FLAGS,
    }


def test_every_setting_becomes_a_flag_of_run() -> None:
    assert flags(**EVERYTHING, tool="run") == {
        "--region": "us-central1",
        "--base-image": "python313",
        "--function": "main",
        "--ingress": "internal-and-cloud-load-balancing",
        "--vpc-egress": "all-traffic",
        **SHARED_FLAGS,
    }


@pytest.mark.parametrize(
    ("trigger", "given"),
    [
        ({"topic": "news", "retry": True}, {"--trigger-topic": "news", "--retry": None}),
        ({"bucket": "uploads"}, {"--trigger-bucket": "gs://uploads"}),
    ],
)
def test_a_caller_becomes_flags(trigger: dict[str, Any], given: dict[str, Any]) -> None:
    found = {
        name: value
        for name, value in flags(trigger=trigger, allowUnauthenticated=True).items()
        if name.startswith(("--trigger", "--retry", "--allow"))
    }
    assert found == {**given, "--allow-unauthenticated": None}


@pytest.mark.parametrize(
    ("requirements", "options"),
    [
        ({"pin": True}, ("--pin",)),
        ({"vendor": "third_party/wheels"}, ("--vendor=third_party/wheels",)),
        ({"bundle": True}, ("--bundle",)),
        ({}, ()),
    ],
)
def test_requirements_are_made_ready_in_one_way(
    requirements: dict[str, Any], options: tuple[str, ...]
) -> None:
    assert requirements_options(resolved({"requirements": requirements}), ()) == (
        "--runtime=python313",
        "--entry-point=main",
        "--package-manager=pip",
        "--virtual=us-central1/my-project/pypi-all",
        *options,
    )


def test_requirements_are_judged_as_the_function_is_built() -> None:
    settings = {
        "runtime": "python314",
        "entryPoint": "bill",
        "index": "us-central1/my-project/all",
        "buildEnvironment": {"GOOGLE_PYTHON_PACKAGE_MANAGER": "uv"},
    }
    assert requirements_options(resolved(settings), ()) == (
        "--runtime=python314",
        "--entry-point=bill",
        "--package-manager=uv",
        "--virtual=us-central1/my-project/all",
    )


@pytest.mark.parametrize("runtime", ["python310", "python313", "python314", "python315"])
@pytest.mark.parametrize("given", [{}, {"buildEnvironment": {"DEBUG": "1"}}])
def test_pip_installs_whatever_the_runtime_unless_set_otherwise(
    runtime: str, given: dict[str, Any]
) -> None:
    """From which version on Google's build takes uv, and whether that has a token, is no matter."""
    found = flags(**{"runtime": runtime, **given})["--set-build-env-vars"]

    assert found["GOOGLE_PYTHON_PACKAGE_MANAGER"] == "pip"


def test_a_package_manager_that_is_not_a_plain_word_is_not_passed_on() -> None:
    settings = {"buildEnvironment": {"GOOGLE_PYTHON_PACKAGE_MANAGER": "uv --pin"}}

    assert requirements_options(resolved(settings), ()) == (
        "--runtime=python313",
        "--entry-point=main",
        "--virtual=us-central1/my-project/pypi-all",
    )


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, ("--wait=900", "--wait-for=p/a", "--wait-for=p/b")),
        ({"publishTimeout": "5m"}, ("--wait=300", "--wait-for=p/a", "--wait-for=p/b")),
        ({"requirements": {"bundle": True}}, ("--bundle",)),
    ],
)
def test_packages_of_the_push_are_waited_for_unless_they_are_bundled(
    settings: dict[str, Any], options: tuple[str, ...]
) -> None:
    """A path with a space, which would be two options, is left out."""
    awaited = ("p/a", "p/a b", "p/b")

    assert requirements_options(resolved(settings), awaited)[4:] == options


def test_the_flags_survive_as_json_without_a_dollar_sign() -> None:
    given = flags(
        environment={
            "E": "\U0001f6a2 \\ud83d\\ude00 \u2028",
            "A": "${_REGION} $$ \"quoted\" 'twice', ü\n\\",
        }
    )

    assert "$" not in flags_text(given)
    assert json.loads(flags_text(given)) == given


def test_a_flag_that_the_manifest_has_no_word_for_is_handed_on() -> None:
    others = {
        "docker-repository": "projects/p/locations/l/repositories/r",
        "update-labels": {"team": "billing", "cost": "7"},
        "serve-all-traffic-latest-revision": True,
    }

    assert {
        f"--{name}": None if value is True else value for name, value in others.items()
    }.items() <= (flags(flags=others).items())
    assert flags(tool="run", flags={"no-cpu-throttling": True, "port": 8080}).items() >= {
        ("--no-cpu-throttling", None),
        ("--port", 8080),
    }


@pytest.mark.parametrize(
    ("tool", "name", "value", "said"),
    [
        ("functions", "docker-repositry", "x", "does not know: 'docker-repositry'"),
        ("functions", "network", "x", "does not know: 'network'"),
        ("functions", "memory", "1G", "'memory', which is set already"),
        ("run", "set-env-vars", {"A": "1"}, "'set-env-vars', which is set already"),
        ("run", "no-allow-unauthenticated", True, "which is set already"),
        ("run", "source", ".", "which is set already"),
        ("run", "network", True, "the flag 'network' with True"),
        ("run", "session-affinity", "yes", "the flag 'session-affinity' with 'yes'"),
    ],
)
def test_a_flag_that_gcloud_does_not_take_or_the_manifest_sets_is_refused(
    tool: str, name: str, value: object, said: str
) -> None:
    [problem] = contradictions(resolved({"tool": tool, "flags": {name: value}}))

    assert said in problem.message
    assert problem.hint


def test_every_flag_that_is_set_here_has_its_word() -> None:
    """Whatever a manifest makes of its own words cannot be given a second time."""
    for tool in ("functions", "run"):
        for name in flags(**EVERYTHING, tool=tool):
            bare = name.removeprefix("--").removeprefix("no-")
            [problem] = contradictions(resolved({"tool": tool, "flags": {bare: True}}))
            assert "set already" in problem.message, bare
