"""The order of a publish: which projects have to be in the registry before which."""

from __future__ import annotations

import graphlib
import logging
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from steps.distribution.files import Distribution

_logger = logging.getLogger("shipwheel")

Needs = dict[NormalizedName, set[NormalizedName]]


def dependency_order(files: Collection[Distribution]) -> Needs:
    """Return for each project of *files* the others that those require; never a cycle.

    Requirements of extras count unless they make a cycle. Where projects really need one another
    no order is right: that is said, and one of them goes first.
    """
    needs = _needs(files, with_extras=True)
    if _cycle(needs):
        needs = _needs(files, with_extras=False)
    while cycle := _cycle(needs):
        first, second = cycle[0], cycle[1]
        _logger.warning("warning: %r and %r need one another; %r goes first", first, second, second)
        needs[second].discard(first)
    return needs


def _needs(files: Iterable[Distribution], *, with_extras: bool) -> Needs:
    needs: Needs = {file.name: set() for file in files}
    for file in files:
        wanted = needs.keys() & _required(file.requires, with_extras=with_extras)
        needs[file.name] |= wanted - {file.name}
    return needs


def _required(lines: Iterable[str], *, with_extras: bool) -> Iterator[NormalizedName]:
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue  # the checks of a build say so
        if with_extras or "extra" not in str(requirement.marker):
            yield canonicalize_name(requirement.name)


def _cycle(needs: Needs) -> list[NormalizedName]:
    """Return a cycle in which each name is needed by the next, or nothing."""
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        cycle: list[NormalizedName] = error.args[1]
        return cycle
    return []
