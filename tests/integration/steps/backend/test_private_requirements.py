"""Build requirements that no public index has: a project beside, and packages of the registry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.program import environment, shipwheel
from tests.integration.selection import sample
from tests.tiny import make_distributions, make_project
from tests.tree import commit

if TYPE_CHECKING:
    from builder.server import Emulator

TOKEN = "ya29.hidden-token"

pytestmark = pytest.mark.emulator(repositories=["demo/pypi"], token=TOKEN)

# A backend that writes down what it was given, and what the build requirement says.
BACKEND = """\
import json, os, sys
import {tool}
from flit_core.buildapi import *
with open({observed!r}, "a") as file:
    print(json.dumps([{tool}.__doc__, dict(os.environ), sys.argv]), file=file)
"""


@pytest.fixture(name="environ")
def _environ(emulator: Emulator, tmp_path: Path) -> dict[str, str]:
    return environment(
        emulator.host,
        TWINE_USERNAME="oauth2accesstoken",
        TWINE_PASSWORD=TOKEN,
        OBSERVED=str(tmp_path / "observed"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )


def make_app(environ: dict[str, str], folder: Path, requirement: str, name: str = "app") -> Path:
    directory = make_project(folder, name)
    path = directory / "pyproject.toml"
    requires = f'requires = ["flit_core>=3.11,<4", "{requirement}"]\nbackend-path = ["."]'
    text = path.read_text().replace('requires = ["flit_core>=3.11,<4"]', requires)
    text += '[tool.flit.sdist]\ninclude = ["backend.py"]\n'
    path.write_text(text.replace('"flit_core.buildapi"', '"backend"'))
    (directory / "backend.py").write_text(
        BACKEND.format(tool=requirement.rstrip("<>=1234567890"), observed=environ["OBSERVED"])
    )
    return directory


def observed(environ: dict[str, str]) -> list[str]:
    """Return the words of the build requirements, after a look for secrets in all that was seen."""
    text = Path(environ["OBSERVED"]).read_text()
    assert TOKEN not in text
    return [json.loads(line)[0] for line in text.splitlines()]


@sample("command", ["build", "publish", "check"], "check")
def test_a_project_beside_is_built_first_for_the_build_that_requires_it(
    tmp_path: Path, environ: dict[str, str], command: str
) -> None:
    make_project(tmp_path / "work", "library", text="lib")
    make_project(tmp_path / "work", "tool", requires=["library"], text="beside")
    app = make_app(environ, tmp_path / "work", "tool>=1")
    text = (app / "pyproject.toml").read_text().replace('version = "1.0"', 'dynamic = ["version"]')
    (app / "pyproject.toml").write_text(text)
    (app / "app/__init__.py").write_text('"""app"""\n__version__ = "1.0"\n')
    commit(tmp_path / "work")

    answer = shipwheel(environ, command, app)

    assert answer.returncode == 0, answer.stderr
    assert set(observed(environ)) == {"tool beside"}
    assert TOKEN not in answer.stdout + answer.stderr


def test_a_project_beside_that_changed_is_built_again_though_environments_are_kept(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    tool = make_project(tmp_path, "tool", text="first")
    app = make_app(environ, tmp_path, "tool")
    assert shipwheel(environ, "build", app, tool, cwd=tmp_path).returncode == 0
    (tool / "tool/__init__.py").write_text('"""tool second"""\n')

    answer = shipwheel(environ, "build", app, tool, cwd=tmp_path)

    assert answer.returncode == 0, answer.stderr
    assert observed(environ)[-1] == "tool second"


@sample("kind", ["setup_requires", "uv workspace"], "setup_requires")
def test_a_sibling_is_found_however_the_build_names_it(
    tmp_path: Path, environ: dict[str, str], kind: str
) -> None:
    make_project(tmp_path, "tool", text="beside")
    app = make_app(environ, tmp_path, "tool")
    with (app / "pyproject.toml").open("a") as file:
        file.write("[tool.uv.sources]\ntool = { workspace = true }\n")
    if kind == "setup_requires":
        (app / "pyproject.toml").unlink()
        (app / "setup.py").write_text(
            "import sys\nfrom setuptools import setup\nif 'egg_info' not in sys.argv: import tool\n"
            "setup(name='app', version='1.0', setup_requires=['tool>=1'], packages=['app'])\n"
        )

    answer = shipwheel(environ, "build", app, tmp_path / "tool", cwd=tmp_path)

    assert answer.returncode == 0, answer.stderr


@sample("name", ["app", "yacht"], "app")
@sample("command", [["build"], ["check"], ["publish", "--workers", "1"]], ["check"])
def test_a_project_of_the_call_is_built_once_whatever_requires_it(
    tmp_path: Path, environ: dict[str, str], name: str, command: list[str]
) -> None:
    make_app(environ, tmp_path / "work", "tool>=1", name)
    make_project(tmp_path / "work", "tool", text="beside")

    answer = shipwheel(environ, *command, "--all", tmp_path / "work")

    assert answer.returncode == 0, answer.stderr
    built = [line.split()[1] for line in answer.stderr.splitlines() if line.startswith("Built")]
    assert sorted(built) == sorted(["tool", name])
    made = {it.name for it in (tmp_path / "work" / "tool").glob("dist/*-*")}
    assert made == (
        set() if "check" in command else {"tool-1.0-py2.py3-none-any.whl", "tool-1.0.tar.gz"}
    )


def test_all_goes_in_the_order_of_build_requirements(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    make_app(environ, tmp_path / "work", "tool>=1")
    make_project(tmp_path / "work", "tool", text="beside")

    answer = shipwheel(environ, "publish", "--all", tmp_path / "work")

    assert answer.returncode == 0, answer.stderr
    uploaded = [line.split()[1] for line in answer.stderr.splitlines() if "Uploaded" in line]
    assert [name.split("-")[0] for name in uploaded] == ["tool", "tool", "app", "app"]


@sample("command", [["publish"], ["build", "--registry", "us-central1/demo/pypi"]], ["publish"])
def test_a_private_build_requirement_is_taken_from_the_registry(
    tmp_path: Path, environ: dict[str, str], command: list[str]
) -> None:
    for name, requires in (("library", ()), ("tool", ("library>=1",))):
        project = make_project(tmp_path / "tools", name, requires=requires, text="published")
        assert shipwheel(environ, "publish", project).returncode == 0
    newer = make_project(tmp_path / "tools", "tool", "2.0", text="too new")
    assert shipwheel(environ, "publish", newer).returncode == 0
    app = make_app(environ, tmp_path / "elsewhere", "tool<2")

    answer = shipwheel(environ, "-v", *command, app)

    assert answer.returncode == 0, answer.stderr
    assert set(observed(environ)) == {"tool published"}
    assert TOKEN not in answer.stdout + answer.stderr


def test_a_file_for_another_python_is_passed_over_and_an_option_reported_where_none_is_left(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    app = make_app(environ, tmp_path / "elsewhere", "tool")
    for version, requires_python in (("2.0", ">=3.39"), ("1.0", ">=3.8")):
        tool = make_project(tmp_path / version, "tool", version, text=version)
        make_distributions(tool, requires_python=requires_python)
        uploaded = shipwheel(environ, "upload", tool, "--policy", "unique")
        assert uploaded.returncode == 0, uploaded.stderr

        answer = shipwheel(environ, "publish", app)

        if version == "2.0":
            assert answer.returncode == 3
            assert "no file of it that fits 'tool' and Python 3." in answer.stderr
            assert "hint: name a Python that it fits with --python, or publish" in answer.stderr
        else:
            assert answer.returncode == 0, answer.stderr
            assert set(observed(environ)) == {"tool 1.0"}


def test_what_the_registry_holds_is_not_taken_from_another_index(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    tool = make_project(tmp_path / "tools", "tool")
    assert shipwheel(environ, "publish", tool).returncode == 0
    app = make_app(environ, tmp_path / "elsewhere", "tool>=7")

    answer = shipwheel(environ, "publish", app)

    assert answer.returncode == 3
    assert "The registry holds 'tool', and no file of it that fits 'tool>=7'" in answer.stderr


def test_projects_that_need_one_another_to_be_built_are_refused(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    make_app(environ, tmp_path / "work", "tool", "app")
    make_app(environ, tmp_path / "work", "app", "tool")

    answer = shipwheel(environ, "build", "--all", tmp_path / "work")

    assert answer.returncode == 2
    assert "Projects need one another to be built: app -> tool -> app" in answer.stderr
