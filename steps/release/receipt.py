"""The receipt of a publish: every file that the registry now holds of it, and how it came there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.release.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.registry.address import Registry
    from steps.release.outcome import Judgement
    from steps.release.release import Release


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file: *outcome* is its project's, *result* its own (`uploaded`, `found` or `left`).

    A project whose files were all there when they were to be sent ends `identical`. *size* is in
    bytes; it and *sha256* are None where the index does not tell them.
    """

    project: str
    version: str
    outcome: str
    file: str
    result: str
    size: int | None
    sha256: str | None
    registry: str


def receipt(release: Release, registry: Registry) -> tuple[Row, ...]:
    """Return a row per file that the registry holds of the versions in *release*, or is to hold.

    What was built tells the sizes, which an index in HTML does not.
    """
    sizes = {file.sha256: file.size for file in release.built}
    return tuple(
        Row(
            project=judgement.project,
            version=str(judgement.version),
            outcome=_outcome(release, judgement),
            file=filename,
            result=result,
            size=sizes.get(sha256 or "", size),
            sha256=sha256,
            registry=registry.upload_url,
        )
        for judgement in release.judgements
        for filename, result, size, sha256 in _files(release, judgement)
    )


def _outcome(release: Release, judgement: Judgement) -> Outcome:
    own = [it for it in release.deliveries if it.distribution.name == judgement.project]
    found = bool(own) and all(delivery.result == "found" for delivery in own)
    return Outcome.IDENTICAL if found else judgement.outcome


def _files(
    release: Release, judgement: Judgement
) -> Iterator[tuple[str, str, int | None, str | None]]:
    for found in release.before[judgement.project].files_of(judgement.version):
        yield found.filename, "found", found.size, found.sha256
    for delivery in release.deliveries:
        file = delivery.distribution
        if file.name == judgement.project:
            yield file.filename, delivery.result, None, delivery.sha256
    for file in release.left:
        if file.name == judgement.project:
            yield file.filename, "left", file.size, file.sha256
