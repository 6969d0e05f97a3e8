"""The build that publishes a package starts the triggers that deploy what needs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.integration.machine import needs_gcloud

if TYPE_CHECKING:
    from tests.integration.servers.cloud_build_api import CloudBuildApi


pytestmark = needs_gcloud

CONFIGS = Path(__file__).parents[4] / "triggers" / "build_configs"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(name="api")
def _api(api: CloudBuildApi) -> CloudBuildApi:
    for name in ("f-deploy", "g-deploy", "other"):
        api.add("us-central1", {"name": name, "filename": "cloudbuild.yaml"})
    return api


def start(api: CloudBuildApi, triggers: str) -> subprocess.CompletedProcess[str]:
    """Run the last step of the build config with *triggers* as its substitution."""
    config = yaml.safe_load((CONFIGS / "publish-package-then-deploy.yaml").read_text())
    given = {
        "COMMIT_SHA": COMMIT,
        "PROJECT_ID": "demo",
        "LOCATION": "us-central1",
        "_THEN_DEPLOY": triggers,
    }
    variables = dict(line.split("=", 1) for line in config["steps"][-1]["env"])
    environment = {name: given[value[2:-1]] for name, value in variables.items()}
    return subprocess.run(
        ["bash", "-c", config["steps"][-1]["script"]],
        env={"PATH": os.environ["PATH"], **api.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def started(api: CloudBuildApi) -> list[tuple[str, object]]:
    names = {trigger["id"]: name for name, trigger in api.by_name("us-central1").items()}
    return [(names[build["buildTriggerId"]], build["source"]) for build in api.builds]


def test_each_trigger_is_started_once_on_the_commit_that_was_published(api: CloudBuildApi) -> None:
    done = start(api, "f-deploy g-deploy")

    assert done.returncode == 0, done.stderr
    source = {"repoSource": {"commitSha": COMMIT}}
    assert started(api) == [("f-deploy", source), ("g-deploy", source)]


def test_one_that_cannot_be_started_fails_the_build_and_keeps_no_other_back(
    api: CloudBuildApi,
) -> None:
    done = start(api, "gone-deploy g-deploy")

    assert done.returncode == 1
    assert "NOT_FOUND: Requested entity was not found." in done.stderr
    assert [name for name, _source in started(api)] == ["g-deploy"]


def test_no_trigger_starts_nothing(api: CloudBuildApi) -> None:
    done = start(api, "")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert api.requests == []
