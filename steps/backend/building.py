"""Builds a project's sdist, and its wheel from that sdist, through pypa/build.

What a user installs is thus what the sdist can build. Nothing is written into `dist/` before
everything was built and checked, and nothing into the rest of the project.
"""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from steps.backend.hooks import Backend
from steps.backend.sources import copy_sources, open_build_folder
from steps.backend.variables import EPOCH_VARIABLE, backend_environ, source_date_epoch
from steps.distribution.archive import open_archive, open_sdist
from steps.distribution.files import Distribution, file_sha256, parse_filename
from steps.host.errors import BuildFailed, InputError, Problem, Refused, warn
from steps.host.files import move_together, write_whole
from steps.host.progress import progress
from steps.project.history import uncommitted_files

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from packaging.metadata import RawMetadata
    from packaging.utils import NormalizedName

    from steps.backend.context import BuildContext, BuildOptions, Kinds
    from steps.host.progress import Work
    from steps.project.source import Project

_NAMED = 10  # files in a message
_SEEN = "files that git sees as modified or untracked"
_COMMIT = (
    "commit what belongs there, remove or ignore the rest, or publish with --allow-uncommitted"
)


def build(
    project: Project, context: BuildContext, *, output: Path | None = None
) -> tuple[Distribution, ...]:
    """Build *project* into *output*, by default its `dist/`; return its wheel and its sdist.

    Older files of the same version there are replaced; other versions are left alone. A backend
    that makes no sdists gives a wheel only. Raises BuildFailed when the backend fails, InputError
    when the project is wrong, Refused when the checks of what was built fail.
    """
    from steps.backend.verify import verify  # noqa: PLC0415 - `open_build_context` does it early

    with _open_backend(project, context, "starting the build") as (backend, source, work):
        built = _build(backend, source, context.options.kinds)
        _check_identity(project, built)
        work.doing = "checking what was built"
        for warning in verify(built, project.directory, strict=context.options.strict):
            context.warnings[warning].add(str(project))
        _check_committed(project, built, context.options)
        work.result = f"Built {built[0].name} {built[0].version}"
        moved = _move(built, output or _output_folder(project))
        return tuple(replace(it, project=project) for it in moved)


def build_once(
    project: Project, context: BuildContext, *, output: Path | None = None
) -> tuple[Distribution, ...]:
    """Build *project* as `build` does, or copy what was built of it before in this run."""
    built = context.built.get(project, lambda: build(project, context, output=output))
    output = output or _output_folder(project)
    if built[0].path.parent == output:
        return built
    with (
        progress.work(_called(project), "copying what was built"),
        tempfile.TemporaryDirectory(prefix="shipwheel-") as folder,
    ):
        copies = [replace(it, path=Path(shutil.copy2(it.path, folder))) for it in built]
        return _move(copies, output)


def identify(project: Project, context: BuildContext) -> tuple[NormalizedName, Version]:
    """Return the name and the version in the metadata that the backend of *project* prepares.

    Where the backend prepares none, the project is built. Raises what `build` raises.
    """
    with _open_backend(project, context, "preparing metadata") as (backend, source, work):
        work.result = f"Prepared the metadata of {project}"
        metadata = backend.metadata(source)
    if metadata is None:
        with tempfile.TemporaryDirectory(prefix="shipwheel-") as folder:
            built = build(project, context, output=Path(folder))[0]
            return built.name, built.version
    found = _read_identity(project, metadata)
    if project.name not in {None, found[0]}:
        raise InputError(
            f"The build backend prepares metadata of {found[0]!r}, and the project says"
            f" {project.name!r}",
            "keep the name in one place",
        )
    return found


@contextmanager
def _open_backend(
    project: Project, context: BuildContext, doing: str
) -> Iterator[tuple[Backend, Path, Work]]:
    """Yield the backend of *project*, a copy of its sources to build, and what shows that."""
    environ = {
        **backend_environ(context.environ, project.environment),
        EPOCH_VARIABLE: str(source_date_epoch(project.directory, context.environ)),
    }
    with (
        progress.work(_called(project), doing) as work,
        open_build_folder(project) as folder,
        context.environments.of_project(folder) as environment,
    ):
        source = copy_sources(project, folder / "source", context.links)
        yield Backend(project, context.options, environment, environ, folder), source, work


def _called(project: Project) -> str:
    return f"{project} {project.version}" if project.version else str(project)


def _build(backend: Backend, source: Path, kinds: Kinds) -> tuple[Distribution, ...]:
    sdist = None if kinds == "wheel" else backend.sdist(source)
    if sdist is None:
        if kinds == "sdist":
            raise BuildFailed(
                f"The build backend of {str(backend.project)!r} makes no sdists",
                "build its wheel only",
            )
        return (backend.wheel(source),)
    if kinds == "sdist":
        return (sdist,)
    with open_sdist(sdist.path) as archive:
        unpacked = archive.unpack(backend.folder / "unpacked")
    return backend.wheel(unpacked), sdist


def _read_identity(project: Project, metadata: RawMetadata) -> tuple[NormalizedName, Version]:
    try:
        name = canonicalize_name(metadata.get("name", ""), validate=True)
        return name, Version(metadata.get("version", ""))
    except ValueError as error:
        raise BuildFailed(
            f"The build backend of {str(project)!r} prepares metadata that is wrong: {error}",
            "fix the name or the version where the backend takes it from",
        ) from None


def _check_identity(project: Project, built: Sequence[Distribution]) -> None:
    """Refuse distributions that name another project or version than the files say."""
    expected = project.name or built[0].name, project.version or built[0].version
    for distribution in built:
        said = distribution.name, distribution.version
        if said != expected:
            raise InputError(
                f"{distribution.filename!r} was built as {said[0]} {said[1]},"
                f" and the project says {expected[0]} {expected[1]}",
                "keep the name and the version in one place",
            )


def _check_committed(
    project: Project, built: Sequence[Distribution], options: BuildOptions
) -> None:
    """Refuse what holds files that git sees as modified or untracked, or warn of it."""
    if options.uncommitted == "allowed":
        return
    files = uncommitted_files(project.directory)
    held = {name for it in built if files for name in held_files(project.directory, files, it)}
    if not held:
        return
    problem = Problem(
        f"{project} would be published with {_SEEN}: {_listed(sorted(held))}", _COMMIT
    )
    if options.uncommitted == "refused":
        raise Refused(problem)
    warn(problem)


def warn_of_uncommitted(project: Project) -> None:
    """Warn of all files of *project* that a publish would refuse, were they in what it builds."""
    top = project.directory.resolve()
    if files := [it.relative_to(top).as_posix() for it in uncommitted_files(project.directory)]:
        message = f"{project} has {_SEEN}, which publish refuses to pack: {_listed(files)}"
        warn(Problem(message, _COMMIT))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(repr, names[:_NAMED])) + more


def held_files(directory: Path, files: Iterable[Path], built: Distribution) -> list[str]:
    """Return those of *files*, uncommitted below *directory*, that *built* holds.

    In an sdist they are where they are in the project; elsewhere their bytes tell, unless a
    committed file of the same name has the same ones.
    """
    directory = directory.resolve()
    paths = {it.relative_to(directory).as_posix(): it for it in files if it.is_file()}
    with open_archive(built.path) as archive:
        members = {name: it.sha256 for name, it in archive.contents().items()}
    held = set(paths).intersection(members if built.kind == "sdist" else ())
    by_hash: dict[str, list[str]] = {}
    for name in paths.keys() - held:
        by_hash.setdefault(file_sha256(paths[name]), []).append(name)
    for member, digest in members.items():
        is_told = built.kind == "sdist" and member in paths
        for name in () if is_told else by_hash.get(digest, ()):
            # Empty files are all the same, so those are compared by their paths.
            is_empty = not paths[name].stat().st_size
            is_other = is_empty and not f"/{name}".endswith(f"/{member}")
            if not is_other and not _is_committed(directory, member, digest, paths):
                held.add(name)
    return sorted(held)


def _is_committed(directory: Path, member: str, digest: str, paths: Container[str]) -> bool:
    """Return whether a file that is not one of *paths* has the name and the bytes of *member*."""
    return any(
        path.is_file()
        and path.relative_to(directory).as_posix() not in paths
        and file_sha256(path) == digest
        for path in directory.rglob(glob.escape(member.rpartition("/")[2]))
    )


def _output_folder(project: Project) -> Path:
    """Return the `dist/` of *project*, which git and other backends ignore from now on."""
    folder = project.directory / "dist"
    with _writing(folder):
        folder.mkdir(exist_ok=True)
        if not os.path.lexists(folder / ".gitignore"):
            write_whole(folder / ".gitignore", "*\n")
    return folder


def _move(built: Sequence[Distribution], output: Path) -> tuple[Distribution, ...]:
    """Move what was built into *output*, in the place of older files of the same version.

    A file appears there whole or not at all, also when it comes from another file system.
    """
    with _writing(output):
        output.mkdir(parents=True, exist_ok=True)
        move_together({it.path: output / it.filename for it in built})
        for stale in {*_same_version(built[0], output)} - {output / it.filename for it in built}:
            stale.unlink(missing_ok=True)
    return tuple(replace(it, path=output / it.filename) for it in built)


@contextmanager
def _writing(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"What was built cannot be moved into {os.fspath(output)!r}: {error.strerror}",
            "make it a folder that can be written, with free space, that holds only built files",
        ) from None


def _same_version(distribution: Distribution, output: Path) -> Iterator[Path]:
    for path in sorted(output.iterdir()):
        try:
            _kind, name, version = parse_filename(path.name)
        except ValueError:
            continue
        if (name, version) == (distribution.name, distribution.version):
            yield path
