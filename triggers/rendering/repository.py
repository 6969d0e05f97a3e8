"""A repository with a manifest, read from its files and rendered: the edge around render()."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from steps.host.errors import InputError, Problem, did_you_mean, shorten
from triggers.cloudbuild.build_config import Build
from triggers.cloudbuild.build_rules import encrypted_values
from triggers.cloudbuild.files import read_mapping
from triggers.cloudbuild.messages import camel_case, dotted, read_message
from triggers.discovery.inventory import Inventory, take_inventory
from triggers.manifest.manifest import read_manifest
from triggers.rendering.rendering import Rendering, render

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from triggers.manifest.manifest import Manifest
    from triggers.rendering.trigger import Trigger

_MISSING_CONFIG = "write it with `shipwheel init --update`, or name another one as `buildConfig`"


@dataclass(frozen=True)
class RepositoryContents:
    """What the files of a repository say; *root* is the manifest's directory."""

    root: Path
    manifest: Manifest
    inventory: Inventory


def open_repository(manifest_file: Path) -> RepositoryContents:
    """Read the manifest and everything that it is about; raise InputError with all problems."""
    manifest = read_manifest(manifest_file)
    root = manifest_file.parent
    return RepositoryContents(root, manifest, take_inventory(root, manifest))


def render_repository(repository: RepositoryContents, *, inline: bool = False) -> Rendering:
    """Return the repository's triggers; *inline* puts the build configs into them.

    Raises InputError when a build config is missing: each of its builds would fail.
    """
    rendering = render(repository.manifest, repository.inventory)
    paths = build_config_paths(rendering.triggers)
    InputError.raise_all(
        Problem(f"The build config {path!r} does not exist", _MISSING_CONFIG)
        for path in paths
        if not (repository.root / path).is_file()
    )
    if not inline:
        return rendering
    configs = {
        path: read_mapping(repository.root / path, "build config", _MISSING_CONFIG)
        for path in paths
    }
    return replace(rendering, triggers=put_inline(rendering.triggers, configs))


def only(rendering: Rendering, targets: Sequence[str]) -> Rendering:
    """Return *rendering* with the triggers of these directories only, or all if none is named."""
    wanted = {target.rstrip("/") or target for target in targets}
    known = {trigger.target for trigger in rendering.triggers}
    InputError.raise_all(_unknown_target(name, known) for name in sorted(wanted - known))
    kept = tuple(t for t in rendering.triggers if not wanted or t.target in wanted)
    return replace(rendering, triggers=kept)


def _unknown_target(name: str, known: set[str]) -> Problem:
    hint = did_you_mean(name, known, f"choose one of: {shorten(sorted(known), 8)}")
    return Problem(f"No trigger is for a directory {name!r}", hint)


def build_config_paths(triggers: Iterable[Trigger]) -> list[str]:
    """Return the paths of the build configs that *triggers* name, each once."""
    named = (trigger.build for trigger in triggers if isinstance(trigger.build, str))
    return list(dict.fromkeys(named))


def put_inline(
    triggers: Iterable[Trigger], configs: Mapping[str, Mapping[str, Any]]
) -> tuple[Trigger, ...]:
    """Return *triggers* with the build configs themselves in the place of their paths.

    *configs* maps the paths to their contents. Raises InputError for contents that `gcloud builds
    triggers import` would change on the way.
    """
    InputError.raise_all(
        problem for path, config in configs.items() for problem in _renamed_by_import(path, config)
    )
    return tuple(_inline(trigger, configs) for trigger in triggers)


def _inline(trigger: Trigger, configs: Mapping[str, Mapping[str, Any]]) -> Trigger:
    if not isinstance(trigger.build, str):
        return trigger
    path = trigger.build
    # A change of the file changes nothing until the trigger is applied again.
    included = tuple(glob for glob in trigger.included_files if glob != path)
    return replace(trigger, build=configs[path], included_files=included)


def _renamed_by_import(path: str, config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem per variable whose name the import would turn into camelCase.

    gcloud converts all keys below `build` from snake_case, those of the user's maps, too; only
    `substitutions` are spared.
    """
    build = read_message(Build, camel_case(config)).message
    for where, values in encrypted_values(build):
        for name in (name for name in values if "_" in name):
            yield Problem(
                f"{path}: `{dotted((*where, name))[1:]}` would lose its underscores when gcloud"
                " imports it inside a trigger",
                "use availableSecrets.secretManager, or do without --inline",
            )
