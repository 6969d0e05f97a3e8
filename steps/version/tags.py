"""Versions that a build backend takes from git tags: the latest tag, and the one to make."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from steps.host.git import ask_git
from steps.project.dependencies import table_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_TAG = re.compile(r"(?P<prefix>|.*[^0-9.])(?P<version>\d[^/]*)")
_WILDCARD = re.compile(r"[*?\[]")


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
        own = [pair for pair in found if canonicalize_name(pair[0].strip("-_/@v")) == name != ""]
        found = own or [pair for pair in found if pair[0] in {"", "v", "V"}]
    if found:
        prefix, version = max(found, key=lambda pair: pair[1])
        return TagPlace(prefix=prefix, latest=version)
    literal = _WILDCARD.split(rules.globs[0])[0] if rules.globs else ""
    return TagPlace(prefix=literal or f"{rules.prefix}v", latest=None)


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
        globs += [it["tag_filter"]] if isinstance(it.get("tag_filter"), str) else []
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
    yield from (
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
