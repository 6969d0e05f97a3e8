"""Everything that the rules for functions judge by, gathered before the first rule runs.

It comes from files, the repository, the registry, git and gcloud. A virtual repository may lag
behind the standard one that a version was uploaded to: this waits until it shows the versions that
the function's build needs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.markers import UndefinedComparison
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from steps.function.function import (
    BUNDLE_FOLDER,
    MAIN,
    PYPROJECT,
    REQUIREMENTS,
    parsed,
    source_text,
)
from steps.function.rewriting import digest, is_own
from steps.function.tokens import find_secrets, git_status, holds_token
from steps.host.errors import AccessError, ApiUnavailable, NoRepository, warn
from steps.host.files import kind_at
from steps.host.gcloud import is_uploaded
from steps.project.repository import repository_projects
from steps.project.source import read_projects
from steps.registry.index import Index
from steps.registry.retry import Transient, retry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.utils import NormalizedName

    from steps.function.function import Function
    from steps.function.resolution import Pinned
    from steps.function.tokens import GitStatus
    from steps.project.requirements_file import Line, RequirementsFile
    from steps.project.source import Project
    from steps.registry.address import Registry
    from steps.registry.page import PublishedProject
    from steps.registry.transport import Transport

Projects = Mapping["NormalizedName", "PublishedProject"]
Versions = dict["NormalizedName", Version]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the function is deployed, and how its requirements are prepared.

    *index* is what the index line names, *registry* where the private packages are. *runtime* is
    the minor version of its Python 3, *package_manager* the build environment's, *entry_point* a
    name in main.py; empty where not given. *vendor* is a folder of the function's. With *upgrade*,
    earlier pins are not kept. *wait* is for how many seconds the index may lag behind the registry,
    and the registry behind the packages in the directories *wait_for*.
    """

    registry: Registry
    index: Registry
    runtime: int = 13
    package_manager: str = ""
    entry_point: str = ""
    extra: bool = False
    pin: bool = False
    upgrade: bool = False
    bundle: bool = False
    vendor: str = ""
    wait: float = 0.0
    wait_for: tuple[Path, ...] = ()
    write_ignores: bool = False

    @property
    def known(self) -> tuple[Registry, Registry]:
        """The registries that an index line may name."""
        return self.index, self.registry

    @property
    def locks(self) -> bool:
        """Whether every requirement is pinned by this run."""
        return self.pin or self.bundle or bool(self.vendor)

    @property
    def markers(self) -> dict[str, str]:
        """What environment markers are evaluated with, for the function's Python and platform."""
        version = f"3.{self.runtime}"
        return {
            "python_version": version,
            "python_full_version": f"{version}.0",
            "implementation_name": "cpython",
            "implementation_version": f"{version}.0",
            "platform_python_implementation": "CPython",
            "os_name": "posix",
            "sys_platform": "linux",
            "platform_system": "Linux",
            "platform_machine": "x86_64",
            "extra": "",
        }


@dataclass(frozen=True, kw_only=True)
class FunctionContext:
    """What is known of a function.

    *files* are its requirements files by the name that messages call them by, its own first, as
    they will be. *local* are the packages of its repository. *in_registry* and *in_index* are what
    the registry and the index line's repository hold of what is required. *secrets* are the files
    and lines that hold one, *not_uploaded* the files that gcloud ignores. *git_status* is that of
    requirements.txt, where a token is to be written into it. *is_stale* says that the source of its
    lock has changed, and *today* decides which runtimes are supported.
    """

    function: Function
    settings: Settings
    files: Mapping[str, RequirementsFile]
    main: bytes | None
    local: Mapping[NormalizedName, Project] = field(default_factory=dict)
    in_registry: Projects = field(default_factory=dict)
    in_index: Projects = field(default_factory=dict)
    secrets: tuple[tuple[str, int], ...] = ()
    not_uploaded: frozenset[str] = frozenset()
    git_status: GitStatus | None = None
    is_stale: bool = False
    today: date = field(default_factory=date.today)

    @property
    def lines(self) -> Iterator[tuple[str, Line]]:
        """Every line of every file, with the file's name."""
        for name, file in self.files.items():
            for line in file.lines:
                yield name, line

    def required(self) -> Iterator[tuple[str, Line, NormalizedName, Requirement]]:
        """Yield what an index has to answer, for the function's Python and platform."""
        for name, line in self.lines:
            requirement, project = line.by_name, line.name
            if requirement is None or project is None:
                continue
            if _applies(requirement, self.settings.markers):
                yield name, line, project, requirement

    def is_published(self, name: NormalizedName) -> bool:
        """Whether the registry holds *name*."""
        return name in self.in_registry and self.in_registry[name].exists

    def is_private(self, name: NormalizedName) -> bool:
        """Whether *name* is of this repository, or the registry's."""
        return name in self.local or self.is_published(name)

    def private_names(self) -> frozenset[NormalizedName]:
        """Return all names that the registry alone may serve."""
        return frozenset(self.local) | {it for it in self.in_registry if self.is_published(it)}

    def is_bundled(self, name: NormalizedName | None) -> bool:
        """Whether a wheel of this repository takes the place of *name*."""
        return self.settings.bundle and name in self.local

    def bundled_path(self, path: str) -> Project | None:
        """Return the project at *path* from the function, when it is to be bundled."""
        target = Path(os.path.normpath(self.function.directory / path))
        found = (each for each in self.local.values() if each.directory == target)
        return next(found, None) if self.settings.bundle else None

    @cached_property
    def is_hashed(self) -> bool:
        """Whether pip demands a hash of everything."""
        return any(file.is_hashed for file in self.files.values())

    @property
    def first(self) -> str:
        """The name of the function's own requirements file."""
        return next(iter(self.files))


def _applies(requirement: Requirement, markers: dict[str, str]) -> bool:
    try:
        return not requirement.marker or requirement.marker.evaluate(markers)
    except (UndefinedComparison, ValueError):  # such as a version compared with a word
        return True


def gather(
    function: Function,
    settings: Settings,
    transport: Transport,
    virtual: Transport | None,
    environ: Mapping[str, str],
) -> FunctionContext:
    """Return all that the rules judge by.

    *transport* speaks to the registry, *virtual* to the index line's repository, if that is another
    one. With `write_ignores` the ignore files count as they will be.
    """
    directory = function.directory
    context = FunctionContext(
        function=function,
        settings=settings,
        files=_requirements_files(function, "--requirement"),
        main=function.main(),
        local={it.name: it for it in repository_projects(directory) if it.name},
    )
    published = _wait_until_published(settings, transport)
    names = {name for _, _, name, _ in context.required()}
    context = replace(context, in_registry=_read(transport, names, "--registry names another one"))
    token = holds_token(function.text)
    status = git_status(directory, REQUIREMENTS, environ) if token else None
    if status and settings.write_ignores:
        status = replace(status, is_ignored=True)
    return replace(
        context,
        in_index=_read_index(context, names, published, virtual)
        if virtual
        else context.in_registry,
        secrets=tuple(find_secrets(directory, leave_out={REQUIREMENTS} if token else set())),
        is_stale=_is_stale(function, settings),
        not_uploaded=frozenset() if settings.write_ignores else not_uploaded(context),
        git_status=status,
    )


def _read(transport: Transport, names: Iterable[NormalizedName], other: str) -> Projects:
    """Return what the registry of *transport* holds of *names*, most of which may be public.

    Raises NoRepository where it holds none of them because it does not exist.
    """
    # Nothing is published because of this, so an unknown name needs no proof.
    index = Index(transport.registry, transport, first_release=True)
    try:
        found = index.read_many(names)
        if found and not any(project.exists for project in found.values()):
            _require_repository(index)
    except NoRepository as error:
        hint = f"check its address; `shipwheel setup` makes it, and {other}"
        raise NoRepository(error.problems[0].message, hint) from None
    return found


def _read_index(
    context: FunctionContext,
    names: Iterable[NormalizedName],
    published: Versions,
    virtual: Transport,
) -> Projects:
    """Return what the index line's repository holds, once it shows what the registry does."""
    found = _read(virtual, names, "--virtual, or `deploy.function.index`, names another one")
    if context.settings.vendor:
        return found
    versions = {**published, **_required_versions(context)}
    return {**found, **wait_until_visible(versions, virtual, context.settings)}


def _require_repository(index: Index) -> None:
    """Raise NoRepository where the API says that there is none; warn where it does not say."""
    try:
        if index.api:
            index.api.repository()
    except (AccessError, ApiUnavailable) as error:
        warn(f"{index.registry} could not be looked up: {error}")


def _is_stale(function: Function, settings: Settings) -> bool:
    """Return whether the function's lock was pinned from, or for, something else."""
    if not function.pinned:
        return False
    text = source_text(function.directory, function.origin)
    origin = replace(function, source=function.origin, text=text)
    return lock_digest(origin, settings) != function.pinned


def lock_digest(function: Function, settings: Settings) -> str:
    """Return the digest of all that a lock of *function* is made from, and of what it is for."""
    files = _requirements_files(function, "--requirement", "--constraint")
    return digest(files.values(), settings.runtime)


def _requirements_files(function: Function, *options: str) -> dict[str, RequirementsFile]:
    """Return the function's own requirements file, and those that *options* in it name."""
    first = parsed(function.text, function.source)
    if function.source == PYPROJECT:  # its lines are not those of the file
        first = replace(first, lines=tuple(replace(line, number=0) for line in first.lines))
    files = {function.source: first}
    waiting = [(function.source, first)]
    while waiting:
        name, file = waiting.pop()
        for line in file.lines:
            for path in line.values(*options):
                inside = os.path.normpath(os.path.join(os.path.dirname(name), path))  # noqa: PTH118, PTH120 - a path in the file
                if inside not in files and kind_at(function.directory / inside) == "file":
                    files[inside] = parsed(function.read(inside), inside)
                    waiting.append((inside, files[inside]))
    return files


def not_uploaded(context: FunctionContext) -> frozenset[str]:
    """Return which files of the function, and folders that it needs, gcloud would not upload."""
    directory, settings = context.function.directory, context.settings
    folders = {settings.vendor, BUNDLE_FOLDER if settings.bundle else ""} - {""}
    paths = {line.path for _, line in context.lines if line.path is not None}
    needed = {os.path.relpath(os.path.normpath(directory / path), directory) for path in paths}
    inside = {path for path in needed if not path.startswith("..") and path != "."}
    files = {name for name in {MAIN, REQUIREMENTS, *inside} if not is_uploaded(directory, name)}
    return frozenset(
        files | {name for name in folders if not is_uploaded(directory, f"{name}/a.whl")}
    )


def _required_versions(context: FunctionContext) -> Versions:
    """Return the highest version in the registry that the private requirements admit."""
    found: Versions = {}
    for _, _, name, requirement in context.required():
        project = context.in_registry.get(name)
        if project and not context.is_bundled(name):
            admitted = list(requirement.specifier.filter(project.versions))
            found |= {name: max(admitted)} if admitted else {}
    return found


def pinned_versions(pinned: Iterable[Pinned], registry: Registry) -> Versions:
    """Return the version of each requirement that was resolved from *registry*."""
    own = [Requirement(it.body) for it in pinned if is_own(it.index, [registry])]
    return {canonicalize_name(it.name): Version(pin.version) for it in own for pin in it.specifier}


def _wait_until_published(settings: Settings, transport: Transport) -> Versions:
    """Return the versions of the packages to wait for, once the registry has them or higher ones.

    A version that only a build tells is not waited for. Raises RegistryError when one does not come
    in time.
    """
    found = read_projects(settings.wait_for)
    wanted = {it.name: it.version for it in found if it.name and it.version}
    if not wanted:
        return {}
    index = Index(transport.registry, transport, first_release=True)

    def read() -> Versions:
        held = {name: project.versions for name, project in index.read_many(wanted).items()}
        late = [
            f"{it} {own}" for it, own in wanted.items() if max((own, *held[it])) not in held[it]
        ]
        if late:
            raise Transient(f"it does not have {', '.join(late)} yet")
        return {it: own if own in held[it] else max(held[it]) for it, own in wanted.items()}

    return retry(
        read,
        what=f"The registry {transport.registry}",
        retry_for=settings.wait,
        hint="look why the build that publishes this has not done so, then run this one again; or"
        " wait longer with --wait SECONDS, which `deploy.function.publishTimeout` gives",
    )


def wait_until_visible(versions: Versions, transport: Transport, settings: Settings) -> Projects:
    """Return what the registry of *transport* holds once it shows all *versions*.

    Raises RegistryError when it does not in time.
    """
    registry = transport.registry
    index = Index(registry, transport, first_release=True)

    def read() -> Projects:
        found = index.read_many(versions)
        late = [f"{name} {it}" for name, it in versions.items() if it not in found[name].versions]
        if late:
            raise Transient(f"it does not show {', '.join(late)} yet")
        return found

    return retry(
        read,
        what=f"The index {registry.index_url}",
        retry_for=settings.wait,
        hint="run it again later, or wait longer with --wait SECONDS; if it stays so, check that"
        " the registry is an upstream of that repository",
    )
