"""The nouns of a setup: what a project of Google Cloud has, or is to have.

Each is its own key: two of them are the same thing when they are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Format = Literal["python", "docker"]
Mode = Literal["standard", "remote", "virtual"]

# Of a virtual repository's upstreams, the higher number wins.
PRIVATE_PRIORITY = 200
PUBLIC_PRIORITY = 100


@dataclass(frozen=True)
class Api:
    """An API that is enabled in *project*; *name* is such as `iam.googleapis.com`."""

    project: str
    name: str

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"API {self.name} in {self.project}"


@dataclass(frozen=True)
class Project:
    """A project, as what a role is granted on."""

    name: str

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"the project {self.name}"


@dataclass(frozen=True)
class Place:
    """Where a repository of Artifact Registry is."""

    project: str
    location: str
    name: str

    @property
    def resource(self) -> str:
        """The whole resource name."""
        return f"projects/{self.project}/locations/{self.location}/repositories/{self.name}"

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"the repository {self.location}/{self.project}/{self.name}"


@dataclass(frozen=True)
class Repository:
    """A repository at *place*; *upstreams* are a virtual one's, private before public."""

    place: Place
    format: Format
    mode: Mode = "standard"
    upstreams: tuple[Place, ...] = ()

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"{self.place} ({self.format}, {self.mode})"


@dataclass(frozen=True)
class CleanupPolicies:
    """What Artifact Registry deletes of a repository, by the ids of the policies; see `cleanup`."""

    place: Place
    file: str
    policies: Mapping[str, Any]

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"cleanup policies {', '.join(self.policies)} of {self.place}"


@dataclass(frozen=True)
class ServiceAccount:
    """A service account of *project* by its address."""

    project: str
    email: str

    @property
    def member(self) -> str:
        """How policies name it."""
        return f"serviceAccount:{self.email}"

    @property
    def name(self) -> str:
        """The address up to its @."""
        return self.email.partition("@")[0]

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"the service account {self.email}"


Scope = Project | Place | ServiceAccount


@dataclass(frozen=True)
class Binding:
    """*member* has *role* on *scope*."""

    scope: Scope
    member: str
    role: str

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"{self.role} on {self.scope} for {self.member}"


Resource = Api | Repository | CleanupPolicies | ServiceAccount | Binding


@dataclass(frozen=True)
class Need:
    """A resource that a project needs, and one line of why."""

    resource: Resource
    why: str
