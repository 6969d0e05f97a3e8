"""What the tools that read a version from git say in the clone of a build, and what fixes it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from steps.release.gate import UNSHALLOW
from tests.integration.program import shipwheel_at
from tests.integration.selection import sample
from tests.tiny import make_project
from tests.tree import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator

pytestmark = pytest.mark.emulator(repositories=["demo/pypi"])

_SETUP_PY = """\
import versioneer
from setuptools import setup

setup(version=versioneer.get_version(), cmdclass=versioneer.get_cmdclass())
"""
_PROJECT = """
[project]
name = "tides"
dynamic = ["version"]
"""
PYPROJECTS = {
    "setuptools-scm": """
[build-system]
requires = ["setuptools>=80", "setuptools-scm>=8"]
build-backend = "setuptools.build_meta"

[tool.setuptools]
packages = ["tides"]

[tool.setuptools_scm]
""",
    "hatch-vcs": """
[build-system]
requires = ["hatchling>=1.27", "hatch-vcs>=0.4"]
build-backend = "hatchling.build"

[tool.hatch.version]
source = "vcs"
""",
    "versioneer": """
[build-system]
requires = ["setuptools>=80", "versioneer>=0.29"]
build-backend = "setuptools.build_meta"

[tool.setuptools]
packages = ["tides"]

[tool.versioneer]
VCS = "git"
style = "pep440"
versionfile_source = "tides/_version.py"
versionfile_build = "tides/_version.py"
tag_prefix = "v"
""",
    "poetry-dynamic-versioning": """
[build-system]
requires = ["poetry-core>=2", "poetry-dynamic-versioning>=1.8,<2"]
build-backend = "poetry_dynamic_versioning.backend"

[tool.poetry]
version = "0.0.0"

[tool.poetry-dynamic-versioning]
enable = true
""",
    "pdm-backend": """
[build-system]
requires = ["pdm-backend>=2.4"]
build-backend = "pdm.backend"

[tool.pdm.version]
source = "scm"
""",
}
SHALLOW = {
    "setuptools-scm": "0.1.dev1+g{commit}",
    "hatch-vcs": "0.1.dev1+g{commit}",
    "versioneer": "0+untagged.1.g{commit}",
    "poetry-dynamic-versioning": "0.0.0.post1.dev0+{commit}",
    "pdm-backend": "0.1.dev1+g{commit}",
}
WHOLE = {
    "setuptools-scm": "1.4.1.dev1+g{commit}",
    "hatch-vcs": "1.4.1.dev1+g{commit}",
    "versioneer": "1.4.0+1.g{commit}",
    "poetry-dynamic-versioning": "1.4.0.post1.dev0+{commit}",
    "pdm-backend": "1.4.1.dev1+g{commit}",
}
TOOLS = sorted(PYPROJECTS)


@pytest.fixture
def host(emulator: Emulator) -> str:
    return emulator.host


def make_origin(folder: Path, tool: str) -> Path:
    """Make a repository whose version is one commit after the tag v1.4.0, and return it."""
    origin = make_project(folder, "tides")
    (origin / "pyproject.toml").write_text(PYPROJECTS[tool] + _PROJECT)
    if tool == "versioneer":
        (origin / "setup.py").write_text(_SETUP_PY)
    commit(origin)
    git(origin, "tag", "v1.4.0")
    commit(origin)
    return origin


def expected(pattern: str, printed: str, commit: str) -> str:
    """Return *pattern* with as much of *commit* as the tool *printed*, which is at least seven."""
    digits = max(
        (count for count in range(7, 41) if pattern.format(commit=commit[:count]) in printed),
        default=7,
    )
    return pattern.format(commit=commit[:digits])


@sample("tool", TOOLS, "setuptools-scm")
def test_a_shallow_clone_is_explained_and_the_command_that_is_named_fixes_it(
    tool: str, host: str, tmp_path: Path
) -> None:
    origin = make_origin(tmp_path / "origin", tool)
    newest = git(origin, "rev-parse", "HEAD")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--depth", "1", f"file://{origin}", str(clone))

    shallow = shipwheel_at(host, "check", clone, "--allow-local")
    mend = shallow.stderr.partition("run: ")[2].partition("  (")[0]
    subprocess.run(["sh", "-c", mend], cwd=clone, check=True, timeout=60)
    mended = shipwheel_at(host, "check", clone, "--allow-local")

    version = expected(SHALLOW[tool], shallow.stdout, newest)
    assert shallow.returncode == 1, shallow.stderr
    assert shallow.stdout.splitlines()[1].split(maxsplit=4) == [
        "tides",
        "-",
        version,
        "not-bumped",
        "complete the git history: --unshallow",
    ]
    assert (
        f"error: tides {version} is what a build backend invents when it sees no tag\n"
        "  hint: the clone is shallow, or has no tag; build with --unshallow, or before it run:"
        f" {UNSHALLOW}  ("
    ) in shallow.stderr
    assert mend == UNSHALLOW
    assert mended.returncode == 0, mended.stderr
    assert mended.stdout.splitlines()[1].split(maxsplit=4) == [
        "tides",
        "-",
        expected(WHOLE[tool], mended.stdout, newest),
        "new",
        "publish it",
    ]


@sample("tool", TOOLS, "setuptools-scm")
def test_a_source_without_git_is_explained(tool: str, host: str, tmp_path: Path) -> None:
    """As `gcloud builds submit` sends it: most tools fail, versioneer invents."""
    source = make_project(tmp_path / "source", "tides")
    (source / "pyproject.toml").write_text(PYPROJECTS[tool] + _PROJECT)
    if tool == "versioneer":
        (source / "setup.py").write_text(_SETUP_PY)

    done = shipwheel_at(host, "check", source, "--allow-local")

    hint = done.stderr.rpartition("  hint: ")[2]
    assert "`gcloud builds submit` leaves .git out unless a .gcloudignore keeps it" in hint
    if tool == "versioneer":
        assert done.returncode == 1
        assert done.stdout.splitlines()[1].split()[2:4] == ["0+unknown", "not-bumped"]
    else:
        assert (done.returncode, done.stdout) == (3, "")
        assert "error: The build backend of 'tides' failed: " in done.stderr


def test_a_version_of_zeros_that_is_written_in_a_file_is_published(
    host: str, tmp_path: Path
) -> None:
    tides = make_project(tmp_path, "tides", "0.0.0")

    checked = shipwheel_at(host, "check", tides)
    published = shipwheel_at(host, "publish", tides)
    uploaded = shipwheel_at(host, "upload", tides)

    assert checked.stdout.splitlines()[1].split()[2:4] == ["0.0.0", "new"]
    assert published.returncode == 0, published.stderr
    assert uploaded.returncode == 0, uploaded.stderr
