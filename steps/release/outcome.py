"""What publishing one project would mean: the outcomes of the README, and a judgement."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from steps.distribution.contents import Difference
    from steps.distribution.files import Distribution


class Outcome(StrEnum):
    """What the registry's state means for one version of a project."""

    NEW = "new"
    NOT_BUMPED = "not-bumped"
    IDENTICAL = "identical"
    PARTIAL = "partial"
    CHANGED = "changed"


REFUSED = frozenset({Outcome.NOT_BUMPED, Outcome.CHANGED})


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What publishing *version* of *project* would do, and why.

    *published* is sorted; *hint* is the next action, empty when there is nothing to do. A version
    is *invented* when a backend made it up for want of a tag. *unreadable* are published file names
    that tell no version.
    """

    project: NormalizedName
    version: Version
    outcome: Outcome
    reason: str
    hint: str = ""
    to_upload: tuple[Distribution, ...] = ()
    published: tuple[Version, ...] = ()
    suggestions: tuple[Version, ...] = ()
    differences: tuple[Difference, ...] = ()
    invented: bool = False
    unreadable: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether publishing may go on."""
        return self.outcome not in REFUSED
