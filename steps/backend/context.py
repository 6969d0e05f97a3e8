"""What builds use of the outside world: environments, runners of hooks, and how to use them."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from build import BuildException, ProjectBuilder

from steps.backend.environment import Environments
from steps.backend.environment_cache import EnvironmentCache, cache_folder
from steps.backend.fork_server import ForkServers
from steps.backend.reproducible import UMASK, given_epoch
from steps.backend.verify import import_early
from steps.host.children import Children

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from steps.project.source import Project

Kinds = Literal["both", "sdist", "wheel"]


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """How to build.

    Which *kinds*, whether warnings refuse, whether environments are kept from one run to the next,
    seconds per hook, builds at a time.
    """

    kinds: Kinds = "both"
    strict: bool = False
    cache: bool = True
    timeout: float | None = None
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """An open workshop; several builds may share it at once."""

    options: BuildOptions
    environments: Environments
    hooks: ForkServers
    environ: Mapping[str, str]

    def expect(self, projects: Iterable[Project]) -> None:
        """Begin to make what the builds of *projects* will need, and return at once."""
        wanted = []
        for project in projects:
            with suppress(BuildException, ValueError):  # its build says what is wrong
                wanted.append(ProjectBuilder(project.directory).build_system_requires)
        self.environments.make_early(map(frozenset, wanted))


@contextmanager
def open_workshop(options: BuildOptions, environ: Mapping[str, str]) -> Iterator[Workshop]:
    """Open a workshop; on leaving it every child is ended.

    Raises InputError when the environment gives a time that is none.
    """
    given_epoch(environ)  # one that is wrong is told before anything is made, and once
    import_early()  # while uv and the backends work
    children = Children(timeout=options.timeout, umask=UMASK)
    with (
        _open_cache(options, environ) as cache,
        Environments(children, environ, cache) as environments,
        children,
        ForkServers(children) as hooks,
    ):
        yield Workshop(options=options, environments=environments, hooks=hooks, environ=environ)


def _open_cache(
    options: BuildOptions, environ: Mapping[str, str]
) -> AbstractContextManager[EnvironmentCache | None]:
    folder = cache_folder(environ) if options.cache else None
    return EnvironmentCache(folder, environ) if folder else nullcontext()
