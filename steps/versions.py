"""`shipwheel versions`: what the registry holds."""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from packaging.version import Version

from steps.command_line.arguments import package_name, with_transport
from steps.command_line.groups import ShipwheelCommand
from steps.command_line.options import json_option
from steps.command_line.program import run_alone
from steps.host.errors import (
    InputError,
    NoRepository,
    Refused,
    RegistryError,
    did_you_mean,
    readable_size,
    warn,
)
from steps.project.repository import find_requirers
from steps.registry.deletion import delete, plan_deletion, require_deletable
from steps.registry.index import Index
from steps.registry.page import PublishedProject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.utils import NormalizedName

    from steps.registry.address import Registry
    from steps.registry.deletion import Deletion
    from steps.registry.transport import Transport

_logger = logging.getLogger("shipwheel")


@click.command(cls=ShipwheelCommand)
@click.argument("package", required=False)
@click.option("--all", "every", is_flag=True, help="List every package of the repository.")
@click.option("--version", "wanted", metavar="VERSION", help="List this version only.")
@click.option("--limit", type=click.IntRange(min=1), help="List so many of the highest versions.")
@click.option("--files", is_flag=True, help="List the files: sha256, size where known, name.")
@click.option("--delete", "gone", metavar="VERSION", help="Delete this version, through gcloud.")
@click.option("--delete-package", is_flag=True, help="Delete the whole package, through gcloud.")
@click.option("--yes", is_flag=True, help="Do delete; without it, only show what would go.")
@click.option(
    "--async", "asynchronous", is_flag=True, help="Do not wait until Google Cloud has deleted it."
)
@with_transport
@json_option
def command(
    *,
    package: str | None,
    every: bool,
    wanted: str | None,
    limit: int | None,
    files: bool,
    gone: str | None,
    delete_package: bool,
    yes: bool,
    asynchronous: bool,
    transport: Transport,
    as_json: bool,
) -> None:
    """List, or delete, published versions.

    Versions are listed in order, the highest last. Before a deletion, the files to delete are
    shown, and the projects of this repository that require the package.

    \b
    Example:
      shipwheel versions harbour-tides --files \\
        --registry us-central1/my-project/pypi
      shipwheel versions harbour-tides --delete 1.2.0 \\
        --registry us-central1/my-project/pypi
    """
    deletes = gone is not None or delete_package
    _require_sense(package, deletes=deletes, every=every, yes=yes or asynchronous)
    if deletes and (wanted or limit or files or (delete_package and gone is not None)):
        raise click.UsageError("Delete one version, or one package, and list nothing.")
    index = Index(transport.registry, transport)
    if deletes:
        deletion = _plan(package_name(package or ""), gone, index, as_json=as_json)
        if yes:
            delete(deletion, index, os.environ, wait=not asynchronous)
        if as_json:
            click.echo(json.dumps(_deletion_as_object(deletion, deleted=yes), indent=2))
        if not yes:
            raise Refused("Nothing was deleted", "add --yes to delete what is listed")
        _logger.info("%s %s", "Asked to delete" if asynchronous else "Deleted", deletion)
        return
    names = _all_names(index) if every else (package_name(package or ""),)
    projects = _read(names, index, transport.registry)
    listed = [(it, _versions(it, wanted)[-limit if limit else None :]) for it in projects]
    if as_json:
        click.echo(json.dumps([_as_object(*it) for it in listed], indent=2))
        return
    for project, versions in listed:
        for line in _lines(project, versions, files=files):
            click.echo(f"{project.name} {line}" if every and not files else line)


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
        raise click.UsageError("--yes and --async belong to a deletion: add --delete VERSION.")


def _lines(project: PublishedProject, versions: Iterable[Version], *, files: bool) -> Iterator[str]:
    for version in versions:
        if not files:
            yield str(version)
            continue
        for file in project.files_of(version):
            yield f"{file.sha256 or '-':64}  {readable_size(file.size):>10}  {file.filename}"


def _plan(name: str, gone: str | None, index: Index, *, as_json: bool) -> Deletion:
    """Return what goes, after showing it."""
    registry = index.registry
    require_deletable(registry)
    (project,) = _read([name], index, registry)
    version = None if gone is None else _versions(project, gone)[0]
    deletion = plan_deletion(project, version, find_requirers(Path.cwd(), os.environ))
    if not as_json:
        click.echo(f"{deletion} in {registry}:")
        for line in (*(it.filename for it in deletion.files), *deletion.dependents):
            click.echo(f"  {line}")
    warn(*deletion.warnings)
    return deletion


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
    meant = ""
    with suppress(RegistryError):
        if index.api and index.api.has_package(name):
            return PublishedProject.of_versions(name, index.api.version_names(name))
        meant = did_you_mean(name, index.names())
    raise InputError(
        f"The registry holds no package {name!r}",
        f"{meant} `shipwheel versions --all --registry {registry.option}` lists them".lstrip(),
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


def _as_object(project: PublishedProject, versions: Iterable[Version]) -> dict[str, Any]:
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
            for version in versions
        ],
        "unreadable": [*project.unreadable],
    }


if __name__ == "__main__":
    run_alone(command, "versions")
