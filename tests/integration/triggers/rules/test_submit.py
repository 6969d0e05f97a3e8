"""The build configs that a person submits, read by the real gcloud and by Google's own types."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from google.cloud.devtools.cloudbuild_v1.types import Build
from google.protobuf.json_format import ParseError  # type: ignore[import-untyped]  # has none

from steps.host.errors import InputError
from tests.integration.machine import needs_gcloud
from tests.integration.selection import sample
from tests.integration.servers.cloud_build_api import CloudBuildApi
from triggers.cloudbuild.files import read_build_config

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = needs_gcloud

ROOT = Path(__file__).parents[4]
FIELDS = ("steps", "images", "options", "substitutions", "timeout")


def _command_of_the_comment(config: Path) -> list[str]:
    """Return the command that the first lines of *config* name, without gcloud itself."""
    lines = config.read_text().replace("\\\n#", " ").splitlines()
    command = lines[0].removeprefix("# $ gcloud ").replace("$(git rev-parse --short=7 HEAD)", "abc")
    return shlex.split(command)


def test_gcloud_submits_the_build_config_of_the_image_by_the_command_in_its_comment() -> None:
    config = ROOT / "cloudbuild.yaml"
    builds, submit, source, *options = _command_of_the_comment(config)
    assert (builds, submit, source, options[0]) == ("builds", "submit", ".", "--region=us-central1")

    with CloudBuildApi() as api:
        done = api.gcloud(
            "builds", "submit", "--no-source", "--async", f"--config={config}", *options
        )

    assert done.returncode == 0, done.stderr
    (build,) = api.builds
    parsed = Build.from_json(
        json.dumps({key: build[key] for key in FIELDS}), ignore_unknown_fields=False
    )
    assert [step.id for step in parsed.steps] == ["image", "size", "unit-tests", "sample", "wheel"]
    assert {**parsed.substitutions}.items() >= {
        "_REGION": "us-central1",
        "_REPO": "docker",
        "SHORT_SHA": "abc",
    }.items()
    assert [*parsed.images] == ["${_IMAGE}", "${_IMAGE}-${SHORT_SHA}-${_BUILD}"]


@sample("duration", ["600s", "1.5s", "15m", "1h30m", "1500ms", "600", "1d"], "1.5s")
def test_gcloud_sends_a_duration_as_it_is_written_and_googles_types_take_seconds_only(
    duration: str, tmp_path: Path
) -> None:
    config = tmp_path / "cloudbuild.yaml"
    config.write_text(f"steps: [{{name: bash}}]\ntimeout: '{duration}'\n")
    with CloudBuildApi() as api:
        done = api.gcloud("builds", "submit", "--no-source", "--async", f"--config={config}")

    assert done.returncode == 0, done.stderr
    (build,) = api.builds
    assert build["timeout"] == duration
    ours, theirs = (
        _refusal(lambda: read_build_config(config.read_text(), "f", submitted=True)),
        _refusal(lambda: Build.from_json(json.dumps({"timeout": build["timeout"]}))),
    )
    assert bool(ours) == bool(theirs), (ours, theirs)


def _refusal(read: Callable[[], object]) -> str:
    try:
        read()
    except (InputError, ParseError) as error:
        return str(error)
    return ""


def test_gcloud_submits_the_build_config_of_the_sample() -> None:
    config = ROOT / "tests" / "example" / "cloudbuild.yaml"
    with CloudBuildApi() as api:
        done = api.gcloud("builds", "submit", "--no-source", "--async", f"--config={config}")

    assert done.returncode == 0, done.stderr
    assert [step["id"] for step in api.builds[0]["steps"]] == ["publish", "install", "triggers"]
