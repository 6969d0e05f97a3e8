"""What `check` warns of beside its verdicts, and refuses with --strict."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from steps.version.locks import outdated_locks
from tests.integration.program import environment, run_module, shipwheel
from tests.tree import commit, write

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator

pytestmark = pytest.mark.emulator(repositories=["demo/pypi"])

_BUILD = '[build-system]\nrequires = ["flit_core>=3.11,<4"]\nbuild-backend = "flit_core.buildapi"\n'


def _member(name: str, version: str, requires: str) -> dict[str, str]:
    table = (
        f'[project]\nname = "{name}"\nversion = "{version}"\ndescription = "x"\nreadme = "x.md"\n'
    )
    table += f"requires-python = '>=3.11'\ndependencies = {requires}\n"
    table += "[tool.uv.sources]\ntides = {workspace = true}\n" if "tides" in requires else ""
    return {
        f"{name}/pyproject.toml": table + _BUILD,
        f"{name}/{name}.py": '"""It."""\n',
        f"{name}/x.md": "# It\n",
    }


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A uv workspace of which one package requires another by its bare name, locked."""
    root = write(
        tmp_path / "workspace",
        {
            "pyproject.toml": '[tool.uv.workspace]\nmembers = ["tides", "berths", "dues"]\n',
            **_member("tides", "1.0", "[]"),
            **_member("berths", "1.0", '["tides"]'),
            **_member("dues", "1.0", '["tides>=1.0,<2"]'),
        },
    )
    done = run_module("uv", "lock", "--offline", cwd=root)
    assert done.returncode == 0, done.stderr
    commit(root)
    return root


def test_a_requirement_without_a_lower_bound_on_a_package_of_the_repository_is_told(
    workspace: Path, emulator: Emulator
) -> None:
    environ = environment(emulator.host)

    warned = shipwheel(environ, "check", "--all", "--json", cwd=workspace)
    strict = shipwheel(environ, "check", "--all", "--strict", "--no-build", cwd=workspace)

    message = "berths requires 'tides', of this repository, without a minimum"
    hint = "write 'tides>=1.0': without, an old tides that lacks what it uses may be installed"
    assert (warned.returncode, strict.returncode) == (0, 1), warned.stderr
    assert json.loads(warned.stdout)["warnings"] == [{"message": message, "hint": hint}]
    assert f"warning: {message}\n  hint: {hint}\n" in warned.stderr
    assert f"error: {message}\n  hint: {hint}\n" in strict.stderr


def test_a_requirement_of_an_extra_is_told_too(workspace: Path, emulator: Emulator) -> None:
    extra = "dependencies = []\n[project.optional-dependencies]\nx = ['tides', 'dues<1']\n"
    path = workspace / "berths/pyproject.toml"
    path.write_text(path.read_text().replace('dependencies = ["tides"]\n', extra))
    commit(workspace)

    told = shipwheel(environment(emulator.host), "check", "--all", "--no-build", cwd=workspace)

    assert told.returncode == 0, told.stderr
    assert "warning: berths requires 'tides', of this repository, without a minimum" in told.stderr
    assert "warning: berths requires 'dues<1', which excludes dues 1.0\n" in told.stderr


def test_a_local_version_is_no_bound(workspace: Path, emulator: Emulator) -> None:
    write(workspace, _member("tides", "1.0+here", "[]"))
    commit(workspace)

    told = shipwheel(environment(emulator.host), "check", "berths", "--no-build", cwd=workspace)

    assert told.returncode == 0, told.stderr
    assert "hint: write 'tides>=1.0': without" in told.stderr


def test_a_lock_file_that_no_longer_fits_is_told(workspace: Path, emulator: Emulator) -> None:
    write(workspace, _member("tides", "1.1", "[]"))
    commit(workspace)
    environ = environment(emulator.host, UV_OFFLINE="1")

    warned = shipwheel(environ, "check", "tides", cwd=workspace)
    strict = shipwheel(environ, "check", "tides", "--strict", cwd=workspace)

    message = f"The lock file no longer fits its project: {str(workspace / 'uv.lock')!r}"
    assert (warned.returncode, strict.returncode) == (0, 1), warned.stderr
    assert (
        f"warning: {message}\n  hint: run `uv lock` in '.', and commit the result\n"
        in warned.stderr
    )
    assert f"error: {message}\n" in strict.stderr


def test_a_lock_file_whose_tool_does_not_start_is_not_judged(tmp_path: Path) -> None:
    root = write(tmp_path / "tides", {"pyproject.toml": "", "poetry.lock": "", "bin/poetry": ""})
    program = root / "bin/poetry"
    program.write_text("#!/nowhere/python\n")
    program.chmod(0o755)

    assert [*outdated_locks([root], {"PATH": str(program.parent)})] == []


@pytest.mark.attack("secrets")
def test_the_tool_of_a_lock_file_gets_no_login(tmp_path: Path) -> None:
    backend = f"""\
import os, pathlib
pathlib.Path({str(tmp_path / "seen")!r}).write_text(" ".join(os.environ))
def prepare_metadata_for_build_wheel(directory, config_settings=None):
    folder = pathlib.Path(directory, "tides-1.0.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.2\\nName: tides\\nVersion: 1.0\\n")
    return folder.name
prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel
build_wheel = build_editable = build_sdist = None
"""
    table = '[project]\nname = "tides"\ndynamic = ["version", "dependencies"]\n[build-system]\n'
    table += 'requires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'
    root = write(tmp_path / "tides", {"pyproject.toml": table, "own.py": backend})
    done = run_module("uv", "lock", "--offline", cwd=root)
    assert done.returncode == 0, done.stderr
    environ = {**os.environ, "UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "cache")}

    assert [*outdated_locks([root], {**environ, "TWINE_PASSWORD": "secret"})] == []

    seen = (tmp_path / "seen").read_text().split()
    assert "UV_OFFLINE" in seen
    assert "TWINE_PASSWORD" not in seen
