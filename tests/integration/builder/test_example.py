"""The demo does what it says; the packages of the sample build, and no checker finds anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.integration.selection import exhaustive

PACKAGES = Path(__file__).parents[2] / "example" / "packages"


RECEIPT = re.compile(r"harbour-\w+ +[\d.]+ +identical +2 found +[\d.]+ kB\n")


@exhaustive
def test_the_demo_ends_with_a_receipt_and_leaves_nothing_behind(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    for folder in folders.values():
        folder.mkdir()
    done = subprocess.run(
        [sys.executable, PACKAGES.parent / "demo.py"],
        env={**os.environ, **{name: str(folder) for name, folder in folders.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    _, new, same, edited, receipt = re.split(r"^=== .* ===$", done.stdout, flags=re.MULTILINE)
    assert new.count(" new ") == 4
    for part in (new, same):
        assert 'Step #1 - "install": imported harbour_berths' in part
        for name in (
            "packages-tides-check",
            "packages-tides-publish",
            "functions-berth-finder-deploy",
        ):
            assert f'Step #2 - "triggers": name: {name}\n' in part
        assert part.count(" 2 uploaded ") == (4 if part is new else 0)
    assert (
        "error: harbour-tides 1.2.0 is already published with different contents:"
        " file changed: harbour_tides/__init__.py; file changed: src/harbour_tides/__init__.py\n"
        'Step #0 - "publish":   hint: set the version to one of: 1.2.1, 1.3.0, 2.0.0, 1.2.1rc1\n'
    ) in edited
    assert len(RECEIPT.findall(receipt)) == 4
    assert receipt.endswith("\n\nEach part of the demo ended as it should.\n")
    assert [*folders["HOME"].iterdir(), *folders["TMPDIR"].iterdir()] == []
    assert not (PACKAGES.parents[2] / ".demo").exists()


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
        pytest.param("tides", [], marks=exhaustive),
        ("berths", ["Requires-Dist: harbour-tides>=1.2"]),
        ("dues", ["Requires-Dist: harbour-berths (>=0.4)"]),
        pytest.param("signals", [], marks=exhaustive),
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
