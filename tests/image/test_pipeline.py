"""Whole pipelines in containers: the sample's build config, and the one that makes the image."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from steps import __version__
from tests.image.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.image.engine import Docker

DOCKER_BUILDER = "gcr.io/cloud-builders/docker"
SAMPLE_IMAGE = f"us-central1-docker.pkg.dev/demo/docker/shipwheel:{__version__}"


@pytest.fixture(name="_docker_builder")
def docker_builder(docker: Docker, base: str, tmp_path: Path) -> Iterator[None]:
    """Google's image with the docker command; where it is not at hand, the base with this one."""
    if docker.run("image", "inspect", DOCKER_BUILDER).returncode == 0:
        yield
        return
    client = shutil.which("docker")
    assert client
    shutil.copy(client, tmp_path / "docker")
    (tmp_path / "Dockerfile").write_text(
        f'FROM {base}\nCOPY docker /usr/bin/docker\nENTRYPOINT ["/usr/bin/docker"]\n'
    )
    docker("build", "--network=none", "--tag", DOCKER_BUILDER, str(tmp_path))
    yield
    docker("rmi", "--force", DOCKER_BUILDER)


def run(docker: Docker, source: Path, *arguments: str) -> tuple[Any, list[str]]:
    """Run `shipwheel run cloudbuild.yaml --docker` in *source*; return its record and log."""
    command = [sys.executable, "-I", "-m", "builder", "run", "cloudbuild.yaml", "--docker"]
    ended = subprocess.run(
        [*command, "--json", *arguments],
        cwd=source,
        env={**docker.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout), ended.stderr.splitlines()


def test_runs_the_sample_with_every_step_in_its_container(
    docker: Docker, image: str, tmp_path: Path
) -> None:
    sample = tmp_path / "sample"
    shutil.copytree(ROOT / "tests" / "example", sample)
    docker("tag", image, SAMPLE_IMAGE)
    try:
        record, log = run(docker, sample, "--emulator", "--substitutions", "PROJECT_ID=demo")
    finally:
        docker("rmi", SAMPLE_IMAGE)

    assert [(step["id"], step["status"]) for step in record["steps"]] == [
        ("publish", "SUCCESS"),
        ("install", "SUCCESS"),
        ("triggers", "SUCCESS"),
    ]
    assert 'Step #1 - "install": imported harbour_berths' in log
    assert not [*sample.rglob("dist")]


@pytest.mark.usefixtures("_docker_builder", "image")
def test_builds_tests_and_would_push_the_image_with_its_own_build_config(
    docker: Docker, base: str
) -> None:
    values = f"PROJECT_ID=demo,_REGION=us-central1,_REPO=docker,_PYPI_REPO=pypi,_BASE_IMAGE={base}"
    values += ",_NETWORK=host,SHORT_SHA=abc1234"
    record, log = run(docker, ROOT, "--emulator", "--substitutions", values)

    assert [(step["id"], step["status"]) for step in record["steps"]] == [
        ("image", "SUCCESS"),
        ("size", "SUCCESS"),
        ("unit-tests", "SUCCESS"),
        ("sample", "SUCCESS"),
        ("wheel", "SUCCESS"),
    ]
    pushed = [line.removeprefix("Would push ") for line in log if line.startswith("Would push ")]
    assert pushed == [SAMPLE_IMAGE, f"{SAMPLE_IMAGE}-abc1234-{record['buildId'][:8]}"]
    docker("rmi", *pushed)
