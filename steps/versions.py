"""`shipwheel versions`: what the registry holds."""

from __future__ import annotations

import difflib
import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from packaging.version import Version

from steps.command_line.options import json_option, package_name
from steps.command_line.program import run_alone
from steps.command_line.registry_options import with_transport
from steps.host.errors import InputError, NoRepository, Refused, RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.utils import NormalizedName

    from steps.registry.address import Registry
    from steps.registry.deletion import Deletion
    from steps.registry.index import Index
    from steps.registry.page import PublishedFile, PublishedProject
    from steps.registry.transport import Transport

_logger = logging.getLogger("shipwheel")


@click.command(short_help="List what the registry holds: versions, files, sha256.")
@click.argument("package", required=False)
@click.option("--all", "every", is_flag=True, help="List every package of the repository.")
@click.option("--version", "wanted", metavar="VERSION", help="List this version only.")
@click.option("--files", is_flag=True, help="List the files: sha256, size where known, name.")
@click.option("--delete", "gone", metavar="VERSION", help="Delete this version, through gcloud.")
@click.option("--delete-package", is_flag=True, help="Delete the whole package, through gcloud.")
@click.option("--yes", is_flag=True, help="Do delete; otherwise it is only told what would go.")
@with_transport
@json_option
def command(
    *,
    package: str | None,
    every: bool,
    wanted: str | None,
    files: bool,
    gone: str | None,
    delete_package: bool,
    yes: bool,
    transport: Transport,
    as_json: bool,
) -> None:
    """List what the registry holds: versions, files, sha256; or delete of it.

    The versions of a package come in their order, the highest last. Before a deletion it is told
    which files go, and which projects of this repository require them.

    \b
    Example:
      shipwheel versions harbour-tides --files --registry us-central1/my-project/pypi
      shipwheel versions harbour-tides --delete 1.2.0 --registry us-central1/my-project/pypi
    """
    from steps.registry.index import Index  # noqa: PLC0415 - `--help` does without

    deletes = gone is not None or delete_package
    _require_sense(package, deletes=deletes, every=every, yes=yes)
    if deletes and (wanted or files or (delete_package and gone is not None)):
        raise click.UsageError("Delete one version, or one package, and list nothing.")
    index = Index(transport.registry, transport)
    if deletes:
        _delete(package_name(package or ""), gone, index, transport, yes=yes, as_json=as_json)
        return
    names = _all_names(index) if every else (package_name(package or ""),)
    projects = _read(names, index, transport.registry)
    if as_json:
        click.echo(json.dumps([_as_object(it, wanted) for it in projects], indent=2))
        return
    for line in _lines(projects, wanted, files=files, every=every):
        click.echo(line)


def _all_names(index: Index) -> tuple[str, ...]:
    try:
        return index.names()
    except NoRepository:
        raise
    except RegistryError as error:
        raise RegistryError(
            f"The registry does not list its packages: {error.problems[0].message}",
            "name a package; not every registry tells which ones it has",
        ) from None


def _require_sense(package: str | None, *, deletes: bool, every: bool, yes: bool) -> None:
    if deletes and not package:
        raise click.UsageError("Name the package that is deleted, or of which a version is.")
    if every == (package is not None):
        raise click.UsageError("Name a package, or --all packages of the repository.")
    if yes and not deletes:
        raise click.UsageError("There is nothing to say --yes to without a deletion.")


def _lines(
    projects: Iterable[PublishedProject], wanted: str | None, *, files: bool, every: bool
) -> Iterator[str]:
    for project in projects:
        for version in _versions(project, wanted):
            if files:
                for file in project.files_of(version):
                    yield f"{file.sha256 or '-':64}  {_size(file):>10}  {file.filename}"
            else:
                yield f"{project.name} {version}" if every else str(version)


def _delete(
    name: str, gone: str | None, index: Index, transport: Transport, *, yes: bool, as_json: bool
) -> None:
    from steps.project.repository import find_requirers  # noqa: PLC0415 - as above
    from steps.registry.deletion import delete, plan_deletion, require_deletable  # noqa: PLC0415 - as above

    registry = transport.registry
    require_deletable(registry)
    (project,) = _read([name], index, registry)
    version = None if gone is None else _versions(project, gone)[0]
    deletion = plan_deletion(project, version, find_requirers(Path.cwd(), os.environ))
    if not as_json:
        click.echo(f"{deletion} in {registry}:")
        for line in (*(it.filename for it in deletion.files), *deletion.dependents):
            click.echo(f"  {line}")
    for warning in deletion.warnings:
        _logger.warning("warning: %s", warning)
    if yes:
        delete(deletion, index, os.environ)
    if as_json:
        click.echo(json.dumps(_deletion_as_object(deletion, deleted=yes), indent=2))
    if not yes:
        raise Refused("Nothing was deleted", "add --yes to delete what is listed")
    _logger.info("Deleted %s", deletion)


def _deletion_as_object(deletion: Deletion, *, deleted: bool) -> dict[str, Any]:
    return {
        "package": deletion.package,
        "version": str(deletion.version) if deletion.version else None,
        "files": [file.filename for file in deletion.files],
        "dependents": [
            {
                "name": it.name,
                "requirement": str(it.requirement),
                "left": str(it.left) if it.left else None,
            }
            for it in deletion.dependents
        ],
        "warnings": [*deletion.warnings],
        "deleted": deleted,
    }


def _read(names: Iterable[str], index: Index, registry: Registry) -> list[PublishedProject]:
    """Return what the registry holds of each; raise InputError for one that is not there."""
    try:
        projects = index.read_many(names).values()
    except NoRepository as error:
        if index.api:
            raise
        raise NoRepository(error.problems[0].message, "check its address") from None
    return [it if it.exists else _without_page(it.name, index, registry) for it in projects]


def _without_page(name: NormalizedName, index: Index, registry: Registry) -> PublishedProject:
    """Return the versions that the API tells of a package that the index has no page of.

    Raises InputError, with a name that is near, when there is no such package.
    """
    from steps.registry.page import PublishedProject  # noqa: PLC0415 - `--help` does without

    near: list[str] = []
    with suppress(RegistryError):
        if index.api and index.api.has_package(name):
            return PublishedProject.of_versions(name, index.api.version_names(name))
        near = difflib.get_close_matches(name, index.names(), n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    raise InputError(
        f"The registry holds no package {name!r}",
        f"{meant}`shipwheel versions --all --registry {registry.option}` lists them",
    )


def _versions(project: PublishedProject, wanted: str | None) -> tuple[Version, ...]:
    if wanted is None:
        return project.versions
    try:
        version = Version(wanted)
    except ValueError:  # InvalidVersion, or more digits than Python reads
        raise InputError(
            f"Not a version that PEP 440 knows: {wanted!r}",
            f"`shipwheel versions {project.name}` lists those of the package",
        ) from None
    if version not in project.versions:
        raise InputError(
            f"The registry holds no version {wanted!r} of {project.name!r}",
            f"the highest is {project.versions[-1]}" if project.versions else "",
        )
    return (version,)


def _as_object(project: PublishedProject, wanted: str | None) -> dict[str, Any]:
    return {
        "package": project.name,
        "versions": [
            {
                "version": str(version),
                "files": [
                    {
                        "filename": file.filename,
                        "kind": file.kind,
                        "size": file.size,
                        "sha256": file.sha256,
                        "url": file.url,
                    }
                    for file in project.files_of(version)
                ],
            }
            for version in _versions(project, wanted)
        ],
        "unreadable": [*project.unreadable],
    }


def _size(file: PublishedFile) -> str:
    return "-" if file.size is None else str(file.size)


if __name__ == "__main__":
    run_alone(command, "versions")
