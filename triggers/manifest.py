"""The manifest `shipwheel.yaml`: what a repository says about its triggers.

The classes below are its whole definition. The JSON Schema for editors, `shipwheel.schema.json`, is
generated from them. Every key that is not given takes its value from `triggers.settings`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from steps.errors import InputError
from steps.registry import parse_registry

MANIFEST = "shipwheel.yaml"
SCHEMA_URL = (
    "https://raw.githubusercontent.com/shipwheel/shipwheel/main/triggers/shipwheel.schema.json"
)

# Cloud Build sets these itself in pull-request builds.
PULL_REQUEST_SUBSTITUTIONS = ("_HEAD_BRANCH", "_BASE_BRANCH", "_HEAD_REPO_URL", "_PR_NUMBER")


def _check_registry(text: str) -> str:
    try:
        registry = parse_registry(text, {})
    except InputError as error:
        raise _problem(f"no registry: {error.problems[0].message}", "REGION/PROJECT/REPO") from None
    if not registry.is_artifact_registry:
        raise _problem(f"no repository of Artifact Registry: {text!r}", "REGION/PROJECT/REPO")
    return text


def _check_pattern(pattern: str) -> str:
    """Refuse what RE2, the service's engine, refuses: no regular expression, or look-around."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise _problem(f"no regular expression: {pattern!r} ({error})") from None
    if re.search(r"\(\?(?:[=!>]|<[=!])|\\[1-9]|\(\?P=", pattern):
        raise _problem(f"not of RE2: {pattern!r}", "it has no look-around and no back-references")
    return pattern


def _check_directory(path: str) -> str:
    parts = path.split("/")
    outside = path.startswith("/") or {"", ".", ".."} & set(parts)
    if path != "." and (outside or not path.isprintable()):
        raise _problem(f"no path below the manifest's directory: {path!r}", "such as packages/a")
    return path


def _check_glob(glob: str) -> str:
    if "$" in glob:
        raise _problem(f"no glob: {glob!r}", "Cloud Build puts no substitutions into globs")
    return glob


def _check_key(key: str) -> str:
    if not re.fullmatch("_[A-Z0-9_]+", key):
        raise _problem(f"no substitution's name: {key!r}", "write _ and capitals, digits or _")
    if key in PULL_REQUEST_SUBSTITUTIONS:
        raise _problem("a name that Cloud Build sets itself", "give it another name")
    return key


def _problem(message: str, hint: str = "") -> PydanticCustomError:
    return PydanticCustomError("shipwheel", "{message}", {"message": message, "hint": hint})


def _matching(pattern: str) -> StringConstraints:
    return StringConstraints(pattern=rf"^{pattern}$")


_PROJECT = r"(?:[a-z0-9.-]+\.[a-z]+:)?[a-z][a-z0-9-]*[a-z0-9]"
ProjectId = Annotated[str, _matching(_PROJECT)]
Region = Annotated[str, _matching("[a-z][a-z0-9-]*")]
Registry = Annotated[str, AfterValidator(_check_registry)]
Pattern = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_pattern)]
Directory = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_directory)]
Glob = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_glob)]
Key = Annotated[str, AfterValidator(_check_key)]
Value = Annotated[str, StringConstraints(max_length=4000)]
Tag = Annotated[str, _matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")]
TriggerName = Annotated[str, _matching("[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?")]
ServiceAccount = Annotated[
    str, _matching(r"(?:projects/[^/\s]+/serviceAccounts/[^/\s]+|[^@/\s]+@[^@/\s]+|[a-z0-9-]+)")
]
Connection = "projects/[^/]+/locations/[^/]+/connections/[^/]+"


class _Model(BaseModel):
    """Keys in camelCase, as Cloud Build writes them; none unknown, no text made from a number."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
    )


class GithubRepository(_Model):
    """A repository of the 1st generation: the Cloud Build GitHub app."""

    owner: Annotated[str, StringConstraints(min_length=1)]
    """The user or organisation."""
    name: Annotated[str, StringConstraints(min_length=1)]
    """The repository, without its owner."""


class Source(_Model):
    """Where the code is: exactly one of the three."""

    github: GithubRepository | None = None
    """A repository of the 1st generation."""
    repository: Annotated[str, _matching(f"{Connection}/repositories/[^/]+")] | None = None
    """A repository of the 2nd generation: its whole resource name."""
    git_repository_link: (
        Annotated[str, _matching(f"{Connection}/gitRepositoryLinks/[^/]+")] | None
    ) = None
    """A link of Developer Connect: its whole resource name."""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            choices = "give exactly one of: github, repository, gitRepositoryLink"
            raise _problem(f"the name of {len(given)} repositories", choices)
        return self

    @property
    def short_name(self) -> str:
        """The repository's name without owner or connection."""
        if self.github:
            return self.github.name
        return (self.repository or self.git_repository_link or "").rsplit("/", 1)[-1]


class Common(_Model):
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
            raise _problem("for both a branch and a tag", "take one of them out")
        return self


class DeployTriggers(PublishTriggers):
    """Triggers that deploy a function after a push."""

    region: Region | None = None
    """Where the function runs. By default the region of the triggers."""
    function: Annotated[str, _matching("[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")] | None = None
    """The function's name. By default its directory's."""
    runtime: Annotated[str, _matching(r"python3[0-9]+")] | None = None
    """The Python that it runs on. By default `python313`."""
    entry_point: Annotated[str, _matching("[A-Za-z_][A-Za-z0-9_]*")] | None = None
    """The Python function in `main.py` that answers. By default `main`."""
    topic: Annotated[str, StringConstraints(min_length=1)] | None = None
    """The Pub/Sub topic that calls it, instead of HTTP."""
    bucket: Annotated[str, StringConstraints(min_length=1)] | None = None
    """The bucket whose new objects call it, instead of HTTP."""

    @model_validator(mode="after")
    def _answers_one(self) -> Self:
        if self.topic and self.bucket:
            raise _problem("for both a topic and a bucket", "take one of them out")
        return self


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


class Selection(_Model):
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
