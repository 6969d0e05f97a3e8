"""Judges built distributions and uploads them: what `upload` and `publish` have in common.

Every project is judged before the first file is sent, so that one refusal leaves the registry as
it was.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from steps.host.errors import Refused
from steps.release.judgement import judge, refusals
from steps.release.order import dependency_order
from steps.release.uploading import WORKERS, Plan, upload

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from packaging.utils import NormalizedName

    from steps.distribution.files import Distribution
    from steps.registry.index import Index
    from steps.registry.page import PublishedProject
    from steps.registry.transport import Transport
    from steps.release.gate import Rules
    from steps.release.outcome import Judgement
    from steps.release.twine_upload import Packages
    from steps.release.uploading import Delivery


@dataclass(frozen=True, kw_only=True)
class Release:
    """What became of the *built* distributions; *before* is what the registry held of theirs.

    *left* are those that another tool is to upload.
    """

    built: tuple[Distribution, ...]
    judgements: tuple[Judgement, ...]
    before: Mapping[NormalizedName, PublishedProject]
    deliveries: tuple[Delivery, ...] = ()
    left: tuple[Distribution, ...] = ()


def release(
    built: Sequence[Sequence[Distribution]],
    transport: Transport,
    index: Index,
    rules: Rules,
    *,
    static: Collection[NormalizedName] = (),
    packages: Packages | None = None,
    workers: int = WORKERS,
    send: bool = True,
) -> Release:
    """Judge the distributions of each project and upload what is missing, *workers* at a time.

    *static* are the projects whose version is written in their files, *packages* the files that
    twine has read by now. Without *send* nothing is uploaded: what is missing is left where it is
    for another tool, and what the registry has is deleted there. Raises Refused with all projects
    that are not allowed, and what reading the index and uploading raise.
    """
    before = index.read_many(distributions[0].name for distributions in built)
    judgements = _judge_all(built, before, index, rules, static)
    Refused.raise_all(refusals(judgements))
    files = tuple(file for distributions in built for file in distributions)
    if not send:
        left = tuple(file for judgement in judgements for file in judgement.to_upload)
        for file in {*files} - {*left}:
            file.path.unlink()
        return Release(built=files, judgements=judgements, before=before, left=left)
    needs = dependency_order(files)
    plan = Plan(judgements=judgements, needs=needs)
    deliveries = upload(plan, transport, index, packages=packages, workers=workers)
    return Release(built=files, judgements=judgements, before=before, deliveries=deliveries)


def _judge_all(
    built: Sequence[Sequence[Distribution]],
    published: Mapping[NormalizedName, PublishedProject],
    index: Index,
    rules: Rules,
    static: Collection[NormalizedName],
) -> tuple[Judgement, ...]:
    with tempfile.TemporaryDirectory(prefix="shipwheel-") as folder:
        return tuple(
            judge(
                name=distributions[0].name,
                version=distributions[0].version,
                distributions=distributions,
                published=published[distributions[0].name],
                rules=rules,
                fetch=partial(index.download, folder=Path(folder)),
                static=distributions[0].name in static,
            )
            for distributions in built
        )
