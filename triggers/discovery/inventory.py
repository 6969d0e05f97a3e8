"""Packages and functions of the repository, and their dependencies.

A package is a directory that builds, as `shipwheel build --all` takes it.
A function is a directory with a `main.py` and requirements or a `pyproject.toml`, that is none, and
with evidence: the functions framework, or an entry point of a directory that the manifest deploys.
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

from steps.function.function import is_function
from steps.host.errors import InputError, Problem, shorten
from steps.project.references import REQUIREMENTS, links, read_references
from steps.project.repository import find_projects, walk
from steps.project.source import read_project, read_projects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from steps.project.dependencies import Dependency
    from triggers.manifest.manifest import Manifest, Selection

OWN_BUILD_CONFIG = "cloudbuild.yaml"
_OR = "or leave its directory out: `packages.exclude` in the manifest"


@dataclass(frozen=True)
class Dependencies:
    """What a directory depends on, as paths from the root; never itself.

    *direct* are the folders that it names for its build or to run with. *folders* and *files* are
    those whose changes change it: what a package is built from, what a function runs with.
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
    reader = DependencyReader(
        root, {name: path for path, name in names.items()}, _links_out(root, packages)
    )
    components = [
        Component(
            kind="package" if path in names else "function",
            path=path,
            name=names.get(path) or _folder_name(root, path),
            has_own_config=path != "." and (root / path / OWN_BUILD_CONFIG).is_file(),
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
        except InputError as error:
            found[path] = _reason(error, root / path)
        else:
            if name in named:
                found[path] = f"{named[name]} has the same name: {name}"
            named.setdefault(name or path, path)
    for path in _find_functions(root, _folders(root), {}):
        try:
            read_references(root / path)
        except InputError as error:
            found.setdefault(path, _reason(error, root / path))
    return dict(sorted(found.items()))


def _reason(error: InputError, directory: Path) -> str:
    """Return what is wrong, with the files of *directory* by their names alone."""
    message = error.problems[0].message
    for folder in (directory.absolute(), directory):
        message = message.replace(f"{folder}{os.sep}", "")
    return message


def _paths(root: Path, manifest: Manifest) -> tuple[list[str], list[str], list[Problem]]:
    problems: list[Problem] = []
    folders = _folders(root)
    packages = _select(root, manifest.packages, "packages", problems)
    if packages is None:
        packages = _without(_find_packages(root), manifest.packages.exclude)
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


def _folders(root: Path) -> dict[str, set[str]]:
    """Return each directory that may hold something of the user's, with the names of its files."""
    return {_relative(root, Path(folder)): set(files) for folder, files in walk(root)}


def _find_packages(root: Path) -> list[str]:
    """Return the paths of all directories that build."""
    return sorted(_relative(root, project) for project in find_projects(root))


def _find_functions(
    root: Path, folders: Mapping[str, set[str]], entry_points: Mapping[str, str]
) -> list[str]:
    """Return the paths of all functions; *entry_points* are those of directories to be deployed."""
    return [
        path
        for path in _function_candidates(folders)
        if is_function(
            (root / path / "main.py").read_bytes(),
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
    def is_excluded(path: str) -> bool:
        parts = path.split("/")
        upwards = ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
        return any(fnmatch.fnmatchcase(part, pattern) for part in upwards for pattern in excludes)

    return [path for path in paths if not is_excluded(path)]


def _package_names(root: Path, packages: Sequence[str]) -> dict[str, str]:
    """Return each package's name, normalised; the folder's where only a build would tell."""
    try:
        projects = read_projects(root / path for path in packages)
    except InputError as error:
        # A template or a fixture may look like a package, and be none.
        problems = [Problem(each.message, f"{each.hint}; {_OR}") for each in error.problems]
        raise InputError(problems[0], more=problems[1:]) from None
    return {
        (path := _relative(root, it.directory)): it.name
        or canonicalize_name(_folder_name(root, path))
        for it in projects
    }


def _links_out(root: Path, packages: Sequence[str]) -> dict[str, tuple[Path, ...]]:
    """Return, by package, what symbolic links in its directory lead to outside of it."""
    by_length = sorted(packages, key=len, reverse=True)
    found: dict[str, tuple[Path, ...]] = {}
    resolved = Path(os.path.realpath(root))
    for link, target in links(folder for folder, _ in walk(root)):
        where, there = _relative(root, link), _relative(resolved, target)
        owner = next((it for it in by_length if it == "." or where.startswith(f"{it}/")), ".")
        if owner not in {".", there} and not there.startswith(f"{owner}/"):
            found[owner] = (*found.get(owner, ()), root / there)
    return found


def _folder_name(root: Path, path: str) -> str:
    return (root / path).resolve().name


def _relative(root: Path, folder: Path) -> str:
    return os.path.relpath(folder, root).replace(os.sep, "/")


@dataclass
class DependencyReader:
    """Reads each directory below *root* once; *packages* maps normalised names to their paths.

    What builds a package starts its builds; what a function runs with starts its own. Development
    dependencies start nothing: they change nothing that is built.
    """

    root: Path
    packages: Mapping[str, str]
    links: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)
    _read: dict[str, _Needs] = field(default_factory=dict)

    def of_package(self, path: str) -> Dependencies:
        """Return what the package in *path* is built from: whatever else it runs with is not."""
        found, seen, waiting = set[str](), set[str](), [path]
        while waiting:
            folder = waiting.pop()
            seen.add(folder)
            found |= self._needs(folder).sources
            # A package that builds another runs while it does, and was built before.
            tools = self._closure(self._needs(folder).build)
            found |= tools
            waiting += tools - seen
        return self._dependencies(path, found)

    def of_function(self, path: str) -> Dependencies:
        """Return what the function in *path* runs with, transitively, with its shared source."""
        folders = self._closure({(path, frozenset())}) | {path}
        unknown = ((it, self._needs(it).unknown) for it in sorted(folders))
        self.warnings += [
            Problem(
                f"{path!r} runs with {it!r}, and {why}" if it != path else f"{path!r}: {why}",
                f'what it needs in this repository: `overrides["{path}"].includedFiles`',
            )
            for it, why in unknown
            if why
        ]
        return self._dependencies(path, folders.union(*(self._needs(it).sources for it in folders)))

    def _closure(self, start: Iterable[_Use]) -> set[str]:
        """Return the folders of *start*, and of all that they run with; a cycle does no harm."""
        waiting, seen = [*start], set[_Use]()
        while waiting:
            use = waiting.pop()
            if use not in seen:
                seen.add(use)
                waiting += self._needs(use[0]).runtime_with(use[1])
        return {path for path, _ in seen}

    def _dependencies(self, path: str, found: set[str]) -> Dependencies:
        needs = self._needs(path)
        direct = {it for it, _ in (*needs.runtime.keys(), *needs.build)} | needs.sources
        folders = {it for it in found | direct if (self.root / it).is_dir()} - {path}
        return Dependencies(
            tuple(sorted(direct & folders)),
            tuple(sorted(found & folders)),
            tuple(sorted(found - folders - {path})),
        )

    def _needs(self, path: str) -> _Needs:
        if path not in self._read:
            self._read[path] = self._read_needs(path)
        return self._read[path]

    def _read_needs(self, path: str) -> _Needs:
        references = read_references(self.root / path)
        runtime: dict[_Use, set[str]] = {}
        for it in references.runtime:
            if use := self._use(path, it):
                runtime.setdefault(use, set()).update(it.extras or {""})
        named = {self._relative(path, it, must_exist=True) for it in sorted(references.files)}
        taken = (*sorted(references.sources), *self.links.get(path, ()))
        return _Needs(
            runtime=runtime,
            build=frozenset(filter(None, (self._use(path, it) for it in references.build))),
            sources=frozenset(filter(None, {*named, *(self._relative(path, it) for it in taken)})),
            unknown=references.unknown,
        )

    def _use(self, path: str, dependency: Dependency) -> _Use | None:
        """Return the directory here that answers *dependency*, and the extras asked of it."""
        extras = dependency.requirement.extras if dependency.requirement else ()
        wanted = frozenset(map(canonicalize_name, extras))
        if dependency.path:
            folder = self._relative(path, dependency.path, must_exist=True)
            return (folder, wanted) if folder and (self.root / folder).is_dir() else None
        folder = "" if dependency.url else self.packages.get(dependency.name or "", "")
        return (folder, wanted) if folder else None

    def _relative(self, path: str, target: Path, *, must_exist: bool = False) -> str:
        """Return *target* from the root; nothing, after a warning, where no trigger can see it."""
        relative = os.path.relpath(target, self.root).replace(os.sep, "/")
        if relative.startswith("../") or relative == "..":
            self._warn(path, relative, "is outside of the repository", "no trigger can see it")
        elif target.exists():
            return relative
        elif must_exist:
            self._warn(path, relative, "does not exist", "correct the path, or remove it")
        return ""

    def _warn(self, path: str, reference: str, what: str, hint: str) -> None:
        problem = Problem(f"{path!r} depends on {reference!r}, which {what}", hint)
        if problem not in self.warnings:
            self.warnings.append(problem)


# A directory, and the extras that are asked of it.
_Use = tuple[str, frozenset[str]]


@dataclass(frozen=True, kw_only=True)
class _Needs:
    """What one directory names; *runtime* has the extras that bring each use, "" for always."""

    runtime: Mapping[_Use, set[str]]
    build: frozenset[_Use]
    sources: frozenset[str]
    unknown: str

    def runtime_with(self, extras: frozenset[str]) -> list[_Use]:
        """Return what it runs with when it is installed with *extras*."""
        return [use for use, brought in self.runtime.items() if brought & {"", *extras}]
