"""Puts an overview together from what was gathered: a pure decision."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from steps.registry.page import PublishedProject
from steps.release.judgement import Outcome
from triggers.overview.consumers import highest, judge
from triggers.overview.model import (
    NEVER_PUBLISHED,
    UNKNOWN,
    ComponentStatus,
    Consumer,
    FileRecord,
    Overview,
    VersionRecord,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from steps.registry.artifact_registry import StoredFile
    from steps.registry.page import PublishedFile
    from steps.release.judgement import Judgement
    from triggers.discovery.inventory import Component
    from triggers.overview.consumers import Mention
    from triggers.overview.model import TriggerStatus

_NOT_BUILT = "only its build backend knows its version"
_BUILD_IT = "`shipwheel status --build` asks it"


@dataclass(frozen=True, kw_only=True)
class RecordedBuild:
    """A build that succeeded: its *trigger*, its *commit*, and when it ran."""

    key: str
    trigger: str
    commit: str
    began: datetime
    ended: datetime


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What files and services say: by the path of a component, or by the name of a package.

    *stored* are the registry's files by their names, *triggers* are by the directory that they are
    for, which is the top one of several packages where they are *grouped*. *notes* say what is not
    known.
    """

    components: Sequence[Component]
    published: Mapping[str, PublishedProject]
    judgements: Mapping[str, Judgement]
    mentions: Sequence[Mention] = ()
    stored: Mapping[str, StoredFile] = field(default_factory=dict)
    triggers: Mapping[str, tuple[TriggerStatus, ...]] = field(default_factory=dict)
    builds: Sequence[RecordedBuild] = ()
    grouped: bool = False
    notes: tuple[str, ...] = ()

    def triggers_of(self, component: Component) -> tuple[TriggerStatus, ...]:
        """Return the triggers that are for *component*, alone or with others."""
        found = self.triggers.get(component.path, ())
        top = component.path.split("/")[0]
        shared = self.grouped and component.kind == "package" and top != component.path
        return (*found, *(self.triggers.get(top, ()) if shared else ()))


def assemble(gathered: Gathered, *, title: str, registry: str, time: str) -> Overview:
    """Return the overview of what was *gathered*, in the order of the components."""
    consumers: dict[str, list[Consumer]] = {}
    for it in gathered.mentions:
        published = gathered.published.get(it.package)
        versions = published.versions if published else ()
        consumers.setdefault(it.package, []).append(judge(it, versions))
    for name, consumer in _by_files(gathered.components, consumers):
        consumers.setdefault(name, []).append(consumer)
    components = tuple(_status(it, gathered, consumers) for it in gathered.components)
    shown = {trigger for it in components for trigger in it.triggers}
    return Overview(
        title=title,
        registry=registry,
        time=time,
        components=components,
        triggers=tuple(it for each in gathered.triggers.values() for it in each if it not in shown),
        notes=gathered.notes,
    )


def version_records(
    project: PublishedProject, stored: Mapping[str, StoredFile]
) -> tuple[VersionRecord, ...]:
    """Return the published versions, the highest first; *stored* knows sizes and times."""
    files: dict[str, list[FileRecord]] = {str(it): [] for it in reversed(project.versions)}
    for it in project.files:
        files[str(it.version)].append(_file_record(it, stored.get(it.filename)))
    return tuple(
        VersionRecord(
            version=version,
            files=tuple(found),
            uploaded=min((it.uploaded for it in found if it.uploaded), default=None),
        )
        for version, found in files.items()
    )


def _file_record(file: PublishedFile, stored: StoredFile | None) -> FileRecord:
    return FileRecord(
        filename=file.filename,
        kind=file.kind,
        size=file.size if stored is None else stored.size,
        sha256=file.sha256,
        uploaded=file.uploaded if stored is None else stored.created,
    )


def _by_files(
    components: Sequence[Component], known: Mapping[str, Iterable[Consumer]]
) -> Iterator[tuple[str, Consumer]]:
    """Yield what takes files of a package without requiring it by its name."""
    names = {it.path: it.name for it in components if it.kind == "package"}
    for component in components:
        for name in filter(None, map(names.get, component.dependencies.direct)):
            if component.path not in {it.path for it in known.get(name, ())}:
                yield (
                    name,
                    Consumer(
                        kind=component.kind,
                        name=component.name,
                        path=component.path,
                        requirement="its files",
                        fit="current",
                    ),
                )


def _status(
    component: Component, gathered: Gathered, consumers: Mapping[str, Sequence[Consumer]]
) -> ComponentStatus:
    known = {it.path for it in gathered.components}
    common = ComponentStatus(
        kind=component.kind,
        name=component.name,
        path=component.path,
        requires=tuple(it for it in component.dependencies.direct if it in known),
        triggers=gathered.triggers_of(component),
    )
    if component.kind == "function":
        return common
    name = canonicalize_name(component.name)
    published = gathered.published.get(name) or PublishedProject(name=name, exists=False)
    judgement = gathered.judgements.get(component.path)
    top = highest(published.versions)
    publishing = {it.name for it in common.triggers if it.kind != "check"}
    builds = [it for it in gathered.builds if it.trigger in publishing]
    return replace(
        common,
        version=str(judgement.version) if judgement else None,
        highest=str(top) if top else None,
        state=_state(judgement),
        reason=judgement.reason if judgement else _NOT_BUILT,
        hint=judgement.hint if judgement else _BUILD_IT,
        consumers=tuple(consumers.get(component.name, ())),
        versions=tuple(
            _with_build(it, builds) for it in version_records(published, gathered.stored)
        ),
    )


def _state(judgement: Judgement | None) -> str:
    if judgement is None:
        return UNKNOWN
    first = judgement.outcome is Outcome.NEW and not judgement.published
    return NEVER_PUBLISHED if first else str(judgement.outcome)


def _with_build(version: VersionRecord, builds: Iterable[RecordedBuild]) -> VersionRecord:
    """Return *version* with its build and commit, if one of *builds* published it.

    It did if the version's first file came while the build ran: the registry records neither.
    """
    try:
        came = datetime.fromisoformat(version.uploaded or "")
        found = [it for it in builds if it.began <= came <= it.ended]
    except (TypeError, ValueError):  # a time without its zone is of no use here
        return version
    if len(found) != 1:
        return version
    return replace(version, commit=found[0].commit, build=found[0].key)
