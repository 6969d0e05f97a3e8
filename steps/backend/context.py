"""What the builds of one run share: options, isolated environments and fork servers.

There is one environment for each set of build requirements, made by uv. Two projects with the same
requirements see the same installed files, as they would if each had an environment of its own; only
the time to make the second is saved.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import uv
from build import BuildException, ProjectBuilder

from steps.backend.building import build
from steps.backend.environment_cache import EnvironmentCache, cache_folder
from steps.backend.fork_server import ForkServers
from steps.backend.private_requirements import PrivateRequirements
from steps.backend.reproducible import FIXED_ENVIRONMENT, UMASK, given_epoch
from steps.host.children import Children, OncePerKey
from steps.host.errors import BuildFailed, ShipwheelError
from steps.host.files import write_whole
from steps.registry.credentials import uv_trust, without_login

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from steps.distribution.files import Distribution
    from steps.project.source import Project
    from steps.registry.index import Index

Kinds = Literal["both", "sdist", "wheel"]

# A folder of wheels, such as the image has. It is used before an index is asked.
BACKENDS_VARIABLE = "SHIPWHEEL_BACKENDS"
# Mostly they wait for the index.
_AT_ONCE = 4
# What uv says of a certificate authority that it does not know.
_UNTRUSTED = "invalid peer certificate"


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
class BuildContext:
    """What builds share; several threads may use it at once."""

    options: BuildOptions
    environments: Environments
    hooks: ForkServers
    environ: Mapping[str, str]

    def prepare(self, projects: Iterable[Project]) -> None:
        """Begin to make what the builds of *projects* will need, and return at once."""
        wanted = []
        for project in projects:
            with suppress(BuildException, ValueError):  # its build says what is wrong
                wanted.append(ProjectBuilder(project.directory).build_system_requires)
        self.environments.make_early(map(frozenset, wanted))


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
    checks = ["steps.backend.verify"]
    threading.Thread(target=importlib.import_module, args=checks, daemon=True).start()
    children = Children(timeout=options.timeout, umask=UMASK)
    with (
        tempfile.TemporaryDirectory(prefix="shipwheel-", ignore_cleanup_errors=True) as folder,
        _open_cache(options, environ) as cache,
        Environments(children, environ, cache) as environments,
        children,
        ForkServers(children) as hooks,
    ):
        context = BuildContext(
            options=options, environments=environments, hooks=hooks, environ=environ
        )
        build_wheel = partial(_build_wheel, context=context, folder=Path(folder))
        environments.private = PrivateRequirements(projects, build_wheel, index, Path(folder))
        yield context


def _build_wheel(project: Project, *, context: BuildContext, folder: Path) -> Distribution:
    wheel_only = replace(context, options=replace(context.options, kinds="wheel"))
    return build(project, wheel_only, output=folder)[0]


def _open_cache(
    options: BuildOptions, environ: Mapping[str, str]
) -> AbstractContextManager[EnvironmentCache | None]:
    folder = cache_folder(environ) if options.cache else None
    return EnvironmentCache(folder, environ) if folder else nullcontext()


@dataclass(frozen=True)
class Environment:
    """An isolated environment, as pypa/build's `IsolatedEnv` protocol wants one."""

    path: Path
    environ: Mapping[str, str]

    @property
    def python_executable(self) -> str:
        """The interpreter that the backend runs in."""
        return str(self.path / "bin" / "python")

    def make_extra_environ(self) -> dict[str, str]:
        """Return the variables that make programs of the environment come first."""
        path = os.pathsep.join([str(self.path / "bin"), self.environ.get("PATH", os.defpath)])
        return {"PATH": path, "VIRTUAL_ENV": str(self.path), "PYTHONPATH": ""}


class Environments:
    """Makes environments on demand, each once; one that is not in a *cache* goes with the run."""

    def __init__(
        self,
        children: Children,
        environ: Mapping[str, str],
        cache: EnvironmentCache | None = None,
    ) -> None:
        self._cache = cache
        self._children = children
        self.private: PrivateRequirements | None = None
        # Found once, here: `sysconfig`, which it asks, cannot be asked by two threads at once.
        self._uv_path = uv.find_uv_bin()
        # A backend runs any code, and needs no secret of the publisher.
        self.environ = without_login(environ) | FIXED_ENVIRONMENT
        self._folder = tempfile.TemporaryDirectory(prefix="shipwheel-", ignore_cleanup_errors=True)
        self._made = OncePerKey[frozenset[str], Environment]()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove every environment that is not kept."""
        self._folder.cleanup()

    def get(self, requirements: Iterable[str]) -> Environment:
        """Return the environment that holds exactly *requirements* and what they need.

        Raises BuildFailed when they cannot be installed.
        """
        wanted = frozenset(requirements)
        return self._made.get(wanted, partial(self._make, wanted))

    def make_early(self, sets: Iterable[frozenset[str]]) -> None:
        """Begin to make the environments of these *sets* of requirements, and return at once."""
        waiting = iter([*dict.fromkeys(sets)])
        for _ in range(_AT_ONCE):
            threading.Thread(target=self._make_each, args=[waiting], daemon=True).start()

    def _make_each(self, waiting: Iterator[frozenset[str]]) -> None:
        for requirements in waiting:
            # The build that needs it reports what went wrong; at the end no child is started.
            with suppress(ShipwheelError, subprocess.SubprocessError, OSError):
                self.get(requirements)

    def _make(self, requirements: frozenset[str]) -> Environment:
        beside = self.private.siblings(requirements) if self.private else {}
        fill = partial(self._fill, requirements | {_pin(it) for it in beside.values()})
        key = requirements | {f"{it.filename} {it.sha256}" for it in beside.values()}
        if self.private and self.private.index:
            key |= {str(self.private.index.registry)}  # what another holds may be another package
        path = self._cache.get(key, fill) if self._cache else None
        if path is None:
            path = Path(tempfile.mkdtemp(prefix="environment-", dir=self._folder.name))
            fill(path)
        return Environment(path, self.environ)

    def _fill(self, requirements: frozenset[str], path: Path) -> None:
        try:
            self._uv("venv", "--quiet", "--no-project", "--python", sys.executable, str(path))
        except subprocess.CalledProcessError as error:
            raise BuildFailed(
                f"No build environment can be made in {os.fspath(path)!r}: {error.output.strip()}",
                "see that HOME and TMPDIR are folders that can be written",
            ) from None
        if requirements:
            try:
                self._install(path, requirements)
            except subprocess.CalledProcessError as error:
                raise _not_installed(requirements, error.output) from None

    def _install(self, path: Path, requirements: frozenset[str]) -> None:
        wanted = path / "requirements.txt"
        python = Environment(path, self.environ).python_executable
        install = ["pip", "install", "--quiet", "--python", python, "-r", str(wanted)]
        write_whole(wanted, "".join(f"{line}\n" for line in sorted(requirements)))
        if folder := self.environ.get(BACKENDS_VARIABLE):
            # uv resolves before it installs, so one that does not resolve leaves nothing behind.
            with suppress(subprocess.CalledProcessError):
                return self._uv(*install, "--no-index", "--find-links", folder)
        if self.private and self.private.index:
            requirements |= {_pin(it) for it in self.private.all(requirements).values()}
            write_whole(wanted, "".join(f"{line}\n" for line in sorted(requirements)))
        return self._uv(*install)

    def _uv(self, *arguments: str) -> None:
        command = [self._uv_path, *arguments]
        # Not in the project: only the configuration of the user, or of the machine, counts.
        environ = {**self.environ, **uv_trust(self.environ)}
        self._children.run(command, cwd=self._folder.name, environ=environ)


def _pin(wheel: Distribution) -> str:
    """Return *wheel* as a requirement that only this file satisfies."""
    return f"{wheel.name} @ {wheel.path.absolute().as_uri()}"


def _not_installed(requirements: frozenset[str], output: str) -> BuildFailed:
    wanted = ", ".join(map(repr, sorted(requirements)))
    said = output.strip() or "uv said nothing"
    hint = "look at build-system.requires, and at the index that uv is configured to use"
    if _UNTRUSTED in said:
        hint = "name the CA bundle of the index, or of the proxy, in SSL_CERT_FILE"
    return BuildFailed(f"The build requirements cannot be installed: {wanted}\n{said}", hint)
