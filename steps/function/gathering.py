"""Gathers the facts of a function: from its files, its repository, the registry, git and gcloud."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.function.bundle import FOLDER
from steps.function.facts import Facts
from steps.function.function import MAIN, PYPROJECT, REQUIREMENTS, parsed, source_text
from steps.function.ignored import see
from steps.function.lock import digest
from steps.function.secrets import find_secrets
from steps.function.template import holds_token
from steps.function.visibility import required_versions, wait_until_visible
from steps.host.errors import AccessError, ApiUnavailable, NoRepository
from steps.host.gcloud import is_uploaded
from steps.project.repository import repository_projects
from steps.registry.index import Index
from steps.registry.repository_api import RepositoryApi

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.utils import NormalizedName

    from steps.function.facts import Held, Settings
    from steps.function.function import Function
    from steps.project.requirements_file import RequirementsFile
    from steps.registry.transport import Transport

_logger = logging.getLogger("shipwheel")


def gather(
    function: Function,
    settings: Settings,
    transport: Transport,
    virtual: Transport | None,
    environ: Mapping[str, str],
    *,
    write_ignores: bool,
    wait: float = 0.0,
) -> Facts:
    """Return all that the rules judge by.

    *transport* speaks to the registry, *virtual* to the index line's repository, if that is another
    one. With *write_ignores* the ignore files count as they will be. *wait* is for how many seconds
    the index may lag behind the registry.
    """
    directory = function.directory
    facts = Facts(
        function=function,
        settings=settings,
        files=_requirements_files(function, "--requirement"),
        main=function.main(),
        local={it.name: it for it in repository_projects(directory) if it.name},
    )
    names = {name for _, _, name, _ in facts.required()}
    facts = replace(facts, held=_read(transport, names, "--registry names another one"))
    token = holds_token(function.text)
    in_git = see(directory, REQUIREMENTS, environ) if token else None
    return replace(
        facts,
        served=_served(facts, names, virtual, wait) if virtual else facts.held,
        secrets=tuple(
            find_secrets(directory, leave_out=frozenset({REQUIREMENTS} if token else ()))
        ),
        is_stale=_is_stale(function, settings),
        hidden=frozenset() if write_ignores else hidden(facts),
        in_git=replace(in_git, is_ignored=True) if in_git and write_ignores else in_git,
    )


def _read(transport: Transport, names: Iterable[NormalizedName], other: str) -> Held:
    """Return what the registry of *transport* holds of *names*, most of which may be public.

    Raises NoRepository where it holds none of them because it does not exist.
    """
    # Nothing is published on the strength of this, so an unknown name needs no proof.
    index = Index(transport.registry, transport, first_release=True)
    try:
        held = index.read_many(names)
        if held and not any(project.exists for project in held.values()):
            _require_repository(transport)
    except NoRepository as error:
        hint = f"check its address; `shipwheel setup` makes it, and {other}"
        raise NoRepository(error.problems[0].message, hint) from None
    return held


def _served(facts: Facts, names: Iterable[NormalizedName], virtual: Transport, wait: float) -> Held:
    """Return what the index line's repository holds, once it shows what the registry does."""
    served = _read(virtual, names, "--virtual, or `deploy.function.index`, names another one")
    if facts.settings.vendor:
        return served
    return {**served, **wait_until_visible(required_versions(facts), virtual, seconds=wait)}


def _require_repository(transport: Transport) -> None:
    """Raise NoRepository where the API says that there is none; warn where it does not say."""
    if not transport.registry.is_artifact_registry:
        return
    try:
        RepositoryApi(transport.registry, transport).repository()
    except (AccessError, ApiUnavailable) as error:
        _logger.warning("warning: %s was not seen to exist: %s", transport.registry, error)


def _is_stale(function: Function, settings: Settings) -> bool:
    """Return whether the function's lock was pinned from, or for, something else than is now."""
    if not function.pinned:
        return False
    text = source_text(function.directory, function.origin)
    origin = replace(function, source=function.origin, text=text)
    return lock_digest(origin, settings) != function.pinned


def lock_digest(function: Function, settings: Settings) -> str:
    """Return the digest of all that a lock of *function* is made from, and of what it is for."""
    files = _requirements_files(function, "--requirement", "--constraint")
    return digest(files.values(), settings.runtime)


def _requirements_files(function: Function, *options: str) -> dict[str, RequirementsFile]:
    """Return the function's own requirements file, and those that *options* in it name."""
    first = parsed(function.text, function.source)
    if function.source == PYPROJECT:  # its lines are not those of the file
        first = replace(first, lines=tuple(replace(line, number=0) for line in first.lines))
    files = {function.source: first}
    waiting = [(function.source, first)]
    while waiting:
        name, file = waiting.pop()
        for line in file.lines:
            for path in line.values(*options):
                inside = os.path.normpath(os.path.join(os.path.dirname(name), path))  # noqa: PTH118, PTH120 - a path in the file
                if inside not in files and (function.directory / inside).is_file():
                    files[inside] = parsed(function.read(inside), inside)
                    waiting.append((inside, files[inside]))
    return files


def hidden(facts: Facts) -> frozenset[str]:
    """Return which files of the function, and folders that it needs, gcloud would not upload."""
    directory, settings = facts.function.directory, facts.settings
    folders = {settings.vendor, FOLDER if settings.bundle else ""} - {""}
    paths = {line.path for _, line in facts.lines if line.path is not None}
    needed = {os.path.relpath(os.path.normpath(directory / path), directory) for path in paths}
    inside = {path for path in needed if not path.startswith("..") and path != "."}
    files = {name for name in {MAIN, REQUIREMENTS, *inside} if not is_uploaded(directory, name)}
    return frozenset(
        files | {name for name in folders if not is_uploaded(directory, f"{name}/a.whl")}
    )
