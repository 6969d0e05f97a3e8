"""Releases projects: builds, judges and uploads them, and tells what became of every file.

Every project is built and judged before the first file is sent, so that one refusal leaves the
registry as it was.
"""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from steps.backend.building import build_once, identify, warn_of_uncommitted
from steps.backend.context import open_build_context
from steps.host.children import each, import_early
from steps.host.progress import progress
from steps.project.source import static_names
from steps.release.dependents import dependency_order
from steps.release.judgement import (
    Candidate,
    Judgement,
    Outcome,
    ReleaseRefused,
    check,
    judge_all,
    read_early,
    refused_early,
    require_allowed,
)
from steps.release.uploading import WORKERS, Plan, upload

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from packaging.utils import NormalizedName

    from steps.backend.context import BuildContext, BuildOptions
    from steps.distribution.files import Distribution
    from steps.project.source import Project
    from steps.registry.address import Registry
    from steps.registry.index import Index
    from steps.registry.page import PublishedProject
    from steps.registry.transport import Transport
    from steps.release.gate import Rules
    from steps.release.twine_upload import TwinePackages
    from steps.release.uploading import UploadedFile

_logger = logging.getLogger("shipwheel")


@dataclass(frozen=True, kw_only=True)
class Release:
    """What became of the *built* distributions; *before* is what the registry held of theirs.

    *left* are those that another tool is to upload.
    """

    built: tuple[Distribution, ...]
    judgements: tuple[Judgement, ...]
    before: Mapping[NormalizedName, PublishedProject]
    uploaded: tuple[UploadedFile, ...] = ()
    left: tuple[Distribution, ...] = ()


def release(
    built: Sequence[Sequence[Distribution]],
    transport: Transport,
    index: Index,
    rules: Rules,
    *,
    projects: Collection[Project] = (),
    packages: TwinePackages | None = None,
    workers: int = WORKERS,
    send: bool = True,
) -> Release:
    """Judge the distributions of each project and upload what is missing, *workers* at a time.

    *projects* are those of the distributions, where there are any, *packages* the files that twine
    has read by now. Without *send* nothing is uploaded: what is missing is left where it is
    for another tool, and what the registry has is deleted there. Raises Refused with all projects
    that are not allowed, and what reading the index and uploading raise.
    """
    before = index.read_many(distributions[0].name for distributions in built)
    static = static_names(projects)
    candidates = [
        Candidate(
            name=files[0].name,
            version=files[0].version,
            distributions=files,
            static=files[0].name in static,
        )
        for files in built
    ]
    judgements = judge_all(candidates, before, index, rules)
    require_allowed(judgements)
    for it in judgements:
        if it.differences:
            _logger.info("%s %s", it.project, it.reason)
    files = tuple(file for distributions in built for file in distributions)
    if not send:
        left = tuple(file for judgement in judgements for file in judgement.to_upload)
        for file in {*files} - {*left}:
            file.path.unlink()
        return Release(built=files, judgements=judgements, before=before, left=left)
    needs = dependency_order(files, projects)
    plan = Plan(judgements=judgements, needs=needs)
    uploaded = upload(plan, transport, index, packages=packages, workers=workers)
    return Release(built=files, judgements=judgements, before=before, uploaded=uploaded)


def publish(
    projects: Sequence[Project],
    context: BuildContext,
    transport: Transport,
    index: Index,
    rules: Rules,
    *,
    send: bool = True,
) -> Release:
    """Publish *projects* and return what became of them; only build and judge them unless *send*.

    Raises what building, reading the index and uploading raise; Refused with every project that
    is not allowed, before anything was uploaded. Before a backend is called, and while its
    environment is made, the registry is asked: without credentials, a repository, or a version
    that may follow those published, nothing is built.
    """
    transport.credentials.look_up_early()
    context.prepare(projects)
    import_early("steps.distribution.twine_library")
    require_allowed(refused_early(projects, read_early(projects, index), rules))
    with progress.whole("Building", len(projects)):
        built = each(
            partial(build_once, context=context), projects, workers=context.options.workers
        )
    return release(built, transport, index, rules, projects=projects, send=send)


def check_aside(
    projects: Sequence[Project],
    index: Index,
    rules: Rules,
    options: BuildOptions,
    *,
    build_them: bool = True,
) -> tuple[Judgement, ...]:
    """Judge *projects* as `check` does; what is built goes into a folder that is removed."""
    with (
        tempfile.TemporaryDirectory(prefix="shipwheel-") as folder,
        open_build_context(options, os.environ, projects, index) as context,
    ):
        unbuilt = dict.fromkeys(projects)

        def build_aside(project: Project) -> Sequence[Distribution]:
            if not build_them:
                return ()
            del unbuilt[project]
            return build_once(project, context, output=Path(tempfile.mkdtemp(dir=folder)))

        if build_them:
            context.prepare(projects)
        ask = partial(identify, context=context)
        judged = check(projects, index, rules, build_aside, ask, workers=options.workers)
        for project in unbuilt if options.uncommitted == "warned" else ():
            warn_of_uncommitted(project)
        return judged


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file: *outcome* is its project's, *result* its own (`uploaded`, `found` or `left`).

    Where a publish was refused there is a row for each project that was judged, without a file, and
    its result is `refused` or, where it is allowed itself, `held`.

    A project whose files were all there when they were to be sent ends `identical`, or `rebuilt`.
    *size* is in bytes; it and *sha256* are None where the index does not tell them. *unreleased*
    are the files and fields of the project that changed since.
    """

    project: str
    version: str
    outcome: str
    file: str | None
    result: str
    size: int | None
    sha256: str | None
    registry: str
    unreleased: tuple[str, ...] = ()
    reason: str = ""
    hint: str = ""


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
            unreleased=judgement.unreleased,
            reason=judgement.reason,
            hint=judgement.hint,
        )
        for judgement in release.judgements
        for filename, result, size, sha256 in _files(release, judgement)
    )


def refusal_rows(refused: ReleaseRefused, registry: Registry) -> tuple[Row, ...]:
    """Return a row per project that was judged before the publish was refused."""
    return tuple(
        Row(
            project=it.project,
            version=str(it.version),
            outcome=it.outcome,
            file=None,
            result="held" if it.allowed else "refused",
            size=None,
            sha256=None,
            registry=registry.upload_url,
            unreleased=it.unreleased,
            reason=it.reason,
            hint=it.hint,
        )
        for it in refused.judgements
    )


def _outcome(release: Release, judgement: Judgement) -> Outcome:
    own = [it for it in release.uploaded if judgement.is_of(it.distribution)]
    if not own or any(uploaded_file.result != "found" for uploaded_file in own):
        return judgement.outcome
    return Outcome.REBUILT if any(it.rebuilt for it in own) else Outcome.IDENTICAL


def _files(
    release: Release, judgement: Judgement
) -> Iterator[tuple[str, str, int | None, str | None]]:
    for found in release.before[judgement.project].files_of(judgement.version):
        yield found.filename, "found", found.size, found.sha256
    for uploaded_file in release.uploaded:
        file = uploaded_file.distribution
        if judgement.is_of(file):
            yield file.filename, uploaded_file.result, None, uploaded_file.sha256
    for file in release.left:
        if judgement.is_of(file):
            yield file.filename, "left", file.size, file.sha256
