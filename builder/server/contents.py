"""What a repository of the emulator holds, as the page of `shipwheel status` for a browser.

What requires what is read of the metadata of the files that the emulator has itself.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from builder.server.repositories import StandardRepository
from steps.distribution.files import read_metadata
from steps.host.errors import ShipwheelError
from steps.registry.page import PublishedProject
from triggers.overview.assembly import version_records
from triggers.overview.consumers import Mention, highest, judge
from triggers.overview.model import ComponentStatus, Overview

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from email.message import Message
    from pathlib import Path

    from builder.server.repositories import ListedFile, ServedRepository


def is_for_browser(headers: Message) -> bool:
    """Return whether a browser asks; no client of packages says of itself that it is one."""
    agent, accepted = headers.get("User-Agent", ""), headers.get("Accept", "")
    return agent.startswith("Mozilla/") and "text/html" in accepted


def overview_of(name: str, repository: ServedRepository, url: str) -> Overview:
    """Return what the repository *name* at *url* holds.

    Raises ShipwheelError when an upstream does not tell.
    """
    listed = {project: repository.files_of(project) for project in sorted(repository.projects())}
    published = {
        project: PublishedProject(name=canonicalize_name(project), files=tuple(files))
        for project, files in listed.items()
    }
    mentions = {it: _mentions(it, files, published) for it, files in listed.items()}
    consumers: defaultdict[str, list[Mention]] = defaultdict(list)
    for mention in chain(*mentions.values()):
        consumers[mention.package].append(mention)
    return Overview(
        title=name,
        registry=url,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        components=tuple(
            _component(it, mentions[project], consumers[project])
            for project, it in published.items()
        ),
    )


def _component(
    project: PublishedProject, required: Iterable[Mention], consumers: Iterable[Mention]
) -> ComponentStatus:
    top = highest(project.versions)
    return ComponentStatus(
        kind="package",
        name=project.name,
        path=project.name,
        highest=str(top) if top else None,
        requires=tuple(dict.fromkeys(it.package for it in required)),
        consumers=tuple(judge(it, project.versions) for it in consumers),
        versions=version_records(project, {}),
    )


def _mentions(
    project: str, files: Iterable[ListedFile], known: Mapping[str, PublishedProject]
) -> list[Mention]:
    """Return what the highest version of *project* requires of those that are *known*."""
    own = [it for it in files if isinstance(it.source, StandardRepository)]
    top = highest([it.version for it in own])
    lines = next(
        (
            _requires(it.source.path_of(project, it.filename), it.uploaded)
            for it in own
            if it.version == top
        ),
        (),
    )
    return [
        Mention(
            kind="package",
            name=project,
            path=project,
            package=package,
            requirement=str(it.specifier) or "any",
            specifier=it.specifier,
        )
        for it in lines
        if (package := canonicalize_name(it.name)) in known and package != project
    ]


@functools.lru_cache(maxsize=4096)
def _requires(path: Path, _uploaded: str | None) -> tuple[Requirement, ...]:
    """Return what the file at *path* requires; one that came anew is read anew."""
    try:
        return tuple(map(Requirement, read_metadata(path).get("requires_dist", ())))
    except (ShipwheelError, InvalidRequirement, OSError):
        return ()  # a client that installs it will say so
