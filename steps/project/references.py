"""What a directory refers to: requirements by name, and directories and files by path.

A workspace member is required by its name, so names cover the workspaces of all tools.
"""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steps.project.dependencies import (
    declared_dependencies,
    list_in,
    parse_dependency,
    read_setup,
    read_text,
    table_in,
)
from steps.project.requirements_file import parse_requirements
from steps.project.source import read_pyproject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from steps.project.dependencies import Dependency


@dataclass(kw_only=True)
class References:
    """What one directory names: normalised *names*, and absolute *paths* of folders and files."""

    names: set[str] = field(default_factory=set)
    paths: set[Path] = field(default_factory=set)

    def add(self, dependencies: Iterable[Dependency]) -> None:
        """Add each of *dependencies* by its path, or else by its name."""
        for it in dependencies:
            if it.path:
                self.paths.add(it.path)
            elif it.name and not it.url:
                self.names.add(it.name)


def read_references(directory: Path) -> References:
    """Return what the project or function in *directory* refers to; or raise InputError."""
    found = References()
    files = {entry.name for entry in os.scandir(directory)}
    if "pyproject.toml" in files:
        table = read_pyproject(directory)
        found.add(declared_dependencies(directory, table))
        found.paths.update(_sources(directory, table_in(table, "tool")))
    if files & {"setup.cfg", "setup.py"}:
        found.add(read_setup(directory)[1])
    for name in files:
        if name.startswith("requirements") and name.endswith((".txt", ".in", ".tmpl")):
            _add_requirements_file(found, directory / name, {directory / name})
    return found


def _add_requirements_file(found: References, path: Path, seen: set[Path]) -> None:
    """Add the lines of the requirements file *path*, and of those that it includes."""
    for line in parse_requirements(read_text(path)).lines:
        if line.body:
            found.add([parse_dependency(line.body, path.parent)])
        for name in line.values("--requirement", "--constraint"):
            included = Path(os.path.normpath(path.parent / name))
            found.paths.add(included)
            if included not in seen:
                seen.add(included)
                _add_requirements_file(found, included, seen)


def _sources(base: Path, tool: Mapping[str, Any]) -> Iterator[Path]:
    """Yield source that is kept outside of the project, as Polylith's bricks are."""
    hatch = table_in(tool, "hatch")
    build = table_in(hatch, "build")
    targets = (table_in(table_in(build, "targets"), name) for name in ("wheel", "sdist"))
    patterns = [
        f"{each.get('from', '.')}/{each.get('include', '')}"
        for each in list_in(table_in(tool, "poetry"), "packages")
        if isinstance(each, dict)
    ]
    for table in (build, *targets):
        patterns += table_in(table, "force-include")
    patterns += table_in(table_in(tool, "polylith"), "bricks")
    for pattern in patterns:
        yield from (path for path in _expand(base, pattern) if base not in path.parents)
    for environment in table_in(hatch, "envs").values():
        workspace = table_in(environment, "workspace") if isinstance(environment, dict) else {}
        for member in list_in(workspace, "members"):
            path = member.get("path") if isinstance(member, dict) else member
            if isinstance(path, str):
                yield from _expand(base, path)


def _expand(base: Path, pattern: str) -> list[Path]:
    if pattern.startswith("/") or not any(character in pattern for character in "*?["):
        return [Path(os.path.normpath(base / pattern))]
    found = glob.glob(pattern, root_dir=base, recursive=True)  # noqa: PTH207 - takes any pattern
    return [Path(os.path.normpath(base / path)) for path in found]
