"""Which repositories an emulator has, of which mode, and what is wrong with a choice of them."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from steps.host.errors import InputError, Problem
from steps.registry.address import REPOSITORY_PATH, parse_registry
from steps.registry.public_index import default_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steps.registry.address import Registry

_REMOTE_FORM = "use PROJECT/REPO=URL, or PROJECT/REPO for the public index"
_VIRTUAL_FORM = "use PROJECT/REPO=UPSTREAM:PRIORITY,UPSTREAM:PRIORITY with numbers as priorities"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Repositories by PROJECT/REPO; raises InputError with all that is wrong with them.

    *remotes* map to the index that each one caches, *virtuals* to the priorities of their
    upstreams, which are standard or remote repositories.
    """

    standards: tuple[str, ...] = ()
    remotes: Mapping[str, Registry] = field(default_factory=dict)
    virtuals: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what the service would refuse, and what has no known outcome."""
        InputError.raise_all([*self._problems()])

    def _problems(self) -> Iterator[Problem]:
        names = [*dict.fromkeys(self.standards), *self.remotes, *self.virtuals]
        for name, number in Counter(names).items():
            if not REPOSITORY_PATH.fullmatch(name):
                yield Problem(
                    f"No repository can have this name: {name!r}", "use PROJECT/REPO, in lower case"
                )
            if number > 1:
                yield Problem(
                    f"A repository has one mode, and this one has {number}: {name!r}",
                    "give each repository a name of its own",
                )
        for name, upstreams in self.virtuals.items():
            yield from self._problems_of_upstreams(name, upstreams)

    def _problems_of_upstreams(self, name: str, upstreams: Mapping[str, int]) -> Iterator[Problem]:
        possible = [*self.standards, *self.remotes]
        if not upstreams:
            yield Problem(f"The virtual repository {name!r} has no upstream", _VIRTUAL_FORM)
        for upstream in upstreams:
            if upstream in self.virtuals:
                yield Problem(
                    f"The upstream {upstream!r} of {name!r} is a virtual repository itself",
                    "an upstream is a standard or a remote repository",
                )
            elif upstream not in possible:
                near = difflib.get_close_matches(upstream, possible, n=1)
                yield Problem(
                    f"The upstream {upstream!r} of {name!r} is not served here",
                    f"did you mean {near[0]!r}?" if near else "name it as a repository, too",
                )


def parse_remote(text: str) -> tuple[str, str]:
    """Return name and URL of `PROJECT/REPO=URL`; the URL is empty for the public index."""
    name, equals, url = text.partition("=")
    if equals and not url:
        raise InputError(f"The remote repository {name!r} has an empty upstream", _REMOTE_FORM)
    return _name(name), url


def upstream_of(name: str, url: str) -> Registry:
    """Return the upstream at *url* of the remote repository *name*, or else the public index.

    Raises InputError for a URL that is neither https nor on loopback, or holds credentials.
    """
    try:
        # An upstream is meant as it is written, wherever this machine's registries lead to.
        return parse_registry(url or default_url(), {})
    except InputError as error:
        what = error.problems[0].message
        raise InputError(
            f"The upstream of the remote repository {name!r} cannot be used: {what}", _REMOTE_FORM
        ) from None


def parse_virtual(text: str) -> tuple[str, dict[str, int]]:
    """Return name and priorities of `PROJECT/REPO=UPSTREAM:PRIORITY,…`.

    An upstream in the same project may go without the project. Raises InputError for another form.
    """
    name, _, listed = text.partition("=")
    upstreams: dict[str, int] = {}
    problems = []
    for part in filter(None, (it.strip() for it in listed.split(","))):
        upstream, _, priority = part.rpartition(":")
        upstream = _name(upstream if "/" in upstream else f"{name.rpartition('/')[0]}/{upstream}")
        if not (priority.isascii() and priority.isdigit()):
            problems.append(Problem(f"No upstream with its priority: {part!r}", _VIRTUAL_FORM))
        elif upstream in upstreams:
            problems.append(Problem(f"An upstream twice: {upstream!r}", _VIRTUAL_FORM))
        else:
            upstreams[upstream] = int(priority)
    InputError.raise_all(problems)
    return _name(name), upstreams


def _name(text: str) -> str:
    """Return a repository's name as a URL has it: a domain-scoped project has a colon elsewhere."""
    return text.replace(":", "/")
