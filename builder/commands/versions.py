"""`shipwheel versions`: what the registry holds."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

import click
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from builder.commands.options import json_option
from builder.commands.registry_options import with_transport
from steps.errors import InputError

if TYPE_CHECKING:
    from steps.index import Index
    from steps.published import PublishedFile, PublishedProject
    from steps.transport import Transport


@click.command(short_help="List what the registry holds: versions, files, sha256.")
@click.argument("package", required=False)
@click.option("--all", "every", is_flag=True, help="List every package of the repository.")
@click.option("--version", "wanted", metavar="VERSION", help="List this version only.")
@click.option("--files", is_flag=True, help="List the files: sha256, size where known, name.")
@with_transport
@json_option
def command(
    *,
    package: str | None,
    every: bool,
    wanted: str | None,
    files: bool,
    transport: Transport,
    as_json: bool,
) -> None:
    """List what the registry holds: versions, files, sha256.

    The versions of a package come in their order, the highest last.

    \b
    Example:
      shipwheel versions harbour-tides --files --registry us-east4/my-project/pypi
    """
    from steps.index import Index  # noqa: PLC0415 - `--help` does without

    if every == (package is not None):
        raise click.UsageError("Name a package, or --all packages of the repository.")
    index = Index(transport.registry, transport)
    names = index.names() if every else (_name(package or ""),)
    projects = [*index.read_many(names).values()]
    for project in projects:
        if not project.exists:
            raise _missing(project, index)
    rows = [(it, version) for it in projects for version in _versions(it, wanted)]
    if as_json:
        click.echo(json.dumps([_as_object(it, wanted) for it in projects], indent=2))
    elif files:
        for project, version in rows:
            for file in project.files_of(version):
                click.echo(f"{file.sha256 or '-':64}  {_size(file):>10}  {file.filename}")
    else:
        for project, version in rows:
            click.echo(f"{project.name} {version}" if every else str(version))


def _name(package: str) -> str:
    try:
        return canonicalize_name(package, validate=True)
    except InvalidName:
        raise InputError(
            f"No package can have this name: {package!r}", "letters, digits, and - _ . between them"
        ) from None


def _missing(project: PublishedProject, index: Index) -> InputError:
    near = difflib.get_close_matches(project.name, index.names(), n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return InputError(
        f"The registry holds no package {project.name!r}",
        f"{meant}`shipwheel versions --all` lists them",
    )


def _versions(project: PublishedProject, wanted: str | None) -> tuple[Version, ...]:
    if wanted is None:
        return project.versions
    try:
        version = Version(wanted)
    except InvalidVersion:
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
