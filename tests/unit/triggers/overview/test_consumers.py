"""Who requires a package, and whether that takes the highest version that is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests.tree import write
from tests.unit.triggers.rendering.rendering import function, package
from triggers.overview.consumers import Mention, find_mentions, highest, judge

if TYPE_CHECKING:
    from pathlib import Path

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "{name}"
version = "1.0"
dependencies = {requires}
"""
UV_LOCK = """\
version = 1
[[package]]
name = "tides"
version = "1.2.0"
source = { registry = "https://us-python.pkg.dev/a-project/pypi/simple" }
[[package]]
name = "berths"
version = "1.0"
source = { editable = "packages/berths" }
[[package]]
name = "requests"
version = "2.0"
"""
POETRY_LOCK = """\
[[package]]
name = "Tides"
version = "1.1"
[[package]]
name = "berths"
version = "1.0"
[package.source]
type = "directory"
url = "../berths"
"""
PDM_LOCK = '[[package]]\nname = "tides"\nversion = "1"\npath = "./packages/tides"\n'
PYLOCK = '[[packages]]\nname = "tides"\nversion = "1.3"\n[packages.index]\n'


def mentions(root: Path, **files: str) -> set[tuple[str, str, str]]:
    """Return path, package and words of what mentions `tides` or `berths` below *root*."""
    texts = {name.replace("__", "/").replace("_", "."): text for name, text in files.items()}
    for name in ("tides", "berths"):
        path = f"packages/{name}/pyproject.toml"
        texts.setdefault(path, PYPROJECT.format(name=name, requires="[]"))
    write(root, texts)
    components = [package("packages/tides"), package("packages/berths")]
    if (root / "functions").is_dir():
        components.append(function("functions/f"))
    found, notes = find_mentions(root, components)
    assert notes == []
    return {(it.path, it.package, it.requirement) for it in found}


@pytest.mark.parametrize(
    ("specifier", "fit", "takes"),
    [
        ("", "current", "2.0"),
        (">=1.0", "current", "2.0"),
        ("==2.0", "current", "2.0"),
        ("<2", "older", "1.5"),
        ("==1.0", "older", "1.0"),
        ("~=1.0", "older", "1.5"),  # and not 1.6rc1
        ("==1.6rc1", "older", "1.6rc1"),
        ("==1.1", "older", None),  # deleted since
        ("==1.7.*", "older", None),
        ("==2.1rc1", "current", "2.1rc1"),
        (">=3", "ahead", None),
        ("==3", "ahead", None),
    ],
)
def test_a_requirement_takes_the_highest_or_an_older_one(
    specifier: str, fit: str, takes: str | None
) -> None:
    published = [Version(it) for it in ("1.0", "1.5", "1.6rc1", "2.0", "2.1rc1")]
    mention = Mention(
        kind="package",
        name="dues",
        path="packages/dues",
        package="tides",
        requirement=specifier,
        specifier=SpecifierSet(specifier),
    )

    found = judge(mention, published)

    assert (found.fit, found.takes) == (fit, takes)
    assert judge(mention, []).fit == "unknown"


def test_the_highest_is_a_release_unless_there_is_none() -> None:
    assert highest([Version("1.0"), Version("1.1rc1")]) == Version("1.0")
    assert highest([Version("0.1a1"), Version("0.1a2")]) == Version("0.1a2")
    assert highest([]) is None


@pytest.mark.parametrize(
    ("lock", "text", "expected"),
    [
        ("uv_lock", UV_LOCK, {("uv.lock", "tides", "==1.2.0")}),
        ("apps__poetry_lock", POETRY_LOCK, {("apps/poetry.lock", "tides", "==1.1")}),
        ("pdm_lock", PDM_LOCK, set()),
        ("pylock_toml", PYLOCK, {("pylock.toml", "tides", "==1.3")}),
    ],
)
def test_a_lock_file_pins_what_it_takes_from_an_index(
    tmp_path: Path, lock: str, text: str, expected: set[tuple[str, str, str]]
) -> None:
    assert mentions(tmp_path, **{lock: text}) == expected


def test_requirements_are_read_of_packages_functions_groups_and_other_files(
    tmp_path: Path,
) -> None:
    berths = PYPROJECT.format(name="berths", requires="['tides>=1,<2']")
    found = mentions(
        tmp_path,
        packages__berths__pyproject_toml=berths + "[dependency-groups]\ntest = ['tides==1.1']\n",
        functions__f__requirements_txt="Tides==1.0\nberths @ git+https://h.example/berths\n",
        **{"tools__dev-requirements_txt": "berths\nrequests\n# tides\n"},
    )

    assert found == {
        ("packages/berths", "tides", "<2,>=1"),
        ("packages/berths", "tides", "==1.1"),
        ("functions/f", "tides", "==1.0"),
        ("functions/f", "berths", "git+https://h.example/berths"),
        ("tools/dev-requirements.txt", "berths", "any"),
    }


@pytest.mark.parametrize(
    ("requirement", "words"), [("tides>=1", ">=1"), ("tides", "its directory")]
)
def test_a_package_by_its_path_is_said_once_with_its_bounds(
    tmp_path: Path, requirement: str, words: str
) -> None:
    source = "[tool.uv.sources]\ntides = { path = '../tides' }\n"
    berths = PYPROJECT.format(name="berths", requires=[requirement]) + source

    found = mentions(tmp_path, packages__berths__pyproject_toml=berths)

    assert found == {("packages/berths", "tides", words)}


def test_a_lock_file_that_cannot_be_read_is_noted(tmp_path: Path) -> None:
    write(tmp_path, {"uv.lock": "[[package"})

    assert find_mentions(tmp_path, [])[1][0].startswith("uv.lock cannot be read: ")
