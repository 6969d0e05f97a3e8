"""Triggers with a schedule: what a setup makes for them, and compares."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.triggers.cloud_project.setup_needs import PACKAGE, PYPI, email, granted, needs
from tests.unit.triggers.manifest.test_manifest import SMALLEST
from tests.unit.triggers.rendering.rendering import KINDS
from triggers.cloud_project.forms import script, terraform_setup
from triggers.cloud_project.live import Live, compare
from triggers.cloud_project.resources import ScheduledJob
from triggers.cloud_project.schedules import live_job
from triggers.manifest.manifest import parse_manifest

NIGHTLY = {**KINDS["nightly"], "timeZone": "Europe/Berlin"}
MANIFEST = parse_manifest(SMALLEST)
ACCOUNT = "shipwheel-schedule@my-project.iam.gserviceaccount.com"
DESCRIPTION = "Shipwheel: starts the trigger monorepo-nightly of acme/monorepo"
TRIGGERS = "https://cloudbuild.googleapis.com/v1/projects/my-project/locations"
URI = f"{TRIGGERS}/us-central1/triggers/monorepo-nightly:run"


def job(**changes: Any) -> ScheduledJob:
    """Return the job of the kind nightly, in a manifest with *changes*."""
    found = needs(PACKAGE, **{"kinds": {"nightly": NIGHTLY}, **changes})
    [only] = [need.resource for need in found if isinstance(need.resource, ScheduledJob)]
    return only


def test_a_schedule_is_a_job_that_runs_the_trigger_as_an_account_of_its_own() -> None:
    found = needs(PACKAGE, kinds={"nightly": NIGHTLY, "by-hand": KINDS["by-hand"]})

    lines = script(found).splitlines()
    assert shlex.split(lines[-1]) == [
        *(
            "gcloud",
            "scheduler",
            "jobs",
            "create",
            "http",
            "monorepo-nightly",
            "--location=us-central1",
        ),
        *("--schedule=0 3 * * *", "--time-zone=Europe/Berlin", f"--uri={URI}"),
        *("--http-method=post", "--message-body={}", f"--description={DESCRIPTION}"),
        f"--oauth-service-account-email={ACCOUNT}",
        "--project=my-project",
    ]
    assert "cloudscheduler.googleapis.com" in lines[1]
    scheduler = email("shipwheel-schedule")
    assert {(role, scope) for member, role, scope in granted(found) if member == scheduler} == {
        ("roles/cloudbuild.builds.editor", "the project my-project"),
        (
            "roles/iam.serviceAccountUser",
            f"the service account {email('shipwheel-nightly').removeprefix('serviceAccount:')}",
        ),
    }
    reader = "roles/artifactregistry.reader"
    for kind in ("nightly", "by-hand"):
        assert (email(f"shipwheel-{kind}"), reader, str(PYPI)) in granted(found)


def test_what_starts_a_trigger_has_its_api_in_an_order_that_does_not_change() -> None:
    text = script(needs(PACKAGE, kinds=KINDS))

    [enabled] = [line for line in text.splitlines() if line.startswith("gcloud services enable")]
    names = [f"{it}.googleapis.com" for it in ("cloudscheduler", "pubsub", "secretmanager")]
    assert [it for it in enabled.split() if it in names] == names


def test_without_a_schedule_there_is_neither_a_job_nor_its_account() -> None:
    text = script(needs(PACKAGE, kinds={"by-hand": KINDS["by-hand"]}))

    assert "schedule" not in text.replace(email("shipwheel-by-hand"), "")


@pytest.mark.parametrize(
    ("location", "region"),
    [("us-central1", "us-central1"), ("europe", "europe-west1"), ("us", "us-central1")],
)
def test_a_job_is_in_a_region_where_triggers_are_in_none(location: str, region: str) -> None:
    found = job(region="global", registry=f"{location}/my-project/pypi")

    assert (found.location, found.uri) == (
        region,
        f"{TRIGGERS}/global/triggers/monorepo-nightly:run",
    )


def test_in_terraform_it_waits_for_the_api_and_the_account() -> None:
    document = terraform_setup(needs(PACKAGE, kinds={"nightly": NIGHTLY}), "my-project", PYPI)

    assert document["resource"]["google_cloud_scheduler_job"]["monorepo-nightly"] == {
        "//": "Starts the trigger monorepo-nightly.",
        "provider": "google",
        "project": "my-project",
        "region": "us-central1",
        "name": "monorepo-nightly",
        "description": DESCRIPTION,
        "schedule": "0 3 * * *",
        "time_zone": "Europe/Berlin",
        "http_target": {
            "uri": URI,
            "http_method": "POST",
            "body": "e30=",
            "oauth_token": {"service_account_email": ACCOUNT},
        },
        "depends_on": [
            "google_project_service.cloudscheduler",
            "google_service_account.shipwheel-schedule",
        ],
    }


def answer(**changes: Any) -> dict[str, Any]:
    """Return the job as Cloud Scheduler answers it."""
    target = {"uri": URI, "oauthToken": {"serviceAccountEmail": ACCOUNT, "scope": "x"}}
    job = {"httpTarget": target, "schedule": "0 3 * * *", "timeZone": "Europe/Berlin"}
    name = "projects/my-project/locations/us-central1/jobs/monorepo-nightly"
    return {"name": name, "description": DESCRIPTION, **job, "state": "ENABLED", **changes}


@pytest.mark.parametrize(
    ("live", "there"),
    [
        (answer(), True),
        (answer(schedule="0 4 * * *"), False),
        (answer(timeZone="Etc/UTC"), False),
        (answer(httpTarget={"uri": URI}), False),
        (answer(httpTarget={"uri": "https://example.com"}), False),
        (
            answer(httpTarget={**answer()["httpTarget"], "uri": URI.replace("central1", "east4")}),
            False,
        ),
        (answer(description=DESCRIPTION.replace("acme/", "other/")), False),
        (answer(description=""), False),
        (answer(pubsubTarget={}, httpTarget={}), False),
    ],
)
def test_a_job_that_does_something_else_is_wrong(live: dict[str, Any], *, there: bool) -> None:
    wanted = job()
    need = replace(needs(PACKAGE)[0], resource=wanted)

    missing = compare([need], Live())
    found = compare([need], Live(jobs={"monorepo-nightly": live_job(live, MANIFEST)}))

    assert missing.missing == (need,)
    assert (found.missing, bool(found.there)) == ((), there)
    hints = [problem.hint for problem in found.wrong]
    assert [
        it.startswith("gcloud scheduler jobs update http monorepo-nightly") for it in hints
    ] == ([] if there else [True])


@pytest.mark.parametrize(
    ("changes", "ours"),
    [
        ({"schedule": "1 1 * * *", "timeZone": "Etc/UTC"}, True),
        ({"description": f"{DESCRIPTION}2"}, False),
        ({"description": "Every night, acme/monorepo"}, False),
        ({"name": "projects/my-project/locations/us-central1/jobs/by-hand"}, False),
        ({"httpTarget": {"uri": "https://example.com"}}, False),
    ],
)
def test_a_job_is_of_the_manifest_that_made_it(changes: dict[str, Any], *, ours: bool) -> None:
    assert bool(live_job(answer(**changes), MANIFEST)) is ours


@pytest.mark.parametrize(("prefix", "ours"), [("monorepo", True), ("mono", False)])
def test_nor_is_a_job_with_another_prefix(prefix: str, *, ours: bool) -> None:
    manifest = parse_manifest({**SMALLEST, "namePrefix": prefix})

    assert bool(live_job(answer(), manifest)) is ours
