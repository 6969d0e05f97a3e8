"""A tiny project, built, and what a registry holds of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from steps.registry.page import PublishedFile, PublishedProject
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from steps.distribution.files import Distribution

TIDES = canonicalize_name("tides")


def published(*files: Distribution, hashes: bool = True) -> PublishedProject:
    return PublishedProject(
        name=TIDES,
        files=tuple(
            PublishedFile(
                filename=it.filename,
                url=str(it.path),
                kind=it.kind,
                version=it.version,
                sha256=it.sha256 if hashes else None,
            )
            for it in files
        ),
    )


def build(folder: Path, version: str = "1.0", text: str = "") -> tuple[Distribution, ...]:
    return make_distributions(make_project(folder, "tides", version, text=text))
