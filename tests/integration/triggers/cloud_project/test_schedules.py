"""Jobs of Cloud Scheduler, with the real gcloud: created, compared, and brought back."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from tests.integration.machine import needs_gcloud
from tests.integration.triggers.cloud_project.project import run, seed

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.integration.servers.project_api import ProjectApi

pytestmark = needs_gcloud

NIGHTLY = """\
kinds:
  nightly: {schedule: "0 3 * * *", buildConfig: cloudbuild/check-package.yaml}
"""
JOB = "projects/demo/locations/us-central1/jobs/harbour-nightly"


def test_a_schedule_is_created_compared_and_brought_back(
    api: ProjectApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = root / "shipwheel.yaml"
    manifest.write_text(manifest.read_text() + NIGHTLY)
    seed(api, root)

    assert run(root, "--apply") == 0

    assert capsys.readouterr().out == "created   the scheduled job harbour-nightly in us-central1\n"
    target = api.jobs[JOB]["httpTarget"]
    assert target["uri"].endswith(
        "/v1/projects/demo/locations/us-central1/triggers/harbour-nightly:run"
    )
    assert (target["httpMethod"], target["body"]) == ("POST", "e30=")
    assert run(root, "--check") == 0
    api.jobs[JOB]["schedule"] = "0 4 * * *"
    capsys.readouterr()
    assert run(root, "--check") == 1
    [_, update] = capsys.readouterr().out.splitlines()
    subprocess.run(
        shlex.split(update),
        env={"PATH": os.environ["PATH"], **api.environ},
        timeout=60,
        check=True,
        capture_output=True,
    )
    assert run(root, "--check") == 0
