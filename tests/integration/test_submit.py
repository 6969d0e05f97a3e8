"""The build configs that a person submits, read by the real gcloud and by Google's own types."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from google.cloud.devtools.cloudbuild_v1.types import Build

from tests.integration.cloud_build_api import CloudBuildApi

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")

ROOT = Path(__file__).parents[2]
FIELDS = ("steps", "images", "options", "substitutions", "timeout")


def _command_of_the_comment(config: Path) -> list[str]:
    """Return the command that the first lines of *config* name, without gcloud itself."""
    lines = config.read_text().replace("\\\n#", " ").splitlines()
    command = lines[0].removeprefix("# $ gcloud ").replace("$(git rev-parse --short=7 HEAD)", "abc")
    return shlex.split(command)


def test_gcloud_submits_the_build_config_of_the_image_by_the_command_in_its_comment() -> None:
    config = ROOT / "cloudbuild.yaml"
    builds, submit, source, *options = _command_of_the_comment(config)
    assert (builds, submit, source, options[0]) == (
        "builds",
        "submit",
        ".",
        "--config=cloudbuild.yaml",
    )

    with CloudBuildApi() as api:
        done = api.gcloud(
            "builds", "submit", "--no-source", "--async", f"--config={config}", *options[1:]
        )

    assert done.returncode == 0, done.stderr
    (build,) = api.builds
    parsed = Build.from_json(
        json.dumps({key: build[key] for key in FIELDS}), ignore_unknown_fields=False
    )
    assert [step.id for step in parsed.steps] == ["image", "size", "unit-tests", "sample", "wheel"]
    assert {**parsed.substitutions}.items() >= {
        "_REGION": "us-east4",
        "_REPO": "docker",
        "SHORT_SHA": "abc",
    }.items()
    assert [*parsed.images] == ["${_IMAGE}", "${_IMAGE}-${SHORT_SHA}-${_BUILD}"]


def test_gcloud_submits_the_build_config_of_the_sample() -> None:
    config = ROOT / "tests" / "example" / "cloudbuild.yaml"
    with CloudBuildApi() as api:
        done = api.gcloud("builds", "submit", "--no-source", "--async", f"--config={config}")

    assert done.returncode == 0, done.stderr
    assert [step["id"] for step in api.builds[0]["steps"]] == ["publish", "install", "triggers"]
