"""Asks a project's build backend which project and version it is, without building where it can."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from steps.backend.building import build
from steps.backend.hooks import Backend
from steps.backend.reproducible import source_date_epoch
from steps.host.errors import BuildFailed, InputError

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata
    from packaging.utils import NormalizedName

    from steps.backend.context import Workshop
    from steps.project.source import Project

_logger = logging.getLogger("shipwheel")


def identify(project: Project, workshop: Workshop) -> tuple[NormalizedName, Version]:
    """Return the name and the version in the metadata that the backend of *project* prepares.

    Where the backend prepares none, the project is built. Raises what `build` raises.
    """
    epoch = source_date_epoch(project.directory, workshop.environ)
    with tempfile.TemporaryDirectory(prefix="shipwheel-", ignore_cleanup_errors=True) as name:
        _logger.info("Preparing the metadata of %s", project)
        metadata = Backend(project, workshop, epoch).metadata(Path(name))
        if metadata is None:
            built = build(project, workshop, output=Path(name) / "dist")[0]
            return built.name, built.version
    found = _read(project, metadata)
    if project.name not in {None, found[0]}:
        raise InputError(
            f"The build backend prepares metadata of {found[0]!r}, and the project says"
            f" {project.name!r}",
            "keep the name in one place",
        )
    return found


def _read(project: Project, metadata: RawMetadata) -> tuple[NormalizedName, Version]:
    try:
        name = canonicalize_name(metadata.get("name", ""), validate=True)
        return name, Version(metadata.get("version", ""))
    except ValueError as error:
        raise BuildFailed(
            f"The build backend of {str(project)!r} prepares metadata that is wrong: {error}",
            "mend the name or the version where the backend takes it from",
        ) from None
