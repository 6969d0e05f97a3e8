"""The manifest `shipwheel.yaml`: what a repository says about its triggers.

The classes below are its whole definition. The JSON Schema for editors, `shipwheel.schema.json`, is
generated from them. Every key that is not given takes its value from `triggers.manifest.settings`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from triggers.manifest.function import Function
from triggers.manifest.types import (
    Directory,
    Glob,
    Key,
    Model,
    Pattern,
    ProjectId,
    Region,
    Registry,
    ServiceAccount,
    Tag,
    TriggerName,
    Value,
    matching,
    problem,
)

MANIFEST = "shipwheel.yaml"
SCHEMA_URL = (
    "https://raw.githubusercontent.com/shipwheel/shipwheel/main/triggers/shipwheel.schema.json"
)

CONNECTION = "projects/[^/]+/locations/[^/]+/connections/[^/]+"


def _connected(kind: str) -> StringConstraints:
    words = f"write projects/P/locations/L/connections/C/{kind}/R"
    return matching(f"{CONNECTION}/{kind}/[^/]+", words)


class GithubRepository(Model):
    """A repository of the 1st generation: the Cloud Build GitHub app."""

    owner: Annotated[str, StringConstraints(min_length=1)]
    """The user or organisation."""
    name: Annotated[str, StringConstraints(min_length=1)]
    """The repository, without its owner."""


class Source(Model):
    """Where the code is: exactly one of the three."""

    github: GithubRepository | None = None
    """A repository of the 1st generation."""
    repository: Annotated[str, _connected("repositories")] | None = None
    """A repository of the 2nd generation: its whole resource name."""
    git_repository_link: Annotated[str, _connected("gitRepositoryLinks")] | None = None
    """A link of Developer Connect: its whole resource name."""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            choices = "give exactly one of: github, repository, gitRepositoryLink"
            raise problem(f"the name of {len(given)} repositories", choices)
        return self

    @property
    def short_name(self) -> str:
        """The repository's name without owner or connection."""
        if self.github:
            return self.github.name
        return (self.repository or self.git_repository_link or "").rsplit("/", 1)[-1]


class Common(Model):
    """What adds up from the whole repository down to one trigger."""

    substitutions: dict[Key, Value] = Field(default_factory=dict)
    """Substitutions for the build config, besides those that Shipwheel gives."""
    included_files: tuple[Glob, ...] = Field(default=(), strict=False)
    """More globs whose files start the build, besides the directory and its dependencies."""
    ignored_files: tuple[Glob, ...] = Field(default=(), strict=False)
    """Globs whose files start no build, even where another glob includes them."""
    tags: tuple[Tag, ...] = Field(default=(), strict=False)
    """More tags of the trigger, besides `shipwheel`."""


class Start(Common):
    """What every kind of trigger has."""

    enabled: bool | None = None
    """Whether there is such a trigger. By default there is."""
    build_config: Directory | None = None
    """The build config's path. A target's own `cloudbuild.yaml` comes before the shared one."""
    service_account: ServiceAccount | None = None
    """Who the build runs as: an account's name in this project, its address, or its resource."""
    approval: bool | None = None
    """Whether somebody must approve each build before it runs."""
    branch: Pattern | None = None
    """RE2 pattern of the branch; it is anchored at both ends. By default `main`."""


class CheckTriggers(Start):
    """Triggers that check a pull request. Their account must not be able to publish."""

    comment_control: (
        Literal[
            "COMMENTS_DISABLED",
            "COMMENTS_ENABLED",
            "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY",
        ]
        | None
    ) = None
    """Whose pull requests wait for an owner's `/gcbrun`. By default those from outside."""


class PublishTriggers(Start):
    """Triggers that publish a package after a push."""

    tag: Pattern | None = None
    """RE2 pattern of the tag, instead of a branch; it is anchored at both ends."""

    @model_validator(mode="after")
    def _starts_from_one(self) -> Self:
        if self.branch and self.tag:
            raise problem("for both a branch and a tag", "take one of them out")
        return self


class DeployTriggers(PublishTriggers):
    """Triggers that deploy a function after a push."""

    after_publish: bool | None = None
    """Whether the build that publishes a package which it needs starts it, not the push."""
    function: Function = Field(default_factory=Function)
    """How the function is deployed."""


class Override(Common):
    """What is different for one package, function or group; the key is its directory."""

    name: TriggerName | None = None
    """What its triggers' names begin with, instead of its path."""
    check: CheckTriggers = Field(default_factory=CheckTriggers)
    """Its check trigger."""
    publish: PublishTriggers = Field(default_factory=PublishTriggers)
    """Its publish trigger."""
    deploy: DeployTriggers = Field(default_factory=DeployTriggers)
    """Its deploy trigger."""


class Selection(Model):
    """Which directories are taken."""

    include: tuple[Directory, ...] | None = Field(default=None, strict=False)
    """Directories, or globs of them. Without it they are found in the repository."""
    exclude: tuple[Directory, ...] = Field(default=(), strict=False)
    """Directories, or globs of them, that are left out with everything below."""


class Manifest(Common):
    """A repository's packages, functions and the triggers that check, publish and deploy them."""

    project: ProjectId
    """The Google Cloud project that the triggers live in."""
    region: Region
    """The location of the triggers, or `global`. A connected repository has to be in the same."""
    registry: Registry
    """The Python repository to publish to: REGION/PROJECT/REPO, or its URL."""
    image: Annotated[str, StringConstraints(min_length=1)]
    """The address of Shipwheel's container image, with a tag or a digest."""
    source: Source
    """Where the code is."""
    name_prefix: TriggerName | None = None
    """What all triggers' names begin with: names are unique in a project, not in a repository."""
    grouping: Literal["target", "directory"] = "target"
    """One trigger per package, or one per top directory that sees to all packages below it."""
    check: CheckTriggers = Field(default_factory=CheckTriggers)
    """Triggers that check a package in a pull request."""
    publish: PublishTriggers = Field(default_factory=PublishTriggers)
    """Triggers that publish a package after a push."""
    deploy: DeployTriggers = Field(default_factory=DeployTriggers)
    """Triggers that deploy a function after a push."""
    packages: Selection = Field(default_factory=Selection)
    """Which directories are packages."""
    functions: Selection = Field(default_factory=Selection)
    """Which directories are functions."""
    overrides: dict[Directory, Override] = Field(default_factory=dict)
    """What is different for single directories."""

    @field_validator("source")
    @classmethod
    def _is_in_the_region(cls, source: Source, info: ValidationInfo) -> Source:
        location = (source.repository or "///").split("/")[3]
        region = info.data.get("region")
        if location and region and location != region:
            raise problem(
                f"connected in {location!r}, and `region` is {region!r}",
                f"set `region` to {location!r}: triggers run where their connection is",
            )
        return source
