"""The sample repository says the truth about itself."""

from __future__ import annotations

import ast
import doctest
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from steps.project.repository import find_packages
from steps.project.source import read_project

EXAMPLE = Path(__file__).parents[3] / "example"
PACKAGES = EXAMPLE / "packages"
FOLDERS = ["berths", "dues", "signals", "tides"]


def read_toml(folder: str) -> dict[str, Any]:
    return tomllib.loads((PACKAGES / folder / "pyproject.toml").read_text())


def test_every_package_is_found() -> None:
    assert find_packages(EXAMPLE).packages == tuple(PACKAGES / folder for folder in FOLDERS)


def test_four_backends_are_shown() -> None:
    assert {folder: read_toml(folder)["build-system"]["build-backend"] for folder in FOLDERS} == {
        "berths": "hatchling.build",
        "dues": "poetry.core.masonry.api",
        "signals": "flit_core.buildapi",
        "tides": "setuptools.build_meta",
    }


def test_packages_require_one_another_by_path_and_by_name() -> None:
    projects = {folder: read_project(PACKAGES / folder) for folder in FOLDERS}

    assert {folder: project.local_paths for folder, project in projects.items()} == {
        "berths": (PACKAGES / "tides",),
        "dues": (PACKAGES / "berths",),
        "signals": (),
        "tides": (),
    }
    versions = {str(project): project.version for project in projects.values()}
    for project in projects.values():
        for requirement in project.requirements:
            assert requirement.url is None
            assert requirement.specifier.contains(versions[requirement.name] or "")


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_examples_in_a_package_s_readme_are_true(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FOLDERS:
        source = PACKAGES / name / "src"
        monkeypatch.syspath_prepend(source if source.is_dir() else PACKAGES / name)

    readme = (PACKAGES / folder / "README.md").read_text()
    [code] = re.findall(r"```pycon\n(.*?)```", readme, re.DOTALL)
    example = doctest.DocTestParser().get_doctest(code, {}, folder, "README.md", 0)
    result = doctest.DocTestRunner().run(example)

    for module in [name for name in sys.modules if name.startswith("harbour_")]:
        monkeypatch.delitem(sys.modules, module)
    assert (result.failed, result.attempted > 1) == (0, True)


def test_the_function_requires_what_it_imports_in_versions_that_exist() -> None:
    function = EXAMPLE / "functions" / "berth-finder"
    lines = (function / "requirements.txt").read_text().splitlines()
    pins = {requirement.name: requirement.specifier for requirement in map(Requirement, lines)}

    tree = ast.parse((function / "main.py").read_text())
    imported = {
        name.replace("_", "-")
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else _names(node))
        if name and name not in sys.stdlib_module_names
    }

    assert imported == pins.keys() == {"functions-framework", "harbour-berths"}
    assert pins["harbour-berths"] == SpecifierSet(f"=={read_project(PACKAGES / 'berths').version}")


def _names(node: ast.Import) -> list[str]:
    return [alias.name for alias in node.names]
