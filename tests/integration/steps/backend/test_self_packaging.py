"""This project's own wheel, installed into an empty environment, away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import uv

import steps
from steps.backend.building import build
from steps.backend.context import BuildOptions, open_build_context
from steps.project.source import read_project
from tests.archives import member_hashes

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module", name="dist")
def _dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dist = tmp_path_factory.mktemp("dist")
    with open_build_context(BuildOptions(strict=True), os.environ) as context:
        build(read_project(ROOT), context, output=dist)
    return dist


@pytest.fixture(scope="module", name="environment")
def _environment(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    environment = tmp_path_factory.mktemp("environment")
    commands = [
        ["venv", "--quiet", "--python", sys.executable, str(environment)],
        ["pip", "install", "--quiet", "--python", str(environment), str(*dist.glob("*.whl"))],
    ]
    for command in commands:
        subprocess.run([uv.find_uv_bin(), *command], check=True, timeout=300)
    return environment


def run(environment: Path, *command: str, cwd: Path) -> str:
    ended = subprocess.run(
        [str(environment / "bin" / command[0]), *command[1:]],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ended.stderr == ""
    return ended.stdout


def test_the_wheel_runs_in_an_empty_environment(environment: Path, tmp_path: Path) -> None:
    version = run(environment, "shipwheel", "--version", cwd=tmp_path)
    help_text = run(environment, "python", "-I", "-m", "builder", "--help", cwd=tmp_path)

    assert version == f"shipwheel {steps.__version__}\n"
    assert help_text.startswith("Usage: shipwheel [OPTIONS] COMMAND [ARGS]...\n")


def test_a_users_own_folders_cannot_shadow_shipwheels(environment: Path, tmp_path: Path) -> None:
    for name in ("steps", "builder", "triggers"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('shadowed')\n")

    out = run(environment, "python", "-I", "-m", "builder", "--version", cwd=tmp_path)

    assert out == f"shipwheel {steps.__version__}\n"


def test_the_wheel_holds_the_three_floors_and_nothing_else(dist: Path) -> None:
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        tops = {name.split("/")[0] for name in wheel.namelist()}

    assert tops == {"builder", "steps", "triggers", f"shipwheel-{steps.__version__}.dist-info"}


def test_the_sdist_holds_what_its_tests_need(dist: Path) -> None:
    members = member_hashes(next(dist.glob("*.tar.gz")))

    for name in ("Makefile", "README.md", "LICENSE", "tests/conftest.py"):
        assert name in members
    assert not [name for name in members if "__pycache__" in name or name.startswith("dist/")]
