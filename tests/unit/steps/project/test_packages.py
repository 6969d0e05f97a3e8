"""`tests/packages` holds one project per condition of the build step; each is what its name says.

What shows only in a build is in the tests of that step.
"""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from steps.host.errors import InputError
from steps.project.source import read_project

PACKAGES = Path(__file__).parents[3] / "packages"

# What each is built by, for those whose files have nothing wrong with them.
BACKENDS = {
    "dynamic-version": "setuptools.build_meta",
    "failing-backend": "backend",
    "flit": "flit_core.buildapi",
    "hatchling": "hatchling.build",
    "in-tree-backend": "backend",
    "missing-backend": "flit_core.no_such_module",
    "other-name": "backend",
    "other-version": "backend",
    "pdm-backend": "pdm.backend",
    "poetry-core": "poetry.core.masonry.api",
    "sdist-only": "backend",
    "setuptools": "setuptools.build_meta",
    "uninstallable-backend": "flit_core.buildapi",
    "uv-build": "uv_build",
    "wheel-only": "backend",
}
# What is wrong with the files of the others.
WRONG = {
    "invalid-toml": "is not valid TOML: Illegal character '\\n'",
    "invalid-version": "not valid (PEP 440): '1.0-final-2'",
    "no-name": "[project] has no name",
    "no-pyproject": "has no pyproject.toml",
    "no-version": "[project] has no version",
}
# What an in-tree backend defines beside flit's.
HOOKS = {
    "failing-backend": {"build_sdist", "build_wheel"},
    "in-tree-backend": set[str](),
    "other-name": {"build_sdist"},
    "other-version": {"build_sdist"},
    "sdist-only": {"build_wheel"},
    "wheel-only": {"build_sdist", "UnsupportedOperation"},
}


def test_every_condition_is_described() -> None:
    folders = sorted(path.name for path in PACKAGES.iterdir())

    assert folders == sorted([*BACKENDS, *WRONG])
    assert [folder for folder in folders if not (PACKAGES / folder / "README.md").is_file()] == []


@pytest.mark.parametrize("folder", BACKENDS)
def test_a_project_names_its_backend_and_reads_well(folder: str) -> None:
    table = tomllib.loads((PACKAGES / folder / "pyproject.toml").read_text())
    project = read_project(PACKAGES / folder)

    assert table["build-system"]["build-backend"] == BACKENDS[folder]
    assert table["build-system"].get("backend-path") == (["."] if folder in HOOKS else None)
    version = None if folder == "dynamic-version" else "1.0"
    assert (project.name, project.version and str(project.version)) == (
        f"condition-{folder}",
        version,
    )


@pytest.mark.parametrize("folder", WRONG)
def test_a_wrong_project_has_the_one_problem_of_its_name(folder: str) -> None:
    with pytest.raises(InputError) as caught:
        read_project(PACKAGES / folder)

    [problem] = caught.value.problems
    assert WRONG[folder] in problem.message


@pytest.mark.parametrize("folder", HOOKS)
def test_a_backend_of_its_own_differs_from_flit_in_what_its_name_says(folder: str) -> None:
    tree = ast.parse((PACKAGES / folder / "backend.py").read_text())

    definitions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert {definition.name for definition in definitions} == HOOKS[folder]
