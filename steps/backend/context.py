"""What the builds of one run share: options, isolated environments and fork servers."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import defaultdict
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from build import BuildException, ProjectBuilder

from steps.backend.building import build, build_once
from steps.backend.environment_cache import EnvironmentCache, cache_folder
from steps.backend.environments import Environments
from steps.backend.fork_server import ForkServers
from steps.backend.private_requirements import PrivateRequirements
from steps.backend.sources import remove_build_folders
from steps.backend.variables import given_epoch
from steps.host.children import Children, OncePerKey, import_early
from steps.host.errors import shorten, warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from steps.distribution.files import Distribution
    from steps.project.source import Project
    from steps.registry.index import Index

Kinds = Literal["both", "sdist", "wheel"]
ConfigSettings = dict[str, str | list[str]]
# What comes out must not depend on who builds.
_UMASK = 0o022
_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """How to build.

    Which *kinds*, whether warnings refuse, whether environments are kept from one run to the next,
    seconds per hook, builds at a time, the interpreter (a version or a path, by default this one),
    the settings for backends, and whether uncommitted files may be in what is built.
    """

    kinds: Kinds = "both"
    strict: bool = False
    cache: bool = True
    timeout: float | None = None
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    python: str = sys.executable
    settings: ConfigSettings = field(default_factory=dict)
    uncommitted: Literal["allowed", "warned", "refused"] = "allowed"


@dataclass(frozen=True, kw_only=True)
class BuildContext:
    """What builds share; several threads may use it at once.

    *links* is a folder for symbolic links that the builds share. *built* is what this run built of
    its own projects. *warnings* are said once at the end, each
    with the projects that it is about.
    """

    options: BuildOptions
    environments: Environments
    environ: Mapping[str, str]
    links: Path
    built: OncePerKey[Project, tuple[Distribution, ...]] = field(default_factory=OncePerKey)
    warnings: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def prepare(self, projects: Iterable[Project]) -> None:
        """Begin to make what the builds of *projects* will need, and return at once."""
        wanted = []
        for project in projects:
            with suppress(BuildException, ValueError):  # its build says what is wrong
                wanted.append(frozenset(ProjectBuilder(project.directory).build_system_requires))
        self.environments.make_early(wanted)


@contextmanager
def open_build_context(
    options: BuildOptions,
    environ: Mapping[str, str],
    projects: Sequence[Project] = (),
    index: Index | None = None,
) -> Iterator[BuildContext]:
    """Open what the builds of *projects* share; on leaving it every child process is ended.

    Private build requirements are built from siblings in the repository, or taken from *index*.
    Raises InputError when the environment gives a SOURCE_DATE_EPOCH that is not a time.
    """
    given_epoch(environ)  # a wrong one is reported once, and before anything is made
    # It takes 0.6 s to import, which it does while uv and the backends work.
    import_early("steps.backend.verify")
    children = Children(timeout=options.timeout, umask=_UMASK)
    with (
        ExitStack() as at_the_end,
        tempfile.TemporaryDirectory(prefix="shipwheel-", ignore_cleanup_errors=True) as folder,
        _open_cache(options, environ) as cache,
        children,
        ForkServers(children) as servers,
        Environments(
            children, servers, environ, cache, python=options.python, workers=options.workers
        ) as environments,
    ):
        at_the_end.callback(remove_build_folders)
        context = BuildContext(
            options=options, environments=environments, environ=environ, links=Path(folder)
        )
        build_wheel = partial(_build_wheel, projects, context, Path(folder))
        environments.private = PrivateRequirements(projects, build_wheel, index, Path(folder))
        yield context
        for message, names in sorted(context.warnings.items()):
            about = shorten(sorted(names), _NAMED)
            warn(f"{message.rstrip('.')} ({about})")


def _build_wheel(
    projects: Sequence[Project], context: BuildContext, folder: Path, project: Project
) -> Distribution:
    """Build the wheel of a sibling; one of the *projects* is built as these are, and once."""
    if project in projects and context.options.kinds != "sdist":
        return build_once(project, context, output=folder)[0]
    wheel_only = replace(context, options=replace(context.options, kinds="wheel"))
    return build(project, wheel_only, output=folder)[0]


def _open_cache(
    options: BuildOptions, environ: Mapping[str, str]
) -> AbstractContextManager[EnvironmentCache | None]:
    folder = cache_folder(environ) if options.cache else None
    return EnvironmentCache(folder, options.python, environ) if folder else nullcontext()
