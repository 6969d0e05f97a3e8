"""`shipwheel bump` where several projects have their version from one file, or from one tag."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.program import shipwheel_at
from tests.integration.steps.version.registry import hold
from tests.tree import changed_lines, commit, git, write

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator

pytestmark = pytest.mark.emulator(repositories=["demo/pypi"])


def test_projects_with_one_file_for_their_versions_are_bumped_together(
    tmp_path: Path, emulator: Emulator
) -> None:
    build = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    version = 'dynamic = ["version"]\n[tool.hatch.version]\npath = "../version.py"\n'
    files = {
        f"{name}/pyproject.toml": f'{build}[project]\nname = "{name}"\n{requires}{version}'
        for name, requires in {
            "db": "",
            "core": "",
            "app": 'dependencies = ["core==1.0"]\n',
        }.items()
    }
    root = write(tmp_path / "repository", {**files, "version.py": "__version__ = '1.0'\n"})
    commit(root)

    bumped = shipwheel_at(emulator.host, "bump", root / "db", "--to", "minor", "--json")

    assert bumped.returncode == 0, bumped.stderr
    found = json.loads(bumped.stdout)
    assert [it["project"] for it in found["projects"]] == ["db", "app", "core"]
    assert len(found["files"]) == 2
    assert changed_lines(root) == ['+dependencies = ["core==1.1"]', "+__version__ = '1.1'"]


def test_a_dependent_takes_those_along_that_share_its_version(
    tmp_path: Path, emulator: Emulator
) -> None:
    build = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    dynamic = 'dynamic = ["version"]\n[tool.hatch.version]\npath = "../versions.py"\n'
    other = "pattern = 'OTHER = \"(?P<version>.+)\"'\n"
    members = {
        "db": 'version = "1.0"\n',
        "core": f'dependencies = ["db==1.0"]\n{dynamic}',
        "app": dynamic,
        "aside": f"{dynamic}{other}",
    }
    files = {
        f"{name}/pyproject.toml": f'{build}[project]\nname = "{name}"\n{text}'
        for name, text in members.items()
    }
    root = write(
        tmp_path / "repository", {**files, "versions.py": '__version__ = "1.0"\nOTHER = "5.0"\n'}
    )
    commit(root)
    hold(tmp_path / "registry", "app", "1.0.1")

    bumped = shipwheel_at(emulator.host, "bump", root / "db", "--to", "minor", "--json")

    assert bumped.returncode == 0, bumped.stderr
    found = {it["project"]: (it["new"], it["why"]) for it in json.loads(bumped.stdout)["projects"]}
    assert found == {
        "db": ("1.1", "asked for"),
        "core": ("1.0.2", "requires 'db==1.1'"),
        "app": ("1.0.2", "shares its version with core"),
    }
    assert changed_lines(root) == [
        '+dependencies = ["db==1.1"]',
        '+version = "1.1"',
        '+__version__ = "1.0.2"',
    ]


def _tagged(name: str) -> dict[str, str]:
    return {
        f"{name}/pyproject.toml": f'[project]\nname = "{name}"\ndynamic = ["version"]\n'
        '[build-system]\nrequires = ["hatchling>=1.27", "hatch-vcs>=0.4"]\n'
        'build-backend = "hatchling.build"\n[tool.hatch.version]\nsource = "vcs"\n'
        'raw-options = { root = ".." }\n',
        f"{name}/{name}/__init__.py": "",
        # As an older uv wrote it: a lock of today has more, and uv would write it anew.
        f"{name}/uv.lock": f'version = 1\nrequires-python = ">=3.11"\n[[package]]\n'
        f'name = "{name}"\nversion = "1.4.0"\nsource = {{ editable = "." }}\n',
    }


def test_the_tag_of_two_packages_is_printed_once_and_nothing_is_written(
    tmp_path: Path, emulator: Emulator
) -> None:
    root = write(tmp_path / "repository", _tagged("tides") | _tagged("berths"))
    commit(root)
    git(root, "tag", "v1.4.0")
    packages = root / "tides", root / "berths"

    bumped = shipwheel_at(emulator.host, "bump", *packages, "--to", "minor", "--json")

    assert bumped.returncode == 0, bumped.stderr
    assert [it["tag"] for it in json.loads(bumped.stdout)["projects"]] == ["v1.5.0"] * 2
    assert bumped.stderr == "Next, when this is merged: git tag v1.5.0, and push it\n"
    assert (git(root, "tag"), git(root, "status", "--porcelain")) == ("v1.4.0", "")
    commit(root)
    git(root, "tag", "v1.5.0")
    checked = shipwheel_at(emulator.host, "check", *packages, "--json")
    assert [it["version"] for it in json.loads(checked.stdout)["projects"]] == ["1.5.0"] * 2
