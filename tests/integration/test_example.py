"""The packages of the sample repository build, and no checker has anything to say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[1] / "example" / "packages"


def run(*arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "-m", *arguments],
        env={**os.environ, "COLUMNS": "1000"},  # or else twine breaks its lines
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.mark.parametrize(
    ("folder", "requires"),
    [
        ("tides", []),
        ("berths", ["Requires-Dist: harbour-tides>=1.2"]),
        ("dues", ["Requires-Dist: harbour-berths (>=0.4)"]),
        ("signals", []),
    ],
)
def test_a_package_builds_without_a_warning_and_names_no_path(
    tmp_path: Path, folder: str, requires: list[str]
) -> None:
    project = tmp_path / folder
    shutil.copytree(PACKAGES / folder, project)

    run("build", "--installer", "uv", str(project))

    [wheel], [sdist] = (project / "dist").glob("*.whl"), (project / "dist").glob("*.tar.gz")
    checked = run("twine", "--no-color", "check", "--strict", str(wheel), str(sdist))
    assert checked.splitlines() == [f"Checking {path}: PASSED" for path in (wheel, sdist)]
    assert run("check_wheel_contents", "--no-config", str(wheel)) == f"{wheel}: OK\n"
    with zipfile.ZipFile(wheel) as archive:
        [member] = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = archive.read(member).decode()
    assert [line for line in metadata.splitlines() if line.startswith("Requires-Dist")] == requires
