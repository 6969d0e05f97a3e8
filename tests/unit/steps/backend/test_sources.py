"""What is built where."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from steps.backend.sources import (
    copy_sources,
    open_build_folder,
    remove_build_folders,
)
from steps.project.source import Project
from tests.tree import commit, git, write


def project_in(directory: Path, files: str) -> Project:
    """Write *files*, each of which holds its own name, and return the project in *directory*."""
    write(directory, {name: name for name in files.split()})
    return Project(directory=directory, name=canonicalize_name("tides"), version=Version("1.0"))


def copied(project: Project, to: Path) -> set[str]:
    place = copy_sources(project, to, to.parent)
    files = (it.relative_to(place).as_posix() for it in place.rglob("*") if not it.is_dir())
    return {it for it in files if not it.startswith(".git/")}


LEFT = (
    "build/lib/tides/gone.py build/temp.linux/a.o build/bdist.linux/x src/tides.egg-info/PKG-INFO"
    " tides.egg-info/SOURCES.txt dist/tides-0.9.tar.gz dist/tides-0.9-py3-none-any.whl"
    " dist/.gitignore _skbuild/x .mesonpy-1/x .pdm-build/x src/__pycache__/a.pyc out/CMakeCache.txt"
    " target/CACHEDIR.TAG .venv/pyvenv.cfg builddir/meson-private/x"
)
KEPT = "pyproject.toml src/tides.py build/script.sh dist/app.js lib/x src/generated_pb2.py .hidden"


def test_what_an_earlier_build_left_is_not_copied(tmp_path: Path) -> None:
    project = project_in(tmp_path / "tree", f"{LEFT} {KEPT}")
    before = {path: path.lstat().st_ctime_ns for path in (tmp_path / "tree").rglob("*")}

    assert copied(project, tmp_path / "copy") == set(KEPT.split())
    assert {path: path.lstat().st_ctime_ns for path in (tmp_path / "tree").rglob("*")} == before


def test_what_git_tracks_and_what_it_ignores_is_copied(tmp_path: Path) -> None:
    tracked = "build/lib/tides.py tides.egg-info/SOURCES.txt dist/old-0.1.tar.gz"
    project = project_in(tmp_path / "tree", f"{tracked} .gitignore")
    (project.directory / ".gitignore").write_text("*_pb2.py\n")
    commit(project.directory)
    project_in(project.directory, "src/generated_pb2.py tides.egg-info/PKG-INFO new.py")

    assert copied(project, tmp_path / "copy") == {
        *tracked.split(),
        *("src/generated_pb2.py", ".gitignore", "new.py", "tides.egg-info/PKG-INFO"),
    }


def test_an_unpacked_sdist_keeps_the_list_of_its_files(tmp_path: Path) -> None:
    files = "PKG-INFO tides.egg-info/SOURCES.txt"
    project = project_in(tmp_path / "tides-1.0", files)

    assert copied(project, tmp_path / "copy") == set(files.split())


@pytest.mark.parametrize("is_clone", [True, False])
def test_what_is_beside_a_project_is_found_from_its_copy(is_clone: bool, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    project_in(tree, "LICENSE packages/shared/a.py packages/b/README.md")
    project = project_in(tree / "packages/tides", "pyproject.toml")
    (project.directory / "LICENSE").symlink_to("../../LICENSE")
    (project.directory / "absolute.toml").symlink_to(project.directory / "pyproject.toml")
    (project.directory / "passwd").symlink_to("/etc/passwd")
    if is_clone:
        commit(tree)

    place = copy_sources(project, tmp_path / "copy", tmp_path)

    for name in ("../../LICENSE", "LICENSE"):
        assert (place / name).read_text() == "LICENSE"
    assert not (place / "../../LICENSE").resolve().is_relative_to(tree)
    assert (place / "../shared/a.py").read_text() == "packages/shared/a.py"
    assert (place / "absolute.toml").resolve() == place / "pyproject.toml"
    assert (place / "passwd").readlink() == Path("/etc/passwd")


@pytest.mark.parametrize("shared", ["links", "links that are none"])
def test_projects_side_by_side_have_the_same_links_to_what_is_beside_them(
    shared: str, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    projects = [project_in(tree / name, "pyproject.toml") for name in ("tides", "berths", "b")]
    commit(tree)
    (tmp_path / "links").mkdir()

    places = [copy_sources(it, tmp_path / it.directory.name, tmp_path / shared) for it in projects]

    assert [(it / "../b").resolve() for it in places] == [tree / "b", tree / "b", places[2]]
    counts = [(it / "../b").lstat().st_nlink for it in places[:2]]
    assert counts == ([3, 3] if shared == "links" else [1, 1])


@pytest.mark.parametrize("name", ["project", "_project", "tides-1.0"])
def test_a_folder_beside_may_have_any_name(name: str, tmp_path: Path) -> None:
    project_in(tmp_path / f"tree/{name}", "a.py")
    project = project_in(tmp_path / "tree/tides", "pyproject.toml")

    place = copy_sources(project, tmp_path / "copy", tmp_path)

    assert (place / "pyproject.toml").is_file()
    assert not place.is_symlink()


def test_the_place_does_not_depend_on_where_the_project_is(tmp_path: Path) -> None:
    places = []
    for number, tree in enumerate(("one", "two/deeper/and/deeper")):
        project = project_in(tmp_path / tree, "pyproject.toml")
        copy = tmp_path / f"copy{number}"
        places.append(copy_sources(project, copy, tmp_path).relative_to(copy))

    assert places[0] == places[1]


@pytest.mark.parametrize("kind", ["clone", "worktree", "submodule"])
def test_git_tells_in_the_copy_what_it_tells_in_the_checkout(kind: str, tmp_path: Path) -> None:
    top = tmp_path / "top"
    project_in(top, "packages/tides/pyproject.toml packages/tides/setup.py other/file")
    commit(top)
    git(top, "tag", "v1.0")
    if kind == "worktree":
        git(top, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    elif kind == "submodule":
        (tmp_path / "outer").mkdir()
        git(tmp_path / "outer", "init", "--quiet")
        allowed = ("-c", "protocol.file.allow=always")
        git(tmp_path / "outer", *allowed, "submodule", "--quiet", "add", str(top), "tree")
    tree = {"worktree": tmp_path / "tree", "submodule": tmp_path / "outer/tree"}.get(kind, top)
    project = project_in(tree / "packages/tides", "")
    index = {it: it.read_bytes() for it in tmp_path.rglob("index")}

    place = copy_sources(project, tmp_path / "copy", tmp_path)

    assert git(place, "describe", "--tags", "--dirty") == "v1.0"
    assert git(place, "ls-files") == "pyproject.toml\nsetup.py"
    (place / "setup.py").write_text("edited")
    assert git(place, "describe", "--tags", "--dirty") == "v1.0-dirty"
    assert git(project.directory, "describe", "--tags", "--dirty") == "v1.0"
    assert {it: it.read_bytes() for it in index} == index


def test_a_folder_that_a_killed_build_left_is_empty_for_the_next_one(tmp_path: Path) -> None:
    project = project_in(tmp_path, "pyproject.toml")
    with open_build_folder(project) as folder:
        first = folder
        (folder / "left/deeper").mkdir(parents=True)
        (folder / "left").chmod(0o500)
    assert not first.exists()
    first.mkdir(parents=True)
    (first / "left").touch()

    with open_build_folder(project) as folder:
        assert folder == first
        assert [*folder.iterdir()] == []


def test_what_was_removed_already_is_another_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal removes build folders while the builds in them still end."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    project = project_in(tmp_path / "tides", "pyproject.toml")

    with open_build_folder(project) as folder:
        remove_build_folders()
        (folder / "of-another").mkdir(parents=True)

    assert (folder / "of-another").is_dir()
