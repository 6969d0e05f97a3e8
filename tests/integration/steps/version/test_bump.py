"""`shipwheel bump` in monorepos: dependents, functions, lock files, refusals and kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.clients import install_clients
from tests.integration.program import COMMAND, environment, shipwheel_at
from tests.integration.steps.version.registry import hold
from tests.tiny import make_project
from tests.tree import changed_lines, commit, git, write

if TYPE_CHECKING:
    from builder.server import Emulator

pytestmark = pytest.mark.emulator(repositories=["demo/pypi"])

UV = Path(sys.executable).parent / "uv"
_BUILD = '[build-system]\nrequires = ["uv_build>=0.8"]\nbuild-backend = "uv_build"\n'
_POETRY = (
    '[build-system]\nrequires = ["poetry-core>=2"]\nbuild-backend = "poetry.core.masonry.api"\n'
)
VERSIONS = {"db": "1.4.0", "core": "2.0.0", "app": "3.1.0"}


def _member(name: str, *requires: str) -> str:
    project = f'[project]\nname = "{name}"\nversion = "{VERSIONS[name]}"\n'
    lines = "".join(f"  '{it}', # why\n" for it in requires)
    sources = "".join(f"{it} = {{ workspace = true }}\n" for it in VERSIONS)
    tables = f"{_BUILD}\n[tool.uv.sources]\n{sources}"
    return f'{project}requires-python = ">=3.11"\ndependencies = [\n{lines}]\n\n{tables}'


def _poetic(name: str, dependencies: str = "") -> str:
    return (
        f'[project]\nname = "{name}"\nversion = "{VERSIONS[name]}"\ndescription = "{name}"\n'
        f'requires-python = ">=3.11"\n{dependencies}\n{_POETRY}'
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A uv workspace of three packages and a function, locked, committed and published."""
    root = write(
        tmp_path / "repository",
        {
            "pyproject.toml": '[project]\nname = "all"\nversion = "0"\ndependencies = ["db<2"]\n'
            'requires-python = ">=3.11"\n[tool.uv]\npackage = false\n[tool.uv.workspace]\n'
            'members = ["packages/*"]\n[tool.uv.sources]\ndb = { workspace = true }\n',
            "packages/db/pyproject.toml": _member("db"),
            "packages/core/pyproject.toml": _member("core", "db>=1.2,<2"),
            "packages/app/pyproject.toml": _member(
                "app", 'core[x]==2.0.0; python_version>"3"', "db"
            ),
            **{f"packages/{name}/src/{name}/__init__.py": "" for name in VERSIONS},
            "functions/tide/main.py": "",
            "functions/tide/requirements.txt": "# pins\ndb==1.4.0  # now\ncore==2.0.0\nrich\n",
        },
    )
    subprocess.run([UV, "lock", "--quiet"], cwd=root, check=True, timeout=120)
    commit(root)
    for name, version in VERSIONS.items():
        hold(tmp_path / "registry", name, version)
    return root


def test_dependents_follow_one_another_and_the_lock_fits(
    workspace: Path, emulator: Emulator
) -> None:
    bumped = shipwheel_at(emulator.host, "bump", workspace / "packages/db", "--to", "major")

    assert bumped.returncode == 0, bumped.stderr
    assert git(workspace, "diff", "--stat").splitlines()[-1].strip() == (
        "5 files changed, 9 insertions(+), 9 deletions(-)"
    )
    changed = changed_lines(workspace)
    for line in ("'db>=1.2,<3', # why", "'core[x]==2.0.1; python_version>\"3\"', # why"):
        assert f"+  {line}" in changed
    assert '+dependencies = ["db<3"]' in changed
    subprocess.run([UV, "lock", "--check"], cwd=workspace, check=True, timeout=120)
    checked = shipwheel_at(emulator.host, "check", "--all", workspace, "--json")
    assert checked.returncode == 0, checked.stderr
    judged = {it["project"]: it["version"] for it in json.loads(checked.stdout)["projects"]}
    assert judged == {"db": "2.0.0", "core": "2.0.1", "app": "3.1.1"}


def test_a_lock_that_git_ignores_keeps_what_it_locks(workspace: Path, emulator: Emulator) -> None:
    root = workspace / "pyproject.toml"
    text = root.read_text()
    for requirement in ("packaging==24.0", "packaging"):
        root.write_text(text.replace('["db<2"]', f'["db<2", "{requirement}"]'))
        subprocess.run([UV, "lock", "--quiet"], cwd=workspace, check=True, timeout=120)
    git(workspace, "rm", "--quiet", "--cached", "uv.lock")
    write(workspace, {".gitignore": "uv.lock\n"})

    bumped = shipwheel_at(emulator.host, "bump", workspace / "packages/db", "--to", "patch")

    assert bumped.returncode == 0, bumped.stderr
    locked = (workspace / "uv.lock").read_text()
    assert 'name = "packaging"\nversion = "24.0"' in locked
    assert 'name = "db"\nversion = "1.4.1"' in locked


def test_a_function_follows_where_it_is_asked_for(workspace: Path, emulator: Emulator) -> None:
    arguments = ("bump", workspace / "packages/db", "--to", "major", "--functions", "--no-lock")
    bumped = shipwheel_at(emulator.host, *arguments, "--json")

    assert bumped.returncode == 0, bumped.stderr
    pins = (workspace / "functions/tide/requirements.txt").read_text()
    assert pins == "# pins\ndb==2.0.0  # now\ncore==2.0.1\nrich\n"
    assert "uv.lock" not in git(workspace, "status", "--porcelain")
    assert len(json.loads(bumped.stdout)["requirements"]) == 5


def test_requirements_of_setuptools_and_in_other_files_follow(
    tmp_path: Path, emulator: Emulator
) -> None:
    build = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    named = "\nsetup(name='{}', version='1.0', {})\n"
    setup = f"from setuptools import setup{named}"
    dynamic = f'{build}[project]\nname = "{{0}}"\nversion = "1.0"\ndynamic = ["{{1}}"]\n'
    tool = "[tool.setuptools.dynamic]\n"
    root = write(
        tmp_path / "repository",
        {
            "db/pyproject.toml": _member("db"),
            "cfg/pyproject.toml": build,
            "cfg/setup.cfg": "[metadata]\nname = cfg\nversion = 1.0\n"
            "[options.extras_require]\nfast =\n  db<2  # why\nslow = rich; db<2\n",
            "py/setup.py": setup.format("py", "extras_require={'fast': ['db<2']}"),
            "reads/setup.py": setup.format("reads", "install_requires=open('requirements.txt')"),
            "reads/requirements.txt": "-r more.txt\r\n",
            "reads/more.txt": "db<2\r\n",
            "list/pyproject.toml": dynamic.format("list", "dependencies")
            + f'{tool}dependencies = {{ file = "in.txt" }}\n',
            "list/in.txt": "db<2\n",
            "extra/pyproject.toml": dynamic.format("extra", "optional-dependencies")
            + f'{tool}optional-dependencies.fast = {{ file = ["req/fast.in"] }}\n',
            "extra/req/fast.in": "db<2\n",
            "functions/tide/main.py": "",
            "functions/tide/requirements.txt": "-c pins.txt\ndb\n",
            "functions/tide/pins.txt": "db==1.4.0\n",
        },
    )
    commit(root)
    arguments = ("bump", root / "db", "--to", "major", "--functions", "--dry-run", "--json")

    bumped = shipwheel_at(emulator.host, *arguments)

    assert bumped.returncode == 0, bumped.stderr
    found = json.loads(bumped.stdout)
    moved = {str(Path(it["file"]).resolve().relative_to(root)) for it in found["requirements"]}
    lists = {"reads/more.txt", "list/in.txt", "extra/req/fast.in", "functions/tide/pins.txt"}
    assert moved == {"cfg/setup.cfg", "py/setup.py", *lists}
    assert {it["project"] for it in found["projects"]} == {
        *("db", "cfg", "py", "reads", "list", "extra"),
    }
    assert len(found["requirements"]) == 7


def test_a_bound_is_written_where_there_is_none(workspace: Path, emulator: Emulator) -> None:
    db = workspace / "packages/db"
    bumped = shipwheel_at(emulator.host, "bump", db, "--to", "1.5", "--bounds", "minimum")

    assert bumped.returncode == 0, bumped.stderr
    assert "  'db>=1.5', # why" in (workspace / "packages/app/pyproject.toml").read_text()
    assert "  'db>=1.5,<2', # why" in (workspace / "packages/core/pyproject.toml").read_text()


def test_a_dry_run_prints_the_diff_and_writes_nothing(workspace: Path, emulator: Emulator) -> None:
    arguments = ("bump", "packages/db", "--to", "major")
    environ = environment(emulator.host)
    dry = subprocess.run(
        [*COMMAND, *arguments, "--dry-run"],
        cwd=workspace,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert git(workspace, "status", "--porcelain") == ""
    subprocess.run(
        ["git", "apply", "-p0"], cwd=workspace, input=dry.stdout, text=True, check=True, timeout=30
    )
    applied = git(workspace, "diff")
    git(workspace, "checkout", "--quiet", ".")
    subprocess.run([*COMMAND, *arguments], cwd=workspace, env=environ, check=True, timeout=120)
    assert applied == git(workspace, "diff") != ""


def test_poetrys_path_dependencies_are_locked_by_poetry_or_it_is_named(
    tmp_path: Path, emulator: Emulator, request: pytest.FixtureRequest
) -> None:
    """Constraints in Poetry's own table move, too."""
    commands = install_clients(request.config.cache.mkdir("clients"))
    path = f"{commands}:{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "POETRY_VIRTUALENVS_PATH": str(tmp_path / "venvs")}
    root = write(
        tmp_path / "repository",
        {
            "db/pyproject.toml": _poetic("db"),
            "core/pyproject.toml": _poetic("core", 'dependencies = ["db>=1,<2"]\n')
            + '\n[tool.poetry.dependencies]\ndb = { path = "../db", develop = true }\n',
            "app/pyproject.toml": '[tool.poetry]\nname = "app"\nversion = "3.1.0"\n'
            'description = ""\nauthors = []\n'
            f'[tool.poetry.dependencies]\ndb = {{ version = "^1.4" }}\n{_POETRY}',
            **{f"{name}/{name}/__init__.py": "" for name in VERSIONS},
        },
    )
    for name in ("db", "core"):
        subprocess.run([commands / "poetry", "lock"], cwd=root / name, env=environ, check=True)
    commit(root)

    bumped = shipwheel_at(emulator.host, "bump", root / "db", "--to", "major", PATH=path)

    assert bumped.returncode == 0, bumped.stderr
    assert 'db = { version = "^2.0" }' in (root / "app/pyproject.toml").read_text()
    for name in ("db", "core"):
        subprocess.run(
            [commands / "poetry", "check", "--lock"], cwd=root / name, env=environ, check=True
        )
    git(root, "checkout", "--quiet", ".")
    without = shipwheel_at(emulator.host, "bump", root / "db", "--to", "major", PATH="/usr/bin")
    assert without.returncode == 0
    assert "poetry is not installed: install it, and run `poetry lock` in" in without.stderr


def test_a_version_that_check_would_refuse_is_not_written(
    tmp_path: Path, emulator: Emulator
) -> None:
    root = make_project(tmp_path / "repository", "tides", "1.0.0")
    hold(tmp_path / "registry", "tides", "1.0.0", "2.3.0")
    commit(root)

    refused = shipwheel_at(emulator.host, "bump", root, "--to", "patch")

    assert refused.returncode == 1
    assert "1.0.1 is not greater than 2.3.0" in refused.stderr
    assert "2.3.1, 2.4.0, 3.0.0, 2.3.1rc1" in refused.stderr
    assert git(root, "status", "--porcelain") == ""


def test_every_project_whose_version_is_not_found_is_told(
    tmp_path: Path, emulator: Emulator
) -> None:
    table = '[build-system]\nrequires = []\nbuild-backend = "own"\n'
    for name in ("tides", "berths"):
        text = f'{table}[project]\nname = "{name}"\ndynamic = ["version"]\n'
        write(tmp_path, {f"{name}/pyproject.toml": text})

    refused = shipwheel_at(emulator.host, "bump", "--all", tmp_path, "--to", "patch")

    assert refused.returncode == 2
    for name in ("tides", "berths"):
        assert f"It is not known where the version of {name} is written" in refused.stderr


def test_an_empty_version_is_not_the_next_patch(tmp_path: Path, emulator: Emulator) -> None:
    root = make_project(tmp_path / "repository", "tides", "1.0.0")

    refused = shipwheel_at(emulator.host, "bump", root, "--to", "")

    assert refused.returncode == 2
    assert "--to is neither a part of a version nor a version: ''" in refused.stderr


def test_changed_bumps_what_check_would_refuse_and_nothing_else(
    tmp_path: Path, emulator: Emulator
) -> None:
    root = tmp_path / "repository"
    for name in ("tides", "berths", "charts"):
        make_project(root, name, "1.0.0")
    assert shipwheel_at(emulator.host, "publish", root / "tides", root / "berths").returncode == 0
    (root / "tides/tides/__init__.py").write_text('"""Higher tides."""\n')
    commit(root)

    bumped = shipwheel_at(emulator.host, "bump", "--changed", root / "tides", root / "berths")

    assert bumped.returncode == 0, bumped.stderr
    assert changed_lines(root) == ['+version = "1.0.1"']
    again = shipwheel_at(emulator.host, "bump", "--changed", root / "tides", "--json")
    assert (again.returncode, json.loads(again.stdout)["projects"]) == (0, [])
    every = shipwheel_at(emulator.host, "bump", "--all", root, "--to", "minor", "--json")
    assert [it["new"] for it in json.loads(every.stdout)["projects"]] == ["1.1.0"] * 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_kill_while_it_locks_leaves_all_as_it_was(
    number: signal.Signals, workspace: Path, tmp_path: Path, emulator: Emulator
) -> None:
    killer = write(tmp_path / "bin", {"uv": f"#!/bin/sh\nkill -{number} $PPID\nsleep 5\n"}) / "uv"
    killer.chmod(0o755)
    path = f"{killer.parent}:{os.environ['PATH']}"

    ended = shipwheel_at(emulator.host, "bump", workspace / "packages/db", "--to", "2", PATH=path)

    assert ended.returncode in {-number, 128 + number}
    assert git(workspace, "status", "--porcelain") == ""


def test_a_kill_at_any_moment_leaves_old_or_new(workspace: Path, emulator: Emulator) -> None:
    command = [*COMMAND, "bump", str(workspace / "packages/db"), "--to", "2.0.0"]
    started = time.monotonic()
    subprocess.run(command, env=environment(emulator.host), check=True, timeout=120)
    took = time.monotonic() - started
    new = git(workspace, "diff")
    for part in range(1, 9):
        git(workspace, "checkout", "--quiet", ".")
        with subprocess.Popen(command, env=environment(emulator.host)) as process:
            time.sleep(took * (0.6 + part / 20))
            process.kill()
        assert git(workspace, "diff") in {"", new}
        assert "?" not in git(workspace, "status", "--porcelain")
