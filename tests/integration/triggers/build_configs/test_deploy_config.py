"""The whole build config `deploy-function.yaml` on this machine: our step, then the real gcloud."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import zipfile
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from builder.server import Emulator
from tests.integration.machine import needs_gcloud
from tests.integration.selection import exhaustive, sample
from tests.integration.servers.google_api import Answer, error_answer
from triggers.rendering.repository import open_repository, render_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.servers.functions_api import FunctionsApi

pytestmark = needs_gcloud

SAMPLE = Path(__file__).parents[3] / "example"
FUNCTION = "functions/berth-finder"
# As public reports have them: firebase-tools#5244, terraform-docs-samples#486.
TRANSIENT: list[Answer | str] = [
    "Validation failed for trigger f: Permission denied while using the Eventarc Service Agent.",
    "Unable to retrieve the repository metadata for projects/demo/repositories/gcf-artifacts.",
    error_answer(409, "ABORTED", "unable to queue the operation"),
    error_answer(409, "ABORTED", "An operation on function f is already in progress."),
]


@pytest.fixture(name="programs")
def _programs(functions_api: FunctionsApi, tmp_path: Path) -> Path:
    """Return a folder with a `gcloud` that asks *functions_api*, and nothing of this machine."""
    real = shutil.which("gcloud")
    lines = [f"export {name}={shlex.quote(value)}" for name, value in functions_api.environ.items()]
    program = tmp_path / "programs" / "gcloud"
    program.parent.mkdir()
    program.write_text("\n".join(["#!/bin/sh", *lines, f'exec {real} "$@"\n']))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program.parent


@pytest.fixture(name="emulator")
def _emulator(tmp_path: Path) -> Iterator[Emulator]:
    """Serve the registry, and a virtual repository that has functions-framework, too."""
    folder = tmp_path / "registry" / "demo" / "more" / "functions-framework"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
    ]
    wanted = ["--dest", str(folder), "functions-framework==3.10.2"]
    subprocess.run([*pip, *wanted], check=True, timeout=120)
    virtuals = {"demo/pypi-all": {"demo/pypi": 100, "demo/more": 0}}
    repositories = ["demo/pypi", "demo/more"]
    root = tmp_path / "registry"
    with Emulator(root, repositories=repositories, virtuals=virtuals) as emulator:
        yield emulator


def run(
    root: Path, programs: Path, emulator: Emulator, **function: Any
) -> subprocess.CompletedProcess[str]:
    """Publish packages of the sample in *root*, then run the deploy config as its trigger does."""
    shutil.copytree(SAMPLE, root)
    manifest = yaml.safe_load((root / "shipwheel.yaml").read_text())
    manifest["overrides"][FUNCTION]["deploy"]["function"].update(function)
    (root / "shipwheel.yaml").write_text(yaml.safe_dump(manifest))
    triggers = render_repository(open_repository(root / "shipwheel.yaml")).triggers
    [trigger] = [each for each in triggers if each.kind == "deploy"]
    config = yaml.safe_load((root / "cloudbuild" / "deploy-function.yaml").read_text())
    publish = {"name": "${_IMAGE}", "args": ["publish", "packages/tides", "packages/berths"]}
    config["steps"].insert(0, publish)
    config["substitutions"] = dict(trigger.substitutions)
    (root / "run.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SHIPWHEEL_")}
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    options = ["--source", str(root), "--registry", "us-central1/demo/pypi", "--host-tools"]
    return subprocess.run(
        [sys.executable, "-I", "-m", "builder", "run", str(root / "run.yaml"), *options],
        env={**inherited, "PATH": path, "ARTIFACT_REGISTRY_EMULATOR_HOST": emulator.host},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def uploaded(archive: bytes) -> dict[str, str]:
    with zipfile.ZipFile(BytesIO(archive)) as files:
        return {name: files.read(name).decode(errors="replace") for name in files.namelist()}


def test_a_function_that_names_the_virtual_repository_is_deployed(
    functions_api: FunctionsApi, programs: Path, emulator: Emulator, tmp_path: Path
) -> None:
    price = "5$ ${_REGION}, a=b"
    done = run(
        tmp_path / "harbour",
        programs,
        emulator,
        environment={"PRICE": price},
    )

    assert done.returncode == 0, done.stdout + done.stderr
    [created] = functions_api.functions
    assert created.body["buildConfig"]["entryPoint"] == "find"
    assert created.body["serviceConfig"]["environmentVariables"] == {"PRICE": price}
    files = uploaded(functions_api.uploads[-1])
    assert [*files] == ["main.py", "requirements.txt"]
    assert files["requirements.txt"] == (
        f"--index-url http://{emulator.host}/demo/pypi-all/simple/"
        "  # an emulator: not for deployment\n"
        "functions-framework==3.10.2\nharbour-berths==0.4.1\n"
    )


@exhaustive
def test_a_function_that_brings_its_distributions_along_is_deployed(
    functions_api: FunctionsApi, programs: Path, emulator: Emulator, tmp_path: Path
) -> None:
    done = run(tmp_path / "harbour", programs, emulator, requirements={"vendor": "vendor"})

    assert done.returncode == 0, done.stdout + done.stderr
    [created] = functions_api.functions
    assert created.body["buildConfig"]["environmentVariables"] == {
        "GOOGLE_PYTHON_PACKAGE_MANAGER": "pip",
        "GOOGLE_VENDOR_PIP_DEPENDENCIES": "vendor",
    }
    assert {
        "vendor/harbour_berths-0.4.1-py3-none-any.whl",
        "vendor/harbour_tides-1.2.0-py3-none-any.whl",
        "vendor/functions_framework-3.10.2-py3-none-any.whl",
    } < {*uploaded(functions_api.uploads[-1])}


@pytest.fixture(name="deploy")
def _deploy(
    functions_api: FunctionsApi, tmp_path: Path
) -> Callable[[], subprocess.CompletedProcess[str]]:
    """Return what runs the step that deploys, and pauses for no time in between."""
    config = yaml.safe_load((SAMPLE / "cloudbuild" / "deploy-function.yaml").read_text())
    flags = {"--gen2": None, "--region": "us-central1", "--runtime": "python313"}
    text = json.dumps({**flags, "--trigger-http": None})
    given = {"DIRECTORY": str(tmp_path), "FLAGS": text, "FUNCTION": "f"}
    pauses = {"PROJECT": "demo", "TOOL": "functions", "TRIGGER": "", "PAUSES": "0.1 0.2 0.3 0.4"}
    for name in ("main.py", "requirements.txt"):
        (tmp_path / name).touch()
    path = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)}
    return partial(
        subprocess.run,
        ["bash", "-c", config["steps"][-1]["script"]],
        env={**path, **functions_api.environ, **given, **pauses},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@sample("refusal", TRANSIENT, TRANSIENT[0])
def test_what_google_refuses_for_minutes_is_tried_again(
    functions_api: FunctionsApi,
    deploy: Callable[[], subprocess.CompletedProcess[str]],
    refusal: Answer | str,
) -> None:
    functions_api.refusals = [refusal, refusal]

    done = deploy()

    assert (done.returncode, functions_api.unknown, functions_api.refusals) == (0, [], []), (
        done.stdout
    )
    assert re.findall("Trying again in .* seconds", done.stdout) == [
        "Trying again in 0.1 seconds",
        "Trying again in 0.2 seconds",
    ]


@exhaustive
def test_what_google_goes_on_to_refuse_ends_after_four_pauses(
    functions_api: FunctionsApi, deploy: Callable[[], subprocess.CompletedProcess[str]]
) -> None:
    functions_api.refusals = [TRANSIENT[0]] * 9

    done = deploy()

    assert done.returncode == 1
    assert len(functions_api.refusals) == 4
    assert done.stdout.count("Permission denied while using the Eventarc Service Agent") == 5


def test_what_stays_refused_is_tried_once(
    functions_api: FunctionsApi, deploy: Callable[[], subprocess.CompletedProcess[str]]
) -> None:
    denied = "Permission 'cloudfunctions.functions.create' denied"
    functions_api.refusals = [error_answer(403, "PERMISSION_DENIED", denied)] * 2

    done = deploy()

    assert done.returncode == 1
    assert len(functions_api.refusals) == 1
    assert denied in done.stdout


def test_a_function_that_cannot_be_built_is_not_deployed(
    functions_api: FunctionsApi, programs: Path, emulator: Emulator, tmp_path: Path
) -> None:
    done = run(tmp_path / "harbour", programs, emulator, index="us-central1/demo/pypi")

    assert done.returncode == 1
    assert "SW813 error" in done.stdout
    assert (functions_api.functions, functions_api.uploads) == ([], [])
