"""Which directories are packages and functions, and what they depend upon, from real files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from steps.host.errors import InputError, Problem
from steps.project.references import read_references
from tests.unit.triggers.discovery.trees import BUILDS, IMPORT, found, inventory, project
from triggers.discovery.dependencies import links_out
from triggers.discovery.inventory import (
    find_components,
    left_out_functions,
)

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = {
    "pyproject.toml": "[tool.uv.workspace]\nmembers = ['packages/*']\n",
    "packages/a/pyproject.toml": project("a"),
    "packages/old/setup.py": "from setuptools import setup\nsetup(name='Old_One')\n",
    "packages/virtual/pyproject.toml": BUILDS + "[tool.uv]\npackage = false\n",
    "packages/.hidden/pyproject.toml": project("hidden"),
    "packages/a/dist/left/pyproject.toml": project("left"),
    "functions/f/main.py": IMPORT,
    "functions/f/requirements.txt": "",
    "functions/g/main.py": IMPORT,
    "functions/g/pyproject.toml": "[project]\nname = 'g'\nversion = '1'\n",
    "functions/h/main.py": IMPORT,
    "functions/h/requirements.txt.tmpl": "",
    "scripts/main.py": "",
    "examples/e/pyproject.toml": project("e"),
    ".venv/pyvenv.cfg": "",
    ".venv/lib/site/pyproject.toml": project("installed"),
    "environment/pyvenv.cfg": "",
    "environment/setup.py": "",
    "environment/x/pyproject.toml": project("x"),
    "environment/y/setup.py": "",
}


def test_packages_and_functions_are_found(tmp_path: Path) -> None:
    assert found(tmp_path, LAYOUT) == {
        "examples/e": "package",
        "packages/a": "package",
        "packages/old": "package",
        "functions/f": "function",
        "functions/g": "function",
        "functions/h": "function",
    }


def test_a_main_module_that_is_gone_before_it_is_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "main.py").symlink_to("nothing")

    with pytest.raises(InputError, match=r"f/main\.py' cannot be read: No such file"):
        inventory(tmp_path, {"f/requirements.txt": ""})


def test_folders_that_are_gone_before_they_are_read_are_passed_over_or_named(
    tmp_path: Path,
) -> None:
    assert links_out(tmp_path, ["gone"], []) == {}
    with pytest.raises(InputError, match="gone' cannot be read: No such file"):
        read_references(tmp_path / "gone")


@pytest.mark.parametrize(
    ("manifest", "left"),
    [
        ({"packages": {"exclude": ["examples"]}}, ["packages/a", "packages/old"]),
        ({"packages": {"exclude": ["*/e", "packages/o*"]}}, ["packages/a"]),
        ({"packages": {"include": ["packages/old"]}}, ["packages/old"]),
        ({"packages": {"include": ["packages/*"], "exclude": ["packages/virtual"]}},
         ["packages/a", "packages/old"]),
        ({"packages": {"include": []}}, []),
        ({"packages": {"include": ["packages/old", "examples/e", "packages/a"]}},
         ["examples/e", "packages/a", "packages/old"]),
        ({"packages": {"include": ["**/old"]}}, ["packages/old"]),
        ({"packages": {"include": ["examples/e/**"]}}, ["examples/e"]),
    ],
)  # fmt: skip
def test_the_manifests_lists_win(tmp_path: Path, manifest: dict[str, Any], left: list[str]) -> None:
    kinds = found(tmp_path, LAYOUT, **manifest)

    assert [path for path, kind in kinds.items() if kind == "package"] == left


def test_only_the_listed_functions_are_taken(tmp_path: Path) -> None:
    kinds = found(tmp_path, LAYOUT, functions={"include": ["functions/h", "functions/f"]})

    assert [*kinds][-2:] == ["functions/f", "functions/h"]
    assert "functions/g" not in kinds


@pytest.mark.parametrize(
    ("main", "requirements", "manifest", "is_one"),
    [
        ("def main(r): ...\n", "flask\n", {}, False),
        ("def main(r): ...\n", "Functions_Framework==3\n", {}, True),
        ("def main(r): ...\n", "-r ../base.txt\n", {}, True),
        ("from functions_framework import http\n", "", {}, True),
        ("def main(r): ...\n", "", {"overrides": {"f": {"deploy": {"enabled": True}}}}, True),
        (
            "def other(r): ...\n",
            "",
            {"overrides": {"f": {"deploy": {"function": {"entryPoint": "other"}}}}},
            True,
        ),
        ("x = 1\n", "", {"functions": {"include": ["f"]}}, True),
    ],
)
def test_a_directory_is_a_function_with_evidence_alone(
    tmp_path: Path, main: str, requirements: str, manifest: dict[str, Any], *, is_one: bool
) -> None:
    files = {"f/main.py": main, "f/requirements.txt": requirements}
    files |= {"base.txt": "functions-framework\n"}

    taken = inventory(tmp_path, files, **manifest)
    assert [it.path for it in taken.components] == (["f"] if is_one else [])
    assert left_out_functions(tmp_path, taken) == (() if is_one else ("f",))


def test_a_package_with_a_main_module_is_not_a_function_besides(tmp_path: Path) -> None:
    targets = inventory(tmp_path, {"a/pyproject.toml": project("a"), "a/main.py": ""}).components

    assert [(target.path, target.kind) for target in targets] == [("a", "package")]


def test_all_that_is_found_is_in_the_order_of_its_paths(tmp_path: Path) -> None:
    paths = [f"{letter}/x" for letter in "hbgdface"]
    files = {f"{path}/main.py": IMPORT for path in paths}
    files |= {f"{path}/requirements.txt": "" for path in paths}

    assert [*found(tmp_path, files)] == sorted(paths)
    assert find_components(tmp_path) == tuple(sorted(paths))


def test_packages_functions_and_top_directories_have_overrides(tmp_path: Path) -> None:
    overrides: dict[str, Any] = {"packages/old": {}, "packages": {}, "functions/f": {}}

    assert "packages/old" in found(tmp_path, LAYOUT, overrides=overrides)


def test_a_listed_function_may_look_like_a_package(tmp_path: Path) -> None:
    files = {
        "f/pyproject.toml": project("f"),
        "f/main.py": IMPORT,
        "a/pyproject.toml": project("a"),
    }

    assert found(tmp_path, files, functions={"include": ["f"]}) == {"a": "package", "f": "function"}


def test_all_problems_of_the_lists_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        inventory(
            tmp_path,
            LAYOUT,
            packages={"include": ["packages/b", "packages/a/pyproject.toml"]},
            functions={"include": ["functions/*", "lambdas/*"]},
            overrides={"packages/c": {}},
        )

    assert [problem.message for problem in caught.value.problems] == [
        "`packages.include` names a directory that does not exist: 'packages/b'",
        ("`packages.include` names a directory that does not exist: 'packages/a/pyproject.toml'"),
        "`functions.include` names a directory that does not exist: 'lambdas/*'",
        '`overrides["packages/c"]` is not the directory of a package or function',
    ]


def test_two_packages_of_one_name_are_refused(tmp_path: Path) -> None:
    files = {"a/pyproject.toml": project("same"), "b/pyproject.toml": project("Same")}

    with pytest.raises(InputError, match="2 projects have the name 'same'"):
        inventory(tmp_path, files)


def test_a_directory_whose_name_no_trigger_can_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        inventory(tmp_path, {"b\udceata/pyproject.toml": project("tides")})

    assert [*caught.value.problems] == [
        Problem(
            "The name of a directory is not UTF-8, and triggers are: 'b\\udceata'",
            "rename it, or leave it out: `exclude` in the manifest",
        )
    ]


def test_all_broken_projects_are_named_at_once(tmp_path: Path) -> None:
    files = {"a/pyproject.toml": "[[", "b/pyproject.toml": BUILDS + "[project]\nname = '-'\n"}

    with pytest.raises(InputError) as caught:
        inventory(tmp_path, files)

    assert len(caught.value.problems) == 3
    assert all("; or leave its directory out" in each.hint for each in caught.value.problems)


def test_what_no_command_can_build_is_not_a_package_and_what_one_can_is(tmp_path: Path) -> None:
    bare = "[project]\nname = 'bare'\nversion = '1'\n"
    files = {
        "alone/setup.cfg": "[metadata]\nname = alone\n",
        "module/setup.py": "def prepare() -> None: ...\n",
        "poetry/pyproject.toml": "[tool.poetry]\nname = 'poetry'\nversion = '1'\n",
        "old/setup.py": "import setuptools\nsetuptools.setup()\n",
        "bare/pyproject.toml": bare,
        "function/pyproject.toml": bare,
        "function/main.py": IMPORT,
    }

    assert found(tmp_path, files) == {"bare": "package", "old": "package", "function": "function"}


def test_names_come_from_the_metadata_or_else_from_the_directory(tmp_path: Path) -> None:
    files = {
        "a/pyproject.toml": project("Big.Name"),
        "b/setup.py": "import setuptools\nsetuptools.setup(name='Set_Up')\n",
        "c/setup.cfg": "[metadata]\nname = configured\n",
        "c/setup.py": "import setuptools; setuptools.setup()\n",
        "d/setup.py": "name = compute()\nsetup(name=name)\n",
        "e/setup.py": "print 'Python 2'; setup(name='gone')\n",
        "f/pyproject.toml": BUILDS + "[tool.poetry]\nname = 'Po'\nversion = '1'\n",
    }

    assert [target.name for target in inventory(tmp_path, files).components] == [
        "big-name", "set-up", "configured", "d", "e", "po",
    ]  # fmt: skip


def test_an_own_build_config_is_seen_except_at_the_root(tmp_path: Path) -> None:
    files = {"pyproject.toml": project("root"), "a/pyproject.toml": project("a")}
    configs = {"cloudbuild.yaml": "", "a/cloudbuild.yaml": ""}

    targets = inventory(tmp_path, files | configs).components
    assert {target.path: target.has_own_config for target in targets} == {".": False, "a": True}
