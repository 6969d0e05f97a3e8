"""The nouns of a setup: what a project of Google Cloud has, or is to have.

Each is its own key: two of them are the same thing when they are equal.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from steps.host.errors import InputError, Problem
from steps.registry.address import parse_registry
from triggers.manifest.settings import VIRTUAL_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from triggers.manifest.manifest import Manifest
    from triggers.manifest.settings import FunctionSettings

Format = Literal["python", "docker"]
Mode = Literal["standard", "remote", "virtual"]

# Of a virtual repository's upstreams, the higher number wins.
PRIVATE_PRIORITY = 200
PUBLIC_PRIORITY = 100
# Where the two commands have images stored, in the region of each function.
_FUNCTION_IMAGES = {"functions": "gcf-artifacts", "run": "cloud-run-source-deploy"}
_IMAGE = re.compile(
    r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/"
    r"(?P<project>(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+/)?[a-z][a-z0-9-]*)/(?P<name>[a-z0-9-]+)/"
)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(?P<count>\d+)(?:\.0+)?(?P<unit>[smhdw])")
_DOCUMENTS = "https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy"


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
class RepositoryName:
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

    place: RepositoryName
    format: Format
    mode: Mode = "standard"
    upstreams: tuple[RepositoryName, ...] = ()

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"{self.place} ({self.format}, {self.mode})"


@dataclass(frozen=True)
class CleanupPolicies:
    """What Artifact Registry deletes of a repository, by the ids of the policies; see `cleanup`."""

    place: RepositoryName
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


Scope = Project | RepositoryName | ServiceAccount


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
class DesiredResource:
    """A resource that a project needs, and one line of why."""

    resource: Resource
    why: str


@dataclass(frozen=True, kw_only=True)
class Repositories:
    """The repositories; *image* is None where our image lies outside Artifact Registry.

    *indexes* are what the requirements of functions name, whether a setup makes these or not.
    """

    python: RepositoryName
    public: RepositoryName
    virtual: RepositoryName
    image: RepositoryName | None
    function_images: tuple[RepositoryName, ...] = ()
    indexes: tuple[RepositoryName, ...] = ()

    @property
    def all(self) -> tuple[RepositoryName, ...]:
        """Every repository."""
        image = [self.image] if self.image else []
        return (self.python, self.public, self.virtual, *image, *self.function_images)


def find_repositories(
    manifest: Manifest, functions: Iterable[FunctionSettings] = ()
) -> Repositories:
    """Return where *manifest* puts the repositories; the image's name tells where that is."""
    functions = tuple(functions)
    python = _place(manifest.registry)
    at = (python.project, python.location)
    image = _IMAGE.match(manifest.image)
    return Repositories(
        python=python,
        public=RepositoryName(*at, f"{python.name}-public"),
        virtual=RepositoryName(*at, f"{python.name}{VIRTUAL_SUFFIX}"),
        image=RepositoryName(image["project"].replace("/", ":"), image["location"], image["name"])
        if image
        else None,
        function_images=tuple(
            dict.fromkeys(
                RepositoryName(function.project, function.region, _FUNCTION_IMAGES[function.tool])
                for function in functions
            )
        ),
        indexes=tuple(dict.fromkeys(_place(function.index) for function in functions)),
    )


def _place(repository: str) -> RepositoryName:
    registry = parse_registry(repository, {})
    return RepositoryName(registry.project, registry.location, registry.repository)


def read_cleanup_policies(file: Path, place: RepositoryName) -> CleanupPolicies:
    """Return the policies in *file* for the repository at *place*; raise InputError for others."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{str(file)!r} is no file of cleanup policies: {error}", _DOCUMENTS
        ) from None
    InputError.raise_all(Problem(f"{file}: {what}", _DOCUMENTS) for what in _problems(document))
    policies = {policy["name"]: _policy(policy) for policy in document}
    return CleanupPolicies(place, str(file), policies)


def normal_policies(live: dict[str, Any]) -> dict[str, Any]:
    """Return the policies of a repository, as Artifact Registry answers them, to be compared."""
    return {name: _policy(policy) for name, policy in live.items()}


def _problems(document: object) -> Iterator[str]:
    if not isinstance(document, list) or not document:
        yield "it has to be a list of policies"
        return
    for number, policy in enumerate(document):
        where = f"[{number}]"
        if not isinstance(policy, dict) or not isinstance(policy.get("name"), str):
            yield f"{where} has no name"
            continue
        action = policy.get("action")
        kind = action.get("type") if isinstance(action, dict) else None
        if str(kind).upper() not in {"DELETE", "KEEP"}:
            yield f"{where}.action.type is {kind!r}: Delete or Keep"
        if len({"condition", "mostRecentVersions"} & policy.keys()) != 1:
            yield f"{where} takes one of condition and mostRecentVersions"
        for key in ("condition", "mostRecentVersions"):
            yield from _bad_rule(policy.get(key, {}), f"{where}.{key}")
    names = [policy.get("name") for policy in document if isinstance(policy, dict)]
    if len(set(map(str, names))) < len(names):
        yield "two policies have one name"


def _bad_rule(rule: object, where: str) -> Iterator[str]:
    if not isinstance(rule, dict):
        yield f"{where} has to be a mapping"
        return
    for key in ("olderThan", "newerThan"):
        if key in rule and not _DURATION.fullmatch(str(rule[key])):
            yield f"{where}.{key} is {rule[key]!r}: write a number and s, m, h, d or w"


def _policy(policy: dict[str, Any]) -> dict[str, Any]:
    """Return *policy* with its action, times and tag state in one spelling."""
    action = policy.get("action", "")
    normal: dict[str, Any] = {
        "action": str(action["type"] if isinstance(action, dict) else action).upper()
    }
    for key in ("condition", "mostRecentVersions"):
        if key in policy:
            normal[key] = {name: _value(name, value) for name, value in policy[key].items()}
    if normal.get("condition", {}).get("tagState") in {"ANY", "TAG_STATE_UNSPECIFIED"}:
        del normal["condition"]["tagState"]
    return normal


def _value(name: str, value: Any) -> Any:
    if name == "tagState":
        return str(value).upper()
    if name in {"olderThan", "newerThan"} and (match := _DURATION.fullmatch(str(value))):
        return f"{int(match['count']) * _SECONDS[match['unit']]}s"
    return value
