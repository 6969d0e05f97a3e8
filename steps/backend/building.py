"""Builds a project's sdist, and its wheel from that sdist, through pypa/build.

What a user installs is thus what the sdist can build. Nothing is written into `dist/` before
everything was built and checked.
"""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from steps.backend.hooks import Backend
from steps.backend.reproducible import source_date_epoch
from steps.distribution.archive import open_sdist
from steps.distribution.files import Distribution, parse_filename
from steps.host.errors import BuildFailed, InputError
from steps.host.files import move_together

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from packaging.metadata import RawMetadata
    from packaging.utils import NormalizedName

    from steps.backend.context import BuildContext
    from steps.project.source import Project

_logger = logging.getLogger("shipwheel")


def build(
    project: Project, context: BuildContext, *, output: Path | None = None
) -> tuple[Distribution, ...]:
    """Build *project* into *output*, by default its `dist/`; return its wheel and its sdist.

    Older files of the same version there are replaced; other versions are left alone. A backend
    that makes no sdists gives a wheel only. Raises BuildFailed when the backend fails, InputError
    when the project is wrong, Refused when the checks of what was built fail.
    """
    from steps.backend.verify import verify  # noqa: PLC0415 - `open_build_context` does it early

    output = output or project.directory / "dist"
    with _temporary_folder() as folder:
        _logger.info("Building %s", project)
        built = _build(project, context, Path(folder))
        _check_identity(project, built)
        verify(built, project.directory, strict=context.options.strict)
        return _move(built, output)


def identify(project: Project, context: BuildContext) -> tuple[NormalizedName, Version]:
    """Return the name and the version in the metadata that the backend of *project* prepares.

    Where the backend prepares none, the project is built. Raises what `build` raises.
    """
    with _temporary_folder() as folder:
        _logger.info("Preparing the metadata of %s", project)
        metadata = _backend(project, context).metadata(Path(folder))
        if metadata is None:
            built = build(project, context, output=Path(folder) / "dist")[0]
            return built.name, built.version
    found = _read_identity(project, metadata)
    if project.name not in {None, found[0]}:
        raise InputError(
            f"The build backend prepares metadata of {found[0]!r}, and the project says"
            f" {project.name!r}",
            "keep the name in one place",
        )
    return found


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="shipwheel-", ignore_cleanup_errors=True)


def _backend(project: Project, context: BuildContext) -> Backend:
    return Backend(project, context, source_date_epoch(project.directory, context.environ))


def _build(project: Project, context: BuildContext, folder: Path) -> tuple[Distribution, ...]:
    kinds = context.options.kinds
    backend = _backend(project, context)
    sdist = None if kinds == "wheel" else backend.sdist(folder / "sdist")
    if sdist is None:
        if kinds == "sdist":
            raise BuildFailed(
                f"The build backend of {str(project)!r} makes no sdists", "build its wheel only"
            )
        return (backend.wheel(project.directory, folder / "wheel"),)
    if kinds == "sdist":
        return (sdist,)
    with open_sdist(sdist.path) as archive:
        source = archive.unpack(folder / "source")
    return backend.wheel(source, folder / "wheel"), sdist


def _read_identity(project: Project, metadata: RawMetadata) -> tuple[NormalizedName, Version]:
    try:
        name = canonicalize_name(metadata.get("name", ""), validate=True)
        return name, Version(metadata.get("version", ""))
    except ValueError as error:
        raise BuildFailed(
            f"The build backend of {str(project)!r} prepares metadata that is wrong: {error}",
            "fix the name or the version where the backend takes it from",
        ) from None


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
    try:
        output.mkdir(parents=True, exist_ok=True)
        move_together({it.path: output / it.filename for it in built})
        for stale in {*_same_version(built[0], output)} - {output / it.filename for it in built}:
            stale.unlink()
    except OSError as error:
        raise InputError(
            f"What was built cannot be moved into {os.fspath(output)!r}: {error.strerror}",
            "make it a folder that can be written, with free space, that holds only built files",
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
