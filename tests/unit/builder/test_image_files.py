"""The files that make the image agree with one another; tests/image builds it for real."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from builder.local.preparation import PreparedBuild, RunRequest, prepare
from steps import __version__
from triggers.cloudbuild.substitutions import StartedBy

ROOT = Path(__file__).parents[3]
IMAGE = f"us-central1-docker.pkg.dev/demo/docker/shipwheel:{__version__}"


@pytest.fixture(name="prepared")
def _prepared() -> PreparedBuild:
    """Return `cloudbuild.yaml` as the service resolves it for a plain `gcloud builds submit`."""
    return prepare(
        RunRequest(
            config=ROOT / "cloudbuild.yaml",
            source=ROOT,
            substitutions={"PROJECT_ID": "demo"},
            started_by=StartedBy.SUBMIT,
            docker=True,
        )
    )


def test_the_image_is_pushed_by_the_version_of_the_code_and_by_a_tag_that_never_moves(
    prepared: PreparedBuild,
) -> None:
    # Submit knows no commit; what is left of the second tag still names the build, and is valid.
    tags = (IMAGE, f"{IMAGE}--{prepared.build_id[:8]}")

    assert prepared.config.build.images == tags
    assert prepared.config.build.steps[0].args[2:4] == tuple(f"--tag={tag}" for tag in tags)


def test_the_build_asks_for_no_network_that_a_builder_refuses(prepared: PreparedBuild) -> None:
    # BuildKit: "network mode cloudbuild not supported"; it is Cloud Build's builder from 2027 on.
    assert "--network=default" in prepared.config.build.steps[0].args
    assert "--mount" not in (ROOT / "builder" / "Dockerfile").read_text()  # BuildKit alone knows it


def test_the_labels_and_the_base_of_the_image_are_those_of_the_code(
    prepared: PreparedBuild,
) -> None:
    dockerfile = (ROOT / "builder" / "Dockerfile").read_text()
    base = re.search(r"^ARG BASE_IMAGE=(\S+)$", dockerfile, re.MULTILINE)
    assert base

    given = [part for part in prepared.config.build.steps[0].args if "--build-arg" in part]

    assert given == [
        f"--build-arg=BASE_IMAGE={base[1]}",
        f"--build-arg=VERSION={__version__}",
        "--build-arg=REVISION=",
    ]


def test_the_wheel_is_published_only_where_a_repository_is_named(prepared: PreparedBuild) -> None:
    assert prepared.variables(4)["PYPI_REPO"] == ""


@pytest.mark.parametrize("lock", ["builder/backends.txt", "builder/requirements.txt"])
def test_everything_in_the_image_is_locked_by_hash(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text())
    requirements = [entry for entry in entries if not entry.startswith("#")]

    assert requirements
    for entry in requirements:
        line = Requirement(entry.partition("\\")[0].strip())
        assert re.fullmatch(r"==[\w.]+", str(line.specifier)), entry
        assert "--hash=sha256:" in entry


def test_every_backend_that_is_asked_for_is_locked() -> None:
    asked = (ROOT / "builder" / "backends.in").read_text().splitlines()
    locked = (ROOT / "builder" / "backends.txt").read_text()

    names = [line for line in asked if line and not line.startswith("#")]
    assert [name for name in names if f"\n{name}==" not in locked] == []


def test_nothing_keeps_the_tools_and_backends_of_the_image_from_being_compiled_once() -> None:
    dockerfile = (ROOT / "builder" / "Dockerfile").read_text()

    assert not re.findall("ENV PYTHONDONTWRITEBYTECODE|--no-compile", dockerfile)
