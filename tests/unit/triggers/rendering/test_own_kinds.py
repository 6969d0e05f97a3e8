"""Triggers of the manifest's own kinds, and fields of triggers that it has no key for."""

from __future__ import annotations

from typing import Any

import pytest

from steps.host.errors import InputError
from tests.unit.triggers.manifest.test_manifest import CONNECTION, SMALLEST
from tests.unit.triggers.rendering.rendering import (
    KINDS,
    documents,
    function,
    package,
    problems,
    rendered,
)
from triggers.manifest.manifest import parse_manifest

CONFIG = "cloudbuild/check-package.yaml"
URI = {"uri": "https://github.com/acme/monorepo", "repoType": "GITHUB"}
LOGS = {"includeBuildLogs": "INCLUDE_BUILD_LOGS_WITH_STATUS"}


def own(kind: str, **settings: Any) -> dict[str, Any]:
    """Return the trigger of *kind* for the whole repository, without what all triggers have."""
    kinds = {kind: {**KINDS[kind], **settings}}
    *_, found = documents(package("p/a"), kinds=kinds)
    common = ("name", "description", "tags", "substitutions", "serviceAccount")
    assert [found.pop(key) for key in common[:3]] == [
        f"monorepo-{kind}",
        f"Run {kind} for monorepo (.)",
        ["shipwheel"],
    ]
    given = found.pop("substitutions")
    assert (given["_DIRECTORY"], given["_REPO"]) == (".", "pypi")
    name = f"shipwheel-{kind}@my-project.iam.gserviceaccount.com"
    assert found.pop("serviceAccount") == f"projects/my-project/serviceAccounts/{name}"
    return found


@pytest.mark.parametrize(
    ("kind", "branch", "starter"),
    [
        ("nightly", "main", {}),
        ("by-hand", "dev", {}),
        (
            "message",
            "main",
            {"pubsubConfig": {"topic": "projects/my-project/topics/t-1"}, "filter": "_A == 'b'"},
        ),
        ("request", "main", {"webhookConfig": {"secret": "projects/p/secrets/s/versions/1"}}),
    ],
)
def test_no_event_of_the_repository_starts_it_and_one_branch_is_built(
    kind: str, branch: str, starter: dict[str, Any]
) -> None:
    ref = f"refs/heads/{branch}"

    assert own(kind) == {
        **starter,
        "sourceToBuild": {**URI, "ref": ref},
        "gitFileSource": {**URI, "path": CONFIG, "revision": ref},
    }


def test_a_push_may_start_a_build_of_the_whole_repository() -> None:
    assert own("pushed", includedFiles=["docs/**"]) == {
        "github": {"owner": "acme", "name": "monorepo", "push": {"tag": "^v.*$"}},
        "filename": CONFIG,
        "includedFiles": ["docs/**"],
        **LOGS,
    }


def test_packages_have_a_trigger_each_and_may_differ() -> None:
    found = documents(
        package("p/a"),
        package("p/b", "p/c"),
        package("p/c"),
        package("q"),
        function("p/f"),
        kinds={
            "nightly": {**KINDS["nightly"], "packages": ["p"], "branch": r"release/1\.0"},
            "pushed": {**KINDS["pushed"], "packages": ["p/b"]},
        },
        overrides={
            "p/a": {"name": "first", "kinds": {"nightly": {"approval": True}}},
            "p/c": {"kinds": {"nightly": {"enabled": False}}},
        },
    )[-3:]

    assert [it["name"] for it in found] == ["first-nightly", "p-b-nightly", "p-b-pushed"]
    assert [it.get("approvalConfig") for it in found] == [{"approvalRequired": True}, None, None]
    assert found[0]["sourceToBuild"]["ref"] == "refs/heads/release/1.0"
    assert found[1]["substitutions"]["_DIRECTORY"] == "p/b"
    assert found[2]["includedFiles"] == ["p/b/**", "p/c/**", CONFIG]


def test_a_connected_repository_is_named_in_full() -> None:
    resource = f"{CONNECTION}/repositories/r"
    *_, found = documents(
        package("a"), source={"repository": resource}, kinds={"nightly": KINDS["nightly"]}
    )

    assert found["sourceToBuild"]["repository"] == resource
    assert found["gitFileSource"]["repository"] == resource


def test_a_repository_without_packages_may_have_kinds_of_its_own() -> None:
    assert [it["name"] for it in documents(kinds={"nightly": KINDS["nightly"]})] == [
        "monorepo-nightly"
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"kinds": {"nightly": {**KINDS["nightly"], "packages": ["gone/*"]}}},
            "`kinds.nightly` is for no package: 'gone/*' matches none",
        ),
        (
            {"kinds": {"nightly": {**KINDS["nightly"], "branch": "main|dev"}}},
            "The trigger 'monorepo-nightly' builds one branch, and its pattern is for several",
        ),
        (
            {
                "kinds": {"nightly": KINDS["nightly"]},
                "source": {"gitRepositoryLink": f"{CONNECTION}/gitRepositoryLinks/r"},
            },
            "`kinds.nightly` names no repository: Cloud Build has no field for a link",
        ),
        (
            {"overrides": {"a": {"kinds": {"nightly": {}}}}},
            '`overrides["a"].kinds.nightly` is not a kind of the manifest',
        ),
        (
            {"kinds": {"nightly": {**KINDS["nightly"], "serviceAccount": "shipwheel-check"}}},
            "The check of 'a' would run as",
        ),
        (
            {"publish": {"trigger": {"filename": "a.yaml"}}},
            "`trigger.filename` of 'a-publish' is set by Shipwheel",
        ),
        (
            {"publish": {"trigger": {"github": {"push": {"branch": "a"}}}}},
            "`trigger.github.push.branch` of 'a-publish' is set by Shipwheel",
        ),
        (
            {"overrides": {"a": {"check": {"trigger": {"includeBuildLog": True}}}}},
            "`trigger` of 'a-check': .includeBuildLog: unused",
        ),
        ({"check": {"trigger": {"disabled": "yes"}}}, "`trigger` of 'a-check': .disabled: "),
        ({"check": {"trigger": {"id": "1"}}}, "`trigger` of 'a-check': .id is filled in by"),
    ],
)
def test_what_cannot_be_a_trigger_is_refused(changes: dict[str, Any], said: str) -> None:
    [problem] = problems(package("a"), **changes)

    assert problem.startswith(said)
    assert "\n  hint: " in problem


@pytest.mark.parametrize("schedule", ["*/5 * * * *", "0,30 9-17 * * MON-FRI", "5 4 1-31/2 jan 7"])
def test_a_schedule_is_written_as_cron_has_it(schedule: str) -> None:
    nightly = {**KINDS["nightly"], "schedule": schedule, "timeZone": "Europe/Berlin"}

    assert parse_manifest({**SMALLEST, "kinds": {"nightly": nightly}}).kinds


@pytest.mark.parametrize(
    ("own_kind", "said"),
    [
        ({"nightly": {"buildConfig": CONFIG}}, "`kinds.nightly` is started by 0 things"),
        (
            {"nightly": {**KINDS["nightly"], "manual": True}},
            "`kinds.nightly` is started by 2 things",
        ),
        ({"nightly": {"manual": True}}, "`kinds.nightly` is without a build config"),
        *(
            ({"nightly": {**KINDS["nightly"], "schedule": it}}, "`kinds.nightly.schedule` is")
            for it in (
                "at three",
                "60 3 * * *",
                "0 24 * * *",
                "0 3 0 * *",
                "0 3 * 13 *",
                "0 3 * * 8",
            )
        ),
        (
            {"nightly": {**KINDS["nightly"], "timeZone": "Europe/Berln"}},
            "`kinds.nightly.timeZone` is 'Europe/Berln', which is no time zone",
        ),
        (
            {"by-hand": {**KINDS["by-hand"], "timeZone": "Etc/UTC"}},
            '`kinds["by-hand"]` is with a timeZone and no schedule',
        ),
        (
            {"nightly": {**KINDS["nightly"], "includedFiles": ["a"]}},
            "`kinds.nightly` is for a tag or for files, and no push starts it",
        ),
        ({"check": KINDS["nightly"]}, "`kinds.check` is a kind that every manifest has"),
        ({"Nightly": KINDS["nightly"]}, "`kinds.Nightly` is 'Nightly'"),
    ],
)
def test_a_kind_that_is_none_is_refused_with_the_manifest(
    own_kind: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse_manifest({**SMALLEST, "kinds": own_kind})

    [problem] = caught.value.problems
    assert problem.message.startswith(f"shipwheel.yaml: {said}")


def test_fields_without_a_key_go_from_the_manifest_down_to_one_trigger() -> None:
    found = rendered(
        package("a"),
        package("b"),
        trigger={"disabled": True},
        check={"trigger": {"include_build_logs": LOGS["includeBuildLogs"]}},
        overrides={
            "b": {
                "trigger": {"disabled": False},
                "publish": {"trigger": {"github": {"push": {"invertRegex": True}}}},
            }
        },
    ).triggers

    extra = [
        (it.name, it.document().get("disabled"), it.document().get("includeBuildLogs"))
        for it in found
    ]
    logs = LOGS["includeBuildLogs"]
    assert extra == [
        ("a-check", True, logs),
        ("a-publish", True, None),
        ("b-check", False, logs),
        ("b-publish", False, None),
    ]
    assert found[-1].document()["github"]["push"] == {"branch": "^main$", "invertRegex": True}
