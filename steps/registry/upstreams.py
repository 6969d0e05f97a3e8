"""A repository as Artifact Registry's API describes it: its mode, and a virtual one's upstreams.

A virtual repository's priorities decide which upstream gives a version that several have. They
hold nothing back: a higher version that only the public upstream has is offered all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# The modes of repositories, as the service has them.
STANDARD, REMOTE, VIRTUAL = "STANDARD_REPOSITORY", "REMOTE_REPOSITORY", "VIRTUAL_REPOSITORY"


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """An upstream of a virtual repository; the higher *priority* goes first.

    *resource* is what Google Cloud calls it, for it may be in another project.
    """

    name: str
    priority: int
    mode: str = ""
    resource: str = ""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository as the service describes it; *upstreams* are a virtual one's."""

    name: str
    mode: str
    upstreams: tuple[Upstream, ...] = ()
    format: str = ""

    @property
    def kind(self) -> str:
        """The mode in a word: standard, remote or virtual."""
        return self.mode.removesuffix("_REPOSITORY").lower() or "unknown"

    @property
    def is_python(self) -> bool:
        """Whether it holds Python packages, or does not tell."""
        return self.format in {"", "FORMAT_UNSPECIFIED", "PYTHON"}

    def __str__(self) -> str:
        """Return what it is, such as `'pypi' is a standard repository`."""
        return f"{self.name!r} is a {self.kind} repository"


def explain(repository: Repository) -> str:
    """Say in a sentence what *repository* is; of a virtual one, what its priorities decide."""
    if repository.mode != VIRTUAL:
        return str(repository)
    listed = ", ".join(f"{it.name!r} ({it.priority})" for it in repository.upstreams)
    return (
        f"{repository} of {listed or 'nothing'}: a version that"
        " several upstreams have comes from the one with the highest number; every other version"
        " of the name is offered, too, wherever it comes from"
    )


def misused(repository: Repository, *, alone: bool, private: bool) -> tuple[str, ...]:
    """Say what is wrong with *repository* for its use.

    *alone* says that a client reads no other index, *private* that it takes private packages from
    this one, and uploads to it.
    """
    found = []
    if alone and repository.mode == STANDARD:
        found.append(
            f"{repository}: as the only index it has no public packages; name a virtual one"
        )
    if private and not alone and repository.mode in {VIRTUAL, REMOTE}:
        found.append(
            f"{repository}: it takes no uploads, and offers public versions of"
            " private packages' names, too; name the standard one behind it with --standard"
        )
    return (*found, *_misplaced(repository))


def _misplaced(repository: Repository) -> Iterator[str]:
    """Name every remote upstream that does not come after all the others."""
    own = [it for it in repository.upstreams if it.mode == STANDARD]
    for remote in (it for it in repository.upstreams if it.mode == REMOTE):
        for private in (it for it in own if it.priority <= remote.priority):
            yield (
                f"upstream {remote.name!r}, a proxy of another index, has priority"
                f" {remote.priority}, and {private.name!r} has {private.priority}: give"
                f" {private.name!r} the higher number, or public files stand in for private ones"
                " of the same version"
            )
