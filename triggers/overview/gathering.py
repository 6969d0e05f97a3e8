"""Gathers what an overview is made of: files, the registry's answers, and the live triggers.

The registry is asked once for each package, and Artifact Registry's API once for all sizes and
times; Cloud Build through gcloud, meanwhile. What nobody tells becomes a note. Only without the
registry there is no overview: there would be nothing to compare with.
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from steps.host.children import each
from steps.host.errors import InputError, ShipwheelError, counted, shorten
from steps.project.source import read_projects
from steps.release.judgement import Candidate, judge_all
from triggers.cloudbuild.conditions import read_conditions
from triggers.live.plan import Gcloud, make_plan, owner_of
from triggers.overview.assembly import Gathered, assemble
from triggers.overview.consumers import find_mentions
from triggers.overview.model import TriggerStatus
from triggers.overview.records import recorded_builds
from triggers.rendering.repository import render_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from steps.project.source import Project
    from steps.registry.artifact_registry import StoredFile
    from steps.registry.index import Index
    from steps.registry.page import PublishedProject
    from steps.release.gate import Rules
    from steps.release.judgement import Judgement
    from triggers.manifest.manifest import Manifest
    from triggers.overview.model import LiveState, Overview
    from triggers.overview.records import RecordedBuild
    from triggers.rendering.repository import RepositoryContents
    from triggers.rendering.trigger import Trigger

_MOST_NAMES = 5
_LIVE_STATES: tuple[Literal["unchanged", "update", "create", "taken"], ...] = (
    "unchanged",
    "update",
    "create",
    "taken",
)


def gather(
    repository: RepositoryContents,
    index: Index,
    rules: Rules,
    check: Callable[[Sequence[Project]], Sequence[Judgement]] | None,
    *,
    has_manifest: bool,
    live: bool,
) -> Overview:
    """Return the overview of *repository*, by what *index* holds.

    *check* builds and judges projects; without it only versions in files are judged. Triggers are
    those of the manifest; with *live* Cloud Build is asked for them, too. Raises what the index and
    *check* raise, and InputError for files that cannot be read.
    """
    components = repository.inventory.components
    packages = [it for it in components if it.kind == "package"]
    projects = read_projects(repository.root / it.path for it in packages)
    notes: list[str] = []
    published: dict[str, PublishedProject] = {}
    stored: dict[str, StoredFile] = {}
    triggers: dict[str, tuple[TriggerStatus, ...]] = {}
    builds: list[RecordedBuild] = []

    def ask_index() -> None:
        found = index.read_many(it.name for it in packages)
        published.update((str(name), project) for name, project in found.items())

    def ask_api() -> None:
        stored.update(_stored_files(index, notes))

    def ask_cloud_build() -> None:
        if has_manifest:
            triggers.update(_triggers(repository, notes, live=live))

    def ask_builds() -> None:
        if has_manifest and live and shutil.which("gcloud"):
            builds.extend(_builds(repository.manifest, notes))

    each(lambda ask: ask(), [ask_index, ask_api, ask_cloud_build, ask_builds], workers=4)
    mentions, unread = find_mentions(repository.root, components)
    if check:
        judgements = dict(zip(projects, check(projects), strict=True))
    else:
        judgements = _judge_unbuilt(projects, published, index, rules)
    gathered = Gathered(
        components=components,
        published=published,
        judgements={
            package.path: judgements[project]
            for package, project in zip(packages, projects, strict=True)
            if project in judgements
        },
        mentions=mentions,
        stored=stored,
        triggers=triggers,
        builds=builds,
        grouped=has_manifest and repository.manifest.grouping == "directory",
        notes=(*notes, *unread),
    )
    return assemble(
        gathered,
        title=_title(repository.root, repository.manifest if has_manifest else None),
        registry=str(index.registry),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _title(root: Path, manifest: Manifest | None) -> str:
    return manifest.source.short_name if manifest else root.resolve().name


def _judge_unbuilt(
    projects: Sequence[Project],
    published: Mapping[str, PublishedProject],
    index: Index,
    rules: Rules,
) -> dict[Project, Judgement]:
    """Judge the *projects* whose name and version are in their files, by versions alone."""
    candidates = {
        it: Candidate(name=it.name, version=it.version, static=True)
        for it in projects
        if it.name and it.version is not None
    }
    known = {it.name: published[it.name] for it in candidates.values()}
    return dict(zip(candidates, judge_all(candidates.values(), known, index, rules), strict=True))


def _stored_files(index: Index, notes: list[str]) -> Mapping[str, StoredFile]:
    try:
        return index.api.files() if index.api else {}
    except ShipwheelError as error:
        notes.append(f"Sizes and times are not known: {error.problems[0].message}")
        return {}


def _builds(manifest: Manifest, notes: list[str]) -> Sequence[RecordedBuild]:
    try:
        return recorded_builds(manifest.project, manifest.region, os.environ)
    except ShipwheelError as error:
        notes.append(f"Builds and commits are not known: {error.problems[0].message}")
        return ()


def _triggers(
    repository: RepositoryContents, notes: list[str], *, live: bool
) -> dict[str, tuple[TriggerStatus, ...]]:
    """Return the rendered triggers by the directory that each is for, as they are live."""
    try:
        triggers = render_repository(repository).triggers
    except InputError as error:
        notes.append(f"The triggers are not known: {error.problems[0].message}")
        return {}
    manifest = repository.manifest
    states = _live_states(triggers, manifest, notes) if live else {}
    found: dict[str, tuple[TriggerStatus, ...]] = {}
    for trigger in triggers:
        status = TriggerStatus(
            name=trigger.name,
            kind=trigger.kind,
            starts_on=_starts_on(trigger, manifest),
            live=states.get(trigger.name, "unknown"),
        )
        found[trigger.target] = (*found.get(trigger.target, ()), status)
    return found


def _starts_on(trigger: Trigger, manifest: Manifest) -> str:
    own = manifest.kinds.get(trigger.kind)
    if own is None or own.push:
        return str(read_conditions(trigger.document()))
    words = {
        "schedule": f"the schedule {own.schedule}",
        "topic": f"a message to {own.topic}",
        "webhook": "a request",
    }
    return words.get(own.starter, "demand")


def _live_states(
    triggers: Sequence[Trigger], manifest: Manifest, notes: list[str]
) -> Mapping[str, LiveState]:
    """Return what `triggers diff` says of each trigger, by its name."""
    if not shutil.which("gcloud"):
        notes.append("Whether the live triggers are in step is not known: gcloud is not installed")
        return {}
    documents = [it.document() for it in triggers]
    cloud = Gcloud(manifest.project, manifest.region, os.environ)
    try:
        live = cloud.triggers([it["name"] for it in documents])
    except ShipwheelError as error:
        what = error.problems[0].message
        notes.append(f"Whether the live triggers are in step is not known: {what}")
        return {}
    plan = make_plan(documents, live, owner_of(manifest))
    gone = [it.name for it in plan.of("delete")]
    if gone:
        verb = counted(len(gone), "live trigger is", "live triggers are")
        notes.append(f"{verb} gone from the repository: {shorten(gone, _MOST_NAMES)}")
    return {it.name: state for state in _LIVE_STATES for it in plan.of(state)}
