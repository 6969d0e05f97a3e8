"""A project: a directory that builds, and what its files say of it without running its backend.

What is static in `pyproject.toml` costs no build. Where a field is dynamic, or the project keeps it
in a file of its backend's, it is None here and the built metadata decides.
"""

from __future__ import annotations

import functools
import os
import stat
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from steps.host.errors import InputError, Problem, did_you_mean
from steps.host.files import kind_at
from steps.project.dependencies import (
    declared_dependencies,
    list_in,
    read_text,
    runtime_dependencies,
    table_in,
)
from steps.project.globs import glob_problems
from steps.project.setup_files import SetupFiles, read_setup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from packaging.requirements import Requirement

    from steps.project.dependencies import Dependency


_KEYS = ("environment", "unversioned")  # of [tool.shipwheel]
_SHIM = "from setuptools import setup; setup()"


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project as its files describe it; *directory* is absolute.

    *requirements* are the declared runtime dependencies, *extra_requirements* those that an extra
    brings, *build_requirements* what its build asks of an index, *local_paths* the directories of
    those that are in this repository. *environment* are the variables that its build backend may
    have besides the usual ones, *unversioned* the globs of the files whose changes need no release.
    """

    directory: Path
    name: NormalizedName | None = None
    version: Version | None = None
    requirements: tuple[Requirement, ...] = ()
    extra_requirements: tuple[Requirement, ...] = ()
    build_requirements: tuple[Requirement, ...] = ()
    local_paths: tuple[Path, ...] = ()
    environment: tuple[str, ...] = ()
    unversioned: tuple[str, ...] = ()

    @property
    def all_requirements(self) -> tuple[Requirement, ...]:
        """What it asks of an index, to run and to be built."""
        return (*self.requirements, *self.build_requirements)

    def __str__(self) -> str:
        """Return what people call it: its name, or else its directory."""
        return self.name or self.directory.name


def read_project(directory: Path) -> Project:
    """Read the project in *directory*; raise InputError with all that is wrong with its files."""
    directory = Path(os.path.abspath(directory))  # noqa: PTH100 - keeps symbolic links as named
    table = read_pyproject(directory, default="setup.py")
    declared = (*declared_dependencies(directory, table),)
    InputError.raise_all(_problems(table, directory / "pyproject.toml", declared))
    return _project(directory, table, declared)


def read_projects(directories: Iterable[Path]) -> tuple[Project, ...]:
    """Read every project, raising one InputError for all of them; none may come twice."""
    projects: dict[Path, Project] = {}
    problems: list[Problem] = []
    for directory in directories:
        try:
            project = read_project(directory)
        except InputError as error:
            problems.extend(error.problems)
        else:
            projects[project.directory] = project
    problems.extend(shared_names((it.name, it.directory) for it in projects.values() if it.name))
    InputError.raise_all(problems)
    return tuple(projects.values())


def shared_names(named: Iterable[tuple[NormalizedName, Path]]) -> Iterator[Problem]:
    """Yield a problem per name that projects in several directories have."""
    folders: dict[NormalizedName, list[str]] = {}
    for name, directory in named:
        folders.setdefault(name, []).append(repr(os.fspath(directory)))
    for name, where in folders.items():
        if len(where) > 1:
            yield Problem(
                f"{len(where)} projects have the name {name!r}: {', '.join(where)}",
                "give each a name of its own; a registry knows a package by its name",
            )


def static_names(projects: Iterable[Project]) -> frozenset[NormalizedName]:
    """Return the names of those *projects* whose version is written in their files."""
    return frozenset(it.name for it in projects if it.name and it.version is not None)


def read_pyproject(directory: Path, *, default: str = "") -> dict[str, Any]:
    """Return the table of the project in *directory*, to be read only; or raise InputError.

    Where there is a file named *default* instead, the table is empty.
    """
    path = directory / "pyproject.toml"
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a pipe would be waited for
            raise InputError(f"{os.fspath(path)!r} is not a file", "put one in its place")
        return _parse_toml(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise InputError(
            f"{os.fspath(path)!r} is nested too deeply to be read", "write it with fewer brackets"
        ) from None
    except FileNotFoundError:
        if default and (directory / default).is_file():
            return {}
        what = "has no pyproject.toml" if directory.is_dir() else "does not exist"
        hint = "name a directory with a pyproject.toml, or --all for every package below it"
        if default and (directory / "setup.cfg").is_file():
            what, hint = f"{what} or {default}", f"add to its setup.cfg a {default}: {_SHIM}"
        raise InputError(f"The project directory {what}: {os.fspath(directory)!r}", hint) from None
    except NotADirectoryError:
        raise InputError(
            f"A project is a directory, and this is a file: {os.fspath(directory)!r}",
            f"name its directory: {os.fspath(directory.parent)}",
        ) from None
    except ValueError as error:  # or bytes that are no text, or a number of thousands of digits
        raise InputError(
            f"{os.fspath(path)!r} is not valid TOML: {error}", "fix the file at that place"
        ) from None
    except OSError as error:
        raise InputError(
            f"{os.fspath(path)!r} cannot be read: {error.strerror}",
            "let this user read it, or leave the project out",
        ) from None


def with_hatch_toml(directory: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return *table*, the pyproject.toml, with a hatch.toml's tables above its own of Hatch."""
    tool = table_in(table, "tool")
    hatch = {**table_in(tool, "hatch")}
    with suppress(tomllib.TOMLDecodeError, RecursionError):
        hatch |= _parse_toml(read_text(directory / "hatch.toml"))
    return {**table, "tool": {**tool, "hatch": hatch}}


@functools.cache  # finding, reading and following a project look at the same text
def _parse_toml(text: str) -> dict[str, Any]:
    if text.startswith("\ufeff"):
        # pypa/build and pip refuse it, too: to take it here would not help.
        raise tomllib.TOMLDecodeError("it begins with a byte order mark, which TOML does not know")
    return tomllib.loads(text)


def _problems(
    table: Mapping[str, Any], path: Path, declared: Iterable[Dependency]
) -> Iterator[Problem]:
    """Yield what is wrong with the static metadata, as far as it is static."""
    where = f"in {os.fspath(path)!r}"
    for key in ("project", "build-system", "tool"):
        if not isinstance(table.get(key, {}), dict):
            yield Problem(f"`{key}` is not a table {where}", f"write it as [{key}]")
            return
    yield from _missing_fields(table, where)
    yield from _tool_problems(_own_table(table), where, path.parent)
    metadata = _static_metadata(table)
    if "name" in metadata and not is_valid(
        metadata["name"], partial(canonicalize_name, validate=True)
    ):
        yield Problem(
            f"The project's name is not valid: {metadata['name']!r} {where}",
            "letters, digits, and - _ . between them (PEP 508)",
        )
    if "version" in metadata and not is_valid(metadata["version"], Version):
        yield Problem(
            f"The project's version is not valid (PEP 440): {metadata['version']!r} {where}",
            "write it as N.N.N, with aN, bN, rcN, .postN or .devN behind it",
        )
    for it in runtime_dependencies(declared, table):
        if it.fault and it.requirement is None:  # Poetry's constraints say more than PEP 508 can
            yield Problem(
                f"A dependency is not a valid requirement: {it.text!r} {where} ({it.fault})",
                "write it as PEP 508 has it, such as 'name>=1.0'",
            )


def _tool_problems(table: Mapping[str, Any], where: str, directory: Path) -> Iterator[Problem]:
    """Yield what is wrong in *table*, `[tool.shipwheel]` of the project in *directory*."""
    for key, value in table.items():
        if key not in _KEYS:
            known = f"the keys there are: {', '.join(_KEYS)}"
            message = f"[tool.shipwheel] has no key {key!r}, {where}"
            yield Problem(message, did_you_mean(key, _KEYS, known))
        elif not (isinstance(value, list) and all(isinstance(it, str) for it in value)):
            example = '["NAME"]' if key == "environment" else '["tests/**"]'
            what = "names of variables" if key == "environment" else "globs of files"
            message = f"[tool.shipwheel] {key} is {value!r} {where}"
            yield Problem(message, f"list {what} there: {key} = {example}")
        elif key == "unversioned":
            yield from glob_problems(value, f"[tool.shipwheel] unversioned {where}", directory)


def _missing_fields(table: Mapping[str, Any], where: str) -> Iterator[Problem]:
    """Yield a problem per field that `[project]` neither gives nor calls dynamic (PEP 621)."""
    if "project" not in table:
        return
    metadata = table["project"]
    if "name" not in metadata:
        yield Problem(f"[project] has no name {where}", "add: name = ...")
    if "version" not in metadata and "version" not in list_in(metadata, "dynamic"):
        # Poetry 2 reads the version from its own table, and says so by `dynamic`.
        yield Problem(
            f"[project] has no version {where}",
            'add: version = "...", or dynamic = ["version"] if the backend works it out',
        )


def _project(
    directory: Path, table: Mapping[str, Any], declared: tuple[Dependency, ...]
) -> Project:
    metadata = _static_metadata(table)
    setup = read_setup(directory) if _is_setuptools(table) else SetupFiles()
    if "project" not in table:
        metadata = {**_valid_fields(setup), **metadata}
    runtime = runtime_dependencies(declared, table)
    declared += setup.dependencies
    if "dependencies" not in table_in(table, "project"):
        runtime += tuple(it for it in setup.dependencies if it.kind == "runtime")
    extras = (it for it in declared if it.kind == "extra")
    build = (it for it in declared if it.kind == "build" and not it.url and "@" not in it.text)
    paths = dict.fromkeys(it.path for it in declared if it.path)
    return Project(
        directory=directory,
        name=canonicalize_name(metadata["name"]) if "name" in metadata else None,
        version=Version(metadata["version"]) if "version" in metadata else None,
        requirements=tuple(it.requirement for it in runtime if it.requirement),
        extra_requirements=tuple(it.requirement for it in extras if it.requirement),
        build_requirements=tuple(it.requirement for it in build if it.requirement),
        local_paths=tuple(path for path in paths if kind_at(path) == "folder"),
        environment=tuple(_own_table(table).get("environment", ())),
        unversioned=tuple(_own_table(table).get("unversioned", ())),
    )


def _own_table(table: Mapping[str, Any]) -> Mapping[str, Any]:
    return table_in(table_in(table, "tool"), "shipwheel")


def _is_setuptools(table: Mapping[str, Any]) -> bool:
    """Return whether the setup files count: setuptools builds what names no backend (PEP 517)."""
    backend = table_in(table, "build-system").get("build-backend", "setuptools")
    return isinstance(backend, str) and backend.startswith(("setuptools", "skbuild"))


def _valid_fields(setup: SetupFiles) -> dict[str, str]:
    """Return name and version of the setup files; the backend corrects what is not valid there."""
    found = {}
    if setup.name and is_valid(setup.name, partial(canonicalize_name, validate=True)):
        found["name"] = setup.name
    if setup.version and is_valid(setup.version, Version):
        found["version"] = setup.version
    return found


def _static_metadata(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return name and version where they are static, in `[project]` or in Poetry's table."""
    project, poetry = table_in(table, "project"), table_in(table_in(table, "tool"), "poetry")
    dynamic = list_in(project, "dynamic")
    # poetry-dynamic-versioning replaces the version that Poetry's table gives.
    replaced = table_in(table_in(table, "tool"), "poetry-dynamic-versioning").get("enable") is True
    found: dict[str, Any] = {key: poetry[key] for key in ("name", "version") if key in poetry}
    if "version" in dynamic and "version" not in poetry:
        found.pop("version", None)
    if replaced:
        found.pop("version", None)
    found.update({key: project[key] for key in ("name", "version") if key in project})
    return found


def is_valid(value: object, parse: Callable[[str], object]) -> bool:
    """Return whether *value* is a text that *parse* takes."""
    try:
        return isinstance(value, str) and parse(value) is not None
    except ValueError:  # what packaging raises is one, and so are more digits than Python reads
        return False
