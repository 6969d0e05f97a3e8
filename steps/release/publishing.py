"""Builds, judges, uploads and confirms projects in one process: the main job.

Every project is built and judged before the first file is sent, so that one refusal leaves the
registry as it was.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from steps.backend.building import build
from steps.host.tasks import each
from steps.project.source import static_names
from steps.release.release import Release, release
from steps.release.twine_upload import import_early

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steps.backend.context import Workshop
    from steps.project.source import Project
    from steps.registry.index import Index
    from steps.registry.transport import Transport
    from steps.release.gate import Rules


def publish(
    projects: Sequence[Project],
    workshop: Workshop,
    transport: Transport,
    index: Index,
    rules: Rules,
    *,
    send: bool = True,
) -> Release:
    """Publish *projects* and return what became of them; only build and judge them unless *send*.

    Raises what building, reading the index and uploading raise; Refused with every project that
    is not allowed, before anything was uploaded.
    """
    transport.credentials.look_up_early()
    workshop.expect(projects)
    import_early()
    built = each(partial(build, workshop=workshop), projects, workers=workshop.options.workers)
    return release(built, transport, index, rules, static=static_names(projects), send=send)
