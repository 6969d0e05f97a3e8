"""Which installers a distribution is for: two of one version that share some have to be the same.

A wheel's file name says it by its tags (PEP 425) and its build number; an sdist is for all.
The names of both may be spelled in several ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from steps.distribution.contents import compare
from steps.host.errors import InputError, Problem, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from steps.distribution.contents import Difference
    from steps.distribution.files import Distribution

_NAMED = 5


@dataclass(frozen=True)
class Slot:
    """What a distribution is for: its form, and for a wheel its build number and its tags.

    *tags* are the Pythons, the ABIs and the platforms of a wheel, in any order (PEP 425).
    """

    form: str
    build: str = ""
    tags: tuple[frozenset[str], ...] = ()

    @classmethod
    def of(cls, filename: str) -> Slot:
        """Return the slot that *filename* names, however the project's name is spelled there."""
        if not filename.endswith(".whl"):
            return cls(".zip" if filename.endswith(".zip") else ".tar.gz")
        _, _, *build, pythons, abis, platforms = filename.removesuffix(".whl").lower().split("-")
        tags = tuple(frozenset(each.split(".")) for each in (pythons, abis, platforms))
        return cls(".whl", "".join(build).lstrip("0"), tags)

    def overlaps(self, other: Slot) -> bool:
        """Return whether some installer may take either, of whatever build."""
        pairs = zip(self.tags, other.tags, strict=True) if self.form == other.form else ()
        return self.form == other.form and all(one & two for one, two in pairs)

    def covers(self, other: Slot) -> bool:
        """Return whether each installer that may take *other* may as well take this one."""
        same = (self.form, self.build) == (other.form, other.build)
        return same and all(one >= two for one, two in zip(self.tags, other.tags, strict=True))


def check_overlaps(distributions: Sequence[Distribution]) -> None:
    """Raise InputError for two wheels that one installer may take, with different contents."""
    slots = [(Slot.of(it.filename), it) for it in distributions]
    InputError.raise_all(
        Problem(
            f"{one.filename!r} and {two.filename!r} are for the same installers, and differ:"
            f" {differ}",
            "keep one of them, or build both from the same source",
        )
        for (first, one), (second, two) in combinations(slots, 2)
        if first.overlaps(second)
        and (differ := _listed(it for it in compare(one, two.path) if not it.rebuilt))
    )


def _listed(differences: Iterable[Difference]) -> str:
    return shorten([*dict.fromkeys(map(str, differences))], _NAMED)
