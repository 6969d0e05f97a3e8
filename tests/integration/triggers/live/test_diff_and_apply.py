"""diff and apply against a service that answers as Cloud Build does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.machine import needs_gcloud
from tests.integration.selection import exhaustive
from tests.integration.triggers.live.repository import REGION, edit_manifest, run, seed, sent

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.servers.cloud_build_api import CloudBuildApi
    from tests.integration.servers.google_api import Request

pytestmark = needs_gcloud

SUMMARY = "error: The live triggers of 'demo' in 'us-central1' differ from the rendered ones: "


def command(root: Path) -> str:
    """Return the command that a hint names for *root*."""
    return f"shipwheel triggers apply --manifest={root}/shipwheel.yaml"


@pytest.mark.parametrize("options", [[], pytest.param(["--inline"], marks=exhaustive)])
def test_diff_is_empty_after_apply_which_changes_nothing_the_second_time(
    api: CloudBuildApi, root: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(root, "diff", *options) == 1
    captured = capsys.readouterr()
    assert captured.out == (
        "create     packages-dues-check\n"
        "create     packages-dues-publish\n"
        "create     functions-berth-finder-deploy\n"
    )
    assert captured.err == (
        "$ gcloud builds triggers list --format=json --log-http --project=demo --region=us-central1"
        " --quiet\n"
        "3 create\n"
        f"{SUMMARY}3 create\n"
        f"  hint: run `{' '.join((command(root), *options))}`\n"
    )

    assert run(root, "apply", *options) == 0
    captured = capsys.readouterr()
    assert captured.out == (
        "created    packages-dues-check\n"
        "created    packages-dues-publish\n"
        "created    functions-berth-finder-deploy\n"
    )
    assert captured.err.endswith("\ndone: 3 created\n")
    assert [*api.by_name(REGION)] == [
        "packages-dues-check",
        "packages-dues-publish",
        "functions-berth-finder-deploy",
    ]
    api.requests.clear()
    capsys.readouterr()
    assert run(root, "apply", *options) == 0

    captured = capsys.readouterr()
    assert captured.out == (
        "unchanged  packages-dues-check, packages-dues-publish, functions-berth-finder-deploy\n"
    )
    assert captured.err.splitlines()[1:] == ["done: 3 unchanged"]
    assert [method for method, _ in sent(api)] == ["GET"]


PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "{name}"
version = "1.0"
"""
EDITS: list[tuple[str, Any]] = [
    ("description", "Edited"),
    ("tags", ["shipwheel", "edited"]),
    ("disabled", True),
    ("filename", "edited.yaml"),
    ("includedFiles", ["edited/**"]),
    ("includedFiles", []),
    ("ignoredFiles", ["edited/**"]),
    ("ignoredFiles", []),
    ("serviceAccount", "projects/demo/serviceAccounts/edited@demo.iam.gserviceaccount.com"),
    ("approvalConfig", {}),
    ("substitutions._REPO", "edited"),
    ("substitutions._EDITED", ""),
    ("substitutions._DIRECTORY", None),
    ("github.push.branch", "edited"),
    ("github.push.invertRegex", True),
    ("includeBuildLogs", "INCLUDE_BUILD_LOGS_WITH_STATUS"),
    ("filter", "edited"),
    ("eventType", "MANUAL"),
    ("cron", {"schedule": "0 0 * * *"}),
]


def test_every_field_edited_on_the_server_shows_as_drift_and_is_undone(
    api: CloudBuildApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A package for each edit, so that a few calls of gcloud do for all."""
    for number in range(len(EDITS)):
        folder = root / f"packages/p{number}"
        folder.mkdir()
        (folder / "pyproject.toml").write_text(PYPROJECT.format(name=f"p{number}"))
    include = [f"packages/p{number}" for number in range(len(EDITS))]
    edit_manifest(root, packages={"include": include}, check={"enabled": False})
    seed(api, root)
    before = json.dumps(api.triggers, sort_keys=True)
    held = api.by_name(REGION)
    for number, (path, value) in enumerate(EDITS):
        set_field(held[f"packages-p{number}-publish"], path.split("."), value)
    capsys.readouterr()

    assert run(root, "diff", "--json") == 1

    changes = {it["name"]: it for it in json.loads(capsys.readouterr().out)["changes"]}
    for number, (path, _) in enumerate(EDITS):
        change = changes[f"packages-p{number}-publish"]
        assert change["action"] == "update", path
        assert [edit["path"].startswith(path) for edit in change["edits"]] == [True], change
    assert changes["functions-berth-finder-deploy"]["action"] == "unchanged"
    api.requests.clear()
    assert run(root, "apply") == 0
    assert {method for method, _ in sent(api)} == {"GET", "PATCH"}
    assert json.dumps(api.triggers, sort_keys=True) == before


def set_field(message: dict[str, Any], path: list[str], value: object) -> None:
    for parent in path[:-1]:
        message = message[parent]
    message[path[-1]] = value
    if value is None:
        del message[path[-1]]


def test_an_update_is_shown_field_by_field_and_sends_nothing_else(
    api: CloudBuildApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed(api, root)
    held = api.by_name(REGION)["packages-dues-publish"]
    included = [*held["includedFiles"][1:], "x"]
    held |= {"disabled": True, "description": "Edited", "includedFiles": included}

    assert run(root, "apply") == 0

    assert capsys.readouterr().out == (
        "updated    packages-dues-publish\n"
        '             description: "Edited" -> "Publish harbour-dues (packages/dues)"\n'
        "             disabled: true -> nothing\n"
        '             includedFiles: - "x", + "packages/dues/**"\n'
        "unchanged  packages-dues-check, functions-berth-finder-deploy\n"
    )
    assert sent(api) == [("GET", "triggers"), ("PATCH", "packages-dues-publish")]
    assert api.by_name(REGION)["packages-dues-publish"]["id"] == held["id"]


@exhaustive
def test_foreign_triggers_are_left_alone_and_only_own_ones_are_pruned(
    api: CloudBuildApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    github = {"owner": "harbour-office", "name": "harbour", "push": {"branch": "^main$"}}
    elsewhere = {**github, "name": "other"}
    api.add(REGION, {"name": "untagged", "filename": "x", "github": github})
    api.add(REGION, {"name": "elsewhere", "tags": ["shipwheel"], "github": elsewhere})
    gone = api.add(REGION, {"name": "gone", "tags": ["shipwheel"], "github": github})
    foreign = json.dumps([api.by_name(REGION)[name] for name in ("untagged", "elsewhere")])
    seed(api, root)
    assert run(root, "apply") == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "kept       gone: it is gone from the repository; --prune deletes it",
        "unchanged  packages-dues-check, packages-dues-publish, functions-berth-finder-deploy",
        "foreign    elsewhere, untagged",
    ]
    assert captured.err.splitlines()[-1] == "done: 1 kept, 3 unchanged, 2 foreign"
    assert run(root, "diff") == 1
    hint = f"hint: run `{command(root)} --prune`: --prune deletes 1\n"
    assert hint in capsys.readouterr().err
    assert "gone" in api.by_name(REGION)
    api.requests.clear()

    assert run(root, "apply", "--prune") == 0

    assert sent(api) == [("GET", "triggers"), ("DELETE", gone["id"])]
    assert capsys.readouterr().out.startswith("deleted    gone\nunchanged  ")
    assert json.dumps([api.by_name(REGION)[name] for name in ("untagged", "elsewhere")]) == foreign
    assert len(api.by_name(REGION)) == 5


def test_a_foreign_trigger_with_a_rendered_name_stops_everything_unless_it_is_adopted(
    api: CloudBuildApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api.add(REGION, {"name": "packages-dues-check", "filename": "x"})

    assert run(root, "apply") == 1

    assert [method for method, _ in sent(api)] == ["GET"]
    captured = capsys.readouterr()
    assert [line for line in captured.out.splitlines() if line.startswith("taken")] == [
        "taken      packages-dues-check: it has no tag 'shipwheel'; only --adopt replaces it"
    ]
    assert captured.err.splitlines()[1] == (
        "error: There is a trigger 'packages-dues-check' already, and it is not this repository's:"
        " it has no tag 'shipwheel'"
    )
    assert run(root, "diff", f"--region={REGION}") == 1
    assert captured.err.splitlines()[2].startswith("  hint: --adopt replaces it; or give yours")
    hint = f"run `{command(root)} --region={REGION} --adopt`: --adopt replaces 1\n"
    assert hint in capsys.readouterr().err
    assert run(root, "apply", f"--region={REGION}", "--adopt") == 0
    assert "adopted    packages-dues-check: it has no tag 'shipwheel'\n" in capsys.readouterr().out
    assert run(root, "diff") == 0


@exhaustive
def test_triggers_beyond_gclouds_first_page_are_asked_for_one_by_one(
    api: CloudBuildApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed(api, root)
    api.page_size = 2
    api.triggers[REGION].popitem()
    api.add(REGION, {"name": "functions-berth-finder-deploy", "filename": "x"})

    assert run(root, "diff") == 1

    captured = capsys.readouterr()
    assert captured.out.splitlines()[0].startswith("taken      functions-berth-finder-deploy")
    assert "warning: gcloud lists 2 triggers, and there are more" in captured.err
    del api.triggers[REGION][api.by_name(REGION)["functions-berth-finder-deploy"]["id"]]
    api.add(REGION, {"name": "another", "filename": "x"})
    assert run(root, "diff") == 1
    assert capsys.readouterr().out.splitlines()[0] == "create     functions-berth-finder-deploy"


def test_another_project_and_region_can_be_given(api: CloudBuildApi, root: Path) -> None:
    api.project = "staging"

    assert run(root, "apply", "--project", "staging", "--region", "europe-west1") == 0

    accounts = {it["serviceAccount"] for it in api.by_name("europe-west1").values()}
    assert {account.split("/")[1] for account in accounts} == {"staging"}
    assert api.by_name(REGION) == {}


def test_run_new_starts_each_created_trigger_of_a_push_once(
    api: CloudBuildApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    account = {"buildServiceAccount": "shipwheel-build"}
    edit_manifest(root, deploy={"branch": "release/.*", "function": account})

    assert run(root, "apply", "--run-new", "--branch", "release/1") == 0

    ids = {trigger["id"]: name for name, trigger in api.by_name(REGION).items()}
    started = [(ids[it["buildTriggerId"]], it["source"]["repoSource"]) for it in api.builds]
    assert started == [
        ("packages-dues-publish", {"branchName": "main"}),
        ("functions-berth-finder-deploy", {"branchName": "release/1"}),
    ]
    assert "not started: packages-dues-check: it waits for a pull request" in (
        capsys.readouterr().err
    )
    assert run(root, "apply", "--run-new") == 0
    assert len(api.builds) == 2


@exhaustive
def test_run_new_starts_what_an_import_created_before_it_failed(
    api: CloudBuildApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail_at_the_last(request: Request) -> int | None:
        is_last = request.method == "POST" and request.body.get("name", "").startswith("functions")
        return 400 if is_last else None

    api.fault = fail_at_the_last
    assert run(root, "apply", "--run-new") == 4
    assert len(api.builds) == 1

    api.fault = None
    assert run(root, "apply", "--run-new") == 0
    assert len(api.builds) == 2
    assert "error: `gcloud builds triggers import` failed" in capsys.readouterr().err
