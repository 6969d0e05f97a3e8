"""Deletes a version or a package, through gcloud: what goes and who requires it is known before.

A deletion cannot be undone, and the version gate rests on what is there: without its highest
version a registry takes lower ones, and other contents under a version that it had.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from steps.host.errors import InputError
from steps.host.gcloud import Call, ask_gcloud
from steps.registry.artifact_registry import READER, REPOSITORY_ADMIN, grant_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from packaging.requirements import Requirement

    from steps.project.repository import Requirer
    from steps.registry.address import Registry
    from steps.registry.index import Index
    from steps.registry.page import PublishedFile, PublishedProject


@dataclass(frozen=True, kw_only=True)
class Dependent:
    """A project or a file that requires the package, and the version that it is left."""

    name: str
    requirement: Requirement
    left: Version | None

    def __str__(self) -> str:
        """Return the sentence."""
        then = f"which {self.left} satisfies" if self.left else "which nothing that stays satisfies"
        return f"{self.name} requires '{self.requirement}', {then}"


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """What goes: *version*, or the whole package where it is None, with its *files*.

    *warnings* are sentences about what that does beside its purpose.
    """

    package: NormalizedName
    version: Version | None
    files: tuple[PublishedFile, ...]
    dependents: tuple[Dependent, ...]
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        """Return the package, with the version if only that goes."""
        return f"{self.package} {self.version}" if self.version else self.package


def plan_deletion(
    published: PublishedProject, version: Version | None, requirers: Iterable[Requirer]
) -> Deletion:
    """Return what it means to delete *version*, or all, of *published*.

    *requirers* are those who may require it.
    """
    remaining = tuple(it for it in published.versions if version is not None and it != version)
    return Deletion(
        package=published.name,
        version=version,
        files=published.files if version is None else published.files_of(version),
        dependents=tuple(
            Dependent(name=it.name, requirement=requirement, left=_best(requirement, remaining))
            for it in requirers
            if it.name != published.name
            for requirement in it.requirements
            if canonicalize_name(requirement.name) == published.name
        ),
        warnings=("a deletion cannot be undone", *_lowered(published, remaining)),
    )


def require_deletable(registry: Registry) -> None:
    """Raise InputError unless *registry* is one that packages can be deleted from."""
    if not registry.is_artifact_registry:
        raise InputError(
            f"Only Artifact Registry can be asked to delete, through gcloud: {str(registry)!r}",
            "other indexes have ways of their own",
        )


def delete(
    deletion: Deletion, index: Index, environ: Mapping[str, str], *, wait: bool = True
) -> None:
    """Delete it from the repository of *index*, under the service's own names.

    The index has normalised names, and files raw ones; which of them the service's own are is not
    documented, so it is asked. Without *wait* gcloud does not wait for the end. Raises
    InputError when it knows none, and what gcloud's errors mean.
    """
    registry = index.registry
    if index.api and registry.emulated:
        index.api.delete(deletion.package, deletion.version)
        return
    packages = _ask("packages list", role=READER, registry=registry, environ=environ)
    package = _only(
        deletion.package, packages, lambda it: canonicalize_name(it) == deletion.package
    )
    options = () if wait else ("--async",)
    admin = partial(_ask, role=REPOSITORY_ADMIN, registry=registry, environ=environ)
    if deletion.version is None:
        admin("packages delete", package, *options)
        return
    of = f"--package={package}"
    versions = _ask("versions list", of, role=READER, registry=registry, environ=environ)
    version = _only(str(deletion), versions, lambda it: _is_version(it, deletion.version))
    admin("versions delete", version, of, *options)


def _ask(
    verb: str, *arguments: str, role: str, registry: Registry, environ: Mapping[str, str]
) -> Any:
    """Run `gcloud artifacts VERB`, which takes *role*, and return what its JSON says."""
    place = (f"--project={registry.project}", f"--location={registry.location}")
    call = Call(
        verb=f"artifacts {verb}",
        arguments=(*arguments, f"--repository={registry.repository}", *place),
        takes=f"it takes {role}: {grant_command(registry, role, 'user:ACCOUNT')}",
    )
    return ask_gcloud(call, environ)


def _best(requirement: Requirement, versions: Iterable[Version]) -> Version | None:
    """Return the version that a client would take of *versions*; a pre-release if it must."""
    return max(requirement.specifier.filter(versions), default=None)


def _lowered(published: PublishedProject, remaining: tuple[Version, ...]) -> Iterator[str]:
    """Say which of the versions that a new one has to exceed goes down, and to what."""
    if not remaining:
        yield f"the gate will take any version of {published.name} for a new one"
        return
    named = None
    for kind, counts in (("version", lambda _: True), ("release", lambda it: not it.is_prerelease)):
        before = max(filter(counts, published.versions), default=None)
        after = max(filter(counts, remaining), default=None)
        if before not in {after, named}:
            named = before
            yield (
                f"the highest {kind} that the gate sees goes down from {before} to"
                f" {after or 'none'}: what is lower than {before}, or other contents under that"
                " number, will be taken for new"
            )


def _only(what: str, entries: Iterable[Mapping[str, Any]], fits: Callable[[str], bool]) -> str:
    """Return the id, as the service has it, of the one entry that fits."""
    ids = [unquote(entry["name"].rpartition("/")[2]) for entry in entries]
    found = [it for it in ids if fits(it)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(map(repr, found or ids)) or "nothing"
    raise InputError(
        f"Artifact Registry has {len(found) or 'nothing'} that is {what!r}, by gcloud: {known}",
        "nothing was deleted; look at what is there: gcloud artifacts packages list",
    )


def _is_version(text: str, version: Version | None) -> bool:
    try:
        return Version(text) == version
    except InvalidVersion:
        return False
