"""Makes the requirements.txt of a function ready for Google's build: judged, and then written.

Everything is read, judged and resolved before the first file is written, and only files that are
named in the result are. Done twice, the second time changes nothing.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from steps.function import rules
from steps.function.bundle import FOLDER, bundle
from steps.function.codes import CODES
from steps.function.function import REQUIREMENTS, read_function
from steps.function.gathering import gather, hidden, lock_digest
from steps.function.ignored import ignore_files, see
from steps.function.index_line import with_index_line
from steps.function.lock import local_requirements, locked, wanted_lines
from steps.function.resolution import Resolver
from steps.function.template import fill_in, holds_token, put_token
from steps.function.vendor import BUILD_VARIABLE, vendor
from steps.function.visibility import pinned_versions, wait_until_visible
from steps.function.writing import Change, Plan
from steps.host.errors import Refused
from steps.host.gcloud import is_uploaded
from steps.project.requirements_file import parse_requirements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.utils import NormalizedName

    from steps.distribution.files import Distribution
    from steps.function.facts import Facts, Settings
    from steps.function.function import Function
    from steps.host.errors import Finding
    from steps.project.requirements_file import RequirementsFile
    from steps.registry.transport import Transport


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to do with the function in *directory*.

    *transport* speaks to the registry, *virtual* to the index line's repository, if that is another
    one, which may lag behind the registry for *wait* seconds. With *dry_run* nothing is written;
    *upgrade* does not keep what is pinned already, and *strict* refuses for warnings, too.
    """

    directory: Path
    settings: Settings
    transport: Transport
    virtual: Transport | None = None
    wait: float = 0.0
    write_ignores: bool = False
    upgrade: bool = False
    strict: bool = False
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of it; *files* were written, and *removed* were, or they would be.

    With *is_refused* nothing was: a finding is an error. *build_environment* are the
    variables that the function's build has to have.
    """

    function: Function
    findings: tuple[Finding, ...]
    is_refused: bool = False
    files: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()
    build_environment: tuple[tuple[str, str], ...] = ()


def make_requirements(request: Request, environ: Mapping[str, str]) -> Result:
    """Judge the function's requirements and, unless that finds an error, write them.

    Raises InputError for files that cannot be understood, Refused where there is no resolution,
    RegistryError and AccessError.
    """
    settings = request.settings
    function = read_function(request.directory, pin=settings.locks)
    if function.source.endswith(".tmpl"):
        text = fill_in(function.text, settings.registry, function.source)
        function = replace(function, text=text)
    facts = gather(
        function,
        settings,
        request.transport,
        request.virtual,
        environ,
        write_ignores=request.write_ignores,
        wait=request.wait,
    )
    findings = rules.judge(facts)
    errors = [found for found in findings if request.strict or CODES[found.code].level == "error"]
    result = Result(function=function, findings=findings, is_refused=bool(errors))
    if settings.vendor:
        result = replace(result, build_environment=((BUILD_VARIABLE, settings.vendor),))
    if result.is_refused:
        return result
    with tempfile.TemporaryDirectory(prefix="shipwheel-") as folder:
        return _make(request, result, facts, Path(folder), environ)


def _make(
    request: Request, judged: Result, facts: Facts, folder: Path, environ: Mapping[str, str]
) -> Result:
    """Make the new requirements in *folder*, and put everything in its place."""
    function, settings = judged.function, request.settings
    file = facts.files[facts.first]
    if function.is_generated:
        file = file.insert(
            0, function.header(lock_digest(function, settings) if settings.locks else "")
        )
    if not settings.vendor:
        at = 1 if function.is_generated else 0
        file = with_index_line(file, settings.index, settings.known, extra=settings.extra, at=at)
    if settings.locks:
        file = _lock(request, facts, file, folder, environ)
    names = [name for name in dict.fromkeys((FOLDER, settings.vendor)) if name]
    plan = Plan(
        requirements=Change(path=function.path(), text=file.text),
        ignores=_ignore_changes(request, facts, environ),
        folders=tuple(
            (folder / name, function.path(name)) for name in names if (folder / name).is_dir()
        ),
    )
    files, removed = plan.written(), plan.removed()
    if not request.dry_run:
        _carry_out(plan, request, function, environ)
    return replace(judged, files=files, removed=removed)


def _carry_out(
    plan: Plan, request: Request, function: Function, environ: Mapping[str, str]
) -> None:
    """Write everything, the ignore files before a token."""
    text = plan.requirements.text
    secret = put_token(text, request.transport.credentials) if holds_token(text) else ""
    plan.write_ignores()
    if secret:
        _require_hidden(function, environ)
    plan.write_rest(secret)


def _lock(
    request: Request,
    facts: Facts,
    file: RequirementsFile,
    folder: Path,
    environ: Mapping[str, str],
) -> RequirementsFile:
    """Return *file* with everything pinned; what it needs beside it is put into *folder*."""
    function, settings = facts.function, request.settings
    resolver = Resolver(
        registry=settings.registry,
        credentials=request.transport.credentials,
        environ=environ,
        runtime=settings.runtime,
    )
    wheels = _bundled(facts, file, folder, environ)
    found = resolver.resolve(
        wanted_lines(file, facts, wheels),
        function.directory,
        lambda name: name in facts.local or facts.is_private(name),
        preferred="" if request.upgrade else _pins(function),
    )
    if request.virtual and not settings.vendor:
        versions = pinned_versions(found.values(), settings.registry)
        wait_until_visible(versions, request.virtual, seconds=request.wait)
    if settings.vendor:
        vendor(
            (it for it in found.values() if it.name not in wheels),
            folder / settings.vendor,
            resolver,
        )
    return locked(file, facts, found, wheels)


def _bundled(
    facts: Facts, file: RequirementsFile, folder: Path, environ: Mapping[str, str]
) -> dict[NormalizedName, Distribution]:
    """Build what *file* requires of the repository into *folder*, where that is asked for."""
    if not facts.settings.bundle:
        return {}
    return bundle(
        local_requirements(file, facts),
        facts.local,
        folder / FOLDER,
        environ=environ,
        markers=facts.settings.markers,
    )


def _pins(function: Function) -> str:
    """Return what an earlier run pinned into requirements.txt, and nothing of its other lines."""
    if REQUIREMENTS not in function.files or not function.is_generated:
        return ""
    lines = parse_requirements(function.read(REQUIREMENTS)).lines
    return "".join(line.text for line in lines if line.by_name)


def _ignore_changes(
    request: Request, facts: Facts, environ: Mapping[str, str]
) -> tuple[Change, ...]:
    if not request.write_ignores:
        return ()
    directory = facts.function.directory
    in_git = see(directory, REQUIREMENTS, environ) if facts.in_git else None
    hide = [REQUIREMENTS] if in_git and not in_git.is_ignored else []
    texts = ignore_files(directory, hide=hide, upload=sorted(hidden(facts)))
    return tuple(Change(path=directory / name, text=text) for name, text in texts.items())


def _require_hidden(function: Function, environ: Mapping[str, str]) -> None:
    """Look once more before the token is written: another rule may undo what was added."""
    in_git = see(function.directory, REQUIREMENTS, environ)
    if (
        in_git.is_tracked
        or not in_git.is_ignored
        or not is_uploaded(function.directory, REQUIREMENTS)
    ):
        raise Refused(
            f"{REQUIREMENTS} is still in git's sight, or out of gcloud's; no token was written",
            f"see `git check-ignore --verbose {function.path()}` and the function's .gcloudignore",
        )
