"""What a package is built from besides its own directory: files and sources from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tree import write
from tests.unit.triggers.discovery.trees import folders, inventory, project

if TYPE_CHECKING:
    from collections.abc import Mapping


SOURCES = {
    "poetry": '[tool.poetry]\npackages = [{ include = "brick", from = "../bricks" }]\n',
    "poetry glob": '[tool.poetry]\npackages = [{ include = "b*", from = "../bricks" }]\n',
    "hatch": '[tool.hatch.build.force-include]\n"../bricks/brick" = "brick"\n',
    "hatch wheel": '[tool.hatch.build.targets.wheel.force-include]\n"../bricks/brick" = "b"\n',
    "hatch templates": '[tool.hatch.build.force-include]\n"{root:parent}/bricks/brick" = "b"\n',
    "hatch version": '[tool.hatch.version]\npath = "../bricks/brick"\n',
    "polylith": '[tool.polylith.bricks]\n"../bricks/brick" = "brick"\n',
    "una": '[tool.una.libs]\n"../bricks/brick" = "brick"\n',
    "pdm": '[tool.pdm.build]\nincludes = ["../bricks/brick"]\n',
    "setuptools": '[tool.setuptools]\npackage-dir = { "" = "../bricks/brick" }\n',
    "its own tool": '[tool.hatchling-plugin]\nfiles = ["../bricks/brick"]\n',
    "backend-path": 'x = 1\n[tool.hatch.build.targets.sdist]\ninclude = ["../bricks/b*"]\n',
}


@pytest.mark.parametrize("more", SOURCES.values(), ids=SOURCES)
def test_source_that_is_kept_elsewhere_is_a_dependency(tmp_path: Path, more: str) -> None:
    text = project("a", more=more).replace('hatchling"', 'hatchling", "hatchling_plugin>1"')
    files = {"a/pyproject.toml": text, "bricks/brick/core.py": ""}

    assert folders(tmp_path, files) == ("bricks/brick",)


SCM = {
    "hatch-vcs": '[tool.hatch.version]\nsource = "vcs"\nraw-options = { root = "../.." }\n',
    "setuptools_scm": '[tool.setuptools_scm]\nroot = ".."\nfallback_root = "../x"\n',
}


@pytest.mark.parametrize("more", SCM.values(), ids=SCM)
def test_the_repository_whose_tags_have_the_version_is_no_source(tmp_path: Path, more: str) -> None:
    text = project("a", more=more).replace('hatchling"', 'hatchling", "setuptools_scm>=8"')

    assert folders(tmp_path, {"x/a/pyproject.toml": text, "x/x/y.py": ""}, "x/a") == ()


@pytest.mark.parametrize(
    "argument",
    [
        "use_scm_version={'root': '../..', 'relative_to': __file__}",
        "version=get_version(root=os.path.join('../..', ''))",
    ],
)
def test_nor_is_that_which_a_setup_script_names(tmp_path: Path, argument: str) -> None:
    files = {"x/a/setup.py": f"setup(name='a', {argument})", "x/b.py": ""}

    assert folders(tmp_path, files, "x/a") == ()


def inputs(root: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the folders and files that the package in `a` is built from besides its own."""
    taken = inventory(root, {"a/pyproject.toml": project("a"), **files})
    assert taken.warnings == ()
    found = next(it for it in taken.components if it.path == "a").dependencies
    return (*found.folders, *found.files)


FILES = {
    "readme": project("a").replace("version", 'readme = "../NOTES"\nversion'),
    "license": project("a").replace("version", 'license = { file = "../NOTES" }\nversion'),
    "poetry include": project("a", more='[tool.poetry]\ninclude = [{ path = "../NOTES" }]\n'),
    "pypi readme": project(
        "a",
        more=('[[tool.hatch.metadata.hooks.fancy-pypi-readme.fragments]]\npath = "../NOTES"\n'),
    ),
}


def test_a_hatch_toml_counts_before_the_tables_of_hatch(tmp_path: Path) -> None:
    more = '[tool.hatch.build.force-include]\n"../OTHER" = "x"\n'
    files = {
        "a/pyproject.toml": project("a", more=more),
        "a/hatch.toml": '[build.force-include]\n"../NOTES" = "x"\n',
        **dict.fromkeys(("NOTES", "OTHER"), ""),
    }

    assert inputs(tmp_path, files) == ("NOTES",)


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_file_that_a_build_takes_from_elsewhere_starts_it(tmp_path: Path, text: str) -> None:
    assert inputs(tmp_path, {"a/pyproject.toml": text, "NOTES": ""}) == ("NOTES",)


SETUP = {
    "plain": "open('../NOTES')",
    "join": "here = os.path.dirname(__file__)\nopen(os.path.join(here, '..', 'NOTES'))",
    "dirname": "open(os.path.join(dirname(dirname(abspath(__file__))), 'NOTES'))",
    "directory": "open(os.path.join(os.getcwd(), '../', 'NOTES'))",
    "parent": "(Path(__file__).parent.parent / 'NOTES').read_text()",
    "pardir": "open(os.path.join(os.path.dirname(__file__), os.pardir, 'NOTES'))",
    "joinpath": "Path(__file__).parent.joinpath('..', 'NOTES').read_text()",
    "own function": "read('..', 'NOTES')",
    "parents": "ROOT = Path(__file__).resolve().parents[1]\n(ROOT / 'NOTES').read_text()",
    "again": "here = Path(__file__).parent\nhere = here / '..'\nopen(here / 'NOTES')",
    "text": "open(str(Path('..') / 'NOTES'))",
    "far": "open(Path(__file__).parents[999999999999] / 'x'), open('../NOTES')",
    "doubled": "\n".join(f"n{it} = n{it - 1} / n{it - 1}" for it in range(99))
    + "\nopen('../NOTES')",
    "cycle": "a = b / '..'\nb = a / '..'\nopen(f'{a}/../NOTES')",
}


@pytest.mark.parametrize(
    "setup",
    [
        {"a/setup.cfg": "[metadata]\nlong_description = file: README, ../NOTES\n"},
        *({"a/setup.py": f"import os\n{it}\nsetup()"} for it in SETUP.values()),
    ],
)
def test_setup_files_lead_to_files_elsewhere(tmp_path: Path, setup: dict[str, str]) -> None:
    assert inputs(tmp_path, {**setup, "NOTES": ""}) == ("NOTES",)


def test_what_a_symbolic_link_leads_to_starts_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"a/src/x.py": "", "NOTES": "", "shared/y.py": ""})
    (tmp_path / "a/LICENSE").symlink_to("../NOTES")
    (tmp_path / "a/src/shared").symlink_to("../../shared", target_is_directory=True)
    (tmp_path / "a/src/own.py").symlink_to("x.py")

    (tmp_path / "link").symlink_to(".", target_is_directory=True)
    monkeypatch.chdir(tmp_path)

    for root in (Path(), tmp_path, tmp_path / "link"):
        assert inputs(root, {}) == ("shared", "NOTES")


def test_a_crate_is_built_from_the_crates_that_it_names(tmp_path: Path) -> None:
    files = {
        "a/Cargo.toml": "[package]\nversion = { workspace = true }\n[dependencies]\n"
        'core = { path = "../core" }\n',
        "core/Cargo.toml": '[package]\nname = "core"\n[dependencies.deep]\npath = "../deep"\n'
        f'[dependencies.no]\npath = "\\u0000"\n[dependencies.long]\npath = "{"x" * 300}"\n',
        "deep/Cargo.toml": "",
        "other/Cargo.toml": "",
        "Cargo.toml": '[workspace]\nmembers = ["*"]\n',
        "Cargo.lock": "",
    }

    assert inputs(tmp_path, files) == ("core", "deep", "Cargo.lock", "Cargo.toml")


@pytest.mark.parametrize("where", ["../core", "rust"])
def test_a_crate_may_be_named_by_its_file(tmp_path: Path, where: str) -> None:
    more = f'[[tool.setuptools-rust.ext-modules]]\npath = "{where}/Cargo.toml"\n'
    text = project("a", more=more).replace('hatchling"', 'setuptools-rust"')
    crate = '[dependencies]\ndeep = { path = "../../deep" }\n'
    files = {
        "a/rust/Cargo.toml": crate,
        "core/Cargo.toml": crate.replace("../../", "../"),
        "deep/src/lib.rs": "",
        "deep/Cargo.toml": "",
    }

    found = inputs(tmp_path, {"a/pyproject.toml": text, **files})
    assert found == (("deep",) if where == "rust" else ("core", "deep", "core/Cargo.toml"))


@pytest.mark.parametrize("tool", ["polylith.bricks", "una.libs"])
def test_plugins_that_read_the_workspace_are_started_by_its_file(tmp_path: Path, tool: str) -> None:
    files = {
        "a/pyproject.toml": project("a", more=f'[tool.{tool}]\n"../bricks/b" = "b"\n'),
        "bricks/b/x.py": "",
        "pyproject.toml": f"[tool.{tool.split('.', maxsplit=1)[0]}]\n",
    }

    assert inputs(tmp_path, files) == ("bricks/b", "pyproject.toml")
