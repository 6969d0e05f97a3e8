"""What triggers are for, and what these are called.

Here it is decided what starts what: the directories whose files start a build, and the functions
that are deployed by the builds which publish the packages that they need.

GitHub shows a trigger's name as the name of its check; branch protection breaks when it changes.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from steps.host.errors import Problem
from triggers.manifest.settings import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from triggers.discovery.inventory import Target
    from triggers.discovery.model import Trigger
    from triggers.manifest.manifest import Manifest
    from triggers.manifest.settings import Kind

MAXIMUM_LENGTH = 64
_HASH_LENGTH = 8


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One package, one function, or all packages below a directory.

    *packages* are the paths of what it publishes, *folders* and *files* what starts its builds,
    *followers* the paths of the functions that are deployed after it is published.
    """

    kind: Literal["package", "function", "directory"]
    path: str
    title: str
    has_own_config: bool
    packages: tuple[str, ...]
    folders: tuple[str, ...]
    files: tuple[str, ...]
    followers: tuple[str, ...] = ()


def find_subjects(manifest: Manifest, targets: Iterable[Target]) -> list[Subject]:
    """Return the subjects of all *targets*, grouped as *manifest* says."""
    subjects = [*_subjects(manifest, targets)]
    publishing = [
        subject
        for subject in subjects
        if subject.packages and resolve(manifest, subject.path, "publish").enabled
    ]
    waiting = [
        subject
        for subject in subjects
        if subject.kind == "function" and _waits(manifest, subject.path)
    ]
    return [_connected(subject, publishing, waiting) for subject in subjects]


def name_in(manifest: Manifest, path: str, kind: Kind) -> str:
    """Return the name of the trigger of *kind* for what is in directory *path*."""
    override = manifest.overrides.get(path)
    given = override.name if override else None
    return trigger_name(given or path, kind, prefix=manifest.name_prefix or "")


def _subjects(manifest: Manifest, targets: Iterable[Target]) -> Iterator[Subject]:
    directories: dict[str, list[Target]] = {}
    for target in targets:
        if manifest.grouping == "directory" and target.kind == "package":
            directories.setdefault(target.path.split("/")[0], []).append(target)
        else:
            yield Subject(
                kind=target.kind,
                path=target.path,
                title=target.name,
                has_own_config=target.has_own_config,
                packages=(target.path,) if target.kind == "package" else (),
                folders=(target.path, *target.dependencies.folders),
                files=target.dependencies.files,
            )
    for path, members in directories.items():
        dependencies = [member.dependencies for member in members]
        yield Subject(
            kind="directory",
            path=path,
            title=f"{len(members)} packages",
            has_own_config=False,
            packages=tuple(member.path for member in members),
            folders=(path, *sorted({d for each in dependencies for d in each.folders})),
            files=tuple(sorted({d for each in dependencies for d in each.files})),
        )


def _waits(manifest: Manifest, path: str) -> bool:
    """Return whether the function in *path* is deployed, and after the packages that it needs."""
    override = manifest.overrides.get(path)
    own = override.deploy.after_publish if override else None
    after = manifest.deploy.after_publish if own is None else own
    return bool(after) and resolve(manifest, path, "deploy").enabled


def _connected(
    subject: Subject, publishing: Iterable[Subject], waiting: Iterable[Subject]
) -> Subject:
    """Return *subject* with its followers; one that waits, without what publishing it starts."""
    if subject in publishing:
        needed = {*subject.packages}
        followers = (each.path for each in waiting if needed & {*each.folders[1:]})
        return replace(subject, followers=tuple(followers))
    if subject in waiting:
        published = {path for each in publishing for path in each.packages}
        own, *others = subject.folders
        folders = (own, *(folder for folder in others if folder not in published))
        return replace(subject, folders=folders)
    return subject


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


def collisions(triggers: Iterable[Trigger]) -> Iterator[Problem]:
    """Yield a problem per name that several triggers have, such as those of `a_b` and `a.b`."""
    by_name: dict[str, list[str]] = {}
    for trigger in triggers:
        by_name.setdefault(trigger.name, []).append(trigger.target)
    for name, targets in by_name.items():
        if len(targets) > 1:
            yield Problem(
                f"{len(targets)} triggers have the name {name!r}: those of "
                + ", ".join(map(repr, targets)),
                f'give one of them another: `overrides["{targets[-1]}"].name` in the manifest',
            )
