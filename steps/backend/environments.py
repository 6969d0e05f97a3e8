"""Build environments, made by uv, and who may use which.

Environments of pure Python, for the backends below, are shared by the projects that require the
same: one project uses one at a time, and it is made anew when any of its files was touched before
another project has it. Every other project gets an environment of its own, in its build folder:
what a compiler reads there is at the same path in every build, and goes with the build.

A backend gets no variable but those that `variables.py` allows or that its project names.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import threading
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import uv
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from steps.backend.environment_cache import fingerprint, recorded_fingerprint
from steps.backend.private_requirements import require_plain
from steps.backend.variables import EPOCH_VARIABLE, FIXED_ENVIRONMENT, backend_environ
from steps.host.children import OncePerKey, limit_of
from steps.host.errors import BuildFailed, InputError, ShipwheelError
from steps.host.files import write_whole
from steps.registry.credentials import uv_trust, without_login

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from steps.backend.environment_cache import EnvironmentCache
    from steps.backend.fork_server import ForkServers
    from steps.backend.private_requirements import PrivateRequirements
    from steps.distribution.files import Distribution
    from steps.host.children import Children, OnLine

# A folder of wheels, such as the image has. It is used before an index is asked.
BACKENDS_VARIABLE = "SHIPWHEEL_BACKENDS"
# Mostly they wait for the index.
_AT_ONCE = 4
# To make one more environment takes longer than most projects use one.
_WAIT_SECONDS = 0.5
# Only what was compiled before any project was built is executed.
_NO_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}
_OF_HOOKS = "_PYPROJECT_HOOKS_"
# What uv says of a certificate authority that it does not know.
_UNTRUSTED = "invalid peer certificate"
# What uv says of the variables that it reads.
_OF_SETTINGS = re.compile(
    r"\Aerror: (invalid value |Failed to parse environment variable)"
    r"|^ *cause: Virtual environment path is not valid UTF-8",
    re.MULTILINE,
)
_OTHER_PYTHON = re.compile(r"does not satisfy Python|requires Python [<>=!~]")
# Nothing in these is compiled against, and they compile nothing that names where they are.
_PURE = {
    *("flit-core", "flit-scm", "hatch-fancy-pypi-readme", "hatch-requirements-txt", "hatch-vcs"),
    *("hatchling", "packaging", "pbr", "pdm-backend", "poetry-core", "poetry-dynamic-versioning"),
    *("setuptools", "setuptools-scm", "trove-classifiers", "versioneer", "versioningit", "wheel"),
}


@dataclass
class Environment:
    """An isolated environment, as pypa/build's `IsolatedEnv` protocol wants one."""

    path: Path
    environ: Mapping[str, str]
    servers: ForkServers

    @property
    def python_executable(self) -> str:
        """The interpreter that the backend runs in."""
        return str(self.path / "bin" / "python")

    def make_extra_environ(self) -> dict[str, str]:
        """Return the variables that make programs of the environment come first."""
        path = os.pathsep.join([str(self.path / "bin"), self.environ.get("PATH", os.defpath)])
        return {"PATH": path, "VIRTUAL_ENV": str(self.path), "PYTHONPATH": ""}

    def run(
        self,
        _user: object,
        command: Sequence[str],
        *,
        cwd: str,
        environ: Mapping[str, str],
        on_line: OnLine | None = None,
    ) -> str:
        """Run one hook, as `Children.run` would."""
        return self.servers.run(command, cwd=cwd, environ=environ, on_line=on_line, fork=False)


@dataclass
class _PooledEnvironment(Environment):
    """One of equal environments, *state* tells its files as they were made, *user* who had it."""

    make: Callable[[], None]
    user: object = None
    state: str = ""

    def hand_to(self, user: object) -> None:
        """Let *user* have it, made again where another one touched any of its files."""
        if user != self.user and self.state != fingerprint(self.path):
            self.servers.end(self.python_executable)
            self.make()
            self.state = fingerprint(self.path)
        self.user = user


class SharedEnvironment:
    """Equal environments, *most* of them, each of which one project uses at a time."""

    def __init__(self, make: Callable[[], _PooledEnvironment], most: int) -> None:
        self._make = make
        self._most = most
        first = make()
        self._free = [first]
        self._made = 1
        self._changed = threading.Condition()
        self.path, self.environ = first.path, first.environ
        self.python_executable = first.python_executable

    def make_extra_environ(self) -> dict[str, str]:
        """Return what the first one has; that which runs a hook has its own."""
        return Environment.make_extra_environ(self)  # type: ignore[arg-type]  # it has the same fields

    def run(
        self,
        user: object,
        command: Sequence[str],
        *,
        cwd: str,
        environ: Mapping[str, str],
        on_line: OnLine | None = None,
    ) -> str:
        """Run one hook for *user*, as `Children.run` would, in an environment that is free."""
        copy = self._take(user)
        try:
            copy.hand_to(user)
            own = {**environ, **copy.make_extra_environ(), **_NO_BYTECODE}
            known = {**copy.environ, **copy.make_extra_environ(), EPOCH_VARIABLE: ""}
            fork = all(name in known or name.startswith(_OF_HOOKS) for name in environ)
            return copy.servers.run(
                [copy.python_executable, *command[1:]],
                cwd=cwd,
                environ=own,
                on_line=on_line,
                fork=fork,
            )
        finally:
            with self._changed:
                self._free.append(copy)
                self._changed.notify()

    def _take(self, user: object) -> _PooledEnvironment:
        """Return the one that *user* had, or another that is free; make one rather than wait."""
        with self._changed:
            more = self._made < self._most
            if self._changed.wait_for(lambda: self._free, _WAIT_SECONDS if more else None):
                own = next((it for it in self._free if it.user == user), self._free[0])
                self._free.remove(own)
                return own
            self._made += 1
        return self._make()


AnyEnvironment = Environment | SharedEnvironment


class Environments(AbstractContextManager["Environments"]):
    """Makes environments on demand, each once; one that is not in a *cache* goes with the run."""

    def __init__(
        self,
        children: Children,
        servers: ForkServers,
        environ: Mapping[str, str],
        cache: EnvironmentCache | None = None,
        *,
        python: str,
        workers: int = 1,
    ) -> None:
        self._cache = cache
        self.private: PrivateRequirements | None = None
        self._children = children
        self._servers = servers
        self._python = python
        self._workers = workers
        # Found once, here: `sysconfig`, which it asks, cannot be asked by two threads at once.
        self._uv_path = uv.find_uv_bin()
        # The installer asks the index as the user does; a backend, which runs any code, does not.
        self._installer_environ = without_login(environ) | FIXED_ENVIRONMENT
        self.environ = backend_environ(environ)
        self._folder = tempfile.TemporaryDirectory(prefix="shipwheel-", ignore_cleanup_errors=True)
        self._made = OncePerKey[frozenset[str], SharedEnvironment]()

    def __exit__(self, *_: object) -> None:
        """Remove every environment that is not kept."""
        self._folder.cleanup()

    @contextmanager
    def of_project(self, folder: Path) -> Iterator[Callable[[Iterable[str]], AnyEnvironment]]:
        """Yield what returns the environment that holds exactly the given requirements.

        Those that are a project's own are made in *folder*. What it returns raises BuildFailed when
        they cannot be installed.
        """
        own: dict[frozenset[str], Environment] = {}

        def get(requirements: Iterable[str]) -> AnyEnvironment:
            wanted = frozenset(requirements)
            if _is_pure(wanted):
                return self._shared(wanted)
            if wanted not in own:
                own[wanted] = self._own(wanted, folder)
            return own[wanted]

        try:
            yield get
        finally:
            for environment in own.values():
                self._servers.end(environment.python_executable)

    def make_early(self, sets: Iterable[frozenset[str]]) -> None:
        """Begin to make the environments of these *sets* of requirements, and return at once."""
        waiting = iter([it for it in dict.fromkeys(sets) if _is_pure(it)])
        for _ in range(_AT_ONCE):
            threading.Thread(target=self._make_each, args=[waiting], daemon=True).start()

    def _make_each(self, waiting: Iterator[frozenset[str]]) -> None:
        for requirements in waiting:
            # The build that needs it reports what went wrong; at the end no child is started.
            with suppress(ShipwheelError, subprocess.SubprocessError, OSError):
                self._shared(requirements)

    def _shared(self, requirements: frozenset[str]) -> SharedEnvironment:
        make = partial(self._make_copy, requirements)
        return self._made.get(requirements, partial(SharedEnvironment, make, self._workers))

    def _make_copy(self, requirements: frozenset[str]) -> _PooledEnvironment:
        siblings = self._siblings(requirements)
        fill = partial(self._fill, requirements | {_pin(it) for it in siblings})
        kept = partial(fill, compiled=True)
        key = requirements | {f"{it.filename} {it.sha256}" for it in siblings}
        if self.private and self.private.index:
            key |= {str(self.private.index.registry)}  # what another holds may be another package
        path = self._cache.get(key, kept) if self._cache else None
        if self._cache and path:
            make = partial(self._cache.renew, path, key, kept)
        else:
            path = Path(tempfile.mkdtemp(prefix="environment-", dir=self._folder.name))
            make = partial(fill, path)
            make()
        state = recorded_fingerprint(path) or fingerprint(path)
        return _PooledEnvironment(path, self.environ, self._servers, make, state=state)

    def _own(self, requirements: frozenset[str], folder: Path) -> Environment:
        digest = hashlib.sha256("\0".join(sorted(requirements)).encode()).hexdigest()
        path = folder / f"environment-{digest[:8]}"
        wanted = requirements | {_pin(it) for it in self._siblings(requirements)}
        self._fill(wanted, path)
        return Environment(path, self.environ, self._servers)

    def _siblings(self, requirements: frozenset[str]) -> tuple[Distribution, ...]:
        """Return the wheels of siblings that *requirements* name."""
        return tuple(self.private.siblings(requirements).values()) if self.private else ()

    def _fill(self, requirements: frozenset[str], path: Path, *, compiled: bool = False) -> None:
        require_plain(requirements)
        venv = ["venv", "--quiet", "--no-project", "--clear", "--python", self._python, str(path)]
        try:
            self._uv(*venv)
        except subprocess.CalledProcessError as error:
            config = self._installer_environ.get("UV_CONFIG_FILE")
            said = error.output.strip()
            raise _no_environment(self._python, path, config, said) from None
        if not requirements:
            return
        python = str(path / "bin" / "python")
        try:
            self._install(
                requirements, path, "--python", python, *["--compile-bytecode"] * compiled
            )
        except subprocess.CalledProcessError as error:
            raise _not_installed(requirements, error.output) from None

    def _install(self, requirements: frozenset[str], path: Path, *arguments: str) -> None:
        # Copies: a backend that writes into its environment does not write into uv's cache.
        install = ["pip", "install", "--quiet", "--link-mode", "copy", *arguments]
        with tempfile.TemporaryDirectory(dir=self._folder.name) as folder:
            wanted = Path(folder, "requirements.txt")
            install += ["-r", str(wanted)]
            write_whole(wanted, "".join(f"{line}\n" for line in sorted(requirements)))
            if wheels := self._installer_environ.get(BACKENDS_VARIABLE):
                # uv resolves before it installs, so one that does not resolve leaves nothing.
                with suppress(subprocess.CalledProcessError):
                    return self._uv(*install, "--no-index", "--find-links", wheels)
            if self.private and self.private.index:
                library = next(path.glob("lib/python*")).name.removeprefix("python")
                python = tuple(int(number) for number in library.split("."))
                found = self.private.all(requirements, python)
                requirements |= {_pin(it) for it in found.values()}
                write_whole(wanted, "".join(f"{line}\n" for line in sorted(requirements)))
            return self._uv(*install)

    def _uv(self, *arguments: str) -> None:
        command = [self._uv_path, *arguments]
        # Not in the project: only the configuration of the user, or of the machine, counts.
        environ = {**self._installer_environ, **uv_trust(self._installer_environ)}
        try:
            self._children.run(command, cwd=self._folder.name, environ=environ)
        except subprocess.CalledProcessError as error:
            problem = limit_of(error, "the build environment") or _wrong_settings(error.output)
            raise problem or error from None


def _pin(wheel: Distribution) -> str:
    """Return *wheel* as a requirement that only this file satisfies."""
    return f"{wheel.name} @ {wheel.path.absolute().as_uri()}"


def _is_pure(requirements: Iterable[str]) -> bool:
    for line in requirements:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            return False
        if requirement.url or canonicalize_name(requirement.name) not in _PURE:
            return False
    return True


def _wrong_settings(said: str) -> InputError | None:
    """Return what is wrong with the variables that the user gives uv, if that is it."""
    if not _OF_SETTINGS.search(said.strip()):
        return None
    return InputError(
        f"uv cannot work with its settings: {said.strip()}",
        "fix what it names: a UV_* variable, or a folder in XDG_CACHE_HOME or TMPDIR",
    )


def _no_environment(
    python: str, path: Path, config: str | None, said: str
) -> InputError | BuildFailed:
    """Return what is wrong where uv makes no environment, the file *config* perhaps."""
    if "uv.toml" in said or (config and Path(config).name in said):
        return InputError(
            f"uv cannot read its configuration: {said}",
            "fix that file, or name another one, or none, in UV_CONFIG_FILE",
        )
    if python != sys.executable:
        return InputError(
            f"The interpreter {python!r} cannot be used: {said}",
            "name one that is installed: --python 3.12, or --python /usr/bin/python3",
        )
    return BuildFailed(
        f"No build environment can be made in {os.fspath(path)!r}: {said}",
        "see that HOME and TMPDIR are folders that can be written",
    )


def _not_installed(requirements: frozenset[str], output: str) -> BuildFailed:
    wanted = ", ".join(map(repr, sorted(requirements)))
    said = output.strip() or "uv said nothing"
    hint = "look at build-system.requires, and at the index that uv is configured to use"
    if _UNTRUSTED in said:
        hint = "name the CA bundle of the index, or of the proxy, in SSL_CERT_FILE"
    elif _OTHER_PYTHON.search(said):
        hint = "name a Python that they fit with --python, or require versions that fit this one"
    return BuildFailed(f"The build requirements cannot be installed: {wanted}\n{said}", hint)
