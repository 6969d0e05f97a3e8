"""What a project depends on, as its files declare it: the one reader for all tools.

Read from the tables of the standard (PEP 518, 621 and 735), uv, Poetry, PDM and Hatch, and from
setuptools' files, without running any of them.
"""

from __future__ import annotations

import copy
import functools
import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from steps.host.errors import InputError, Problem
from steps.project.requirements_file import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from packaging.utils import NormalizedName

Kind = Literal["build", "runtime", "extra", "development"]

# How Hatch and PDM spell the directory of the project in a requirement's URL.
_PROJECT_ROOT = re.compile(
    r"(?:file:/*)?(?:\$\{PROJECT_ROOT\}|\{root((?::parent)*)(?::uri|:real)?\})"
)
# A version that uv-dynamic-versioning fills in: `==`, and an expression of Jinja's.
_TEMPLATE = re.compile(r"[=<>!~]{0,3}\s{0,9}\{\{.{0,200}?\}\}")


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """One entry of a project's files; *text* is the entry.

    *requirement* is what it asks of an index, *path* the absolute path that it comes from
    instead, *url* any other place. *extras* are the extras that bring it, where its kind is one.
    *fault* says why it has no form as a requirement (PEP 508). *constraint* is what a table of
    Poetry's says of its versions, as it is written there, and None for any other entry.
    """

    kind: Kind
    text: str
    requirement: Requirement | None = None
    path: Path | None = None
    url: str = ""
    extras: frozenset[str] = frozenset()
    fault: str = ""
    constraint: str | None = None

    @property
    def is_poetrys(self) -> bool:
        """Whether a table of Poetry's has it."""
        return self.constraint is not None

    @functools.cached_property
    def name(self) -> NormalizedName | None:
        """The normalised name of what is required, where the entry tells it."""
        return canonicalize_name(self.requirement.name) if self.requirement else None

    def line(self, directory: Path) -> str:
        """Return it as a line of a requirements file in *directory*.

        What lies outside of *directory* is required by its name: a function is built without it.
        """
        wanted = self.requirement
        if wanted is None or not (self.path or self.url):
            return self.text
        extras = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
        marker = f" ; {wanted.marker}" if wanted.marker else ""
        if self.path and self.path.is_relative_to(directory):
            return f"./{self.path.relative_to(directory).as_posix()}{extras}{marker}"
        if self.url:
            return f"{wanted.name}{extras} @ {self.url}{marker}"
        return f"{wanted.name}{extras}{wanted.specifier}{marker}" if "@" in self.text else self.text


@functools.cache  # finding, reading and following a project look at the same lines
def parse_dependency(text: str, base: Path, kind: Kind = "runtime") -> Dependency:
    """Return the requirement or path in *text*, as pip writes them; paths begin at *base*."""
    requirement, path, fault = _parsed(_TEMPLATE.sub("", in_project(text, "file:")))
    found = Dependency(kind=kind, text=text.strip(), requirement=requirement, fault=fault)
    if path is not None:
        return replace(found, path=_absolute(base, path), requirement=_without_url(requirement))
    if requirement and requirement.url:
        return replace(found, url=requirement.url, requirement=_without_url(requirement))
    return found


def in_project(text: str, scheme: str = "") -> str:
    """Return *text* with `.` for the project's directory, as Hatch and PDM call it, or `./..`."""
    return _PROJECT_ROOT.sub(
        lambda it: scheme + "." + (it[1] or "").replace(":parent", "/.."), text
    )


def declared_dependencies(directory: Path, table: Mapping[str, Any]) -> Iterator[Dependency]:
    """Yield what *table*, the pyproject.toml in *directory*, declares, tools' own tables too."""
    yield from _standard(directory, table)
    tool = table_in(table, "tool")
    yield from _poetry(directory, table_in(tool, "poetry"))
    for name, source in table_in(table_in(tool, "uv"), "sources").items():
        for each in source if isinstance(source, list) else [source]:
            if isinstance(each, dict) and (each.get("workspace") is True or "path" in each):
                yield _placed(parse_dependency(name, directory, "development"), each, directory)
    environments = table_in(table_in(tool, "hatch"), "envs").values()
    for lists in (
        list_in(table_in(tool, "uv"), "dev-dependencies"),
        *table_in(table_in(tool, "pdm"), "dev-dependencies").values(),
        *(list_in(it, "dependencies") for it in environments),
        *(list_in(it, "extra-dependencies") for it in environments),
    ):
        yield from _entries(lists, directory, "development")


def runtime_dependencies(
    declared: Iterable[Dependency], table: Mapping[str, Any]
) -> tuple[Dependency, ...]:
    """Return those that a project with the pyproject.toml *table* requires where it is installed.

    What a table of Poetry's says counts where `[project]` has no list of its own.
    """
    has_list = "dependencies" in table_in(table, "project")
    return tuple(it for it in declared if it.kind == "runtime" and not (has_list and it.is_poetrys))


def runtime_lines(directory: Path, table: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the same as lines of a requirements file in *directory*.

    Raises InputError for a dependency that no requirements file can express.
    """
    found = runtime_dependencies(declared_dependencies(directory, table), table)
    faults = [(it.text, it.fault) for it in found if it.fault]
    project = table_in(table, "project")
    is_dynamic = "dependencies" in list_in(project, "dynamic") and "dependencies" not in project
    if is_dynamic and "poetry" not in table_in(table, "tool"):
        faults.append(("dynamic = ['dependencies']", "only its build backend knows them"))
    InputError.raise_all(
        Problem(
            f"A dependency in 'pyproject.toml' cannot be written as a requirement: {what} ({why})",
            "write it as PEP 508 has it, such as 'name>=1.0', in [project] dependencies",
        )
        for what, why in faults
    )
    return tuple(dict.fromkeys(it.line(directory) for it in found))


def poetry_specifier(constraint: str) -> str:
    """Return Poetry's *constraint* as a PEP 440 specifier; raise ValueError if there is none."""
    if "|" in constraint:
        raise ValueError("a choice between versions has no form in a requirements file")
    parts = [
        part for part in re.split(r" ?, ?| (?=[<>=!^~])", " ".join(constraint.split())) if part
    ]
    return ",".join(filter(None, map(_one_specifier, parts)))


def valid_requirements(lines: Iterable[str]) -> Iterator[Requirement]:
    """Yield the requirements among *lines*; of what is none, the checks of a build tell."""
    for line in lines:
        with suppress(InvalidRequirement, RecursionError, TypeError):
            yield Requirement(line)


def needed_requirements(
    lines: Iterable[str], extras: Iterable[str], markers: Mapping[str, str]
) -> Iterator[Requirement]:
    """Yield those of the requirements among *lines* that count where *markers* hold."""
    wanted = ("", *extras)
    for it in valid_requirements(lines):
        marker = it.marker
        if not marker or any(marker.evaluate({**markers, "extra": name}) for name in wanted):
            yield it


def read_text(path: Path) -> str:
    """Return the text of *path*, empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):  # a name with a NUL, or what is not UTF-8
        return ""


def _standard(directory: Path, table: Mapping[str, Any]) -> Iterator[Dependency]:
    """Yield the entries of the standard tables, each from where uv's sources say."""
    project = table_in(table, "project")
    sources = {
        canonicalize_name(name): source
        for name, source in table_in(table_in(table_in(table, "tool"), "uv"), "sources").items()
    }
    hooks = _metadata_hooks(table)
    lists: list[tuple[Kind, object, str]] = [
        ("build", list_in(table_in(table, "build-system"), "requires"), ""),
        *(("runtime", list_in(it, "dependencies"), "") for it in (project, *hooks)),
        *(
            ("extra", entries, extra)
            for it in (project, *hooks)
            for extra, entries in table_in(it, "optional-dependencies").items()
        ),
        *(("development", it, "") for it in table_in(table, "dependency-groups").values()),
    ]
    for kind, entries, extra in lists:
        for found in _entries(entries, directory, kind):
            source = sources.get(found.name) if sources and found.name else None
            placed = _placed(found, source, directory)
            yield replace(placed, extras=names_of_extras(extra)) if extra else placed


def _metadata_hooks(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tables of Hatch's metadata hooks: uv-dynamic-versioning's holds dependencies."""
    metadata = table_in(table_in(table_in(table, "tool"), "hatch"), "metadata")
    return [it for it in table_in(metadata, "hooks").values() if isinstance(it, dict)]


def names_of_extras(*names: object) -> frozenset[str]:
    """Return *names* as extras are compared, without what is no name."""
    return frozenset(canonicalize_name(name) for name in names if isinstance(name, str) and name)


def _entries(lines: object, base: Path, kind: Kind) -> Iterator[Dependency]:
    """Yield the texts among *lines*: a dependency group may also hold tables."""
    for line in lines if isinstance(lines, list) else ():
        if isinstance(line, str):
            yield parse_dependency(line, base, kind)


def _placed(found: Dependency, source: object, directory: Path) -> Dependency:
    """Return *found* with the place that *source*, a table of uv's or Poetry's, names."""
    if not isinstance(source, dict):
        return found
    if isinstance(source.get("path"), str):
        return replace(found, path=_absolute(directory, source["path"]))
    if isinstance(source.get("git"), str):
        revision = next((source[key] for key in ("rev", "tag", "branch") if source.get(key)), "")
        return replace(found, url=f"git+{source['git']}{f'@{revision}' if revision else ''}")
    return replace(found, url=str(source["url"])) if source.get("url") else found


def _poetry(directory: Path, poetry: Mapping[str, Any]) -> Iterator[Dependency]:
    """Yield the entries of Poetry's own tables."""
    extras = table_in(poetry, "extras")
    groups = [it for it in table_in(poetry, "group").values() if isinstance(it, dict)]
    tables: list[tuple[Kind, dict[str, Any]]] = [
        ("runtime", table_in(poetry, "dependencies")),
        ("development", table_in(poetry, "dev-dependencies")),
        *(("development", table_in(group, "dependencies")) for group in groups),
    ]
    for kind, table in tables:
        for name, value in table.items():
            for each in value if isinstance(value, list) else [value]:
                if name.lower() != "python":
                    found = _poetry_entry(name, each, directory, kind)
                    brought_by = [it for it in extras if name in list_in(extras, it)]
                    version = each.get("version", "") if isinstance(each, dict) else each
                    yield replace(
                        found, extras=names_of_extras(*brought_by), constraint=str(version)
                    )


def _poetry_entry(name: str, value: object, directory: Path, kind: Kind) -> Dependency:
    entry = {"version": value} if isinstance(value, str) else value
    named = parse_dependency(name, directory, kind)
    if not isinstance(entry, dict):
        why = "neither a constraint nor a table"
        return replace(named, text=f"{name} = {value!r}", fault=why)
    if entry.get("optional") is True:
        kind = "extra"
    try:
        line = _poetry_line(name, entry)
        Requirement(line)
    except ValueError as error:
        return _placed(
            replace(named, kind=kind, text=f"{name} = {value!r}", fault=str(error)),
            entry,
            directory,
        )
    return _placed(parse_dependency(line, directory, kind), entry, directory)


def _poetry_line(name: str, entry: Mapping[str, Any]) -> str:
    extras = f"[{','.join(map(str, list_in(entry, 'extras')))}]" if entry.get("extras") else ""
    markers = [f"({entry['markers']})"] if entry.get("markers") else []
    if entry.get("python"):
        python = poetry_specifier(str(entry["python"])).split(",")
        markers += [re.sub(r"([=<>~!]+)(.*)", r"python_version \1 '\2'", it) for it in python]
    marker = f" ; {' and '.join(markers)}" if markers else ""
    return f"{name}{extras}{poetry_specifier(str(entry.get('version', '*')))}{marker}"


def _one_specifier(part: str) -> str:
    match = re.fullmatch(r"(\^|~(?!=)|[=<>~!]*+)\s*(\S+)", part)
    if match is None:
        raise ValueError(f"not a constraint: {part!r}")
    operator, text = match.groups()
    if text == "*":
        return ""
    if operator not in {"^", "~"}:
        specifier = f"{'==' if operator in {'', '='} else operator}{text}"
        Requirement(f"a{specifier}")
        return specifier
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


@functools.cache  # a large repository writes few lines many times
def _parsed(text: str) -> tuple[Requirement | None, str | None, str]:
    """Return the requirement and the path in *text*, and why there is neither."""
    line = Line(text, 1)
    return line.requirement, line.path, line.fault


def _without_url(requirement: Requirement | None) -> Requirement | None:
    if requirement is None or not requirement.url:
        return requirement
    bare = copy.copy(requirement)
    bare.url = None
    return bare


def _absolute(base: Path, path: str) -> Path:
    return Path(os.path.normpath(base / path))


def table_in(table: object, key: str) -> dict[str, Any]:
    """Return the table at *key* of *table*, empty where there is none."""
    value = table.get(key, {}) if isinstance(table, dict) else {}
    return value if isinstance(value, dict) else {}


def list_in(table: object, key: str) -> list[Any]:
    """Return the list at *key* of *table*, empty where there is none."""
    value = table.get(key, []) if isinstance(table, dict) else []
    return value if isinstance(value, list) else []
