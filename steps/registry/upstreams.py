"""What gcloud says of a repository that clients read from: its mode, and a virtual one's upstreams.

A virtual repository's priorities decide which upstream gives a version that several have. They
hold nothing back: a higher version that only the public upstream has is offered all the same.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steps.host.children import Children
from steps.host.tasks import each

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steps.registry.address import Registry

_SECONDS = 30.0
# The modes of repositories, as the service has them.
STANDARD, REMOTE, VIRTUAL = "STANDARD_REPOSITORY", "REMOTE_REPOSITORY", "VIRTUAL_REPOSITORY"


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """An upstream of a virtual repository; the higher *priority* goes first.

    *resource* is what Google Cloud calls it, for it may be in another project.
    """

    name: str
    priority: int
    mode: str = ""
    resource: str = ""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository as the service describes it; *upstreams* are a virtual one's."""

    name: str
    mode: str
    upstreams: tuple[Upstream, ...] = ()
    format: str = ""

    @property
    def kind(self) -> str:
        """The mode in a word: standard, remote or virtual."""
        return self.mode.removesuffix("_REPOSITORY").lower() or "unknown"

    def __str__(self) -> str:
        """Return what it is, such as `'pypi' is a standard repository`."""
        return f"{self.name!r} is a {self.kind} repository"


def describe_repository(registry: Registry, environ: Mapping[str, str]) -> Repository | None:
    """Ask gcloud what *registry* is, and what its upstreams are.

    Returns None where gcloud is missing, slow, or may not tell.
    """
    project = f"projects/{registry.project}/locations/{registry.location}"
    name = f"{project}/repositories/{registry.repository}"
    described = _describe(name, environ)
    if described is None:
        return None
    policies = described.get("virtualRepositoryConfig", {}).get("upstreamPolicies", [])
    modes = each(
        lambda policy: (_describe(policy["repository"], environ) or {}).get("mode", ""),
        policies,
        workers=4,
    )
    upstreams = [
        Upstream(
            name=policy["repository"].rpartition("/")[2],
            priority=int(policy.get("priority", 0)),
            mode=mode,
        )
        for policy, mode in zip(policies, modes, strict=True)
    ]
    return Repository(
        name=registry.repository,
        mode=described.get("mode", ""),
        upstreams=tuple(sorted(upstreams, key=lambda it: -it.priority)),
    )


def explain(repository: Repository) -> str:
    """Say in a sentence what *repository* is; of a virtual one, what its priorities decide."""
    if repository.mode != VIRTUAL:
        return str(repository)
    listed = ", ".join(f"{it.name!r} ({it.priority})" for it in repository.upstreams)
    return (
        f"{repository} of {listed or 'nothing'}: a version that"
        " several upstreams have comes from the one with the highest number; every other version"
        " of the name is offered, too, wherever it comes from"
    )


def misused(repository: Repository, *, alone: bool, private: bool) -> tuple[str, ...]:
    """Say what is wrong with *repository* for its use.

    *alone* says that a client reads no other index, *private* that it takes private packages from
    this one, and uploads to it.
    """
    found = []
    if alone and repository.mode == STANDARD:
        found.append(
            f"{repository}: as the only index it has no public packages; name a virtual one"
        )
    if private and not alone and repository.mode in {VIRTUAL, REMOTE}:
        found.append(
            f"{repository}: it takes no uploads, and offers public versions of"
            " private packages' names, too; name the standard one behind it with --standard"
        )
    return (*found, *_misplaced(repository))


def _misplaced(repository: Repository) -> Iterator[str]:
    """Name every remote upstream that does not come after all the others."""
    own = [it for it in repository.upstreams if it.mode == STANDARD]
    for remote in (it for it in repository.upstreams if it.mode == REMOTE):
        for private in (it for it in own if it.priority <= remote.priority):
            yield (
                f"upstream {remote.name!r}, a proxy of another index, has priority"
                f" {remote.priority}, and {private.name!r} has {private.priority}: give"
                f" {private.name!r} the higher number, or public files stand in for private ones"
                " of the same version"
            )


def _describe(name: str, environ: Mapping[str, str]) -> dict[str, Any] | None:
    command = ["gcloud", "artifacts", "repositories", "describe", name, "--format=json", "--quiet"]
    try:
        with Children(timeout=_SECONDS) as children:
            result = children.ask(command, environ=environ)
        found = json.loads(result.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return found if isinstance(found, dict) else None
