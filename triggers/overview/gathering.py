"""Gathers what an overview is made of: files, the registry's answers, and the live triggers.

The registry is asked once for each package, and Artifact Registry's API once for all sizes and
times; Cloud Build through gcloud, meanwhile. What a service does not tell becomes a note. Without
the registry there is no overview, since there is nothing to compare with.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from steps.host.children import each
from steps.host.errors import ShipwheelError, counted, shorten
from steps.host.gcloud import Call, ask_gcloud
from steps.project.source import read_projects
from steps.release.judgement import Candidate, judge_all
from triggers.cloudbuild.conditions import read_conditions
from triggers.live.plan import Gcloud, make_plan
from triggers.manifest.settings import owner_of
from triggers.overview.assembly import Gathered, RecordedBuild, assemble
from triggers.overview.consumers import find_mentions
from triggers.overview.model import TriggerStatus
from triggers.rendering.repository import render_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from steps.project.source import Project
    from steps.registry.artifact_registry import StoredFile
    from steps.registry.index import Index
    from steps.registry.page import PublishedProject
    from steps.release.gate import Rules
    from steps.release.judgement import Judgement
    from triggers.manifest.manifest import Manifest
    from triggers.overview.model import LiveState, Overview
    from triggers.rendering.repository import RepositoryContents
    from triggers.rendering.trigger import Trigger

_MOST_NAMES = 5
_MOST_BUILDS = 500
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
    root, components = repository.root, repository.inventory.components
    manifest = repository.manifest if has_manifest else None
    packages = [it for it in components if it.kind == "package"]
    projects = read_projects(root / it.path for it in packages)
    asked = _ask(repository, index, manifest, live=live)
    if check:
        judgements = dict(zip(projects, check(projects), strict=True))
    else:
        judgements = _judge_unbuilt(projects, asked.published, index, rules)
    paths = {it: package.path for package, it in zip(packages, projects, strict=True)}
    judged = {paths[project]: it for project, it in judgements.items()}
    # The names of some packages are known only after their build.
    components = tuple(
        replace(it, name=judged[it.path].project) if it.path in judged else it for it in components
    )
    if unasked := {it.project for it in judged.values()} - asked.published.keys():
        asked.published |= _read_index(index, unasked)
    mentions, unread = find_mentions(root, components)
    gathered = Gathered(
        components=components,
        published=asked.published,
        judgements=judged,
        mentions=mentions,
        stored=asked.stored,
        triggers=asked.triggers,
        builds=asked.builds,
        grouped=bool(manifest and manifest.grouping == "directory"),
        notes=(*asked.notes, *unread),
    )
    return assemble(
        gathered,
        title=manifest.source.short_name if manifest else root.resolve().name,
        registry=str(index.registry),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
    )


@dataclass(kw_only=True)
class _Asked:
    """What services say; *notes* are what they do not."""

    published: dict[str, PublishedProject] = field(default_factory=dict)
    stored: Mapping[str, StoredFile] = field(default_factory=dict)
    triggers: Mapping[str, tuple[TriggerStatus, ...]] = field(default_factory=dict)
    builds: Sequence[RecordedBuild] = ()
    notes: list[str] = field(default_factory=list)


def _ask(
    repository: RepositoryContents, index: Index, manifest: Manifest | None, *, live: bool
) -> _Asked:
    """Ask the index, Artifact Registry's API, and for a *manifest* Cloud Build, all at once."""
    asked = _Asked()

    def ask_index() -> None:
        packages = [it for it in repository.inventory.components if it.kind == "package"]
        asked.published = _read_index(index, (it.name for it in packages if it.is_named))

    def ask_api() -> None:
        with _noted("Sizes and times are not known", asked.notes):
            asked.stored = index.api.files() if index.api else {}

    def ask_cloud_build() -> None:
        if manifest:
            with _noted("The triggers are not known", asked.notes):
                asked.triggers = _triggers(repository, asked.notes, live=live)

    def ask_builds() -> None:
        if manifest and live and shutil.which("gcloud"):
            with _noted("Builds and commits are not known", asked.notes):
                asked.builds = recorded_builds(manifest.project, manifest.region, os.environ)

    each(lambda ask: ask(), [ask_index, ask_api, ask_cloud_build, ask_builds], workers=4)
    return asked


def _read_index(index: Index, names: Iterable[str]) -> dict[str, PublishedProject]:
    return {str(name): project for name, project in index.read_many(names).items()}


@contextmanager
def _noted(what: str, notes: list[str]) -> Iterator[None]:
    """Make of an error meanwhile a note that says *what* is not known, and why."""
    try:
        yield
    except ShipwheelError as error:
        notes.append(f"{what}: {error.problems[0].message}")


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


def _triggers(
    repository: RepositoryContents, notes: list[str], *, live: bool
) -> dict[str, tuple[TriggerStatus, ...]]:
    """Return the rendered triggers by the directory that each is for, as they are live."""
    manifest, triggers = repository.manifest, render_repository(repository).triggers
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
    with _noted("Whether the live triggers are in step is not known", notes):
        live = cloud.triggers([it["name"] for it in documents])
        plan = make_plan(documents, live, owner_of(manifest))
        if gone := [it.name for it in plan.of("delete")]:
            verb = counted(len(gone), "live trigger is", "live triggers are")
            notes.append(f"{verb} gone from the repository: {shorten(gone, _MOST_NAMES)}")
        return {it.name: state for state in _LIVE_STATES for it in plan.of(state)}
    return {}


def recorded_builds(
    project: str, region: str, environ: Mapping[str, str]
) -> tuple[RecordedBuild, ...]:
    """Return the latest builds that succeeded; raise what gcloud's call raises."""
    call = Call(
        verb="builds list",
        arguments=(
            f"--project={project}",
            f"--region={region}",
            "--filter=status=SUCCESS",
            f"--limit={_MOST_BUILDS}",
        ),
        takes=f"it takes roles/cloudbuild.builds.viewer in the project {project!r}",
    )
    return tuple(_read(ask_gcloud(call, environ) or ()))


def _read(answers: Iterable[Mapping[str, Any]]) -> Iterator[RecordedBuild]:
    for answer in answers:
        try:
            given = answer["substitutions"]
            yield RecordedBuild(
                key=str(answer["id"]),
                trigger=str(given["TRIGGER_NAME"]),
                commit=str(given["COMMIT_SHA"]),
                began=datetime.fromisoformat(answer["startTime"]),
                ended=datetime.fromisoformat(answer["finishTime"]),
            )
        except (KeyError, TypeError, ValueError):  # of no trigger, or not of a commit
            continue
