"""A repository with a manifest, read from its files and rendered: the edge around `render()`."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from steps.host.errors import InputError, Problem
from triggers.cloudbuild.documents import read_mapping
from triggers.discovery.inventory import Inventory, take_inventory
from triggers.manifest.file import read_manifest
from triggers.rendering.inline import build_config_paths, put_inline
from triggers.rendering.rendering import Rendering, render

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from triggers.manifest.manifest import Manifest

_MISSING_CONFIG = "write it with `shipwheel init`, or name another one as `buildConfig`"


@dataclass(frozen=True)
class Repository:
    """What the files of a repository say; *root* is the manifest's directory."""

    root: Path
    manifest: Manifest
    inventory: Inventory


def open_repository(manifest_file: Path) -> Repository:
    """Read the manifest and everything that it is about; raise InputError with all problems."""
    manifest = read_manifest(manifest_file)
    root = manifest_file.parent
    return Repository(root, manifest, take_inventory(root, manifest))


def render_repository(repository: Repository, *, inline: bool = False) -> Rendering:
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
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"these are: {', '.join(sorted(known)[:8])}"
    return Problem(f"No trigger is for a directory {name!r}", hint)
