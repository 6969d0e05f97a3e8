"""Everything that the rules for functions judge by, gathered before the first rule runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.markers import UndefinedComparison

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.requirements import Requirement
    from packaging.utils import NormalizedName

    from steps.function.function import Function
    from steps.function.tokens import GitStatus
    from steps.project.requirements_file import Line, RequirementsFile
    from steps.project.source import Project
    from steps.registry.address import Registry
    from steps.registry.page import PublishedProject

Projects = Mapping["NormalizedName", "PublishedProject"]


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
