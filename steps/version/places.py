"""Where a project's version is written, and the smallest edit that changes it there.

A place is a prefix of git tags; or a file, and a function that reads the version from the file's
text as the build backend would. An edit replaces the old version where that makes the reader say
the new one, so nothing else in the file can change.
"""

from __future__ import annotations

import ast
import os
import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from steps.host.errors import InputError
from steps.host.files import kind_at
from steps.host.git import ask_git
from steps.project.dependencies import list_in, read_text, table_in, valid_requirements
from steps.project.setup_files import parse_config, parse_module, setup_arguments, static_version
from steps.project.source import is_valid, read_pyproject, with_hatch_toml

if TYPE_CHECKING:
    import configparser
    from collections.abc import Callable, Iterator, Mapping

    from steps.project.source import Project

_TAG = re.compile(r"(?P<prefix>|.*[^0-9.])(?P<version>\d[^/]*)")
_WILDCARD = re.compile(r"[*?\[]")
# As hatchling and pdm-backend read a file, unless another pattern is set.
_HATCH_PATTERN = r"""(?i)^(?:__version__|VERSION)(?: ?: ?str)? *= *(['"])v?(?P<version>.+?)\1"""
_PDM_PATTERN = r"""^__version__\s*=\s*["'](?P<version>.+?)["']\s*(?:#.*)?$"""
# Build requirements that take the version from git tags.
_TAGGERS = {"flit-scm", "hatch-vcs", "pbr", "poetry-dynamic-versioning",
            "setuptools-git-versioning", "setuptools-scm", "uv-dynamic-versioning",
            "vcs-versioning", "versioneer", "versioningit"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TagPlace:
    """The tags that begin with *prefix*; *latest* is the version of the highest, if there is one.

    *latest* counts only tags in the history of what is checked out.
    """

    prefix: str
    latest: Version | None

    def tag(self, version: Version) -> str:
        """Return the tag that makes *version*."""
        return f"{self.prefix}{version}"


@dataclass(frozen=True, kw_only=True)
class _TagRules:
    """Which tags the settings of the project's tool select: globs, patterns, a prefix."""

    globs: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    prefix: str = ""


def find_tag_place(directory: Path, name: str, table: Mapping[str, Any]) -> TagPlace:
    """Return the tags that the project *name* in *directory* has its versions from."""
    rules = _tag_rules(table)
    tags = ask_git(directory, "tag", "--merged", "HEAD").splitlines()
    return choose_tag_place(tags, name, rules)


def choose_tag_place(tags: list[str], name: str, rules: _TagRules) -> TagPlace:
    """Return the prefix and the version of the highest of *tags* that *rules* let through.

    Without rules, tags that begin with the project's own name count first, then those of a
    version alone.
    """
    found = [pair for tag in tags if _is_taken(tag, rules) and (pair := _split(tag, rules))]
    if not (rules.globs or rules.patterns or rules.prefix):
        own = [pair for pair in found if name and name in _names(pair[0])]
        found = own or [pair for pair in found if pair[0] in {"", "v", "V"}]
    if found:
        prefix, version = max(found, key=lambda pair: pair[1])
        return TagPlace(prefix=prefix, latest=version)
    literal = _WILDCARD.split(rules.globs[0])[0] if rules.globs else ""
    return TagPlace(prefix=literal or f"{rules.prefix}v", latest=None)


def _names(prefix: str) -> set[str]:
    """Return what project *prefix* may name, with a `v` of the version at its end or without."""
    return {canonicalize_name(it.strip("-_/@")) for it in (prefix, re.sub("[vV]$", "", prefix))}


def _is_taken(tag: str, rules: _TagRules) -> bool:
    if rules.globs and not any(fnmatchcase(tag, glob) for glob in rules.globs):
        return False
    if any(re.search(pattern, tag) is None for pattern in rules.patterns):
        return False
    return tag.startswith(rules.prefix)


def _split(tag: str, rules: _TagRules) -> tuple[str, Version] | None:
    """Return the prefix of the version in *tag*, and the version."""
    start = len(rules.prefix)
    for pattern in rules.patterns:
        if (match := re.search(pattern, tag)) and match.re.groups:
            named = "version" if "version" in match.re.groupindex else 1
            start = max(match.start(named), 0)
    match = _TAG.fullmatch(tag[start:])
    try:
        return (tag[:start] + match["prefix"], Version(match["version"])) if match else None
    except InvalidVersion:
        return None


def _tag_rules(table: Mapping[str, Any]) -> _TagRules:
    options = [*_options(table)]
    globs: list[str] = []
    for it in options:
        command = it.get("git_describe_command") or table_in(table_in(it, "scm"), "git").get(
            "describe_command"
        )
        words = command if isinstance(command, list) else str(command or "").split()
        text = " ".join(str(word).strip("'\"") for word in words)
        globs += re.findall(r"--match[ =]['\"]?([^\s'\"]+)", text)
        named = [it.get("tag_filter"), *list_in(it, "match")]
        globs += [glob for glob in named if isinstance(glob, str)]
    patterns = [it.get(key) for it in options for key in ("tag_regex", "tag-pattern", "pattern")]
    prefixes = [it.get("pattern-prefix") for it in options]
    return _TagRules(
        globs=tuple(globs),
        patterns=tuple(it for it in patterns if isinstance(it, str) and _is_pattern(it)),
        prefix=next((it for it in prefixes if isinstance(it, str)), ""),
    )


def _options(table: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the tables in which tools say which tags they take."""
    tool = table_in(table, "tool")
    hatch = table_in(table_in(tool, "hatch"), "version")
    versioningit = table_in(tool, "versioningit")
    made = table_in(versioningit, "tag2version")
    yield {"tag_regex": table_in(tool, "setuptools-git-versioning").get("tag_filter")}
    yield {"tag_regex": made.get("regex"), "pattern-prefix": made.get("rmprefix")}
    yield from (
        table_in(versioningit, "vcs"),
        table_in(tool, "setuptools_scm"),
        hatch,
        table_in(hatch, "raw-options"),
        table_in(tool, "uv-dynamic-versioning"),
        table_in(tool, "poetry-dynamic-versioning"),
        table_in(table_in(tool, "pdm"), "version"),
    )


def _is_pattern(text: str) -> bool:
    if text.startswith("default"):  # a name of dunamai's own patterns
        return False
    try:
        return bool(re.compile(text))
    except re.error:
        return False


@dataclass(frozen=True, kw_only=True)
class FilePlace:
    """The file at *path*; *read* returns the version in its text, empty where there is none."""

    path: Path
    read: Callable[[str], str]

    def version(self, text: str) -> str:
        """Return the version in *text*, of which backends see lines that end with a newline."""
        return self.read(text.removeprefix("\ufeff").replace("\r\n", "\n"))

    def write(self, text: str, version: Version) -> str:
        """Return *text* with *version*; raise InputError where the old one is not a plain text."""
        old = self.version(text)
        new = str(version)
        spellings = ((old.replace(".", gap), new.replace(".", gap)) for gap in (".", ", ", ","))
        edited = (replace_once(text, *it, lambda it: self.version(it) == new) for it in spellings)
        after = text if old == new else next((it for it in edited if it is not None), None)
        if not old or after is None:
            raise InputError(
                f"The version in {os.fspath(self.path)!r} cannot be edited: {old!r}",
                f"write it there as a plain text, such as {new!r}",
            )
        return after


Place = FilePlace | TagPlace


def replace_once(text: str, old: str, new: str, is_right: Callable[[str], bool]) -> str | None:
    """Return *text* with that one *old* replaced by *new* that makes it right, None for none."""
    start = text.find(old) if old else -1
    while start >= 0:
        candidate = f"{text[:start]}{new}{text[start + len(old) :]}"
        if is_right(candidate):
            return candidate
        start = text.find(old, start + 1)
    return None


def find_place(project: Project) -> Place:
    """Return where *project* has its version; raise InputError where only its backend knows."""
    directory = project.directory
    table = with_hatch_toml(directory, read_pyproject(directory, default="setup.py"))
    tool = table_in(table, "tool")
    by_tag = partial(find_tag_place, directory, project.name or "", table)
    if "version" in table_in(table, "project"):
        return _in_toml(directory, "project", "version")
    if table_in(tool, "poetry-dynamic-versioning").get("enable") is True:
        return by_tag()
    if "version" in table_in(tool, "poetry"):
        return _in_toml(directory, "tool", "poetry", "version")
    for place in _places(directory, table):
        if kind_at(place.path) == "file" and place.version(read_text(place.path)):
            return replace(place, path=Path(os.path.normpath(place.path)))
    if _is_tagged(directory, table):
        return by_tag()
    raise InputError(
        f"It is not known where the version of {project} is written: only its build backend knows",
        f'write it as version = "..." in [project] of {os.fspath(directory / "pyproject.toml")!r}',
    )


def _places(directory: Path, table: Mapping[str, Any]) -> Iterator[FilePlace]:
    """Yield the files that the project's backend may read the version from."""
    backend = str(table_in(table, "build-system").get("build-backend", "setuptools"))
    if "hatchling" in backend:
        yield from _hatch_places(directory, table)
    elif "flit" in backend:
        yield from _flit_places(directory, table)
    elif "pdm" in backend:
        version = table_in(table_in(table_in(table, "tool"), "pdm"), "version")
        if version.get("source", "file") == "file" and isinstance(version.get("path"), str):
            yield _by_pattern(directory / version["path"], _PDM_PATTERN)
    elif "setuptools" in backend or "skbuild" in backend:
        yield from _setuptools_places(directory, table)


def _hatch_places(directory: Path, table: Mapping[str, Any]) -> Iterator[FilePlace]:
    version = table_in(table_in(table_in(table, "tool"), "hatch"), "version")
    source, pattern = version.get("source", "regex"), version.get("pattern")
    if not isinstance(version.get("path"), str):
        return
    path = directory / version["path"]
    if source == "regex":
        yield _by_pattern(path, pattern if isinstance(pattern, str) else _HATCH_PATTERN)
    elif source == "code":
        yield from _attribute(path, str(version.get("expression", "__version__")))


def _flit_places(directory: Path, table: Mapping[str, Any]) -> Iterator[FilePlace]:
    flit = table_in(table_in(table, "tool"), "flit")
    named = table_in(flit, "module").get("name") or table_in(flit, "metadata").get("module")
    name = named or str(table_in(table, "project").get("name", "")).replace("-", "_")
    for root in (directory, directory / "src"):
        for path in _modules(root, str(name)):
            yield from _attribute(path, "__version__")


def _setuptools_places(directory: Path, table: Mapping[str, Any]) -> Iterator[FilePlace]:
    """Yield them as setuptools asks them: pyproject.toml, then setup.py, then setup.cfg."""
    options = table_in(table_in(table, "tool"), "setuptools")
    config = parse_config(read_text(directory / "setup.cfg"))
    source = table_in(table_in(options, "dynamic"), "version")
    written = config.get("metadata", "version", fallback="").strip()
    if not source:
        yield FilePlace(path=directory / "setup.py", read=_script_version)
        yield FilePlace(path=directory / "setup.cfg", read=_config_version)
    attribute = source.get("attr") or written.partition("attr:")[2].strip()
    file = source.get("file") or written.partition("file:")[2].strip()
    if isinstance(file, list):
        file = file[0] if len(file) == 1 else ""
    if isinstance(file, str) and file:
        yield FilePlace(path=directory / file, read=str.strip)
    if isinstance(attribute, str) and attribute:
        module, _, name = attribute.rpartition(".")
        for root, package in _source_roots(directory, options, config):
            if f"{module}.".startswith(package):
                for path in _modules(root, module[len(package) :] or "__init__"):
                    yield from _attribute(path, name)


def _source_roots(
    directory: Path, options: Mapping[str, Any], config: configparser.ConfigParser
) -> Iterator[tuple[Path, str]]:
    """Yield the folders in which setuptools looks for a module, each with the package it is of.

    The package ends with a dot, or is empty for the folder of all others.
    """
    lines = config.get("options", "package_dir", fallback="").splitlines()
    pairs = dict(line.replace(" ", "").partition("=")[::2] for line in lines if "=" in line)
    find = table_in(table_in(options, "packages"), "find")
    named = (
        table_in(options, "package-dir").get(""),
        pairs.get(""),
        *list_in(find, "where"),
        config.get("options.packages.find", "where", fallback="").strip(),
        "src",
    )
    yield from ((directory / it, "") for it in dict.fromkeys(named) if isinstance(it, str) and it)
    for mapping in (table_in(options, "package-dir"), pairs):
        folders = ((name, it) for name, it in mapping.items() if name and isinstance(it, str))
        yield from ((directory / it, f"{name}.") for name, it in folders)
    yield directory, ""


def _modules(root: Path, name: str) -> Iterator[Path]:
    base = root.joinpath(*name.split("."))
    paths = (base / "__init__.py", base.with_suffix(".py"))
    yield from (it for it in paths if kind_at(it) == "file")


def _attribute(path: Path, name: str, seen: frozenset[Path] = frozenset()) -> Iterator[FilePlace]:
    """Yield where the module at *path* assigns *name*, or the module that it imports it from."""
    read = partial(_assigned, name=name)
    text = read_text(path)
    if read(text):
        yield FilePlace(path=path, read=read)
        return
    for node in parse_module(text).body:
        if not isinstance(node, ast.ImportFrom) or path in seen:
            continue
        for alias in node.names:
            if (alias.asname or alias.name) == name:
                # Absolute imports are of the same package: its top is beside or above the module.
                above = node.level
                roots = path.parents[above - 1 : above] if above else path.parents[:4]
                for found in (it for root in roots for it in _modules(root, node.module or "")):
                    yield from _attribute(found, alias.name, seen | {path})


def _assigned(text: str, *, name: str) -> str:
    """Return the text that the module *text* assigns to *name* first."""
    for node in parse_module(text).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(it, ast.Name) and it.id == name for it in targets):
                with suppress(ValueError, TypeError):
                    value = ast.literal_eval(node.value or "")
                    numbers = value if isinstance(value, tuple | list) else ()
                    return value if isinstance(value, str) else ".".join(map(str, numbers))
                return ""
    return ""


def _in_toml(directory: Path, *keys: str) -> FilePlace:
    def read(text: str) -> str:
        value: Any
        try:
            value = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return ""
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, str) else ""

    return FilePlace(path=directory / "pyproject.toml", read=read)


def _by_pattern(path: Path, pattern: str) -> FilePlace:
    def read(text: str) -> str:
        with suppress(re.error):
            match = re.search(pattern, text, re.MULTILINE)
            return match["version"] if match and "version" in match.re.groupindex else ""
        return ""

    return FilePlace(path=path, read=read)


def _config_version(text: str) -> str:
    return static_version(parse_config(text))


def _script_version(text: str) -> str:
    version = setup_arguments(text).get("version")
    return str(version) if is_valid(version, Version) else ""


def _is_tagged(directory: Path, table: Mapping[str, Any]) -> bool:
    """Return whether a tool of the build takes the version from git tags."""
    tool = table_in(table, "tool")
    requires = valid_requirements(list_in(table_in(table, "build-system"), "requires"))
    names = {canonicalize_name(it.name) for it in requires}
    script = setup_arguments(read_text(directory / "setup.py"))
    pdm = table_in(table_in(tool, "pdm"), "version")
    is_told = "use_scm_version" in script or "setuptools_scm" in tool or pdm.get("source") == "scm"
    return bool(names & _TAGGERS) or is_told
