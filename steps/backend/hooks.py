"""A project's build backend, whose hooks run through pypa/build in environments that it asks for.

Errors of pypa/build and of pyproject-hooks become Shipwheel's; what a backend returns is checked.
"""

from __future__ import annotations

import logging
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
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

from steps.backend.reproducible import normalise_sdist
from steps.distribution.files import Distribution, Kind, read_whole
from steps.host.errors import BuildFailed, InputError
from steps.project.history import checkout_around

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.metadata import RawMetadata

    from steps.backend.context import BuildContext
    from steps.project.source import Project

_logger = logging.getLogger("shipwheel")


@dataclass(frozen=True)
class Backend:
    """The hooks of one project's backend, in the environments that they ask for."""

    project: Project
    context: BuildContext
    epoch: int

    def sdist(self, folder: Path) -> Distribution | None:
        """Build the sdist into *folder*; return None when the backend makes none."""
        try:
            path = self._call("sdist", self.project.directory, folder)
        except _Unsupported:
            return None
        normalise_sdist(path, self.epoch)
        return read_whole(path)

    def wheel(self, source: Path, folder: Path) -> Distribution:
        """Build the wheel of *source* into *folder*."""
        return read_whole(self._call("wheel", source, folder))

    def metadata(self, folder: Path) -> RawMetadata | None:
        """Have a wheel's metadata prepared in *folder*; None when the backend prepares none."""
        with _translated(self.project):
            builder = self._ready("wheel", self.project.directory)
            try:
                path = builder.prepare("wheel", folder)
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

    def _call(self, kind: Kind, source: Path, folder: Path) -> Path:
        with _translated(self.project):
            builder = self._ready(kind, source)
            try:
                path = Path(builder.build(kind, folder))
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
        more = frozenset(builder.get_requires_for_build(kind))
        if more <= builder.build_system_requires:
            return builder
        return self._builder(source, more)

    def _builder(self, source: Path, more: frozenset[str]) -> ProjectBuilder:
        static = self._read(source)
        environment = self.context.environments.get(static.build_system_requires | more)
        return ProjectBuilder.from_isolated_env(environment, source, self._run)

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
        cmd: Sequence[str],
        cwd: str | None = None,
        extra_environ: Mapping[str, str] | None = None,
    ) -> None:
        """Run one hook; the signature is pyproject-hooks' `SubprocessRunner`."""
        environ = {
            **self.context.environments.environ,
            **(extra_environ or {}),
            "SOURCE_DATE_EPOCH": str(self.epoch),
        }
        output = self.context.hooks.run(cmd, cwd=cwd or os.curdir, environ=environ)
        _logger.debug("%s", output.rstrip())


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
            f"The build of {str(project)!r} took longer than {cause.timeout:g} seconds\n"
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
