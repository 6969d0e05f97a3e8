"""Packages and functions of the repository, and their dependencies.

A package is a directory that builds, as `shipwheel build --all` takes it.
A function is a directory with a `main.py` and requirements or a `pyproject.toml`, that is none, and
with evidence: the functions framework, or an entry point of a directory that the manifest deploys.
The manifest's lists win over what is found. Only files are read; nothing of the repository runs.
"""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from packaging.utils import canonicalize_name

from steps.function.function import MAIN, decorated_entry_point, is_function, read_bytes
from steps.host.errors import InputError, Problem, shorten
from steps.project.manifest import is_excluded
from steps.project.references import REQUIREMENTS, read_references
from steps.project.repository import find_packages, walk_with_subfolders
from steps.project.source import read_project, read_projects
from triggers.cloudbuild.conditions import unwritable
from triggers.discovery.dependencies import Dependencies, DependencyReader, links_out, relative_path
from triggers.manifest.function import NAME_OF_FUNCTION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from steps.project.repository import Folder
    from steps.project.source import Project
    from triggers.manifest.manifest import Manifest, Selection

OWN_BUILD_CONFIG = "cloudbuild.yaml"
_LONGEST_NAME = 63  # of a function
_OR = "or leave its directory out: `packages.exclude` in the manifest"


@dataclass(frozen=True, kw_only=True)
class Component:
    """A package or a function.

    *path* is its directory from the repository's root, with slashes, `.` for the root itself.
    *has_own_config* says that a `cloudbuild.yaml` is in it. *name* is the folder's where *is_named*
    says that only a build would tell the package's. *unversioned* are globs from *path* of the
    files whose changes need no release.
    """

    kind: Literal["package", "function"]
    path: str
    name: str
    is_named: bool = True
    has_own_config: bool = False
    unversioned: tuple[str, ...] = ()
    dependencies: Dependencies = field(default_factory=Dependencies)


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All components in the order of their paths, packages first, and warnings about them."""

    components: tuple[Component, ...]
    warnings: tuple[Problem, ...] = ()


def take_inventory(root: Path, manifest: Manifest) -> Inventory:
    """Return the packages and functions of the repository at *root*, with their dependencies.

    Raises InputError with all problems of the manifest's lists, or else of the projects' files.
    """
    walked = [*walk_with_subfolders(root)]
    folders = _folders(root, walked)
    packages, functions, problems = _paths(root, manifest, walked, folders)
    InputError.raise_all(problems)
    projects = _projects(root, packages)
    names = {path: project.name or "" for path, project in projects.items()}
    # The root's own cloudbuild.yaml is rarely a package's: it may well build the whole repository.
    by_name = {name or _folder_name(root, path): path for path, name in names.items()}
    reader = DependencyReader(
        root,
        {canonicalize_name(it): path for it, path in by_name.items()},
        links_out(root, folders, packages),
    )
    components = [
        Component(
            kind="package" if path in names else "function",
            path=path,
            name=names.get(path) or _folder_name(root, path),
            is_named=bool(names.get(path)),
            has_own_config=path != "." and (root / path / OWN_BUILD_CONFIG).is_file(),
            unversioned=projects[path].unversioned if path in projects else (),
            dependencies=reader.of_package(path) if path in names else reader.of_function(path),
        )
        for path in (*packages, *functions)
    ]
    return Inventory(components=tuple(components), warnings=tuple(reader.warnings))


def find_components(root: Path) -> tuple[str, ...]:
    """Return the paths of all packages and functions, found without a manifest."""
    folders = _folders(root)
    return tuple(sorted({*_find_packages(root), *_find_functions(root, folders, {})}))


def left_out_functions(root: Path, inventory: Inventory) -> tuple[str, ...]:
    """Return the directories that look like functions, and of which nothing says that they are."""
    known = {it.path for it in inventory.components}
    return tuple(path for path in _function_candidates(_folders(root)) if path not in known)


def unusable_components(root: Path) -> dict[str, str]:
    """Return the packages and functions that cannot be read, or have another one's name, and why.

    Of several with one name, the one with the shortest path is kept.
    """
    found: dict[str, str] = {}
    named: dict[str, str] = {}
    for path in sorted(_find_packages(root), key=lambda it: (it.count("/"), it)):
        try:
            name = read_project(root / path).name or ""
            InputError.raise_all(unwritable([path]) if name not in named else [])
        except InputError as error:
            found[path] = _reason(error, root / path)
        else:
            if name in named:
                found[path] = f"{named[name]} has the same name: {name}"
            named.setdefault(name or path, path)
    for path in _find_functions(root, _folders(root), {}):
        try:
            InputError.raise_all(unwritable([path]))
            read_references(root / path)
        except InputError as error:
            found.setdefault(path, _reason(error, root / path))
    return dict(sorted(found.items()))


def function_settings(root: Path, excluded: Collection[str]) -> dict[str, dict[str, str]]:
    """Return the functions that need settings: a name, or an entry point that is not `main`."""
    packages = _find_packages(root)
    candidates = _without(_find_functions(root, _folders(root), {}), [*map(glob.escape, excluded)])
    functions = [path for path in candidates if path not in packages]
    names = _names_from_paths([it for it in functions if it != "."])
    found: dict[str, dict[str, str]] = {}
    for path in functions:
        entry_point = decorated_entry_point(read_bytes(root / path / MAIN))
        found[path] = {"name": names[path]} if path in names else {}
        if entry_point != "main" and entry_point.isascii() and entry_point:
            found[path]["entryPoint"] = entry_point
    return {path: settings for path, settings in found.items() if settings}


def _names_from_paths(functions: Iterable[str]) -> dict[str, str]:
    """Return those of *functions* whose folder has no name for them, each with one from its path.

    The folder's name is another one's, too, or one that Google refuses.
    """
    by_name: dict[str, list[str]] = {}
    for path in functions:
        by_name.setdefault(function_name(path.rsplit("/", 1)[-1]), []).append(path)
    unnamed = [
        path
        for name, paths in by_name.items()
        if len(paths) > 1 or not re.fullmatch(NAME_OF_FUNCTION, name)
        for path in paths
    ]
    names = {it: function_name(it)[-_LONGEST_NAME:].lstrip("-0123456789") for it in unnamed}
    return {path: name for path, name in names.items() if name}


def function_name(text: str) -> str:
    """Return *text* in the characters that the name of a function may have."""
    return re.sub("[^a-z0-9-]+", "-", text.lower()).strip("-")


def _reason(error: InputError, directory: Path) -> str:
    """Return what is wrong, with the files of *directory* by their names alone."""
    message = error.problems[0].message
    for folder in (directory.absolute(), directory):
        message = message.replace(f"{folder}{os.sep}", "")
    return message


def _paths(
    root: Path, manifest: Manifest, walked: Iterable[Folder], folders: Mapping[str, set[str]]
) -> tuple[list[str], list[str], list[Problem]]:
    problems: list[Problem] = []
    packages = _select(root, manifest.packages, "packages", problems)
    if packages is None:
        packages = _without(_find_packages(root, walked), manifest.packages.exclude)
        packages = [path for path in packages if path not in (manifest.functions.include or ())]
    functions = _select(root, manifest.functions, "functions", problems)
    if functions is None:
        found = _find_functions(root, folders, _entry_points(manifest))
        functions = _without(found, manifest.functions.exclude)
    functions = [path for path in functions if path not in packages]
    known = {*packages, *functions, *(path.split("/")[0] for path in packages)}
    problems.extend(
        Problem(
            f'`overrides["{path}"]` is not the directory of a package or function',
            f"choose one of: {shorten(sorted(known), 8)}",
        )
        for path in manifest.overrides
        if path not in known
    )
    problems.extend(
        Problem(
            f"The name of a directory is not UTF-8, and triggers are: {path!r}",
            "rename it, or leave it out: `exclude` in the manifest",
        )
        for path in (*packages, *functions)
        if path.encode(errors="ignore").decode() != path
    )
    return packages, functions, problems


def _folders(root: Path, walked: Iterable[Folder] | None = None) -> dict[str, set[str]]:
    """Return each directory that may hold something of the user's, with the names of its files."""
    folders = walk_with_subfolders(root) if walked is None else walked
    return {relative_path(root, folder): set(files) for folder, _, files in folders}


def _find_packages(root: Path, walked: Iterable[Folder] | None = None) -> list[str]:
    """Return the paths of all directories that build."""
    packages = find_packages(root, walked).packages
    return sorted(relative_path(root, project) for project in packages)


def _find_functions(
    root: Path, folders: Mapping[str, set[str]], entry_points: Mapping[str, str]
) -> list[str]:
    """Return the paths of all functions; *entry_points* are those of directories to be deployed."""
    return [
        path
        for path in _function_candidates(folders)
        if is_function(
            read_bytes(root / path / MAIN),
            _required_names(root / path),
            entry_points.get(path, ""),
        )
    ]


def _function_candidates(folders: Mapping[str, set[str]]) -> list[str]:
    beside = {*REQUIREMENTS, "pyproject.toml"}
    return sorted(path for path, files in folders.items() if "main.py" in files and beside & files)


def _required_names(directory: Path) -> set[str]:
    """Return the names that *directory* requires; none where its files cannot be read."""
    try:
        return {it.name for it in read_references(directory).runtime if it.name}
    except InputError:
        return set()


def _entry_points(manifest: Manifest) -> dict[str, str]:
    """Return the entry point of each directory that the manifest itself deploys."""
    default = manifest.deploy.function.entry_point or "main"
    return {
        path: it.deploy.function.entry_point or default
        for path, it in manifest.overrides.items()
        if it.deploy.model_fields_set
    }


def _select(
    root: Path, selection: Selection, key: str, problems: list[Problem]
) -> list[str] | None:
    """Return the directories that the manifest lists itself, or None when it does not."""
    if selection.include is None:
        return None
    chosen: set[str] = set()
    for pattern in selection.include:
        matches = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207 - keeps `.`
        folders = {path.rstrip("/") for path in matches if (root / path).is_dir()}
        if not folders:
            problems.append(
                Problem(
                    f"`{key}.include` names a directory that does not exist: {pattern!r}",
                    "give it from the manifest's directory, or take it out",
                )
            )
        chosen |= folders
    return _without(sorted(chosen), selection.exclude)


def _without(paths: Sequence[str], excludes: Sequence[str]) -> list[str]:
    return [path for path in paths if not is_excluded(path, excludes)]


def _projects(root: Path, packages: Sequence[str]) -> dict[str, Project]:
    """Return the packages by their paths."""
    try:
        projects = read_projects(root / path for path in packages)
    except InputError as error:
        # A template or a fixture may look like a package, and be none.
        problems = [Problem(each.message, f"{each.hint}; {_OR}") for each in error.problems]
        raise InputError(problems[0], more=problems[1:]) from None
    return {relative_path(root, it.directory): it for it in projects}


def _folder_name(root: Path, path: str) -> str:
    return (root / path).resolve().name
