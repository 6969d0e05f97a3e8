"""The next version, the bound that admits it, and the tag that makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from steps.host.errors import InputError
from steps.project.source import read_project
from steps.version.bounds import Bounds, BoundsError, admits, move_bounds, move_requirement
from steps.version.places import TagPlace, find_place, find_tag_place
from steps.version.plan import Files, VersionGroup, make_plan, next_version
from tests.tree import commit, git, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NEXT = [
    *[("1.4.2", "patch", "1.4.3"), ("1.4.2", "minor", "1.5.0"), ("1.4.2", "major", "2.0.0")],
    *[("1.4", "patch", "1.4.1"), ("1.4", "minor", "1.5"), ("1.4", "major", "2.0")],
    *[("3", "minor", "3.1"), ("1.2.3.4", "patch", "1.2.4.0"), ("1!2.0", "minor", "1!2.1")],
    *[
        ("1.4.2rc1", "patch", "1.4.2"),
        ("1.5.0a1", "minor", "1.5.0"),
        ("1.4.1rc1", "minor", "1.5.0"),
    ],
    *[
        ("2.0.0.dev3", "major", "2.0.0"),
        ("2.1.0b1", "major", "3.0.0"),
        ("1.0.post1", "patch", "1.0.1"),
    ],
    *[("1.0.post1.dev1", "patch", "1.0.1"), ("1.0+here", "patch", "1.0.1")],
    *[("1.4.2", "rc", "1.4.3rc1"), ("1.4.2rc1", "rc", "1.4.2rc2"), ("1.4.2b3", "rc", "1.4.2rc1")],
    *[("1.4.2.dev1", "rc", "1.4.2rc1"), ("1.4.2rc2.dev1", "rc", "1.4.2rc2")],
    *[("1.4.2", "dev", "1.4.3.dev1"), ("1.4.3.dev1", "dev", "1.4.3.dev2")],
    *[("1.4.2rc1", "dev", "1.4.2rc2.dev1"), ("1.4.2", "7.0", "7.0"), ("1.4.2", "v1.5", "1.5")],
]


@pytest.mark.parametrize(("current", "to", "new"), NEXT)
def test_the_next_version_is_of_pep_440_and_as_wide_as_before(
    current: str, to: str, new: str
) -> None:
    assert str(next_version(to, Version(current))) == new
    assert to[0].isdigit() or Version(new) > Version(current)


def test_what_is_not_a_version_is_refused_with_the_words_that_are() -> None:
    with pytest.raises(InputError, match="patch, minor, major, rc, dev"):
        next_version("mayor", Version("1.0"))


MOVES = [
    *[("<=1.5", "2.0+here", "<=2.0"), ("~=1.4", "2+here", "~=2.0"), ("==1.0", "2+x", "==2+x")],
    *[(">=1.0,<2", "2.1.0", ">=1.0,<3"), (">= 1.0, < 2.0", "2.1", ">= 1.0, < 3.0")],
    *[("<1.5", "1.5", "<1.6"), ("<1.5.0", "2.0", "<2.1.0"), ("<2.dev0", "2.0", "<3.dev0")],
    *[("<2", "2.0rc1", "<3"), ("<=1.5", "2.0", "<=2.0"), ("~=1.4", "2.0.1", "~=2.0")],
    *[("~=1.4.2", "1.5.0", "~=1.5.0"), ("==1.0", "1.0.1", "==1.0.1"), ("===1.0", "1.1", "===1.1")],
    *[("==1.4.*", "2.3.1", "==2.3.*"), (">3", "2.0", ">=2.0"), (">=3", "2.0", ">=2.0")],
    *[("^1.0", "2.0.1", "^2.0"), ("^0.3", "0.4.1", "^0.4"), ("~1.4", "1.5.0", "~1.5")],
    *[("1.4.2", "1.4.3", "1.4.3"), ("1.*", "2.0", "2.*"), (">=1.0 <2.0", "2.0", ">=1.0 <3.0")],
    *[
        ("~=1.4", "2.0rc1", "~=2.0rc1"),
        ("^1.0", "2.0.dev1", "^2.0.dev1"),
        ("<1!2", "1!2.0", "<1!3"),
    ],
]


@pytest.mark.parametrize(("bounds", "version", "moved"), MOVES)
def test_only_the_clause_that_excludes_moves_and_keeps_its_width(
    bounds: str, version: str, moved: str
) -> None:
    assert not admits(bounds, Version(version))
    assert move_bounds(bounds, Version(version)) == moved
    assert admits(moved, Version(version))


@pytest.mark.parametrize("bounds", ["", "*", ">=1.0,<2", "^1.0", "!=1.3", "^0.9 || ^1.0"])
def test_bounds_that_admit_the_version_stay(bounds: str) -> None:
    assert move_bounds(bounds, Version("1.4")) == bounds


@pytest.mark.parametrize("bounds", [">=1,!=1.4", "^0.9 || ~1.3"])
def test_bounds_that_exclude_by_name_or_are_a_choice_are_for_people_to_change(bounds: str) -> None:
    with pytest.raises(BoundsError):
        move_bounds(bounds, Version("1.4"))


_MAPPED = "dynamic.version.attr = 'a.b'\npackage-dir = {b = 5}"


@pytest.mark.attack("a broken input")
@pytest.mark.parametrize(
    ("backend", "table"),
    [
        ("'hatchling.build'", "[tool.hatch.version]\npath = 'a.py'\npattern = '(?P<version>['"),
        ("'hatchling.build'", '[tool.hatch.version]\npath = "a\\u0000"\nsource = "code"'),
        ("'hatchling.build'", "[tool.hatch.version]\npath = 'a.py'\nsource = 'code'"),
        ("'flit_core.buildapi'", "[tool.flit.module]\nname = 5"),
        ("'setuptools.build_meta'", f"[tool.setuptools]\n{_MAPPED}"),
        ("5", ""),
    ],
)
def test_where_a_version_is_written_is_not_known_of_settings_that_are_not_valid(
    tmp_path: Path, backend: str, table: str
) -> None:
    named = '[project]\nname = "tides"\ndynamic = ["version"]\n'
    build = f"[build-system]\nrequires = []\nbuild-backend = {backend}\n"
    module = f"from {'.' * 40} import __version__\n"
    write(tmp_path, {"pyproject.toml": f"{build}{named}{table}\n", "a.py": module})
    with pytest.raises(InputError, match="not known where the version of tides is written"):
        find_place(read_project(tmp_path))


@pytest.mark.parametrize(
    ("text", "minimum", "compatible", "exact"),
    [
        ("db", "db>=2.1", "db~=2.1", "db==2.1"),
        (
            "db[fast] >= 1, < 3 ; extra == 'x'",
            "db[fast] >=2.1,< 3",
            "db[fast] ~=2.1",
            "db[fast] ==2.1",
        ),
        ("db (~=2.0)", "db (>=2.1)", "db (~=2.1)", "db (==2.1)"),
        ("db<2", "db>=2.1,<3", "db~=2.1", "db==2.1"),
    ],
)
def test_a_bound_is_written_or_raised_as_it_is_asked_for(
    text: str, minimum: str, compatible: str, exact: str
) -> None:
    version = Version("2.1")
    found = [move_requirement(text, version, it)[1] for it in Bounds]
    assert found == [minimum, compatible, exact]
    assert all(Requirement(it).specifier.contains(version) for it in found)
    assert all(
        move_requirement(it, version, kind) == ("", "")
        for it, kind in zip(found, Bounds, strict=True)
    )


@pytest.mark.parametrize("bounds", Bounds)
def test_a_bound_on_a_local_version_is_one_that_can_be_written(bounds: Bounds) -> None:
    version = Version("2.1+here")
    found = Requirement(move_requirement("db>=1", version, bounds)[1])
    assert found.specifier.contains(version)


def test_a_project_whose_name_only_its_backend_knows_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"setup.py": "from setuptools import setup\nsetup(name=f(), version='1')\n"})
    targets = {read_project(tmp_path): Version("2")}
    files = Files(roots=(tmp_path,), paths={}, packages={})

    with pytest.raises(InputError, match="has no name in its files"):
        make_plan(targets, lambda _groups: (), files, None)


def test_the_next_versions_of_all_dependents_of_a_project_are_asked_for_at_once(
    tmp_path: Path,
) -> None:
    names = ("db", "app", "core")
    for name in names:
        requires = "" if name == "db" else "dependencies = ['db<2']\n"
        text = f"[project]\nname = '{name}'\nversion = '1'\n{requires}"
        write(tmp_path, {f"{name}/pyproject.toml": text})
    projects = {tmp_path / it: read_project(tmp_path / it) for it in names}
    paths = {it / "pyproject.toml": it for it in projects}
    asked = []

    def follow(groups: Sequence[VersionGroup]) -> list[Version]:
        asked.append([it.names for it in groups])
        return [Version("1.1")] * len(groups)

    files = Files(roots=(tmp_path,), paths=paths, packages=projects)
    plan = make_plan({projects[tmp_path / "db"]: Version("2")}, follow, files, None)

    assert asked == [[("app",), ("core",)]]
    assert [str(it.new) for it in plan.bumps] == ["2", "1.1", "1.1"]


_SEA = {"git_describe_command": ["git", "describe", "--match", "sea-v*"]}
_PDM = {"source": "scm", "tag_filter": "db/*", "tag_regex": r"^db/(?:\D*)?(?P<version>.+)$"}
TAGS: list[tuple[dict[str, Any], list[str], str, str | None]] = [
    ({}, [], "v2.0", None),
    ({}, ["v1.0", "v1.10", "v1.9", "release"], "v2.0", "1.10"),
    ({}, ["1.0"], "2.0", "1.0"),
    ({}, ["v9.0", "tides-v1.0", "berths-v3.0"], "tides-v2.0", "1.0"),
    ({}, ["tides/1.0", "v9.0"], "tides/2.0", "1.0"),
    ({"setuptools_scm": {"tag_regex": "^db-(v?[0-9.]+)$"}}, ["db-v1.0", "v7.0"], "db-v2.0", "1.0"),
    ({"setuptools_scm": {"git_describe_command": "git describe --match 'x-*'"}}, [], "x-2.0", None),
    ({"hatch": {"version": {"raw-options": _SEA}}}, ["sea-v1.0", "v7.0"], "sea-v2.0", "1.0"),
    ({"uv-dynamic-versioning": {"pattern-prefix": "db-"}}, ["db-v1.0", "v7.0"], "db-v2.0", "1.0"),
    ({"poetry-dynamic-versioning": {"pattern": "default-unprefixed"}}, ["1.0"], "2.0", "1.0"),
    ({"versioningit": {"tag2version": {"rmprefix": "rel-"}}}, ["rel-1.0", "7.0"], "rel-2.0", "1.0"),
    ({"versioningit": {"vcs": {"match": ["db-*"]}}}, ["db-1.0", "7.0"], "db-2.0", "1.0"),
    ({"setuptools-git-versioning": {"tag_filter": "db/.*"}}, ["db/1.0", "7.0"], "db/2.0", "1.0"),
    ({"pdm": {"version": _PDM}}, ["db/1.0", "2.0"], "db/2.0", "1.0"),
]


@pytest.mark.parametrize(("tool", "tags", "tag", "latest"), TAGS)
def test_the_tag_to_make_is_spelled_as_those_that_the_tool_takes(
    tool: dict[str, Any], tags: list[str], tag: str, latest: str | None, tmp_path: Path
) -> None:
    commit(write(tmp_path, {"README.md": ""}))
    for it in tags:
        git(tmp_path, "tag", it)

    place = find_tag_place(tmp_path, "tides", {"tool": tool})

    assert place.tag(Version("2.0")) == tag
    assert place.latest == (Version(latest) if latest else None)


@pytest.mark.parametrize("prefix", ["venv-tools-", "venv-tools-v", "venv_tools/v", "venv-tools@"])
def test_a_tag_may_begin_with_the_name_of_any_project(prefix: str, tmp_path: Path) -> None:
    commit(tmp_path)
    for it in (f"{prefix}1.0", "v7.0"):
        git(tmp_path, "tag", it)

    place = find_tag_place(tmp_path, "venv-tools", {})

    assert (place.tag(Version("2.0")), place.latest) == (f"{prefix}2.0", Version("1.0"))


@pytest.mark.parametrize("file", ["pyproject.toml", "hatch.toml"])
def test_tags_of_hatch_vcs_are_read_by_the_settings_in_either_file(
    tmp_path: Path, file: str
) -> None:
    build = '[build-system]\nrequires = ["hatch-vcs"]\nbuild-backend = "hatchling.build"\n'
    project = f'{build}[project]\nname = "tides"\ndynamic = ["version"]\n'
    table = "tool.hatch.version" if file == "pyproject.toml" else "version"
    settings = f"[{table}]\nsource = 'vcs'\ntag-pattern = '^sea-(?P<version>.+)$'\n"
    files = {"pyproject.toml": project, "hatch.toml": ""}
    files[file] += settings
    commit(write(tmp_path, files))
    for it in ("sea-1.0", "v7.0"):
        git(tmp_path, "tag", it)

    place = find_place(read_project(tmp_path))

    assert isinstance(place, TagPlace)
    assert (place.tag(Version("2.0")), place.latest) == ("sea-2.0", Version("1.0"))
