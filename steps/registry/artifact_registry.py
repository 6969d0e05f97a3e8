"""What Artifact Registry has: repositories and their modes, roles, and errors of its API.

A virtual repository's priorities decide which upstream gives a version that several have. They do
not hide a higher version that only the public upstream has: clients are offered it, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

from steps.host.errors import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import requests

    from steps.registry.address import Registry

# The modes of repositories, as the service has them.
STANDARD, REMOTE, VIRTUAL = "STANDARD_REPOSITORY", "REMOTE_REPOSITORY", "VIRTUAL_REPOSITORY"
READER = "roles/artifactregistry.reader"
WRITER = "roles/artifactregistry.writer"
REPOSITORY_ADMIN = "roles/artifactregistry.repoAdmin"
_NOT_ENABLED = "has not been used in project"
_TIMESTAMP = re.compile(r"[0-9T:.+Z-]{10,40}")
_POLICY = "organization's policy"


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

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """Return the repository that the API's *answer* describes."""
        policies = answer.get("virtualRepositoryConfig", {}).get("upstreamPolicies", ())
        upstreams = (
            Upstream(
                name=policy["repository"].rpartition("/")[2],
                priority=int(policy.get("priority", 0)),
                resource=policy["repository"],
            )
            for policy in policies
        )
        return cls(
            name=str(answer.get("name", "")).rpartition("/")[2],
            mode=visible(str(answer.get("mode", ""))),
            upstreams=tuple(sorted(upstreams, key=lambda it: -it.priority)),
            format=visible(str(answer.get("format", ""))),
        )

    @property
    def kind(self) -> str:
        """The mode in a word: standard, remote or virtual."""
        return self.mode.removesuffix("_REPOSITORY").lower() or "unknown"

    @property
    def is_python(self) -> bool:
        """Whether it holds Python packages, or does not tell."""
        return self.format in {"", "FORMAT_UNSPECIFIED", "PYTHON"}

    def __str__(self) -> str:
        """Return what it is, such as `'pypi' is a standard repository`."""
        return f"{self.name!r} is a {self.kind} repository"


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file as the service lists it: its name, its size in bytes, and when it was *created*."""

    filename: str
    size: int | None
    created: str | None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Return the file of an *entry* of the API, in whose id the slashes are quoted."""
        size, created = str(entry.get("sizeBytes", "")), str(entry.get("createTime", ""))
        return cls(
            filename=unquote(entry["name"]).rpartition("/")[2],
            size=int(size) if size.isdecimal() else None,
            created=created if _TIMESTAMP.fullmatch(created) else None,
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


def member(account: str) -> str:
    """Return how a policy names *account*, an e-mail address."""
    kind = "serviceAccount" if account.endswith(".gserviceaccount.com") else "user"
    return f"{kind}:{account}"


def grant_command(registry: Registry, role: str, to: str) -> str:
    """Return the gcloud command that grants *role* on *registry* *to* a member of a policy."""
    return (
        f"gcloud artifacts repositories add-iam-policy-binding {registry.repository}"
        f" --project={registry.project} --location={registry.location}"
        f" --role={role} --member={to}"
    )


def create_command(registry: Registry, name: str = "") -> str:
    """Return the gcloud command that creates *registry*, or *name* beside it."""
    return (
        f"gcloud artifacts repositories create {name or registry.repository}"
        f" --repository-format=python --project={registry.project} --location={registry.location}"
    )


@dataclass(frozen=True, kw_only=True)
class GoogleError:
    """An error; *consumers* are the projects whose state is the reason, where it names them."""

    message: str
    reasons: frozenset[str] = frozenset()
    consumers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, response: requests.Response) -> Self | None:
        """Return the error that *response* holds; None for any other body."""
        try:
            error = response.json()["error"]
            details = [it for it in error.get("details", ()) if isinstance(it, dict)]
            consumers = (it.get("metadata", {}).get("consumer", "") for it in details)
            return cls(
                message=str(error["message"]),
                reasons=frozenset(str(it["reason"]) for it in details if "reason" in it),
                consumers=frozenset(it.rpartition("/")[2] for it in consumers if it),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    @property
    def is_api_off(self) -> bool:
        """Whether the API is not enabled in the project that the request counts for."""
        return "SERVICE_DISABLED" in self.reasons or _NOT_ENABLED in self.message

    @property
    def is_permission(self) -> bool:
        """Whether of all that is 403 it is a missing role, and no policy, scope or project."""
        return self.reasons <= {"IAM_PERMISSION_DENIED"} and _POLICY not in self.message
