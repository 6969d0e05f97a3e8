"""The targets of triggers and the names of their triggers.

A target decides what starts what: the directories whose files start a build, and the functions
that are deployed by the builds that publish the packages they need.

GitHub shows a trigger's name as the name of its check; branch protection breaks when it changes.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from triggers.cloudbuild.conditions import above, glob_in
from triggers.manifest.settings import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from triggers.discovery.inventory import Component
    from triggers.manifest.manifest import Manifest
    from triggers.manifest.settings import TriggerSettings

MAXIMUM_LENGTH = 64
_HASH_LENGTH = 8


@dataclass(frozen=True, kw_only=True)
class TriggerTarget:
    """One package, one function, all packages below a directory, or the repository.

    *packages* maps the paths of what it publishes to names, "" where only a build would tell.
    *folders* and *files* start its builds. *downstream* are the paths of the functions that are
    deployed after it is published, each with the names of those of *packages* that it runs with, or
    none for whichever. *awaited* are the packages that a function runs with and that the push which
    deploys it publishes. *unversioned* are globs of what is in *folders* and starts none.
    """

    kind: Literal["package", "function", "directory", "repository"]
    path: str
    title: str
    has_own_config: bool
    packages: Mapping[str, str]
    folders: tuple[str, ...]
    files: tuple[str, ...]
    downstream: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    awaited: tuple[str, ...] = ()
    unversioned: tuple[str, ...] = ()


def find_targets(manifest: Manifest, components: Iterable[Component]) -> list[TriggerTarget]:
    """Return the targets of all *components*, grouped as *manifest* says."""
    components = tuple(components)
    packages = {it.path: it for it in components if it.kind == "package"}
    return [
        replace(target, unversioned=tuple(_unversioned(manifest, packages, target)))
        for target in _find_targets(manifest, components)
    ]


def _find_targets(manifest: Manifest, components: Iterable[Component]) -> list[TriggerTarget]:
    targets = [*_group(manifest, components)]
    waiting = [
        target for target in targets if target.kind == "function" and _waits(manifest, target.path)
    ]
    if all(target.kind != "function" for target in targets):
        return targets
    published = {
        path: settings
        for target in targets
        if target.packages and (settings := resolve(manifest, target.path, "publish")).enabled
        for path in target.packages
    }
    return [
        replace(
            _connected(target, published.keys(), waiting),
            awaited=tuple(_awaited(manifest, target, published)),
        )
        for target in targets
    ]


def _unversioned(
    manifest: Manifest, packages: Mapping[str, Component], target: TriggerTarget
) -> Iterator[str]:
    """Yield the globs of the files in what *target* watches whose changes need no release.

    A glob of a package that has others of them below it is theirs, too, or is left out.
    """
    globs = {
        path: dict.fromkeys((*packages[path].unversioned, *manifest.unversioned))
        for path in sorted({*target.packages, *target.folders} & packages.keys())
    }
    for path, own in globs.items():
        inside = [globs[it] for it in globs if path in above(it)]
        for glob in own:
            if all(glob in others for others in inside):
                yield glob_in(path, glob)


def name_in(manifest: Manifest, path: str, kind: str) -> str:
    """Return the name of the trigger of *kind* for what is in directory *path*.

    At the root it begins with the repository's name: other repositories have a root, too.
    """
    override = manifest.overrides.get(path)
    given = override.name if override else None
    prefix = manifest.name_prefix or (manifest.source.short_name if path == "." else "")
    return trigger_name(given or path, kind, prefix=prefix)


def _group(manifest: Manifest, components: Iterable[Component]) -> Iterator[TriggerTarget]:
    directories: dict[str, list[Component]] = {}
    for component in components:
        if manifest.grouping == "directory" and component.kind == "package":
            directories.setdefault(component.path.split("/")[0], []).append(component)
        else:
            yield target_of(component)
    for path, members in directories.items():
        dependencies = [member.dependencies for member in members]
        yield TriggerTarget(
            kind="directory",
            path=path,
            title=f"{len(members)} packages",
            has_own_config=False,
            packages=_published_as(members),
            folders=(path, *sorted({d for each in dependencies for d in each.folders})),
            files=tuple(sorted({d for each in dependencies for d in each.files})),
        )


def target_of(component: Component) -> TriggerTarget:
    """Return the target that is one package or function."""
    return TriggerTarget(
        kind=component.kind,
        path=component.path,
        title=component.name,
        has_own_config=component.has_own_config,
        packages=_published_as([component]) if component.kind == "package" else {},
        folders=(component.path, *component.dependencies.folders),
        files=component.dependencies.files,
    )


def _published_as(packages: Iterable[Component]) -> dict[str, str]:
    return {it.path: it.name if it.is_named else "" for it in packages}


def _waits(manifest: Manifest, path: str) -> bool:
    """Return whether the function in *path* is deployed, and after the packages that it needs."""
    override = manifest.overrides.get(path)
    own = override.deploy.after_publish if override else None
    after = manifest.deploy.after_publish if own is None else own
    return bool(after) and resolve(manifest, path, "deploy").enabled


def _connected(
    target: TriggerTarget, published: AbstractSet[str], waiting: Iterable[TriggerTarget]
) -> TriggerTarget:
    """Return *target* with its downstream; one that waits, without what publishing it starts."""
    if published & target.packages.keys():
        needed = {each.path: target.packages.keys() & {*each.folders[1:]} for each in waiting}
        downstream = {path: _names(target, paths) for path, paths in needed.items() if paths}
        return replace(target, downstream=downstream)
    if any(target is each for each in waiting):
        own, *others = target.folders
        folders = (own, *(folder for folder in others if folder not in published))
        return replace(target, folders=folders)
    return target


def _names(target: TriggerTarget, needed: AbstractSet[str]) -> tuple[str, ...]:
    """Return the names of the packages in *needed*; none where any of *target* counts."""
    names = sorted(target.packages[path] for path in needed)
    return () if needed == target.packages.keys() or "" in names else tuple(names)


def _awaited(
    manifest: Manifest, target: TriggerTarget, published: Mapping[str, TriggerSettings]
) -> Iterator[str]:
    """Yield the packages that a function runs with, and that are published without a person.

    What a tag or another branch publishes comes with another push.
    """
    if target.kind == "function":
        deploy = resolve(manifest, target.path, "deploy")
        start = (deploy.tag, deploy.branch)
        for path in target.folders:
            publish = published.get(path)
            if publish and not publish.approval and (publish.tag, publish.branch) == start:
                yield path


def trigger_name(path: str, kind: str, *, prefix: str = "") -> str:
    """Return `PREFIX-PATH-KIND` in letters, digits and dashes, of at most 64 characters.

    A name that would be longer loses its end to a hash of all of it.
    """
    words = [prefix, "" if path == "." else path, kind]
    readable = re.sub("[^A-Za-z0-9]+", "-", "-".join(filter(None, words))).strip("-")
    if len(readable) <= MAXIMUM_LENGTH:
        return readable
    digest = hashlib.sha256(f"{prefix}/{path}".encode()).hexdigest()[:_HASH_LENGTH]
    ending = f"-{digest}-{kind}"
    return readable[: MAXIMUM_LENGTH - len(ending)].rstrip("-") + ending
