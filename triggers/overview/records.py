"""Which build published a version, and from which commit: what Cloud Build has recorded of it.

The registry records neither. A version is of a build if the build's trigger publishes the package,
and the version's first file came while the build ran.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from steps.host.gcloud import Call, ask_gcloud

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from triggers.overview.model import VersionRecord

_MOST_BUILDS = 500
_logger = logging.getLogger("shipwheel")


@dataclass(frozen=True, kw_only=True)
class RecordedBuild:
    """A build that succeeded: its *trigger*, its *commit*, and when it ran."""

    key: str
    trigger: str
    commit: str
    began: datetime
    ended: datetime


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


def with_builds(
    version: VersionRecord, triggers: Collection[str], builds: Iterable[RecordedBuild]
) -> VersionRecord:
    """Return *version* with its build and commit, if one of *builds* of *triggers* published it."""
    try:
        came = datetime.fromisoformat(version.uploaded or "")
        found = [it for it in builds if it.trigger in triggers and it.began <= came <= it.ended]
    except (TypeError, ValueError):  # a time without its zone is of no use here
        return version
    if len(found) != 1:
        return version
    return replace(version, commit=found[0].commit, build=found[0].key)
