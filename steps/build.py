"""Builds a project's sdist, and its wheel from that sdist, through pypa/build.

What a user installs is thus what the sdist can build. Nothing is written into `dist/` before
everything was built and looked at.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from build import (
    BuildBackendException,
    BuildException,
    BuildSystemTableValidationError,
    ProjectBuilder,
)
from packaging.metadata import parse_email
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version
from pyproject_hooks import BackendUnavailable, UnsupportedOperation

from steps.archive import Sdist, open_archive
from steps.distribution import Distribution, Kind, parse_filename, read_distribution
from steps.errors import BuildFailed, InputError
from steps.record import check_record
from steps.reproducible import normalise_sdist, source_date_epoch
from steps.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.metadata import RawMetadata
    from packaging.utils import NormalizedName

    from steps.project import Project
    from steps.workshop import Workshop

logger = logging.getLogger("shipwheel")


def build(
    project: Project, workshop: Workshop, *, output: Path | None = None
) -> tuple[Distribution, ...]:
    """Build *project* into *output*, by default its `dist/`; return its wheel and its sdist.

    Older files of the same version there are replaced; other versions are left alone. A backend
    that makes no sdists gives a wheel only. Raises BuildFailed when the backend fails, InputError
    when the project is wrong, Refused when what was built does not stand the checks.
    """
    output = output or project.directory / "dist"
    with tempfile.TemporaryDirectory(prefix="shipwheel-", ignore_cleanup_errors=True) as folder:
        logger.info("Building %s", project)
        built = _build(project, workshop, Path(folder))
        _check_identity(project, built)
        verify(built, project.directory, strict=workshop.options.strict)
        return _move(built, output)


def identify(project: Project, workshop: Workshop) -> tuple[NormalizedName, Version]:
    """Return the name and the version in the metadata that the backend of *project* prepares.

    A backend that prepares none builds. Raises what `build` raises.
    """
    with tempfile.TemporaryDirectory(prefix="shipwheel-", ignore_cleanup_errors=True) as name:
        logger.info("Preparing the metadata of %s", project)
        folder = Path(name)
        epoch = source_date_epoch(project.directory, workshop.environ)
        metadata = _Backend(project, workshop, epoch).metadata(folder)
        if metadata is None:
            first = _build(project, workshop, folder)[0]
            return first.name, first.version
        try:
            found = (
                canonicalize_name(metadata.get("name", ""), validate=True),
                Version(metadata.get("version", "")),
            )
        except (InvalidName, InvalidVersion) as error:
            raise BuildFailed(
                f"The build backend of {str(project)!r} prepares metadata that is wrong: {error}",
                "mend the name or the version where the backend takes it from",
            ) from None
    if project.name not in {None, found[0]}:
        raise InputError(
            f"The build backend prepares metadata of {found[0]!r}, and the project says"
            f" {project.name!r}",
            "keep the name in one place",
        )
    return found


def _build(project: Project, workshop: Workshop, folder: Path) -> tuple[Distribution, ...]:
    kinds = workshop.options.kinds
    epoch = source_date_epoch(project.directory, workshop.environ)
    backend = _Backend(project, workshop, epoch)
    sdist = None if kinds == "wheel" else backend.sdist(folder / "sdist")
    if sdist is None:
        if kinds == "sdist":
            raise BuildFailed(
                f"The build backend of {str(project)!r} makes no sdists", "build its wheel only"
            )
        return (backend.wheel(project.directory, folder / "wheel"),)
    if kinds == "sdist":
        return (sdist,)
    with open_archive(sdist.path) as archive:
        assert isinstance(archive, Sdist)  # noqa: S101 - it was read as one
        source = archive.unpack(folder / "source")
    return backend.wheel(source, folder / "wheel"), sdist


@dataclass(frozen=True)
class _Backend:
    """The hooks of one project's backend, in the environments that they ask for."""

    project: Project
    workshop: Workshop
    epoch: int

    def sdist(self, folder: Path) -> Distribution | None:
        """Build the sdist into *folder*; return None when the backend makes none."""
        try:
            path = self._call("sdist", self.project.directory, folder)
        except _Unsupported:
            return None
        normalise_sdist(path, self.epoch)
        return read_distribution(path)

    def wheel(self, source: Path, folder: Path) -> Distribution:
        """Build the wheel of *source* into *folder*."""
        wheel = read_distribution(self._call("wheel", source, folder))
        check_record(wheel)
        return wheel

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
                f"The build backend of {str(self.project)!r} says that it built {path.name!r},"
                " and there is no such file where it was to be",
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
        environment = self.workshop.environments.get(static.build_system_requires | more)
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
            **self.workshop.environments.environ,
            **(extra_environ or {}),
            "SOURCE_DATE_EPOCH": str(self.epoch),
        }
        output = self.workshop.hooks.run(cmd, cwd=cwd or os.curdir, environ=environ)
        logger.debug("%s", output.rstrip())


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
            "see what it waits for, or give it more time",
        )
    if isinstance(cause, subprocess.CalledProcessError):
        return BuildFailed(
            f"The build backend of {str(project)!r} failed: {error}\n{cause.output.strip()}",
            f"mend what the backend names above, and build again{_without_git(project)}",
        )
    return BuildFailed(f"The build backend of {str(project)!r} failed: {error}")


def _without_git(project: Project) -> str:
    """Return a word about the version where it may come from a git history that is not there."""
    above = (project.directory, *project.directory.parents)
    if project.version or any((folder / ".git").exists() for folder in above):
        return ""
    return (
        "; if the version comes from git: there is no .git here, and"
        " `gcloud builds submit` leaves .git out unless a .gcloudignore keeps it"
    )


def _check_identity(project: Project, built: Sequence[Distribution]) -> None:
    """Refuse distributions that name another project or version than the files say."""
    expected = project.name or built[0].name, project.version or built[0].version
    for distribution in built:
        said = distribution.name, distribution.version
        if said != expected:
            raise InputError(
                f"{distribution.filename!r} was built as {said[0]} {said[1]},"
                f" and the project says {expected[0]} {expected[1]}",
                "keep the name and the version in one place",
            )


def _move(built: Sequence[Distribution], output: Path) -> tuple[Distribution, ...]:
    """Move what was built into *output*, in the place of older files of the same version.

    A file appears there whole or not at all, also when it comes from another file system.
    """
    parts = {it: output / f".{it.filename}.part" for it in built}
    try:
        output.mkdir(parents=True, exist_ok=True)
        for distribution, part in parts.items():
            shutil.move(distribution.path, part)
        for distribution, part in parts.items():
            part.replace(output / distribution.filename)
        for stale in {*_same_version(built[0], output)} - {output / it.filename for it in built}:
            stale.unlink()
    except OSError as error:
        for part in parts.values():
            with suppress(OSError):
                part.unlink()
        raise InputError(
            f"What was built cannot be put into {os.fspath(output)!r}: {error.strerror}",
            "make it a folder that can be written, with room in it and only files of a build",
        ) from None
    return tuple(replace(it, path=output / it.filename) for it in built)


def _same_version(distribution: Distribution, output: Path) -> Iterator[Path]:
    for path in sorted(output.iterdir()):
        try:
            _kind, name, version = parse_filename(path.name)
        except ValueError:
            continue
        if (name, version) == (distribution.name, distribution.version):
            yield path
