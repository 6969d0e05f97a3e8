"""`shipwheel init`: the manifest and the shared build configs, written once."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

import steps
from steps.command_line.options import json_option, registry_option
from steps.command_line.program import run_alone
from steps.host.errors import InputError, Problem
from steps.host.git import ask_git
from steps.registry.address import Registry, parse_registry
from triggers.command_line.options import report_warnings
from triggers.manifest.starting import (
    InitOptions,
    default_region,
    initial_files,
    restricted_region,
    source_of_remote,
    write_files,
)

_logger = logging.getLogger("shipwheel")
_NO_SOURCE = Problem(
    "The git remote origin does not say where on GitHub this repository is",
    "name it with --github OWNER/NAME, --repository or --git-repository-link",
)


@click.command(short_help="Write the manifest and the build configs that triggers name.")
@click.argument("directory", type=click.Path(path_type=Path), default=".")
@registry_option
@click.option("--project", help="The triggers' project.  [default: the registry's]")
@click.option(
    "--region",
    help="The triggers' region.  [default: the connection's, or one near the registry where every"
    " project may build]",
)
@click.option("--image", help="The address of Shipwheel's container image, with its tag.")
@click.option("--github", metavar="OWNER/NAME", help="[default: what the git remote origin names]")
@click.option("--repository", metavar="RESOURCE", help="A connected repository, 2nd generation.")
@click.option("--git-repository-link", metavar="RESOURCE", help="A link of Developer Connect.")
@click.option("--force", is_flag=True, help="Replace existing files that have other contents.")
@json_option
def command(
    *,
    directory: Path,
    registry: str | None,
    project: str | None,
    region: str | None,
    image: str | None,
    github: str | None,
    repository: str | None,
    git_repository_link: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write shipwheel.yaml and the shared build configs into DIRECTORY, the repository's root.

    Reports the outcome of each file. Never replaces an existing file without --force.

    \b
    Example:
      shipwheel init --registry us-central1/my-project/pypi --github acme/monorepo
    """
    source = _source(directory, github, repository, git_repository_link)
    target = _artifact_registry(registry, () if source else (_NO_SOURCE,))
    project = project or target.project
    trigger_region = region or default_region(target, source)
    if not region and trigger_region != target.location:
        said = "The triggers' region is %r, the registry's %r; --region names another"
        _logger.info(said, trigger_region, target.location)
    report_warnings(restricted_region(trigger_region))
    options = InitOptions(
        registry=target,
        project=project,
        region=trigger_region,
        image=image or _default_image(target.location, project),
        source=source,
    )
    written = write_files(directory, initial_files(options), force=force)
    for file in written:
        _logger.info("%s: %s", file.path, file.outcome)
    _logger.info("Next: look through shipwheel.yaml, then run `shipwheel setup`")
    if as_json:
        click.echo(json.dumps({"files": [asdict(file) for file in written]}, indent=2))


def _artifact_registry(given: str | None, others: tuple[Problem, ...]) -> Registry:
    """Return the registry; raise InputError for what is wrong with it together with *others*."""
    try:
        registry = parse_registry(given, os.environ)
    except InputError as error:
        raise InputError(error.problems[0], more=others) from None
    problems = [] if registry.is_artifact_registry else [_not_artifact_registry(registry)]
    InputError.raise_all([*problems, *others])
    return registry


def _not_artifact_registry(registry: Registry) -> Problem:
    return Problem(
        f"Cloud Build's triggers need a repository of Artifact Registry: {str(registry)!r}",
        "name it as REGION/PROJECT/REPO",
    )


def _default_image(location: str, project: str) -> str:
    path = project.replace(":", "/")
    return f"{location}-docker.pkg.dev/{path}/docker/shipwheel:{steps.__version__}"


def _source(
    directory: Path, github: str | None, repository: str | None, link: str | None
) -> dict[str, Any]:
    """Return the manifest's `source`, empty where neither options nor git name it."""
    given: dict[str, Any] = {}
    if github is not None:
        owner, _, name = github.partition("/")
        given["github"] = {"owner": owner, "name": name}
    if repository is not None:
        given["repository"] = repository
    if link is not None:
        given["gitRepositoryLink"] = link
    origin = ask_git(directory, "config", "--get", "remote.origin.url")
    return given or source_of_remote(origin) or {}


if __name__ == "__main__":
    run_alone(command, "init")
