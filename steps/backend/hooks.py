"""A project's build backend, whose hooks run through pypa/build in environments that it asks for.

Errors of pypa/build and of pyproject-hooks become Shipwheel's; what a backend returns is checked.
"""

from __future__ import annotations

import gzip
import logging
import os
import subprocess
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from build import (
    BuildBackendException,
    BuildException,
    BuildSystemTableValidationError,
    ProjectBuilder,
)
from packaging.metadata import parse_email
from pyproject_hooks import BackendUnavailable, UnsupportedOperation

from steps.backend.variables import EPOCH_VARIABLE
from steps.distribution.archive import open_sdist
from steps.distribution.files import Distribution, Kind, read_whole
from steps.host.children import limit_of
from steps.host.errors import OF_THE_MACHINE, BuildFailed, InputError, counted
from steps.host.files import open_whole
from steps.host.progress import current_work
from steps.project.dependencies import table_in
from steps.project.history import checkout_around
from steps.project.source import read_pyproject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from packaging.metadata import RawMetadata

    from steps.backend.context import BuildOptions
    from steps.backend.environments import AnyEnvironment
    from steps.project.source import Project

_logger = logging.getLogger("shipwheel")


# What these would build in a folder of a random name, they build in a named one.
_BUILD_FOLDER = {"mesonpy": "build-dir", "scikit_build_core.build": "build-dir"}
_SCIKIT_BUILD = "scikit-build"


@dataclass(frozen=True)
class Backend:
    """The hooks of one project's backend, which is in *source*.

    *environment* returns the environment that holds what it is given; *folder* is empty, and has
    the same name in every build of the project.
    """

    project: Project
    options: BuildOptions
    environment: Callable[[Iterable[str]], AnyEnvironment]
    environ: Mapping[str, str]
    folder: Path

    def sdist(self, source: Path) -> Distribution | None:
        """Build the sdist of *source*; return None when the backend makes none."""
        try:
            path = self._call("sdist", source)
        except _Unsupported:
            return None
        normalise_sdist(path, int(self.environ[EPOCH_VARIABLE]))
        return read_whole(path)

    def wheel(self, source: Path) -> Distribution:
        """Build the wheel of *source*."""
        return read_whole(self._call("wheel", source))

    def metadata(self, source: Path) -> RawMetadata | None:
        """Have the metadata of the wheel of *source* prepared; None when the backend does not."""
        folder = self.folder / "metadata"
        with _translated(self.project):
            builder = self._ready("wheel", source)
            try:
                path = builder.prepare("wheel", folder, self._settings(source))
            except TypeError:  # it returned no string
                path = os.fspath(folder)
        if path is None:
            return None
        try:
            return parse_email((Path(path) / "METADATA").read_bytes())[0]
        except OSError as error:
            raise BuildFailed(
                f"The build backend of {str(self.project)!r} says that it prepared metadata in"
                f" {Path(path).name!r}, and it cannot be read: {error.strerror}",
                "a backend returns the name of the folder that it made (PEP 517)",
            ) from None

    def _call(self, kind: Kind, source: Path) -> Path:
        folder = self.folder / kind
        with _translated(self.project):
            builder = self._ready(kind, source)
            current_work().doing = f"building {kind}"
            try:
                path = Path(builder.build(kind, folder, self._settings(source)))
            except TypeError:  # it returned no string
                path = folder
        if path.parent != folder or path.is_symlink() or not path.is_file():
            raise BuildFailed(
                f"The build backend of {str(self.project)!r} returned {path.name!r}, and did not"
                " write that file into the folder that it was given",
                "a backend returns the name of the file that it wrote (PEP 517)",
            )
        return path

    def _ready(self, kind: Kind, source: Path) -> ProjectBuilder:
        """Return the builder in an environment with all that a build of *kind* requires."""
        builder = self._builder(source, frozenset())
        more = frozenset(builder.get_requires_for_build(kind, self._settings(source)))
        if more <= builder.build_system_requires:
            return builder
        return self._builder(source, more)

    def _builder(self, source: Path, more: frozenset[str]) -> ProjectBuilder:
        static = self._read(source)
        work = current_work()
        before, work.doing = work.doing, "installing build requirements"
        environment = self.environment(static.build_system_requires | more)
        work.doing = before
        return ProjectBuilder.from_isolated_env(
            environment, source, partial(self._run, environment)
        )

    def _settings(self, source: Path) -> Mapping[str, str | list[str]]:
        """Return what the user tells the backend, and the folder to build in where it takes one."""
        table = read_pyproject(source) if (source / "pyproject.toml").is_file() else {}
        key = _BUILD_FOLDER.get(table_in(table, "build-system").get("build-backend", ""))
        own = str(table_in(table_in(table, "tool"), _SCIKIT_BUILD))
        if key is None or f"'{key}'" in own:
            return self.options.settings
        return {key: os.fspath(self.folder / "build"), **self.options.settings}

    def _read(self, source: Path) -> ProjectBuilder:
        try:
            return ProjectBuilder(source)
        except ValueError as error:
            where = os.fspath(self.project.directory / "pyproject.toml")
            raise InputError(
                f"build-system.backend-path is wrong in {where!r}: {error}",
                "name folders of the project itself",
            ) from None
        except BuildSystemTableValidationError:
            raise
        except (BuildException, OSError) as error:  # the project itself was read before
            raise BuildFailed(
                f"The build backend of {str(self.project)!r} left no pyproject.toml to build by:"
                f" {error}",
                "it has to leave the project as it is, and to put that file into the sdist",
            ) from None

    def _run(
        self,
        environment: AnyEnvironment,
        cmd: Sequence[str],
        cwd: str | None = None,
        extra_environ: Mapping[str, str] | None = None,
    ) -> None:
        """Run one hook; the signature is, after the environment, pyproject-hooks' runner's."""
        verbose = _logger.isEnabledFor(logging.DEBUG)
        environment.run(
            self.project.directory,
            cmd,
            cwd=cwd or os.curdir,
            environ={**self.environ, **(extra_environ or {})},
            on_line=partial(_logger.debug, "%s: %s", self.project) if verbose else None,
        )


class _Unsupported(Exception):  # noqa: N818 - an answer, not an error
    """The backend makes no sdists (PEP 517, `UnsupportedOperation`)."""


@contextmanager
def _translated(project: Project) -> Iterator[None]:
    """Turn what pypa/build raises into our errors."""
    try:
        yield
    except BuildException as error:
        where = os.fspath(project.directory / "pyproject.toml")
        raise InputError(f"{error} in {where!r}", "see PEP 518 for [build-system]") from None
    except BuildBackendException as error:
        if isinstance(error.exception, UnsupportedOperation):
            raise _Unsupported from None
        if isinstance(error.exception, OSError) and error.exception.errno in OF_THE_MACHINE:
            raise error.exception from None
        if isinstance(error.exception, subprocess.CalledProcessError) and (
            limit := limit_of(error.exception, f"the build of {str(project)!r}")
        ):
            raise limit from None
        raise _backend_failed(project, error) from None


def _backend_failed(project: Project, error: BuildBackendException) -> BuildFailed:
    cause = error.exception
    if isinstance(cause, BackendUnavailable):
        return BuildFailed(
            f"The build backend of {str(project)!r} is missing: {cause.backend_name!r}"
            f" ({str(cause).splitlines()[0]})",
            "name the package that holds it in build-system.requires",
        )
    if isinstance(cause, subprocess.TimeoutExpired):
        return BuildFailed(
            f"The build of {str(project)!r} took longer than {counted(cause.timeout, 'second')}\n"
            f"{(cause.output or '').strip()}",
            "see what it waits for, or give it more time with --build-timeout",
        )
    if isinstance(cause, subprocess.CalledProcessError):
        return BuildFailed(
            f"The build backend of {str(project)!r} failed: {error}\n{cause.output.strip()}",
            f"fix what the backend reports above, and build again{_without_git(project)}",
        )
    return BuildFailed(
        f"The build backend of {str(project)!r} failed: {error}",
        "fix what it reports, and build again",
    )


def _without_git(project: Project) -> str:
    """Return a word about the version where it may come from a git history that is not there."""
    if project.version or checkout_around(project.directory):
        return ""
    return (
        "; if the version comes from git: there is no .git here, and"
        " `gcloud builds submit` leaves .git out unless a .gcloudignore keeps it"
    )


def normalise_sdist(path: Path, epoch: int) -> None:
    """Pack the sdist at *path* again, unless it shows no trace of when and where, and no doubles.

    Members keep their order, names and contents; times become *epoch*, owners empty, modes plain.
    """
    with open_sdist(path, built=True) as archive:
        if archive.is_normal(epoch):
            _normalise_gzip_time(path, epoch)
            return
        with (
            open_whole(path) as raw,
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=epoch) as stream,
            tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            archive.copy_normal(tar, epoch)


def _normalise_gzip_time(path: Path, epoch: int) -> None:
    """Write *epoch* into the header (RFC 1952, bytes 4 to 7), unless it has no time."""
    with path.open("r+b") as stream:
        stream.seek(4)
        if any(stream.read(4)):
            stream.seek(4)
            stream.write(epoch.to_bytes(4, "little"))
