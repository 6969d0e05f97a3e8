"""Everything that the rules for functions judge by, gathered before any of them is asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.markers import UndefinedComparison

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.requirements import Requirement
    from packaging.utils import NormalizedName

    from steps.function.function import Function
    from steps.function.ignored import InGit
    from steps.project.requirements_file import Line, RequirementsFile
    from steps.project.source import Project
    from steps.registry.address import Registry
    from steps.registry.page import PublishedProject

Held = Mapping["NormalizedName", "PublishedProject"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the function is deployed, and what is to become of its requirements.

    *index* is what the index line names, *registry* where the private packages are. *runtime* is
    the minor version of its Python 3, *package_manager* the build environment's, *entry_point* a
    name in main.py; empty where nobody says. *vendor* is a folder of the function's.
    """

    registry: Registry
    index: Registry
    runtime: int = 13
    package_manager: str = ""
    entry_point: str = ""
    extra: bool = False
    pin: bool = False
    bundle: bool = False
    vendor: str = ""

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
class Facts:
    """What is known of a function.

    *files* are its requirements files by the name that messages call them by, its own first, as
    they will be. *local* are the packages of its repository, *held* what the registry holds of
    what is required, *served* what the index line's repository holds of it. *secrets* are the
    files and lines that hold one, *hidden* the files that gcloud would not upload. *in_git* is set
    where a token is to be written into requirements.txt, *is_stale* where its lock was pinned
    from what has changed since.
    """

    function: Function
    settings: Settings
    files: Mapping[str, RequirementsFile]
    main: bytes | None
    local: Mapping[NormalizedName, Project] = field(default_factory=dict)
    held: Held = field(default_factory=dict)
    served: Held = field(default_factory=dict)
    secrets: tuple[tuple[str, int], ...] = ()
    hidden: frozenset[str] = frozenset()
    in_git: InGit | None = None
    is_stale: bool = False

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

    def is_private(self, name: NormalizedName) -> bool:
        """Whether *name* is of this repository, or the registry's."""
        return name in self.local or (name in self.held and self.held[name].exists)

    def is_bundled(self, name: NormalizedName | None) -> bool:
        """Whether a wheel of this repository takes the place of *name*."""
        return self.settings.bundle and name in self.local

    def bundled_path(self, path: str) -> Project | None:
        """Return the project at *path* from the function, when it is to be bundled."""
        target = Path(os.path.normpath(self.function.directory / path))
        found = (each for each in self.local.values() if each.directory == target)
        return next(found, None) if self.settings.bundle else None

    @property
    def first(self) -> str:
        """The name of the function's own requirements file."""
        return next(iter(self.files))


def _applies(requirement: Requirement, markers: dict[str, str]) -> bool:
    try:
        return not requirement.marker or requirement.marker.evaluate(markers)
    except (UndefinedComparison, ValueError):  # such as a version compared with a word
        return True
