"""The bounds of requirements: the smallest change that makes one admit a version.

It works on the text as it is written, PEP 440's clauses and Poetry's alike, so that spelling, order
and spaces stay.
"""

from __future__ import annotations

import re
from enum import StrEnum

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from steps.project.dependencies import poetry_specifier

_CLAUSE = re.compile(r"(?P<op>~=|===?|!=|<=?|>=?|[\^~=]|)(?P<gap>\s*)(?P<version>v?\d[^\s,)|]*)")
_REQUIREMENT = re.compile(
    r"(?P<head>\s*[A-Za-z0-9][\w.-]*(?:\s*\[[^\]]*\])?)(?P<gap>\s*)(?P<bounds>[^;@{#]*?)\s*(?:;.*)?",
    re.DOTALL,
)
_UPPER = {"<", "<=", "!="}


class Bounds(StrEnum):
    """What to write as the bound on a version: at least it, its series, or it alone."""

    MINIMUM = "minimum"
    COMPATIBLE = "compatible"
    EXACT = "exact"


class BoundsError(ValueError):
    """No small change of these bounds admits the version."""


def move_requirement(text: str, version: Version, bounds: Bounds | None) -> tuple[str, str]:
    """Return the part of the requirement *text* that changes, and what takes its place.

    Both are empty where *text* admits *version* already and no *bounds* are asked for. Raises
    BoundsError.
    """
    match = _REQUIREMENT.fullmatch(text)
    if match is None:
        return "", ""
    before = match["bounds"]
    inner = before.strip("() ")
    after = move_bounds(inner, version, bounds)
    if after == inner:
        return "", ""
    head = match["head"] + match["gap"]
    return head + before, head + (before.replace(inner, after) if inner else after)


def move_bounds(text: str, version: Version, bounds: Bounds | None = None) -> str:
    """Return the bounds *text* so that *version* is admitted; raise BoundsError.

    With *bounds* the lower one is also written where there is none, and raised where it is lower.
    """
    if bounds is Bounds.EXACT:
        return text if text.strip() in {f"=={version}", f"==={version}"} else f"=={version}"
    if bounds is Bounds.COMPATIBLE:
        return f"~={_at_least(version, 2)}"
    moved = text if "|" in text else _CLAUSE.sub(lambda match: _moved(match, version), text)
    if bounds is Bounds.MINIMUM:
        kept = [it[0] for it in _CLAUSE.finditer(moved) if it["op"] in _UPPER]
        moved = ",".join([f">={version.public}", *kept])
    if not admits(moved, version):
        raise BoundsError(text)
    return moved


def admits(text: str, version: Version) -> bool:
    """Return whether the bounds *text*, of any tool, admit *version*, be it a pre-release."""
    choice = (poetry_specifier(it) for it in re.split(r"\|+", text or "*"))
    return any(SpecifierSet(it).contains(version, prereleases=True) for it in choice)


def _moved(match: re.Match[str], version: Version) -> str:
    """Return the clause *match* with the bound that admits *version*, in the width it has."""
    operator, text = match["op"], match["version"]
    if admits(match[0], version):
        return match[0]
    if operator == "!=":
        raise BoundsError(match[0])
    if operator == "<":
        bound = _above(text, version)
    elif text.endswith(".*"):
        bound = f"{_cut(version, text.count('.'))}.*"
    elif operator in {"~=", "^", "~"} and not version.is_prerelease:
        bound = _cut(version, len(Version(text).release))
    elif operator in {"==", "===", "=", ""}:
        bound = str(version)
    else:
        bound = _at_least(version, 2 if operator == "~=" else 1)
    return f"{'>=' if operator == '>' else operator}{match['gap']}{bound}"


def _above(text: str, version: Version) -> str:
    """Return the next bound above *version* at the place that the upper bound *text* counts in."""
    old = Version(text)
    width = len(old.release)
    place = max((at for at, number in enumerate(old.release) if number), default=0)
    release = [*version.release, *[0] * width][: place + 1]
    release[place] += 1
    numbers = ".".join(map(str, release + [0] * (width - place - 1)))
    tail = re.sub(r"^v?(?:\d+!)?\d+(?:\.\d+)*", "", text)  # such as the .dev0 of <2.dev0
    return f"{f'{version.epoch}!' if version.epoch else ''}{numbers}{tail}"


def _cut(version: Version, width: int) -> str:
    """Return the first *width* numbers of *version*."""
    release = [*version.release, *[0] * width][:width]
    return str(Version(f"{version.epoch}!{'.'.join(map(str, release))}"))


def _at_least(version: Version, width: int) -> str:
    """Return *version* with as many numbers as `~=` wants, without what only `==` may have."""
    missing = width - len(version.release)
    return str(version.__replace__(release=(*version.release, *[0] * missing), local=None))
