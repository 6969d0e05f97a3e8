"""Builds that publish start triggers that deploy; one push deploys a function once."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration.machine import needs_gcloud
from tests.integration.selection import sample

if TYPE_CHECKING:
    from tests.integration.servers.cloud_build_api import CloudBuildApi
    from tests.integration.servers.functions_api import FunctionsApi

pytestmark = needs_gcloud

CONFIGS = Path(__file__).parents[4] / "triggers" / "build_configs"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LATER = "f" * 40
FLAGS = {"--gen2": None, "--region": "us-central1", "--runtime": "python313"}


@dataclass(frozen=True)
class Push:
    """A push of *COMMIT*, and the last steps of the builds that it starts."""

    api: CloudBuildApi
    functions: FunctionsApi
    folder: Path

    def build(self, trigger: str, status: str = "WORKING", **fields: Any) -> dict[str, Any]:
        """Hold a build of *trigger*, as if the push had started it."""
        found = self.api.by_name("us-central1")[trigger]
        substitutions = {"TRIGGER_NAME": trigger, "COMMIT_SHA": COMMIT}
        build = {"buildTriggerId": found["id"], "substitutions": substitutions}
        held = self.api.start(build)
        held.update(status=status, **fields)
        return held

    def publish(
        self, *, triggers: str = "f-deploy", result: str = "uploaded", of: str = "package"
    ) -> subprocess.CompletedProcess[str]:
        """Run the last step of a build that publishes: a was *result*, b was not published."""
        build = self.build("a-publish")
        given = {"_THEN_DEPLOY": triggers}
        folder = self.folder / build["id"]
        folder.mkdir()
        rows = f"PROJECT\na  1.0  new  a.whl  {result}  1  0\n"
        if of == "directory":
            rows += "b  1.0  identical  b.whl  found  1  0\n"
        (folder / "published.txt").write_text(rows)
        return self._run(f"publish-{of}-then-deploy.yaml", build, given, folder)

    def deploy(self, build: dict[str, Any], **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the last step of *build*, which deploys the function."""
        flags = json.dumps({**FLAGS, "--trigger-http": None})
        given = {"_DEPLOY_FLAGS": flags, "_FUNCTION": "f", "_TOOL": "functions"}
        for name in ("main.py", "requirements.txt"):
            (self.folder / name).touch()
        return self._run("deploy-function.yaml", build, given, self.folder, **variables)

    def _run(
        self,
        config: str,
        build: dict[str, Any],
        given: dict[str, str],
        folder: Path,
        **variables: str,
    ) -> subprocess.CompletedProcess[str]:
        step = yaml.safe_load((CONFIGS / config).read_text())["steps"][-1]
        values = {
            "PROJECT_ID": "demo",
            "LOCATION": "us-central1",
            "_DIRECTORY": str(folder),
            "BUILD_ID": build["id"],
            **build["substitutions"],
            **given,
        }
        named = dict(line.split("=", 1) for line in step["env"])
        environment = {
            name: values[text[2:-1]] if text.startswith("${") else text
            for name, text in named.items()
        }
        done = subprocess.run(
            ["bash", "-c", step["script"]],
            env={"PATH": os.environ["PATH"], **self.functions.environ, **environment, **variables},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        build["status"] = "FAILURE" if done.returncode else "SUCCESS"
        build["finishTime"] = self.api.now()
        return done

    @property
    def started(self) -> list[dict[str, Any]]:
        """The builds that deploy the function."""
        return [it for it in self.api.builds if it["substitutions"]["TRIGGER_NAME"] == "f-deploy"]


@pytest.fixture(name="push")
def _push(api: CloudBuildApi, functions_api: FunctionsApi, tmp_path: Path) -> Push:
    for name in ("a-publish", "f-deploy", "g-deploy"):
        api.add("us-central1", {"name": name, "filename": "cloudbuild.yaml"})
    functions_api.cloud_build = api
    return Push(api, functions_api, tmp_path)


@sample("count", [2, 5], 2)
def test_a_push_of_several_packages_deploys_a_function_once(push: Push, count: int) -> None:
    """Their builds end at the same moment, and so do the builds that they start."""
    with ThreadPoolExecutor(count) as pool:
        published = [*pool.map(lambda _: push.publish(), range(count))]
        deployed = [*pool.map(push.deploy, push.started)]

    assert [it.returncode for it in (*published, *deployed)] == [0] * len(published + deployed)
    assert len(push.functions.functions) == 1
    assert all(it["source"] == {"repoSource": {"commitSha": COMMIT}} for it in push.started)


def test_builds_that_were_all_started_before_one_looked_deploy_once(push: Push) -> None:
    builds = [push.build("f-deploy") for _ in range(3)]
    builds[0]["status"] = "CANCELLED"  # it cannot deploy any more

    last, first = push.deploy(builds[2]), push.deploy(builds[1])

    assert (last.returncode, first.returncode, len(push.functions.functions)) == (0, 0, 1)
    assert f"Not deployed by this build: f is, by {builds[1]['id']}\n" in last.stdout


def test_the_package_that_is_published_last_starts_no_second_deployment(push: Push) -> None:
    push.publish()
    second = push.publish()

    [build] = push.started
    assert f"Not started: f-deploy deploys this commit already, in {build['id']}" in second.stdout


def test_a_push_that_publishes_nothing_deploys_nothing(push: Push) -> None:
    push.build("a-publish", "SUCCESS")

    done = push.publish(result="found")

    assert (done.returncode, push.started) == (0, [])
    assert done.stdout == "Nothing was published: no deployment is started\n"


@sample("status", ["CANCELLED", "FAILURE", "TIMEOUT", "WORKING"], "CANCELLED")
def test_a_build_that_was_stopped_after_it_had_published_is_run_again(
    push: Push, status: str
) -> None:
    push.build("a-publish", status)

    push.publish(result="found")
    again = push.publish(result="found")

    assert len(push.started) == 1
    assert "Not started: f-deploy" in again.stdout


def test_a_directory_starts_what_needs_one_of_the_packages_that_it_published(push: Push) -> None:
    done = push.publish(triggers="g-deploy:b f-deploy:a+b", of="directory")

    assert (done.returncode, len(push.started), len(push.api.builds)) == (0, 1, 2), done.stderr
    assert "Not started: g-deploy needs none of the packages that were published\n" in done.stdout


@sample("triggers", ["f-deploy", "f-deploy:ab+a", "f-deploy:b"], "f-deploy:b")
def test_a_directory_that_cannot_tell_what_was_published_starts_every_deployment(
    push: Push, triggers: str
) -> None:
    """An earlier build of the commit may have published b, and have been stopped."""
    if triggers.endswith(":b"):
        push.build("a-publish", "CANCELLED")

    push.publish(triggers=triggers, of="directory")

    assert len(push.started) == 1


def test_a_deployment_that_failed_is_started_by_the_next_build_that_publishes(push: Push) -> None:
    push.build("f-deploy", "FAILURE")

    push.publish()

    assert [it["status"] for it in push.started] == ["FAILURE", "QUEUED"]


def test_a_deployment_that_is_done_can_be_run_again_by_hand(push: Push) -> None:
    push.deploy(push.build("f-deploy"))
    build = push.build("f-deploy", createTime="2099-01-01T00:00:00Z")

    assert push.deploy(build).returncode == 0
    assert len(push.functions.functions) == 2


@pytest.mark.parametrize("refused", [False, True])
def test_an_older_push_does_not_deploy_over_a_newer_one(push: Push, *, refused: bool) -> None:
    """While the newer one is on the way, the older one does not try again."""
    build = push.build("f-deploy")
    newer = push.build("f-deploy", "WORKING" if refused else "SUCCESS")
    newer["substitutions"]["COMMIT_SHA"] = LATER
    if refused:
        push.functions.refusals = ["An operation on function f is already in progress."]

    done = push.deploy(build, PAUSES="0.1")

    assert done.returncode == 0
    assert f"Not deployed by this build: f is, by {newer['id']}\n" in done.stdout
    assert (push.functions.refusals, len(push.functions.functions)) == ([], int(refused))


def test_where_builds_cannot_be_listed_the_function_is_deployed(push: Push) -> None:
    build = push.build("f-deploy")
    push.api.fault = lambda request: 403 if "/builds" in request.path else None

    done = push.deploy(build)

    assert (done.returncode, len(push.functions.functions)) == (0, 1), done.stderr


def test_one_that_cannot_be_started_fails_the_build_and_keeps_no_other_back(push: Push) -> None:
    done = push.publish(triggers="gone-deploy f-deploy")

    assert done.returncode == 1
    assert "NOT_FOUND: Requested entity was not found." in done.stderr
    assert len(push.started) == 1
