"""What a directory refers to: what it runs with, what builds it, and which source is elsewhere.

Dependencies differ by their use: those of development change nothing that is built. A
workspace member is required by its name, so names cover the workspaces of all tools.
"""

from __future__ import annotations

import glob
import os
import tomllib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steps.host.errors import InputError
from steps.host.files import kind_at
from steps.project.dependencies import (
    declared_dependencies,
    in_project,
    list_in,
    names_of_extras,
    parse_dependency,
    read_text,
    table_in,
)
from steps.project.requirements_file import parse_requirements
from steps.project.setup_files import GIT_KEYS, paths_outside, read_setup
from steps.project.source import read_pyproject, with_hatch_toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from steps.project.dependencies import Dependency

# The files that a function's dependencies are in, and those of many a setup.py.
REQUIREMENTS = ("requirements.txt", "requirements.in", "requirements.txt.tmpl")

# The tables that build backends and their plugins read; None for all of a tool's.
_BUILD_TABLES: dict[str, tuple[str, ...] | None] = {
    "hatch": ("build", "version", "metadata"),
    "poetry": ("packages", "include", "readme", "build", "version"),
    "pdm": ("build", "version", "readme"),
    "uv": ("build-backend",),
    **dict.fromkeys(("setuptools", "flit", "scikit-build", "polylith", "una")),
}
# Plugins that read the file of the workspace around a project, too.
_WORKSPACE_TOOLS = ("polylith", "una")
# Metadata hooks that add no dependencies, or those that are read here.
_READ_HOOKS = {"vcs", "uv-dynamic-versioning", "requirements_txt", "fancy-pypi-readme"}
_CRATE = "Cargo.toml"


@dataclass(kw_only=True)
class References:
    """What one directory names.

    *runtime* is what it runs with, also where an extra brings it, *build* what builds it,
    *development* what it is tested and worked on with. *lists* are the requirements files that are
    read, *files* those that others include, *sources* files and folders outside of it that its
    build packs. *unknown* says why some of what it runs with is not known.
    """

    runtime: list[Dependency] = field(default_factory=list)
    build: list[Dependency] = field(default_factory=list)
    development: list[Dependency] = field(default_factory=list)
    lists: set[Path] = field(default_factory=set)
    files: set[Path] = field(default_factory=set)
    sources: set[Path] = field(default_factory=set)
    unknown: str = ""


def read_references(directory: Path) -> References:
    """Return what the project or function in *directory* refers to; or raise InputError."""
    found = References()
    try:
        files = {entry.name for entry in os.scandir(directory)}
    except OSError as error:  # it was there a moment ago
        message = f"{os.fspath(directory)!r} cannot be read: {error.strerror}"
        raise InputError(message, "let this user read it, or leave it out") from None
    table = read_pyproject(directory) if "pyproject.toml" in files else {}
    if "hatch.toml" in files:
        table = with_hatch_toml(directory, table)
    for it in declared_dependencies(directory, table):
        _add(found, it)
    for it in read_setup(directory).dependencies if files & {"setup.cfg", "setup.py"} else ():
        _add(found, it)
    lists = _dynamic_lists(table)
    is_project = "build-system" in table or files & {"setup.cfg", "setup.py"}
    if not is_project or ("setup.py" in files and not found.runtime):  # many a setup.py reads it
        lists += [("", name) for name in REQUIREMENTS]
    for extra, name in lists:
        _add_requirements_file(found, Path(os.path.normpath(directory / name)), extra)
    found.build += [*_hatch_requirements(directory, table, found.runtime)]
    sources = _sources(directory, table, files)
    found.sources.update(it for it in sources if it != directory and directory not in it.parents)
    found.unknown = _unknown(table, found)
    return found


def _add(found: References, dependency: Dependency) -> None:
    uses = {"build": found.build, "development": found.development}
    uses.get(dependency.kind, found.runtime).append(dependency)


def _add_requirements_file(
    found: References, path: Path, extra: str, *, is_constraint: bool = False
) -> None:
    """Add the lines of the requirements file *path*, and of those that it includes.

    What a constraint names is not required by it.
    """
    found.lists.add(path)
    lines = parse_requirements(read_text(path)).lines
    for line in lines if not is_constraint else ():
        if line.body:
            it = parse_dependency(line.body, path.parent, "extra" if extra else "runtime")
            found.runtime.append(replace(it, extras=names_of_extras(extra)))
    for option in ("--requirement", "--constraint"):
        for name in (name for line in lines for name in line.values(option)):
            included = Path(os.path.normpath(path.parent / name))
            found.files.add(included)
            if included not in found.lists:
                constrains = is_constraint or option == "--constraint"
                _add_requirements_file(found, included, extra, is_constraint=constrains)


def _dynamic_lists(table: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the requirements files that the backend takes the dependencies from.

    Each is behind the extra that brings what is in it, empty where it always counts.
    """
    tool = table_in(table, "tool")
    dynamic = table_in(table_in(tool, "setuptools"), "dynamic")
    hooks = table_in(table_in(table_in(tool, "hatch"), "metadata"), "hooks")
    extras = table_in(dynamic, "optional-dependencies")
    named = [
        ("", table_in(dynamic, "dependencies").get("file")),
        *((extra, table_in(extras, extra).get("file")) for extra in extras),
        ("", table_in(hooks, "requirements_txt").get("files")),
    ]
    each = ((extra, it) for extra, files in named for it in _texts(files))
    return [(extra, it) for extra, it in each if "\0" not in it]


def _hatch_requirements(
    directory: Path, table: Mapping[str, Any], runtime: Iterable[Dependency]
) -> Iterator[Dependency]:
    """Yield what Hatch's targets and hooks build with: what they name, and take of *runtime*."""
    build = table_in(table_in(table_in(table, "tool"), "hatch"), "build")
    tables = [build, *(it for it in table_in(build, "targets").values() if isinstance(it, dict))]
    for it in (*tables, *(hook for each in tables for hook in table_in(each, "hooks").values())):
        yield from (parse_dependency(str(line), directory) for line in list_in(it, "dependencies"))
        extras = names_of_extras(*list_in(it, "require-runtime-features"))
        brings = isinstance(it, dict) and it.get("require-runtime-dependencies") is True
        yield from (each for each in runtime if each.extras & extras)
        yield from (each for each in runtime if brings and each.kind == "runtime")


def _unknown(table: Mapping[str, Any], found: References) -> str:
    """Return why a part of what the project runs with is not known, or nothing."""
    project, tool = table_in(table, "project"), table_in(table, "tool")
    if "dependencies" not in list_in(project, "dynamic") or found.runtime:
        return ""
    hooks = table_in(table_in(table_in(tool, "hatch"), "metadata"), "hooks").keys() - _READ_HOOKS
    by = f"the metadata hook {min(hooks)!r}" if hooks else "its build backend"
    return "" if "poetry" in tool else f"only {by} knows its dependencies"


def _sources(base: Path, table: Mapping[str, Any], files: set[str]) -> Iterator[Path]:
    """Yield what a build takes from where it is named, inside of *base* and outside."""
    tool, project = table_in(table, "tool"), table_in(table, "project")
    tables: list[object] = [
        *(project.get(key) for key in ("readme", "license", "license-files")),
        table_in(table, "build-system").get("backend-path"),
    ]
    for name in tool.keys() & {*_BUILD_TABLES, *_required_tables(table)}:
        own, keys = table_in(tool, name), _BUILD_TABLES.get(name)
        tables += [own] if keys is None else [own.get(key) for key in keys]
    texts = [in_project(text) for it in tables for text in _texts(it)]
    named = [it for it in texts if ".." in it.split("/") or it.endswith(_CRATE)]
    named += (it for name in {"setup.cfg", "setup.py"} & files for it in paths_outside(base / name))
    taken = [path for text in named if "\0" not in text for path in _expand(base, text)]
    yield from taken
    if any(name in tool for name in _WORKSPACE_TOOLS):
        yield from _above(base, "workspace.toml", "tool.polylith", "tool.una", "tool.uv.workspace")
    if "maturin" in tool or _CRATE in files:
        taken.append(base / _CRATE)
    yield from _crates(it for it in taken if it.name == _CRATE)


def _required_tables(table: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tables named after what builds the project: `setuptools_scm`, `maturin`."""
    for it in list_in(table_in(table, "build-system"), "requires"):
        name = parse_dependency(str(it), Path()).name or ""
        yield from (name, name.replace("-", "_"))


def _texts(value: object) -> Iterator[str]:
    """Yield every text in *value*: entries, and keys, as Hatch's force-include has them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        if isinstance(value.get("from"), str):  # Poetry's, with `include`
            yield f"{value['from']}/{value.get('include', '')}"
        else:
            pairs = (pair for pair in value.items() if pair[0] not in GIT_KEYS)
            yield from (text for pair in pairs for it in pair for text in _texts(it))
    elif isinstance(value, list):
        yield from (text for it in value for text in _texts(it))


def _above(base: Path, *marks: str) -> Iterator[Path]:
    """Yield the nearest file above *base* that is one of *marks*, or has one of these tables."""
    for folder in base.parents:
        for mark in marks:
            if not mark.startswith("tool.") and (folder / mark).is_file():
                yield folder / mark
                return
            if mark.startswith("tool.") and f"[{mark}" in read_text(folder / "pyproject.toml"):
                yield folder / "pyproject.toml"
                return
        if (folder / ".git").exists():
            return


def _crates(manifests: Iterable[Path]) -> Iterator[Path]:
    """Yield the crates of *manifests*, those that they are built from, and their workspaces' files.

    https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html#specifying-path-dependencies
    """
    waiting, seen = [*manifests], set[Path]()
    while waiting:
        file = waiting.pop()
        if file in seen or kind_at(file) != "file":
            continue
        seen.add(file)
        text = read_text(file)
        yield file.parent
        try:
            table = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError):
            continue
        waiting += [Path(os.path.normpath(file.parent / it / _CRATE)) for it in _paths(table)]
        if "workspace" in text:
            root = next((it for it in file.parents if _is_cargo_workspace(it)), file.parent)
            yield from (root / name for name in (_CRATE, "Cargo.lock"))


def _paths(table: object) -> Iterator[str]:
    if isinstance(table, dict):
        if isinstance(table.get("path"), str):
            yield table["path"]
        yield from (path for it in table.values() for path in _paths(it))
    elif isinstance(table, list):
        yield from (path for it in table for path in _paths(it))


def _is_cargo_workspace(folder: Path) -> bool:
    return "[workspace" in read_text(folder / "Cargo.toml")


def _expand(base: Path, pattern: str) -> list[Path]:
    if pattern.startswith("/") or not any(character in pattern for character in "*?["):
        return [Path(os.path.normpath(base / pattern))]
    found = glob.glob(pattern, root_dir=base, recursive=True)  # noqa: PTH207 - takes any pattern
    return [Path(os.path.normpath(base / path)) for path in found]


def links(folders: Iterable[str]) -> Iterator[tuple[Path, Path]]:
    """Yield each symbolic link in *folders*, with the path that it leads to."""
    for folder in folders:
        with suppress(OSError), os.scandir(folder) as entries:  # one that is gone has none
            for entry in entries:
                if entry.is_symlink():
                    yield Path(entry.path), Path(os.path.realpath(entry.path))
