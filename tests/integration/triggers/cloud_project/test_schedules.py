"""Jobs of Cloud Scheduler, with the real gcloud: created, compared, and brought back."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.integration.machine import needs_gcloud
from tests.integration.selection import exhaustive
from tests.integration.triggers.cloud_project.project import run, seed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.servers.project_api import ProjectApi

pytestmark = needs_gcloud

NIGHTLY = """\
kinds:
  nightly: {schedule: "0 3 * * *", buildConfig: cloudbuild/check-package.yaml}
"""
JOB = "projects/demo/locations/us-central1/jobs/harbour-nightly"


@pytest.fixture(name="scheduled")
def _scheduled(api: ProjectApi, root: Path) -> Path:
    """Return the repository with a schedule; all else that it needs is there."""
    manifest = root / "shipwheel.yaml"
    manifest.write_text(manifest.read_text() + NIGHTLY)
    seed(api, root)
    return root


def test_a_schedule_is_created(
    api: ProjectApi, scheduled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(scheduled, "--apply") == 0

    assert capsys.readouterr().out == "created   the scheduled job harbour-nightly in us-central1\n"
    target = api.jobs[JOB]["httpTarget"]
    assert target["uri"].endswith(
        "/v1/projects/demo/locations/us-central1/triggers/harbour-nightly:run"
    )
    assert (target["httpMethod"], target["body"]) == ("POST", "e30=")


@exhaustive
def test_a_schedule_is_compared_and_brought_back(
    api: ProjectApi, scheduled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(scheduled, "--apply") == 0
    assert run(scheduled, "--check") == 0
    api.jobs[JOB]["schedule"] = "0 4 * * *"
    capsys.readouterr()
    assert run(scheduled, "--check") == 1
    [_, update] = capsys.readouterr().out.splitlines()
    subprocess.run(
        shlex.split(update),
        env={"PATH": os.environ["PATH"], **api.environ},
        timeout=60,
        check=True,
        capture_output=True,
    )
    assert run(scheduled, "--check") == 0


def test_a_job_whose_kind_is_gone_is_named_and_deleted_and_no_other(
    api: ProjectApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = root / "shipwheel.yaml"
    plain = manifest.read_text()
    manifest.write_text(plain + NIGHTLY)
    seed(api, root)
    assert run(root, "--apply") == 0
    by_hand = JOB.replace("harbour", "by-hand")
    other = JOB.replace("harbour", "other")
    api.jobs[by_hand] = {**api.jobs[JOB], "name": by_hand}
    description = "Shipwheel: starts the trigger other-nightly of acme/other"
    uri = api.jobs[JOB]["httpTarget"]["uri"].replace("harbour", "other")
    target = {**api.jobs[JOB]["httpTarget"], "uri": uri}
    api.jobs[other] = {**api.jobs[by_hand], "name": other, "description": description}
    api.jobs[other]["httpTarget"] = target
    manifest.write_text(plain)
    capsys.readouterr()

    assert run(root, "--check") == 1

    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "too many  the scheduled job harbour-nightly in us-central1",
        " " * 12
        + "gcloud scheduler jobs delete harbour-nightly --location=us-central1 --project=demo",
    ]
    assert run(root, "--apply") == 0
    assert JOB in api.jobs
    capsys.readouterr()
    assert run(root, "--apply", "--prune") == 0
    said = capsys.readouterr()
    assert said.out == "deleted   the scheduled job harbour-nightly in us-central1\n"
    assert "0 created" in said.err
    assert "1 deleted" in said.err
    assert api.jobs.keys() == {by_hand, other}
    assert run(root, "--check") == 0


@pytest.mark.parametrize("status", [403, 404])
def test_without_a_schedule_nobody_needs_to_list_jobs(
    api: ProjectApi, root: Path, status: int
) -> None:
    seed(api, root)
    api.apis.add("cloudscheduler.googleapis.com")
    api.fault = lambda request: status if "/jobs" in request.path else None

    assert run(root, "--check") == 0
    assert any("/jobs" in request.path for request in api.requests)


def test_a_job_calls_what_gcloud_calls_to_run_a_trigger_by_its_name(
    api: ProjectApi, scheduled: Path
) -> None:
    """The assumption `scheduled-run`: nobody has seen the service answer such a job."""
    assert run(scheduled, "--apply") == 0
    command = ["builds", "triggers", "run", "harbour-nightly"]

    subprocess.run(
        ["gcloud", *command, "--project=demo", "--region=us-central1", "--quiet"],
        env={"PATH": os.environ["PATH"], **api.environ},
        timeout=60,
        check=False,
        capture_output=True,
    )

    called = urlsplit(api.requests[-1].path).path
    assert api.requests[-1].method == "POST"
    assert called == urlsplit(api.jobs[JOB]["httpTarget"]["uri"]).path
