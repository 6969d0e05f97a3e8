"""The registry emulator: Artifact Registry's Python endpoint and API, as public logs show them.

It listens on loopback only. A repository is a folder PROJECT/REPO below the root, holding a
folder per project; a repository that was not named when the emulator started does not exist.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from builder.server.answers import Answers
from builder.server.front import Front
from builder.server.repositories import RemoteRepository, StandardRepository, VirtualRepository
from builder.server.service import Service
from steps.host.errors import InputError, Problem, did_you_mean
from steps.registry.address import REPOSITORY_PATH, parse_registry
from steps.registry.public_index import default_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from builder.server.repositories import ServedRepository
    from builder.server.service import Role
    from steps.registry.address import Registry

_REMOTE_FORM = "use PROJECT/REPO=URL, or PROJECT/REPO for the public index"
_VIRTUAL_FORM = "use PROJECT/REPO=UPSTREAM:PRIORITY,UPSTREAM:PRIORITY with numbers as priorities"
LOOPBACK = "127.0.0.1"
DEFAULT_REPOSITORY = "demo/pypi"
_DEFAULT = Answers()


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
                yield Problem(
                    f"The upstream {upstream!r} of {name!r} is not served here",
                    did_you_mean(upstream, possible, "name it as a repository, too"),
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


class Emulator:
    """Serve *repositories* below *root* while the `with` block runs, in threads of this process.

    *repositories* are PROJECT/REPO, and standard. *remotes* map such a name to the index that it
    caches, *virtuals* to the priorities of its upstreams, the higher number first. With a *token*
    every request must come with it, as the password of the user `oauth2accesstoken` or, to the
    API, as a bearer token; or with one of *more_tokens*, which map to what their accounts may do.
    *answers* decides what is not known of the service, or differs. *port* 0 takes a free one.
    Raises InputError for repositories that cannot be, a root that cannot be written, and a port
    that is taken.
    """

    def __init__(
        self,
        root: Path,
        *,
        repositories: Sequence[str] = (DEFAULT_REPOSITORY,),
        remotes: Mapping[str, str] = MappingProxyType({}),
        virtuals: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
        token: str | None = None,
        more_tokens: Mapping[str, Role] = MappingProxyType({}),
        answers: Answers = _DEFAULT,
        port: int = 0,
    ) -> None:
        self._root = root
        self._layout = Layout(
            standards=tuple(name.replace(":", "/") for name in repositories),
            remotes={name: upstream_of(name, url) for name, url in remotes.items()},
            virtuals=virtuals,
        )
        self._tokens: Mapping[str, Role] = {**({token: "writer"} if token else {}), **more_tokens}
        self._answers = answers
        self._port = port

    @property
    def host(self) -> str:
        """The value for ARTIFACT_REGISTRY_EMULATOR_HOST: 127.0.0.1:PORT."""
        return f"{LOOPBACK}:{self._front.server_port}"

    def contents(self) -> dict[str, str]:
        """Return what each repository serves, in words."""
        layout = self._layout
        sources = {name: f"from {self._root / name}" for name in layout.standards}
        sources |= {name: f"as a cache of {it.index_url}" for name, it in layout.remotes.items()}
        for name, upstreams in layout.virtuals.items():
            order = sorted(upstreams.items(), key=lambda it: -it[1])
            sources[name] = "from " + ", ".join(f"{it} (priority {number})" for it, number in order)
        return sources

    def __enter__(self) -> Self:
        """Create the repositories and listen."""
        service = Service(self._layout, self._open_repositories(), self._tokens, self._answers)
        try:
            self._front = Front((LOOPBACK, self._port), service, early=self._answers.early_refusal)
        except OSError as error:
            message = f"The emulator cannot listen on {LOOPBACK}:{self._port}: {error.strerror}"
            raise InputError(message, "leave --port out to take a free one") from error
        self._front.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let running requests end, then close every connection."""
        self._front.stop()

    def _open_repositories(self) -> dict[str, ServedRepository]:
        layout, root, answers = self._layout, self._root, self._answers
        try:
            for name in (*layout.standards, *layout.remotes):
                (root / name).mkdir(parents=True, exist_ok=True)
            found: dict[str, ServedRepository] = {
                name: StandardRepository(root / name, visible_after=answers.visible_after)
                for name in layout.standards
            }
            for name, upstream in layout.remotes.items():
                found[name] = RemoteRepository(
                    root / name, upstream, kept_for=answers.index_kept_for
                )
        except OSError as error:
            message = f"The emulator cannot keep files in {str(root)!r}: {error.strerror}"
            raise InputError(message, "name with --root a folder that can be written") from error
        for name, upstreams in layout.virtuals.items():
            found[name] = VirtualRepository({found[it]: upstreams[it] for it in upstreams})
        return found
