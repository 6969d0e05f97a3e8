"""`shipwheel init`: the manifest and the shared build configs, written and kept up to date."""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import steps
from steps.command_line.groups import ShipwheelCommand
from steps.command_line.options import json_option, registry_option
from steps.command_line.program import run_alone
from steps.host.errors import InputError, Problem, warn
from steps.host.git import ask_git
from steps.project.manifest import MANIFEST
from steps.project.repository import found_by_setuptools
from steps.registry.address import Registry, parse_registry
from triggers.discovery.inventory import (
    OWN_BUILD_CONFIG,
    Inventory,
    function_settings,
    left_out_functions,
    take_inventory,
    unusable_components,
)
from triggers.manifest.manifest import read_manifest
from triggers.manifest.starting import (
    FOLDER,
    InitOptions,
    default_region,
    is_behind,
    new_manifest,
    restricted_region,
    shared_build_configs,
    source_of_remote,
    update,
    write_files,
)
from triggers.rendering.rendering import SHARED_CONFIGS, render
from triggers.rendering.repository import build_config_paths
from triggers.rules.linter import hand_written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triggers.manifest.manifest import Manifest
    from triggers.manifest.starting import Written

_logger = logging.getLogger("shipwheel")
_DOCKERFILE = "builder/Dockerfile"
_NO_SOURCE = Problem(
    "The git remote origin does not say where on GitHub this repository is",
    "name it with --github OWNER/NAME, --repository or --git-repository-link",
)


@click.command(cls=ShipwheelCommand)
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
@click.option(
    "--update",
    "is_update",
    is_flag=True,
    help="Bring the build configs that shipwheel.yaml uses up to date, with your edits kept.",
)
@click.option(
    "--image-trigger",
    "is_image",
    is_flag=True,
    help="In a checkout of Shipwheel: the trigger that builds its image after a push.",
)
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
    is_update: bool,
    is_image: bool,
    as_json: bool,
) -> None:
    """Write shipwheel.yaml, and the build configs that it uses, at the root DIRECTORY.

    Reports the outcome of each file. Never replaces an existing file without --force.
    With --image-trigger, in a checkout of Shipwheel, the trigger is the one of the image; `setup`
    and `triggers` then do the same for it as for packages.

    \b
    Example:
      shipwheel init --github acme/monorepo \\
        --registry us-central1/my-project/pypi
      shipwheel init --update
      shipwheel init --image-trigger \\
        --registry us-central1/my-project/pypi
    """
    if is_update:
        _report(_update(directory, force=force), as_json=as_json)
        return
    excluded, functions = _exceptions(directory, is_image=is_image)
    source = _source(directory, github, repository, git_repository_link)
    target = _artifact_registry(registry, () if source else (_NO_SOURCE,))
    project = project or target.project
    options = InitOptions(
        registry=target,
        project=project,
        region=region or _default_region(target, source),
        image=image or _default_image(target.location, project),
        source=source,
        branch=_default_branch(directory),
        excluded=excluded,
        functions=functions,
        is_image=is_image,
    )
    _report(_write(directory, options, force=force), as_json=as_json)


def _exceptions(
    directory: Path, *, is_image: bool
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Return what is left out, with the reasons, and functions' settings; none for the image."""
    if not is_image:
        excluded = unusable_components(directory)
        return excluded, function_settings(directory, excluded)
    if not (directory / _DOCKERFILE).is_file():
        raise InputError(
            f"--image-trigger is for a checkout of Shipwheel: there is no {_DOCKERFILE} in"
            f" {str(directory)!r}",
            "clone Shipwheel, or its fork that you build the image from, and name it as DIRECTORY",
        )
    return {}, {}


def _write(directory: Path, options: InitOptions, *, force: bool) -> list[Written]:
    """Write the manifest and its build configs, and tell of what is left out or stays."""
    warn(*restricted_region(options.region))
    text, manifest = new_manifest(options)
    shared = shared_build_configs()
    files = {MANIFEST: text, **{it: shared[it] for it in _used_configs(directory, manifest)}}
    others = [] if options.is_image else [*_others(directory, manifest)]
    written = write_files(directory, files, force=force)
    warn(*_taken_for_a_package(directory) if len(files) > 1 else ())
    warn(*(f"{path} is left out: {reason}" for path, reason in options.excluded.items()))
    for path, settings in options.functions.items():
        said = "%s: deployed as %s, since its folder's name is not unique, or not valid"
        if name := settings.get("name"):
            _logger.info(said, path, name)
    for line in others:
        _logger.info("%s", line)
    return written


def _taken_for_a_package(directory: Path) -> Iterator[Problem]:
    """Yield a problem where setuptools, without settings of its own, would pack our folder."""
    packages, modules = found_by_setuptools(directory)
    table, key, names = "[tool.setuptools.packages.find]", "include", [f"{it}*" for it in packages]
    if not packages:
        table, key, names = "[tool.setuptools]", "py-modules", modules
    if names:
        yield Problem(
            f"setuptools takes the new folder {FOLDER!r} for a package: the build fails, or lacks"
            f" {', '.join(packages or modules)}",
            f"in pyproject.toml, below {table}, write: {key} = {json.dumps(names)}",
        )


def _update(directory: Path, *, force: bool) -> list[Written]:
    """Write what is missing or behind of the shared build configs; raise InputError for conflicts.

    What is behind is brought up to date whether a trigger uses it or not. The texts of conflicts
    are printed.
    """
    shared = shared_build_configs()
    behind = {it for it in shared if is_behind(it, _text(directory / it))}
    used: list[str] = []
    if not behind or (directory / MANIFEST).exists():
        used = _used_configs(directory, read_manifest(directory / MANIFEST))
    texts: dict[str, str] = {}
    conflicts = []
    for path in sorted({*used, *behind}):
        there = directory / path
        if force or not there.is_file():
            texts[path] = shared[path]
            continue
        merged = update(path, _text(there))
        texts[path] = merged.text
        if merged.conflict:
            conflicts.append(merged)
    for conflict in conflicts:
        click.echo(f"# {conflict.path}\n{conflict.text}")
    InputError.raise_all(it.problem for it in conflicts)
    return write_files(directory, texts, force=True)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def _report(written: list[Written], *, as_json: bool) -> None:
    for file in written:
        _logger.info("%s: %s", file.path, file.outcome)
    if any(file.path == MANIFEST for file in written):
        _logger.info("Next: look through shipwheel.yaml, then run `shipwheel setup`")
    if as_json:
        click.echo(json.dumps({"files": [asdict(file) for file in written]}, indent=2))


def _used_configs(directory: Path, manifest: Manifest) -> list[str]:
    """Return the shared build configs that the triggers name: those of both kinds without any."""
    try:
        triggers = render(manifest, take_inventory(directory, manifest)).triggers
    except InputError:  # such as none at all; `triggers render` tells it
        return sorted(SHARED_CONFIGS[it] for it in SHARED_CONFIGS if it[0] != "directory")
    return sorted({*build_config_paths(triggers)} & shared_build_configs().keys())


def _others(directory: Path, manifest: Manifest) -> Iterator[str]:
    """Yield what becomes of the build configs and the triggers that were written by hand."""
    inventory = Inventory(components=())
    with suppress(InputError):  # as above
        inventory = take_inventory(directory, manifest)
    for path in left_out_functions(directory, inventory):
        yield (
            f"{path}: has a main.py and no functions-framework; if it is a function, list it in"
            " `functions.include`"
        )
    with_config = {
        f"{it.path}/{OWN_BUILD_CONFIG}": it for it in inventory.components if it.has_own_config
    }
    for path, kind in hand_written(directory):
        if component := with_config.get(path):
            verb = "deploys" if component.kind == "function" else "publishes"
            yield f"{path}: stays, and {verb} {component.path} in place of the shared build config"
        elif kind == "config":
            yield f"{path}: stays as it is; no trigger of shipwheel.yaml runs it"
        else:
            yield f"{path}: stays as it is; `shipwheel triggers diff` tells which names are taken"


def _default_branch(directory: Path) -> str:
    """Return the branch that the remote has checked out, or else the one that is here."""
    remote = ask_git(directory, "symbolic-ref", "--short", "refs/remotes/origin/HEAD").strip()
    here = ask_git(directory, "symbolic-ref", "--short", "HEAD").strip()
    return remote.removeprefix("origin/") or here or "main"


def _default_region(target: Registry, source: dict[str, Any]) -> str:
    region = default_region(target, source)
    if region != target.location:
        said = "The triggers' region is %r, the registry's %r; --region names another"
        _logger.info(said, region, target.location)
    return region


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
