"""The runtime requirements of a `pyproject.toml`, as lines for a requirements file.

Read in the forms of the standard (PEP 621), Poetry, uv and PDM. A dependency on another directory
of the repository is required by its name: there is no such directory where a function is built.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from steps.host.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# How PDM and Hatch spell the directory of the project in a requirement's URL.
_PROJECT_ROOT = re.compile(r"file:/*(?:\$\{PROJECT_ROOT\}|\{root\})|\{root:uri\}")


def pyproject_requirements(directory: Path, table: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the project of *table*, in *directory*, requires at run time, line by line.

    Raises InputError for a dependency that no requirements file can express.
    """
    project, tool = _dict(table, "project"), _dict(table, "tool")
    lines: list[str] = []
    problems: list[Problem] = []
    sources = _dict(_dict(tool, "uv"), "sources")
    for line in _list(project, "dependencies"):
        try:
            lines.append(_standard(str(line), sources, directory))
        except InvalidRequirement as error:
            problems.append(_problem(str(line), str(error).splitlines()[0]))
    if "dependencies" not in project:
        if "dependencies" in _list(project, "dynamic") and "poetry" not in tool:
            why = "only its build backend knows them"
            problems.append(_problem("dynamic = ['dependencies']", why))
        for name, value in _dict(_dict(tool, "poetry"), "dependencies").items():
            try:
                lines.extend(_poetry(name, value, directory))
            except ValueError as error:
                problems.append(_problem(f"{name} = {value!r}", str(error)))
    InputError.raise_all(problems)
    return tuple(dict.fromkeys(lines))


def _problem(what: str, why: str) -> Problem:
    return Problem(
        f"A dependency in 'pyproject.toml' cannot be written as a requirement: {what} ({why})",
        "write it as PEP 508 has it, such as 'name>=1.0', in [project] dependencies",
    )


def _standard(line: str, sources: Mapping[str, Any], directory: Path) -> str:
    """Return a line of [project], with what uv's *sources* say of where it comes from."""
    requirement = Requirement(_PROJECT_ROOT.sub("file:.", line))
    source = next((each for name, each in sources.items() if _same(name, requirement.name)), None)
    place = _Place.read(source, directory) if isinstance(source, dict) else _Place()
    if requirement.url and requirement.url.startswith("file:"):
        place = _Place.at(re.sub(r"^file:(//)?", "", requirement.url), directory)
        requirement.url = None
    elif not (place.url or place.path):
        return line.strip()
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    return place.line(requirement.name, sorted(requirement.extras), str(requirement.specifier)) + (
        marker
    )


def _poetry(name: str, value: Any, directory: Path) -> Iterator[str]:
    """Yield the lines of one entry of Poetry's table; raise ValueError for what has no line."""
    if name.lower() == "python":
        return
    for each in value if isinstance(value, list) else [value]:
        entry = {"version": each} if isinstance(each, str) else each
        if not isinstance(entry, dict):
            raise ValueError("neither a constraint nor a table")  # noqa: TRY004 - reported as one
        if entry.get("optional") is True:
            continue
        place = _Place.read(entry, directory)
        specifier = poetry_specifier(str(entry.get("version", "*")))
        markers = [f"({entry['markers']})"] if entry.get("markers") else []
        if entry.get("python"):
            python = poetry_specifier(str(entry["python"])).split(",")
            markers += [re.sub(r"([=<>~!]+)(.*)", r"python_version \1 '\2'", it) for it in python]
        marker = f" ; {' and '.join(markers)}" if markers else ""
        line = place.line(name, list(entry.get("extras", [])), specifier) + marker
        if place.path is None:
            Requirement(line)  # a ValueError of packaging's where a marker makes no sense
        yield line


@dataclass(frozen=True)
class _Place:
    """Where a dependency comes from, when not from an index."""

    url: str = ""
    path: str | None = None

    @classmethod
    def read(cls, entry: Mapping[str, Any], directory: Path) -> _Place:
        """Return the place that a table of uv's or Poetry's names."""
        if isinstance(entry.get("path"), str):
            return cls.at(entry["path"], directory)
        if isinstance(entry.get("git"), str):
            revision = next((entry[key] for key in ("rev", "tag", "branch") if entry.get(key)), "")
            at = f"@{revision}" if revision else ""
            return cls(url=f"git+{entry['git']}{at}")
        return cls(url=str(entry.get("url", "")))

    @classmethod
    def at(cls, path: str, directory: Path) -> _Place:
        """Return the place at *path*; one outside of *directory* is only known by its name."""
        inside = os.path.relpath(os.path.normpath(directory / path), directory)
        if inside == ".." or inside.startswith("../"):
            return cls()
        return cls(path=f"./{inside}")

    def line(self, name: str, extras: list[str], specifier: str) -> str:
        wanted = f"[{','.join(extras)}]" if extras else ""
        if self.path is not None:
            return f"{self.path}{wanted}"
        return f"{name}{wanted} @ {self.url}" if self.url else f"{name}{wanted}{specifier}"


def poetry_specifier(constraint: str) -> str:
    """Return Poetry's *constraint* as a PEP 440 specifier; raise ValueError if there is none."""
    if "|" in constraint:
        raise ValueError("a choice between versions has no form in a requirements file")
    parts = [part for part in re.split(r"\s*,\s*|\s+(?=[<>=!^~])", constraint.strip()) if part]
    return ",".join(filter(None, map(_one_specifier, parts)))


def _one_specifier(part: str) -> str:
    match = re.fullmatch(r"(\^|~(?!=)|[=<>~!]*)\s*(\S+)", part)
    if match is None:
        raise ValueError(f"not a constraint: {part!r}")
    operator, text = match.groups()
    if text == "*":
        return ""
    if operator not in {"^", "~"}:
        Requirement(f"a{'==' if operator in {'', '='} else operator}{text}")
        return f"{'==' if operator in {'', '='} else operator}{text}"
    try:
        release = Version(text).release
    except InvalidVersion as error:
        raise ValueError(str(error)) from None
    if operator == "~":
        kept = min(len(release), 2)
    else:
        leading = next((at for at, number in enumerate(release) if number), len(release) - 1)
        kept = leading + 1
    upper = [*release[: kept - 1], release[kept - 1] + 1]
    return f">={text},<{'.'.join(map(str, upper))}"


def _same(one: str, other: str) -> bool:
    return canonicalize_name(one) == canonicalize_name(other)


def _dict(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    return value if isinstance(value, dict) else {}


def _list(table: Mapping[str, Any], key: str) -> list[Any]:
    value = table.get(key, [])
    return value if isinstance(value, list) else []
