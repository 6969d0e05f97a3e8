from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.triggers.manifest.test_manifest import CONNECTION, SMALLEST
from triggers.live.plan import (
    Edit,
    TriggerChange,
    TriggerPlan,
    make_plan,
    normal_form,
)
from triggers.manifest.manifest import parse_manifest
from triggers.manifest.settings import Owner, owner_of

OWNER = Owner("acme/monorepo")
RENDERED: dict[str, Any] = {
    "name": "a-publish",
    "description": "Publish a",
    "tags": ["shipwheel", "python"],
    "github": {"owner": "acme", "name": "monorepo", "push": {"branch": "^main$"}},
    "filename": "cloudbuild/publish.yaml",
    "includedFiles": ["a/**", "b/**"],
    "substitutions": {"_REPO": "pypi", "_EMPTY": ""},
    "serviceAccount": "projects/p/serviceAccounts/x@p.iam.gserviceaccount.com",
}
FILLED_IN = {
    "id": "1",
    "createTime": "2026-01-01T00:00:00Z",
    "resourceName": "projects/p/locations/l/triggers/1",
}
INLINE: dict[str, Any] = {
    **{key: value for key, value in RENDERED.items() if key != "filename"},
    "build": {
        "steps": [{"id": "one", "name": "image", "args": ["", "x"], "wait_for": ["-"]}],
        "timeout": "600s",
        "options": {"logging": "CLOUD_LOGGING_ONLY", "diskSizeGb": 100},
    },
}


def live(message: dict[str, Any], **different: Any) -> dict[str, Any]:
    return {**copy.deepcopy(message), **FILLED_IN, **different}


def changed(message: dict[str, Any], **different: Any) -> TriggerChange:
    [change] = make_plan([message], [live(message, **different)], OWNER).changes
    return change


def test_what_is_not_live_is_created_and_what_is_equal_is_unchanged() -> None:
    absent = make_plan([RENDERED], [], OWNER)
    equal = make_plan([RENDERED], [live(RENDERED)], OWNER)

    assert absent == TriggerPlan(
        (TriggerChange(action="create", name="a-publish", document=RENDERED),)
    )
    assert [(it.action, it.edits) for it in equal.changes] == [("unchanged", ())]
    assert (absent.summary, equal.summary) == ("1 create", "1 unchanged")


@pytest.mark.parametrize(
    "different",
    [
        {"disabled": False, "approvalConfig": {}, "ignoredFiles": [], "includeBuildLogs": None},
        {"tags": ["python", "shipwheel"], "includedFiles": ["b/**", "a/**"]},
        {"github": {**RENDERED["github"], "installationId": "4711", "enterpriseConfig": {"x": 1}}},
        {"github": {**RENDERED["github"], "push": {"branch": "^main$", "invertRegex": False}}},
        {"includeBuildLogs": "INCLUDE_BUILD_LOGS_UNSPECIFIED", "eventType": "REPO"},
    ],
)
def test_what_the_service_fills_in_or_leaves_out_is_not_a_difference(
    different: dict[str, Any],
) -> None:
    assert changed(RENDERED, **different).action == "unchanged"


@pytest.mark.parametrize(
    ("starter", "filled_in"),
    [
        ({}, {"eventType": "MANUAL"}),
        (
            {"pubsubConfig": {"topic": "projects/p/topics/t"}},
            {
                "eventType": "PUBSUB",
                "pubsubConfig": {
                    "topic": "projects/p/topics/t",
                    "subscription": "projects/p/subscriptions/gcb-a",
                    "state": "OK",
                },
            },
        ),
        (
            {"webhookConfig": {"secret": "projects/p/secrets/s/versions/1"}},
            {
                "eventType": "WEBHOOK",
                "webhookConfig": {"secret": "projects/p/secrets/s/versions/1", "state": "OK"},
            },
        ),
    ],
)
@pytest.mark.parametrize(
    ("place", "answered"),
    [
        ({"uri": "https://github.com/acme/monorepo", "repoType": "GITHUB"}, {}),
        (
            {"repository": f"{CONNECTION}/repositories/r", "repoType": "UNKNOWN"},
            {"repoType": "GITHUB"},
        ),
    ],
)
def test_a_trigger_that_no_event_of_the_repository_starts_is_ours_and_compared(
    starter: dict[str, Any],
    filled_in: dict[str, Any],
    place: dict[str, str],
    answered: dict[str, str],
) -> None:
    rendered = {
        "name": "nightly",
        "tags": ["shipwheel"],
        **starter,
        "sourceToBuild": {**place, "ref": "refs/heads/main"},
        "gitFileSource": {**place, "path": "a.yaml", "revision": "refs/heads/main"},
    }
    live = {
        **rendered,
        **filled_in,
        "sourceToBuild": {**rendered["sourceToBuild"], **answered},
        "gitFileSource": {**rendered["gitFileSource"], **answered},
    }
    owner = Owner(place.get("repository", "acme/monorepo"))

    assert [it.action for it in make_plan([rendered], [live], owner).changes] == ["unchanged"]
    assert [it.action for it in make_plan([], [live], owner).changes] == ["delete"]
    assert [it.action for it in make_plan([], [live], Owner("acme/other")).changes] == ["foreign"]


def test_an_inline_build_comes_back_in_camel_case_with_numbers_as_text() -> None:
    build = {
        "steps": [{"id": "one", "name": "image", "args": ["", "x"], "waitFor": ["-"]}],
        "timeout": "600.000s",
        "options": {
            "logging": "CLOUD_LOGGING_ONLY",
            "diskSizeGb": "100",
            "dynamicSubstitutions": True,
            "substitutionOption": "ALLOW_LOOSE",
        },
        "status": "STATUS_UNKNOWN",
    }

    assert changed(INLINE, build=build).action == "unchanged"


@pytest.mark.parametrize(
    ("different", "edit"),
    [
        ({"description": "x"}, Edit("description", "x", "Publish a")),
        ({"disabled": True}, Edit("disabled", live=True, rendered=None)),
        ({"filename": "x"}, Edit("filename", "x", "cloudbuild/publish.yaml")),
        ({"eventType": "MANUAL"}, Edit("eventType", "MANUAL", None)),
        (
            {"github": {**RENDERED["github"], "push": {"branch": "x"}}},
            Edit("github.push.branch", "x", "^main$"),
        ),
        (
            {"includedFiles": ["a/**"]},
            Edit("includedFiles", ["a/**"], ["a/**", "b/**"]),
        ),
        ({"tags": ["shipwheel"]}, Edit("tags", ["shipwheel"], ["python", "shipwheel"])),
        ({"substitutions": {"_REPO": "pypi"}}, Edit("substitutions._EMPTY", None, "")),
        ({"substitutions": None}, Edit("substitutions", None, RENDERED["substitutions"])),
        (
            {"approvalConfig": {"approvalRequired": True}},
            Edit("approvalConfig", {"approvalRequired": True}, None),
        ),
        ({"ignoredFiles": ["x"]}, Edit("ignoredFiles", ["x"], None)),
        (
            {"includedFiles": ["a/**", "c/**"]},
            Edit("includedFiles", ["a/**", "c/**"], ["a/**", "b/**"]),
        ),
    ],
)
def test_every_other_difference_is_an_edit_of_one_field(
    different: dict[str, Any], edit: Edit
) -> None:
    change = changed(RENDERED, **different)

    assert (change.action, change.edits) == ("update", (edit,))


def test_edits_and_deletions_come_in_the_order_of_names() -> None:
    letters = "hbgdface"
    edited = changed(RENDERED, **dict.fromkeys(letters, "x"))
    removed = make_plan([], [live(RENDERED, name=letter) for letter in letters], OWNER)

    assert [edit.path for edit in edited.edits] == sorted(letters)
    assert [change.name for change in removed.changes] == sorted(letters)


def test_a_plan_is_asked_for_some_of_its_actions() -> None:
    plan = make_plan([RENDERED], [live(RENDERED, name="b"), live(RENDERED, name="c")], OWNER)

    assert [it.name for it in plan.of("delete")] == ["b", "c"]
    assert [it.name for it in plan.of("create", "delete")] == ["a-publish", "b", "c"]
    assert plan.of("update") == ()


def test_an_edit_inside_of_an_inline_build_is_found_in_its_step() -> None:
    build = copy.deepcopy(INLINE["build"])
    build["steps"][0] |= {"id": "two"}

    assert changed(INLINE, build=build).edits == (Edit("build.steps[0].id", "two", "one"),)

    build["steps"].append({"name": "image"})
    [edit] = changed(INLINE, build=build).edits
    assert (edit.path, len(edit.live), len(edit.rendered)) == ("build.steps", 2, 1)


@pytest.mark.parametrize(
    ("different", "owner", "action", "reason"),
    [
        ({"name": "b"}, OWNER, "delete", ""),
        ({"name": "b", "tags": ["x"]}, OWNER, "foreign", "it has no tag 'shipwheel'"),
        ({"name": "b"}, Owner("o/r"), "foreign", "it is for the repository 'acme/monorepo'"),
        ({"name": "b", "github": None}, OWNER, "foreign", "it is for the repository ''"),
        ({"name": "x-b"}, Owner("acme/monorepo", "x"), "delete", ""),
        (
            {"name": "b"},
            Owner("acme/monorepo", "x"),
            "foreign",
            "its name does not begin with 'x'",
        ),
        (
            {"name": "xb"},
            Owner("acme/monorepo", "x"),
            "foreign",
            "its name does not begin with 'x'",
        ),
        ({"tags": []}, OWNER, "taken", "it has no tag 'shipwheel'"),
        ({}, Owner("o/r"), "taken", "it is for the repository 'acme/monorepo'"),
    ],
)
def test_only_triggers_of_this_repository_are_deleted_or_replaced(
    different: dict[str, Any], owner: Owner, action: str, reason: str
) -> None:
    plan = make_plan([RENDERED], [live(RENDERED, **different)], owner)

    [change] = [it for it in plan.changes if it.key]
    assert (change.action, change.reason, change.key) == (action, reason, "1")


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("repositoryEventConfig", "repository"),
        ("developerConnectEventConfig", "gitRepositoryLink"),
    ],
)
def test_repositories_of_every_generation_are_known(field: str, key: str) -> None:
    message = {**RENDERED, field: {key: "projects/x", "push": {"branch": "^main$"}}}
    del message["github"]
    answered = live(message, **{field: {**message[field], f"{key}Type": "GITHUB"}})

    gone = make_plan([], [answered], Owner("projects/x"))
    same = make_plan([message], [answered], Owner("projects/x"))

    assert [it.action for it in gone.changes] == ["delete"]
    assert [(it.action, it.edits) for it in same.changes] == [("unchanged", ())]


@pytest.mark.parametrize(
    ("source", "repository"),
    [
        ({"github": {"owner": "acme", "name": "harbour"}}, "acme/harbour"),
        ({"repository": f"{CONNECTION}/repositories/r"}, f"{CONNECTION}/repositories/r"),
        (
            {"gitRepositoryLink": f"{CONNECTION}/gitRepositoryLinks/r"},
            f"{CONNECTION}/gitRepositoryLinks/r",
        ),
    ],
)
def test_a_manifest_owns_the_triggers_of_its_repository_and_prefix(
    source: dict[str, Any], repository: str
) -> None:
    manifest = {**SMALLEST, "source": source}

    assert owner_of(parse_manifest(manifest)) == Owner(repository, "")
    assert owner_of(parse_manifest({**manifest, "namePrefix": "x"})) == Owner(repository, "x")


@pytest.mark.parametrize(
    ("message", "normal"),
    [
        ({"build": {"timeout": "1.500s"}}, {"build": {"timeout": "1.5s"}}),
        ({"build": {"queueTtl": "20.0s"}}, {"build": {"queueTtl": "20s"}}),
        ({"build": {"timeout": "1.50s or so"}}, {"build": {"timeout": "1.50s or so"}}),
        ({"description": "1.50s"}, {"description": "1.50s"}),
        ({"build": {"options": {"diskSizeGb": 0}}}, {}),
        (
            {"substitutions": {"_MY_KEY": "", "_N": 1}},
            {"substitutions": {"_MY_KEY": "", "_N": "1"}},
        ),
        ({"included_files": ["b", "a", "b"]}, {"includedFiles": ["a", "b"]}),
    ],
)
def test_one_form_is_used_for_all_that_mean_the_same(
    message: dict[str, Any], normal: dict[str, Any]
) -> None:
    assert normal_form(message) == normal


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(["", "x", "1"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["push", "build", "tags", "timeout", "x"]), inner),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["name", "tags", "github", "build", "x"]), values))
def test_a_normal_form_is_its_own_normal_form(message: dict[str, Any]) -> None:
    normal = normal_form(message)

    assert normal_form(normal) == normal
