"""Builds the packages of a repository that a function requires: for unpublished code."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from steps.backend.building import build
from steps.backend.context import BuildOptions, open_build_context

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from packaging.utils import NormalizedName

    from steps.distribution.files import Distribution
    from steps.project.source import Project

FOLDER = "wheels"


def bundle(
    wanted: Iterable[Requirement],
    local: Mapping[NormalizedName, Project],
    folder: Path,
    *,
    environ: Mapping[str, str],
    markers: Mapping[str, str],
) -> dict[NormalizedName, Distribution]:
    """Build the wheels of the *local* packages that *wanted* names, and of those that they need.

    They go into *folder*. Raises what steps.backend.building raises.
    """
    built: dict[NormalizedName, Distribution] = {}
    waiting = [it for it in wanted if canonicalize_name(it.name) in local]
    seen: set[tuple[str, frozenset[str]]] = set()
    with open_build_context(BuildOptions(kinds="wheel"), environ) as context:
        while waiting:
            requirement = waiting.pop(0)
            name = canonicalize_name(requirement.name)
            if (name, frozenset(requirement.extras)) in seen:
                continue
            seen.add((name, frozenset(requirement.extras)))
            if name not in built:
                (built[name],) = build(local[name], context, output=folder)
            waiting += [
                each
                for each in _needs(built[name], requirement.extras, markers)
                if canonicalize_name(each.name) in local
            ]
    return built


def _needs(
    wheel: Distribution, extras: Iterable[str], markers: Mapping[str, str]
) -> Iterator[Requirement]:
    for line in wheel.requires:
        with suppress(InvalidRequirement):  # the checks of a build say so
            requirement = Requirement(line)
            marker = requirement.marker
            if not marker or any(
                marker.evaluate({**markers, "extra": extra}) for extra in ("", *extras)
            ):
                yield requirement
