"""What a directory refers to: requirements by name, and directories and files by path.

Read from the files of uv, Poetry, Hatch, PDM, setuptools and pip, without running any of them.
A workspace member is required by its name, so names cover the workspaces of all of them.
"""

from __future__ import annotations

import ast
import configparser
import functools
import glob
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from steps.project.source import read_pyproject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# How Hatch and PDM spell the directory of the project in a requirement's URL.
_PROJECT_ROOT = re.compile(r"\$\{PROJECT_ROOT\}|\{root(?::uri|:real)?\}")
_OPTION = re.compile(r"^(-r|--requirement|-c|--constraint|-e|--editable)(?:\s+|=|(?<=-\w))(.+)$")


@dataclass(kw_only=True)
class References:
    """What one directory names: normalised *names*, and absolute *paths* of folders and files."""

    names: set[str] = field(default_factory=set)
    paths: set[Path] = field(default_factory=set)

    def add_line(self, line: str, base: Path) -> None:
        """Add a requirement or a path, as pip writes them; *base* is where paths begin."""
        line = _PROJECT_ROOT.sub(_escape(base), line.strip())
        path = _local_path(line)
        if path is not None:
            self.add_path(path, base)
        elif name := _required_name(line):
            self.names.add(name)

    def add_path(self, path: str, base: Path) -> None:
        """Add the folder or file at *path* from *base*."""
        self.paths.add(Path(os.path.normpath(base / path)))

    def add_source(self, pattern: str, base: Path) -> None:
        """Add what *pattern* takes into the distribution from outside of *base*."""
        self.paths.update(path for path in _expand(base, pattern) if base not in path.parents)


def read_references(directory: Path) -> References:
    """Return what the project or function in *directory* refers to; or raise InputError."""
    found = References()
    files = {entry.name for entry in os.scandir(directory)}
    table = read_pyproject(directory) if "pyproject.toml" in files else {}
    _add_lines(found, _standard_lines(table), directory)
    tool = _dict(table, "tool")
    _add_uv(found, _dict(tool, "uv"), directory)
    _add_poetry(found, _dict(tool, "poetry"), directory)
    _add_hatch(found, _dict(tool, "hatch"), directory)
    _add_sources(found, tool, directory)
    for lines in _dict(_dict(tool, "pdm"), "dev-dependencies").values():
        _add_lines(found, lines, directory)
    if files & {"setup.cfg", "setup.py"}:
        _add_lines(found, read_setup(directory)[1], directory)
    for name in files:
        if name.startswith("requirements") and name.endswith((".txt", ".in", ".tmpl")):
            _add_requirements_file(found, directory / name, {directory / name})
    return found


def read_setup(directory: Path) -> tuple[str, list[str]]:
    """Return the literal name and requirements of `setup.cfg` and `setup.py`, if there are any."""
    name, lines = "", []
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read_string(_text(directory / "setup.cfg"))
        name = config.get("metadata", "name", fallback="")
        lines = config.get("options", "install_requires", fallback="").splitlines()
        tree = ast.parse(_text(directory / "setup.py"))
    except (configparser.Error, SyntaxError, ValueError):
        return name, lines
    for node in ast.walk(tree):
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                name = name or str(keyword.value.value)
            if keyword.arg == "install_requires" and isinstance(keyword.value, ast.List):
                items = (item for item in keyword.value.elts if isinstance(item, ast.Constant))
                lines += [str(item.value) for item in items]
    return name, lines


def _add_lines(found: References, lines: object, base: Path) -> None:
    for line in lines if isinstance(lines, list) else ():
        if isinstance(line, str):  # a dependency group may also hold tables
            found.add_line(re.sub(r"^(?:-e|--editable)[ =]", "", line), base)


def _standard_lines(table: Mapping[str, Any]) -> list[Any]:
    """Return all requirements of the standard tables (PEP 518, 621 and 735)."""
    project = _dict(table, "project")
    groups = [
        _dict(table, "build-system").get("requires"),
        project.get("dependencies"),
        *_dict(project, "optional-dependencies").values(),
        *_dict(table, "dependency-groups").values(),
    ]
    return [line for group in groups if isinstance(group, list) for line in group]


def _add_uv(found: References, uv: Mapping[str, Any], base: Path) -> None:
    _add_lines(found, uv.get("dev-dependencies"), base)
    for name, sources in _dict(uv, "sources").items():
        for source in sources if isinstance(sources, list) else [sources]:
            if isinstance(source, dict) and isinstance(source.get("path"), str):
                found.add_path(source["path"], base)
            elif isinstance(source, dict) and source.get("workspace") is True:
                found.add_line(name, base)


def _add_poetry(found: References, poetry: Mapping[str, Any], base: Path) -> None:
    groups = _dict(poetry, "group").values()
    tables = [poetry, *(group for group in groups if isinstance(group, dict))]
    for table in tables:
        for key in ("dependencies", "dev-dependencies"):
            for name, constraints in _dict(table, key).items():
                found.add_line(name, base)
                for each in constraints if isinstance(constraints, list) else [constraints]:
                    if isinstance(each, dict) and isinstance(each.get("path"), str):
                        found.add_path(each["path"], base)


def _add_sources(found: References, tool: Mapping[str, Any], base: Path) -> None:
    """Add source that is kept outside of the project, as Polylith's bricks are."""
    for each in _list(_dict(tool, "poetry"), "packages"):
        if isinstance(each, dict):
            found.add_source(f"{each.get('from', '.')}/{each.get('include', '')}", base)
    build = _dict(_dict(tool, "hatch"), "build")
    targets = [build, *(_dict(_dict(build, "targets"), name) for name in ("wheel", "sdist"))]
    for table in [*(_dict(target, "force-include") for target in targets), _bricks(tool)]:
        for path in table:
            found.add_source(path, base)


def _bricks(tool: Mapping[str, Any]) -> dict[str, Any]:
    return _dict(_dict(tool, "polylith"), "bricks")


def _add_hatch(found: References, hatch: Mapping[str, Any], base: Path) -> None:
    for environment in _dict(hatch, "envs").values():
        if not isinstance(environment, dict):
            continue
        _add_lines(found, environment.get("dependencies"), base)
        _add_lines(found, environment.get("extra-dependencies"), base)
        for member in _list(_dict(environment, "workspace"), "members"):
            pattern = member.get("path") if isinstance(member, dict) else member
            if isinstance(pattern, str):
                found.paths.update(_expand(base, pattern))


def _add_requirements_file(found: References, path: Path, seen: set[Path]) -> None:
    """Add the lines of the requirements file *path*, and of those that it includes."""
    for line in _logical_lines(_text(path)):
        option = _OPTION.match(line)
        if option is None:
            if not line.startswith("-"):
                found.add_line(line, path.parent)
        elif option[1] in {"-e", "--editable"}:
            found.add_line(option[2], path.parent)
        else:
            included = Path(os.path.normpath(path.parent / option[2]))
            found.paths.add(included)
            if included not in seen:
                seen.add(included)
                _add_requirements_file(found, included, seen)


def _logical_lines(text: str) -> Iterator[str]:
    """Yield lines as pip joins them: continuations joined, comments and hashes off."""
    for line in re.sub(r"\\\r?\n", "", text).splitlines():
        bare = re.sub(r"(?:^|\s)#.*$", "", line)
        bare = re.sub(r"\s--(?:hash|config-settings)\b.*$", "", bare).strip()
        if bare:
            yield bare


@functools.cache  # a large repository writes few lines many times
def _required_name(line: str) -> str:
    """Return the normalised name, empty for a line that only its own tool understands."""
    try:
        return canonicalize_name(Requirement(line).name)
    except InvalidRequirement:
        return ""


def _local_path(line: str) -> str | None:
    """Return the path that a requirement line names, or None for one by name or from elsewhere."""
    reference = re.sub(r"^[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\])?\s*@\s*", "", line)
    reference = reference.split(" ;")[0].split("#")[0].strip()
    if reference.startswith("file:"):
        return unquote(re.sub(r"^file:(?://(?:localhost)?(?=/))?", "", reference))
    if "://" in reference or not re.match(r"\.{1,2}(?:/|$|\[)|/", reference):
        return None
    return re.sub(r"\[[^\]]*\]$", "", reference)


def _escape(base: Path) -> str:
    return re.sub(r"\\", r"\\\\", base.as_posix())


def _expand(base: Path, pattern: str) -> list[Path]:
    if pattern.startswith("/") or not any(character in pattern for character in "*?["):
        return [Path(os.path.normpath(base / pattern))]
    found = glob.glob(pattern, root_dir=base, recursive=True)  # noqa: PTH207 - takes any pattern
    return [Path(os.path.normpath(base / path)) for path in found]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""


def _dict(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key, {})
    return value if isinstance(value, dict) else {}


def _list(table: Mapping[str, Any], key: str) -> list[Any]:
    value = table.get(key, [])
    return value if isinstance(value, list) else []
