"""The repository around a directory: its packages, and who requires what."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from steps.host.errors import InputError
from steps.host.git import ask_git
from steps.project.dependencies import read_text, table_in
from steps.project.history import checkout_around
from steps.project.requirements_file import parse_requirements
from steps.project.setup_files import (
    calls_setup,
    config_options,
    is_configured,
    parse_config,
    setup_arguments,
)
from steps.project.source import read_project, read_pyproject

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

    from steps.project.source import Project

_OUTPUT = {"build", "dist"}
_NEVER_PROJECTS = {*_OUTPUT, "__pycache__", "node_modules", "site-packages"}
_PROJECT_FILES = {"pyproject.toml", "setup.cfg", "setup.py"}
# How tools say that a directory is not to be built.
_NOT_PACKAGED = (
    ("poetry", "package-mode", False),
    ("uv", "package", False),
    ("pdm", "distribution", False),
    ("rye", "virtual", True),
)
# What tells setuptools which modules there are. Without it, every folder beside is a package, but
# those of reserved names; of modules it finds those alone.
_TELLS_MODULES = {"ext_modules", "package_dir", "packages", "py_modules"}
_RESERVED = {
    *("benchmark", "benchmarks", "bin", "build", "changelog", "ci", "debian", "doc", "docs"),
    *("documentation", "example", "examples", "exercise", "exercises", "fabfile", "htmlcov"),
    *("manpages", "news", "newsfragments", "python", "scripts", "site_scons", "tasks", "test"),
    *("tests", "tools", "unit_test", "unit_tests", "util", "utils", "conanfile", "conftest"),
    *("dodo", "manage", "noxfile", "pavement", "setup", "toxfile"),
}
_NO_PROJECT = "it has no project"
_PATTERNS = ("*requirements*.txt", "*requirements*.in", "*requirements*.txt.tmpl")


@dataclass(frozen=True)
class Requirer:
    """A project by its name, or a file by its path, and what it requires."""

    name: str
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, kw_only=True)
class Found:
    """The directories of *packages*, and the reasons why others that look like one are not."""

    packages: tuple[Path, ...]
    passed_over: Mapping[Path, str]


def find_packages(root: Path, walked: Iterable[Folder] | None = None) -> Found:
    """Return what is at and below *root*, in the order of the paths; *walked* are its folders.

    A package is what pip and pypa/build can build: a `pyproject.toml` with `[build-system]` or
    `[project]`, or a `setup.py`. Hidden folders, environments and build output do not count.
    """
    if not root.is_dir():
        what = "This is a file" if root.exists() else "The directory does not exist"
        raise InputError(f"{what}: {os.fspath(root)!r}", "name a directory to look for packages in")
    reasons: dict[Path, str] = {}
    for folder, subfolders, files in walk_with_subfolders(root) if walked is None else walked:
        if _PROJECT_FILES & {*files}:
            reasons[Path(folder)] = _reason_against(Path(folder), {*files})
        for name in _OUTPUT & {*subfolders}:
            output = Path(folder, name)
            if any((output / it).is_file() for it in ("pyproject.toml", "setup.py")):
                reasons[output] = f"a folder named {name!r} counts as the output of a build"
    return Found(
        packages=tuple(sorted(path for path, reason in reasons.items() if not reason)),
        passed_over={
            path: reason
            for path, reason in sorted(reasons.items())
            if reason not in {"", _NO_PROJECT}
        },
    )


Folder = tuple[str, tuple[str, ...], list[str]]
"""A folder, its subfolders, and its files."""


def walk(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the folders at and below *root* that may hold something of the user's, and their files.

    Hidden folders, environments and build output are passed over.
    """
    yield from ((folder, files) for folder, _, files in walk_with_subfolders(root))


def walk_with_subfolders(root: Path) -> Iterator[Folder]:
    """Yield the same with the names of all subfolders, those passed over, too."""
    for folder, subfolders, files in os.walk(root):
        if "pyvenv.cfg" in files:
            subfolders.clear()
            continue
        every = tuple(subfolders)
        subfolders[:] = [
            name for name in every if name not in _NEVER_PROJECTS and not name.startswith(".")
        ]
        yield folder, every, files


def _reason_against(directory: Path, files: set[str]) -> str:
    """Return why *directory* is not a package of the repository, or nothing for one that is."""
    try:
        table = read_pyproject(directory) if "pyproject.toml" in files else {}
    except InputError:
        return ""  # so that reading it reports what is wrong, instead of passing it over
    tool = table_in(table, "tool")
    for name, key, value in _NOT_PACKAGED:
        if table_in(tool, name).get(key) is value:
            return f"its [tool.{name}] says {key} = {str(value).lower()}"
    if "build-system" in table or ("setup.py" in files and calls_setup(directory)):
        return ""
    if "project" in table:
        if "name" not in table_in(table, "project"):  # as PDM has it at the top of a repository
            return "its [project] has no name, and no backend builds it"
        return _reason_against_setuptools(table_in(tool, "uv"), files)
    return _reason_against_half(directory, tool, files)


def _reason_against_setuptools(uv: Mapping[str, object], files: set[str]) -> str:
    """Return why a `[project]` without `[build-system]` is not meant to be built by setuptools."""
    if uv.get("package") is True:
        return ""
    if "workspace" in uv:
        return "it is the root of a uv workspace, without [build-system]"
    if "main.py" in files:
        return "it is an application or a function: a main.py, and no [build-system]"
    return ""


def _reason_against_half(directory: Path, tool: Mapping[str, object], files: set[str]) -> str:
    """Return what is missing for a build in a directory that has some of it."""
    if "poetry" in tool:
        return "it has [tool.poetry] and no [build-system]"
    if "setup.py" in files:
        return "its setup.py does not call setup()"
    if is_configured(directory):
        return "a setup.cfg alone cannot be built: add a setup.py or a pyproject.toml"
    return _NO_PROJECT


def repository_projects(directory: Path) -> tuple[Project, ...]:
    """Return the projects of the git checkout that *directory* is in.

    Without git, as in a build of submitted source, those below the current directory, if that is
    around *directory*. One whose files are wrong is left out.
    """
    return tuple(_readable(repository_root(directory)))


def neighbours(projects: Sequence[Project]) -> tuple[Project, ...]:
    """Return all projects of the git checkouts that *projects* are in, and *projects* themselves.

    Without git, those below the current directory. One whose files are wrong is passed over, too.
    """
    tops = {repository_root(project.directory) for project in projects}
    found = {project.directory: project for project in projects}
    for top in sorted(filter(None, tops)):
        for project in _readable(top, without=found.keys()):
            found[project.directory] = project
    return tuple(found.values())


def find_requirers(directory: Path, environ: Mapping[str, str]) -> tuple[Requirer, ...]:
    """Return those of the git checkout that *directory*, an absolute path, is in.

    What cannot be read is left out.
    """
    projects = [Requirer(str(it), it.all_requirements) for it in repository_projects(directory)]
    return (*projects, *_requirements_files(directory, environ))


def _readable(top: Path | None, without: Collection[Path] = ()) -> Iterator[Project]:
    for directory in find_packages(top).packages if top else ():
        if directory not in without:
            with suppress(InputError):
                yield read_project(directory)


def found_by_setuptools(directory: Path) -> tuple[list[str], list[str]]:
    """Return the packages in *directory*, and the modules, that setuptools has to find by itself.

    Both are empty where another backend builds it, or its own settings say what to pack.
    """
    with suppress(InputError):
        table = read_pyproject(directory, default="setup.py")
        backend = table_in(table, "build-system").get("build-backend", "setuptools")
        settings = table_in(table_in(table, "tool"), "setuptools")
        given = {
            *(key.replace("-", "_") for key in settings),
            *config_options(parse_config(read_text(directory / "setup.cfg"))),
            *setup_arguments(read_text(directory / "setup.py")),
        }
        builds = "build-system" in table or calls_setup(directory)
        if builds and str(backend).startswith("setuptools") and not given & _TELLS_MODULES:
            packages = [] if (directory / "src").is_dir() else directory.glob("*/__init__.py")
            modules = [] if (directory / "src").is_dir() else directory.glob("*.py")
            return _public(it.parent for it in packages), _public(modules)
    return [], []


def _public(paths: Iterable[Path]) -> list[str]:
    stems = {it.stem for it in paths} - _RESERVED
    return sorted(it for it in stems if it.isidentifier() and it[0] != "_")


def repository_root(directory: Path) -> Path | None:
    """Return the root of the checkout that *directory* is in, or else of what is around it."""
    if top := checkout_around(directory):
        return top
    here = Path.cwd()
    # A home folder, or a whole disk, is not a repository, and takes long to search.
    is_around = here in (directory, *directory.parents)
    return here if is_around and here not in {Path(here.anchor), Path.home()} else None


def _requirements_files(directory: Path, environ: Mapping[str, str]) -> Iterator[Requirer]:
    top = ask_git(directory, "rev-parse", "--show-toplevel", environ=environ).rstrip("\n")
    if not top:
        return
    root = Path(top)
    listed = ask_git(root, "ls-files", "-z", *_PATTERNS, environ=environ)
    for name in filter(None, listed.split("\0")):
        lines = parse_requirements(read_text(root / name)).lines
        if found := tuple(it.requirement for it in lines if it.requirement):
            yield Requirer(name, found)
