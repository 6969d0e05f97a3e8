"""Packages and functions of the repository, and their dependencies.

A package is a directory that builds: a `pyproject.toml` with a build system, or a `setup.py`.
A function is a directory with a `main.py` and requirements or a `pyproject.toml`, that is none.
The manifest's lists win over what is found. Only files are read; nothing of the repository runs.
"""

from __future__ import annotations

import fnmatch
import glob
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from packaging.utils import canonicalize_name

from steps.host.errors import InputError, Problem, shorten
from steps.project.dependencies import read_setup
from steps.project.references import read_references
from steps.project.source import find_projects, read_projects, walk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from triggers.manifest.manifest import Manifest, Selection

OWN_BUILD_CONFIG = "cloudbuild.yaml"
REQUIREMENTS = ("requirements.txt", "requirements.in", "requirements.txt.tmpl")
_OR = "or leave its directory out: `packages.exclude` in the manifest"


@dataclass(frozen=True)
class Dependencies:
    """What a directory depends on, as paths from the root; never itself.

    *direct* are the folders that it names, *folders* those and theirs in turn, *files* the single
    files that any of them names, such as shared constraints.
    """

    direct: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Component:
    """A package or a function.

    *path* is its directory from the repository's root, with slashes, `.` for the root itself.
    *has_own_config* says that a `cloudbuild.yaml` is in it.
    """

    kind: Literal["package", "function"]
    path: str
    name: str
    has_own_config: bool = False
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
    packages, functions, problems = _paths(root, manifest)
    InputError.raise_all(problems)
    names = _package_names(root, packages)
    # The root's own cloudbuild.yaml is rarely a package's: it may well build the whole repository.
    reader = DependencyReader(root, {name: path for path, name in names.items()})
    components = [
        Component(
            kind="package" if path in names else "function",
            path=path,
            name=names.get(path) or _folder_name(root, path),
            has_own_config=path != "." and (root / path / OWN_BUILD_CONFIG).is_file(),
            dependencies=reader.dependencies(path),
        )
        for path in (*packages, *functions)
    ]
    return Inventory(components=tuple(components), warnings=tuple(reader.warnings))


def find_components(root: Path) -> tuple[str, ...]:
    """Return the paths of all packages and functions, found without a manifest."""
    folders = _folders(root)
    return tuple(sorted({*_find_packages(root, folders), *_find_functions(folders)}))


def _paths(root: Path, manifest: Manifest) -> tuple[list[str], list[str], list[Problem]]:
    problems: list[Problem] = []
    folders = _folders(root)
    packages = _select(root, manifest.packages, "packages", problems)
    if packages is None:
        packages = _without(_find_packages(root, folders), manifest.packages.exclude)
        packages = [path for path in packages if path not in (manifest.functions.include or ())]
    functions = _select(root, manifest.functions, "functions", problems)
    if functions is None:
        functions = _without(_find_functions(folders), manifest.functions.exclude)
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


def _folders(root: Path) -> dict[str, set[str]]:
    """Return each directory that may hold something of the user's, with the names of its files."""
    return {_relative(root, Path(folder)): set(files) for folder, files in walk(root)}


def _find_packages(root: Path, folders: Mapping[str, set[str]]) -> list[str]:
    """Return the paths of all directories that build; *folders* are all with their files."""
    projects = {_relative(root, project) for project in find_projects(root)}
    return sorted(projects | {path for path, files in folders.items() if "setup.py" in files})


def _find_functions(folders: Mapping[str, set[str]]) -> list[str]:
    """Return the paths of all directories that look like functions."""
    beside = {*REQUIREMENTS, "pyproject.toml"}
    return sorted(path for path, files in folders.items() if "main.py" in files and beside & files)


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
    def is_excluded(path: str) -> bool:
        parts = path.split("/")
        upwards = ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
        return any(fnmatch.fnmatchcase(part, pattern) for part in upwards for pattern in excludes)

    return [path for path in paths if not is_excluded(path)]


def _package_names(root: Path, packages: Sequence[str]) -> dict[str, str]:
    """Return each package's name, normalised; the folder's where only a build would tell."""
    with_toml = [path for path in packages if (root / path / "pyproject.toml").is_file()]
    try:
        projects = read_projects(root / path for path in with_toml)
    except InputError as error:
        # A template or a fixture may look like a package, and be none.
        problems = [Problem(each.message, f"{each.hint}; {_OR}") for each in error.problems]
        raise InputError(problems[0], more=problems[1:]) from None
    names = {_relative(root, project.directory): str(project.name or "") for project in projects}
    for path in packages:
        name = names.get(path) or read_setup(root / path)[0] or _folder_name(root, path)
        names[path] = canonicalize_name(name)
    return names


def _folder_name(root: Path, path: str) -> str:
    return (root / path).resolve().name


def _relative(root: Path, folder: Path) -> str:
    return os.path.relpath(folder, root).replace(os.sep, "/")


@dataclass
class DependencyReader:
    """Reads each directory below *root* once; *packages* maps normalised names to their paths."""

    root: Path
    packages: Mapping[str, str]
    warnings: list[Problem] = field(default_factory=list)
    _read: dict[str, tuple[frozenset[str], frozenset[str]]] = field(default_factory=dict)

    def dependencies(self, path: str) -> Dependencies:
        """Return what the directory *path* depends on, transitively; a cycle does no harm."""
        folders, files, waiting = set[str](), set[str](), [path]
        while waiting:
            found_folders, found_files = self._direct(waiting.pop())
            files |= found_files
            waiting.extend(found_folders - folders)
            folders |= found_folders
        direct = self._direct(path)[0]
        return Dependencies(
            tuple(sorted(direct - {path})), tuple(sorted(folders - {path})), tuple(sorted(files))
        )

    def _direct(self, path: str) -> tuple[frozenset[str], frozenset[str]]:
        if path not in self._read:
            self._read[path] = self._read_direct(path)
        return self._read[path]

    def _read_direct(self, path: str) -> tuple[frozenset[str], frozenset[str]]:
        references = read_references(self.root / path)
        folders = {self.packages[name] for name in references.names & self.packages.keys()}
        files = set()
        for target in sorted(references.paths):
            relative = os.path.relpath(target, self.root).replace(os.sep, "/")
            if relative.startswith("../") or relative == "..":
                self._warn(path, relative, "is outside of the repository", "no trigger can see it")
            elif target.is_dir():
                folders.add(relative)
            elif target.is_file():
                files.add(relative)
            else:
                self._warn(path, relative, "does not exist", "correct the path, or remove it")
        return frozenset(folders), frozenset(files)

    def _warn(self, path: str, reference: str, what: str, hint: str) -> None:
        self.warnings.append(Problem(f"{path!r} depends on {reference!r}, which {what}", hint))
