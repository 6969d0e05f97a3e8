"""Make the requirements.txt of a function ready for its build: judge it, then write it.

Everything is read, judged and resolved before the first file is written, and only files that the
result names are. A second run changes nothing.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from steps.distribution.files import parse_filename
from steps.function.context import (
    gather,
    lock_digest,
    not_uploaded,
    pinned_versions,
    wait_until_visible,
)
from steps.function.function import BUNDLE_FOLDER, REQUIREMENTS, read_function
from steps.function.resolution import BUILD_VARIABLE, Resolver, bundle
from steps.function.rewriting import (
    is_emulator,
    local_requirements,
    locked,
    wanted_lines,
    with_index_line,
)
from steps.function.rules import CODES, judge
from steps.function.tokens import fill_in, git_status, holds_token, ignore_files, put_token
from steps.host.errors import InputError, Refused
from steps.host.files import NewFile, move_together, write_together
from steps.host.gcloud import is_uploaded
from steps.project.requirements_file import parse_requirements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steps.function.context import FunctionContext, Settings
    from steps.function.function import Function
    from steps.host.errors import Finding, Level
    from steps.project.requirements_file import RequirementsFile
    from steps.registry.transport import Transport

_PRIVATE = 0o600


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of it; *files* were written and *removed* were removed, or would be.

    With *is_refused* nothing was: a finding is an error. *build_environment* are the variables that
    the function's build needs. *names_emulator* says that requirements.txt is for an emulator.
    """

    function: Function
    findings: tuple[Finding, ...]
    is_refused: bool = False
    files: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()
    build_environment: tuple[tuple[str, str], ...] = ()
    names_emulator: bool = False

    def level(self, finding: Finding) -> Level:
        """Return whether *finding* is an error or a warning."""
        return CODES[finding.code].level


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """Prepares requirements as *settings* ask.

    *transport* speaks to the registry, *virtual* to the index line's repository, if that is another
    one. With *dry_run* nothing is written, and *strict* refuses for warnings, too.
    """

    settings: Settings
    transport: Transport
    virtual: Transport | None
    environ: Mapping[str, str]
    strict: bool = False
    dry_run: bool = False

    def run(self, directory: Path) -> Result:
        """Judge the requirements of the function in *directory*, then write them without an error.

        Raises InputError for files that cannot be understood, Refused where there is no resolution,
        RegistryError and AccessError.
        """
        settings = self.settings
        function = read_function(directory, pin=settings.locks)
        if function.source.endswith(".tmpl"):
            text = fill_in(function.text, settings.registry, function.source)
            function = replace(function, text=text)
        context = gather(function, settings, self.transport, self.virtual, self.environ)
        findings = judge(context)
        result = Result(
            function=function,
            findings=findings,
            is_refused=any(self.strict or CODES[it.code].level == "error" for it in findings),
            build_environment=((BUILD_VARIABLE, settings.vendor),) if settings.vendor else (),
            names_emulator=is_emulator(settings.index) and not settings.vendor,
        )
        if result.is_refused:
            return result
        with tempfile.TemporaryDirectory(prefix="shipwheel-") as folder:
            return self._make(result, context, Path(folder))

    def _make(self, judged: Result, context: FunctionContext, folder: Path) -> Result:
        """Make the new requirements in *folder*, and put everything in its place."""
        function, settings = judged.function, self.settings
        file = context.files[context.first]
        if function.is_generated:
            pinned = lock_digest(function, settings) if settings.locks else ""
            file = file.insert(0, function.header(pinned))
        if not settings.vendor:
            at = 1 if function.is_generated else 0
            file = with_index_line(
                file, settings.index, settings.known, extra=settings.extra, at=at
            )
        if settings.locks:
            file = self._lock(context, file, folder)
        requirements = NewFile(path=function.path(), content=file.text)
        ignores = self._ignore_files(context)
        names = [BUNDLE_FOLDER, settings.vendor]
        folders = {folder / name: function.path(name) for name in names if name}
        wheels = {here: there for here, there in folders.items() if here.is_dir()}
        result = replace(
            judged,
            files=(
                *(it.path for it in ignores),
                *(path for each in wheels.items() for path in _new_wheels(*each)),
                *([requirements.path] if _is_new(requirements) else []),
            ),
            removed=tuple(path for each in wheels.items() for path in _stale_wheels(*each)),
        )
        if not self.dry_run:
            token = holds_token(file.text)
            secret = put_token(file.text, self.transport.credentials) if token else ""
            write_together(ignores)  # before a token
            if secret:
                self._require_hidden(function)
            for here, there in wheels.items():
                _move_wheels(here, there)
            if secret:
                _write_secret(requirements.path, secret)
            elif _is_new(requirements):
                write_together([requirements])
            for path in result.removed:
                path.unlink()
        return result

    def _lock(
        self, context: FunctionContext, file: RequirementsFile, folder: Path
    ) -> RequirementsFile:
        """Return *file* with everything pinned; wheels that it needs are put into *folder*."""
        function, settings = context.function, self.settings
        resolver = Resolver(
            registry=settings.registry,
            credentials=self.transport.credentials,
            environ=self.environ,
            runtime=settings.runtime,
        )
        wheels = {}
        if settings.bundle:
            wheels = bundle(
                local_requirements(file, context),
                context.local,
                folder / BUNDLE_FOLDER,
                environ=self.environ,
                markers=settings.markers,
            )
        found = resolver.resolve(
            wanted_lines(file, context, wheels),
            function.directory,
            context.private_names(),
            preferred="" if settings.upgrade else _pins(function),
        )
        if settings.vendor:
            downloaded = (it for it in found.values() if it.name not in wheels)
            resolver.download(downloaded, folder / settings.vendor)
        elif self.virtual:
            versions = pinned_versions(found.values(), settings.registry)
            wait_until_visible(versions, self.virtual, settings)
        return locked(file, context, found, wheels)

    def _ignore_files(self, context: FunctionContext) -> tuple[NewFile, ...]:
        if not self.settings.write_ignores:
            return ()
        directory = context.function.directory
        status = git_status(directory, REQUIREMENTS, self.environ) if context.git_status else None
        hide = [REQUIREMENTS] if status and not status.is_ignored else []
        texts = ignore_files(directory, hide=hide, upload=sorted(not_uploaded(context)))
        return tuple(NewFile(path=directory / name, content=text) for name, text in texts.items())

    def _require_hidden(self, function: Function) -> None:
        """Look again before the token is written: another rule may undo what was added."""
        status = git_status(function.directory, REQUIREMENTS, self.environ)
        is_hidden = status.is_ignored and not status.is_tracked
        if not is_hidden or not is_uploaded(function.directory, REQUIREMENTS):
            raise Refused(
                f"git still sees {REQUIREMENTS}, or gcloud does not upload it; no token was"
                " written",
                f"see `git check-ignore --verbose {function.path()}` and the function's"
                " .gcloudignore",
            )


def _pins(function: Function) -> str:
    """Return what an earlier run pinned into requirements.txt, and nothing of its other lines."""
    if REQUIREMENTS not in function.files or not function.is_generated:
        return ""
    lines = parse_requirements(function.read(REQUIREMENTS)).lines
    return "".join(line.text for line in lines if line.by_name)


def _is_new(file: NewFile) -> bool:
    """Return whether the file is not like this already."""
    return not file.path.exists() or file.path.read_bytes() != str(file.content).encode()


def _write_secret(path: Path, text: str) -> None:
    """Write *text*, which holds a secret, for this user's eyes only.

    Not by way of a file of another name: that might be left behind where nothing ignores it.
    """
    try:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(text.encode())
    except OSError as error:
        raise _not_written(path, error) from None


def _new_wheels(source: Path, target: Path) -> Iterator[Path]:
    """Yield the paths in *target* at which the wheels of *source* will be new or different."""
    for wheel in sorted(source.iterdir()):
        path = target / wheel.name
        if not path.is_file() or path.read_bytes() != wheel.read_bytes():
            yield path


def _stale_wheels(source: Path, target: Path) -> Iterator[Path]:
    """Yield the wheels in *target* of the projects that *source* has another wheel of."""
    new = {each.name for each in source.iterdir()}
    projects = {_project(name) for name in new}
    for path in sorted(target.iterdir()) if target.is_dir() else []:
        if path.suffix == ".whl" and path.name not in new and _project(path.name) in projects:
            yield path


def _project(filename: str) -> str:
    try:
        return parse_filename(filename)[1]
    except ValueError:
        return ""


def _move_wheels(source: Path, target: Path) -> None:
    """Move the wheels of *source* into *target*, which is made; raise InputError."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        move_together({source / path.name: path for path in _new_wheels(source, target)})
    except OSError as error:
        raise _not_written(target, error) from None


def _not_written(path: Path, error: OSError) -> InputError:
    return InputError(
        f"{os.fspath(path)!r} cannot be written: {error.strerror}",
        "make it a place that this user can write to, with room in it",
    )
