"""The settings of triggers, by their kinds: those that every repository has, and own ones.

What holds for one trigger comes in layers: defaults, manifest and override. Lists and substitutions
add up; of everything else the last layer that gives it wins.
"""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from steps.host.errors import did_you_mean
from triggers.cloudbuild.conditions import anchored
from triggers.manifest.function import FunctionConfig, TopicName
from triggers.manifest.types import (
    Directory,
    Glob,
    Key,
    Model,
    Pattern,
    ServiceAccount,
    Tag,
    Value,
    matching,
    problem,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from triggers.manifest.manifest import Manifest, Override

KINDS = ("check", "publish", "deploy")


def _cron_field(value: str) -> str:
    item = rf"(?:\*|(?:{value})(?:-(?:{value}))?)(?:/[1-9][0-9]?)?"
    return f"{item}(?:,{item})*"


_CRON_FIELDS = (
    *("[0-5]?[0-9]", "[01]?[0-9]|2[0-3]", "0?[1-9]|[12][0-9]|3[01]"),
    *("0?[1-9]|1[0-2]|[A-Za-z]{3}", "[0-7]|[A-Za-z]{3}"),
)
Cron = Annotated[
    str,
    matching(
        " ".join(map(_cron_field, _CRON_FIELDS)),
        "write minute, hour, day of the month, month and day of the week, such as 0 3 * * *",
    ),
]


def _check_zone(name: str) -> str:
    zones = zoneinfo.available_timezones()  # none where the machine has no such data
    if zones and name not in zones:
        hint = did_you_mean(name, zones, "write it as in the tz database, such as Europe/Berlin")
        raise problem(f"{name!r}, which is no time zone", hint)
    return name


DEFAULT_ACCOUNTS = {kind: f"shipwheel-{kind}" for kind in KINDS}
# What `shipwheel init` writes; a manifest that names none leaves functions to Google's accounts.
DEFAULT_FUNCTION_ACCOUNTS = {
    "serviceAccount": "shipwheel-function",
    "buildServiceAccount": "shipwheel-build",
}
IMAGE_ACCOUNT = "shipwheel-image"  # builds our image
SCHEDULE_ACCOUNT = "shipwheel-schedule"  # starts what is scheduled
DEFAULT_BRANCH = "^main$"
DEFAULT_COMMENT_CONTROL = "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
OWNERSHIP_TAG = "shipwheel"  # marks the triggers that `diff` and `apply` manage

_T = TypeVar("_T")


def _check_kind(name: str) -> str:
    if name in KINDS:
        raise problem("a kind that every manifest has", "give it another name")
    return name


KindName = Annotated[
    str,
    matching(
        "[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?",
        "up to 20 lower-case letters, digits and -, a letter first, no - at the end",
    ),
    AfterValidator(_check_kind),
]
SecretVersion = Annotated[
    str,
    matching(
        r"projects/[^/\s]+/secrets/[^/\s]+/versions/[^/\s]+",
        "write projects/PROJECT/secrets/SECRET/versions/VERSION",
    ),
]


class Common(Model):
    """Settings that add up from the whole repository down to one trigger."""

    substitutions: dict[Key, Value] = Field(default_factory=dict)
    """Substitutions for the build config, besides those that Shipwheel gives."""
    included_files: tuple[Glob, ...] = Field(default=(), strict=False)
    """More globs whose files start the build, besides the directory and its dependencies."""
    ignored_files: tuple[Glob, ...] = Field(default=(), strict=False)
    """Globs whose files start no build, even where another glob includes them."""
    tags: tuple[Tag, ...] = Field(default=(), strict=False)
    """More tags of the trigger, besides `shipwheel`."""
    trigger: dict[str, Any] = Field(default_factory=dict)
    """Fields of Cloud Build's message BuildTrigger that the manifest has no key for."""


class Start(Common):
    """Settings that every kind of trigger has."""

    enabled: bool | None = None
    """Whether to render this trigger. By default it is rendered."""
    build_config: Directory | None = None
    """The build config's path. A target's own `cloudbuild.yaml` comes before the shared one."""
    service_account: ServiceAccount | None = None
    """Who the build runs as: an account's name in this project, its address, or its resource."""
    approval: bool | None = None
    """Whether each build needs an approval before it runs."""
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
            raise problem("for both a branch and a tag", "remove one of them")
        return self


class DeployTriggers(PublishTriggers):
    """Triggers that deploy a function after a push."""

    after_publish: bool | None = None
    """Start it from the build that publishes a package it needs, not from the push."""
    function: FunctionConfig = Field(default_factory=FunctionConfig)
    """How the function is deployed."""


class OwnKind(PublishTriggers):
    """Triggers of a kind of your own: exactly one of schedule, manual, topic, webhook and push."""

    schedule: Cron | None = None
    """When Cloud Scheduler starts it: `0 3 * * *` is every night at three."""
    time_zone: Annotated[str, AfterValidator(_check_zone)] | None = None
    """The schedule's time zone, such as `Europe/Berlin`. By default `Etc/UTC`."""
    manual: Literal[True] | None = None
    """You start it: `gcloud builds triggers run NAME`."""
    topic: Annotated[str, TopicName] | None = None
    """The name of a Pub/Sub topic of the project: each message starts it."""
    webhook: SecretVersion | None = None
    """The secret's version that a request has to name."""
    push: Literal[True] | None = None
    """A push to `branch`, or of `tag`."""
    packages: Annotated[tuple[Directory, ...], Field(min_length=1)] | None = Field(
        default=None, strict=False
    )
    """Packages, or globs of their directories, with a trigger each. Without it there is one."""

    @property
    def starter(self) -> str:
        """What starts it: the one key of these that is given."""
        return next(it for it in _STARTERS if getattr(self, it) is not None)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        given = [it for it in _STARTERS if getattr(self, it) is not None]
        if len(given) != 1:
            raise problem(
                f"started by {len(given)} things", f"give exactly one of: {', '.join(_STARTERS)}"
            )
        if not self.build_config:
            raise problem("without a build config", "give `buildConfig`")
        if self.time_zone and not self.schedule:
            raise problem("with a timeZone and no schedule", "remove `timeZone`")
        if not self.push and (self.tag or self.included_files or self.ignored_files):
            raise problem(
                "for a tag or for files, and no push starts it",
                "remove `tag`, `includedFiles` and `ignoredFiles`",
            )
        return self


_STARTERS = ("schedule", "manual", "topic", "webhook", "push")


@dataclass(frozen=True, kw_only=True)
class TriggerSettings:
    """Everything that layers decide about one trigger, except for a function's own settings.

    Exactly one of *branch* and *tag* is given, anchored; *service_account* is a full resource name;
    *build_config* is empty where the manifest names none. *fields* are the message's own.
    """

    enabled: bool
    branch: str
    tag: str
    comment_control: str
    build_config: str
    service_account: str
    approval: bool
    substitutions: dict[str, str]
    included_files: tuple[str, ...]
    ignored_files: tuple[str, ...]
    tags: tuple[str, ...]
    fields: dict[str, Any]


@dataclass(frozen=True)
class Owner:
    """Whose triggers and jobs are compared: a connected *repository*, and a prefix of names."""

    repository: str
    prefix: str = ""


def owner_of(manifest: Manifest) -> Owner:
    """Return whose triggers and jobs the *manifest* describes."""
    source = manifest.source
    github = source.github and f"{source.github.owner}/{source.github.name}"
    repository = github or source.repository or source.git_repository_link or ""
    return Owner(repository, manifest.name_prefix or "")


def resolve(manifest: Manifest, path: str, kind: str) -> TriggerSettings:
    """Return what holds for the trigger of *kind* of the target in directory *path*."""
    starts = _starts(manifest, path, kind)
    common = [manifest, starts[0], *_override(manifest, path), *starts[1:]]
    branch, tag = _reference(starts if kind in KINDS else [manifest.check, *starts])
    account = _last((start.service_account for start in starts), default=f"shipwheel-{kind}")
    comments = (start.comment_control for start in starts if isinstance(start, CheckTriggers))
    return TriggerSettings(
        enabled=_last((start.enabled for start in starts), default=True),
        branch=branch,
        tag=tag,
        comment_control=_last(comments, default=DEFAULT_COMMENT_CONTROL),
        build_config=_last((start.build_config for start in starts), default=""),
        service_account=service_account_resource(account, manifest.project),
        approval=_last((start.approval for start in starts), default=False),
        substitutions={key: text for layer in common for key, text in layer.substitutions.items()},
        included_files=_unique(glob for layer in common for glob in layer.included_files),
        ignored_files=_unique(glob for layer in common for glob in layer.ignored_files),
        tags=_unique([OWNERSHIP_TAG, *(tag for layer in common for tag in layer.tags)]),
        fields={key: value for layer in common for key, value in layer.trigger.items()},
    )


def service_account_resource(account: str, project: str) -> str:
    """Return `projects/PROJECT/serviceAccounts/EMAIL`, the only form that a trigger takes."""
    if account.startswith("projects/"):
        return account
    if "@" not in account:
        # A domain-scoped project `example.com:name` is spelt backwards in its accounts' addresses.
        domain = ".".join(reversed(project.split(":")))
        account = f"{account}@{domain}.iam.gserviceaccount.com"
    return f"projects/{project}/serviceAccounts/{account}"


def _override(manifest: Manifest, path: str) -> list[Override]:
    return [manifest.overrides[path]] if path in manifest.overrides else []


def _starts(manifest: Manifest, path: str, kind: str) -> list[Start]:
    if kind in KINDS:
        layers: list[Manifest | Override] = [manifest, *_override(manifest, path)]
        return [getattr(layer, kind) for layer in layers]
    own = (it.kinds[kind] for it in _override(manifest, path) if kind in it.kinds)
    return [manifest.kinds[kind], *own]


def _reference(starts: Sequence[Start]) -> tuple[str, str]:
    """Return branch and tag, of which one is empty: the last layer with either decides."""
    branch, tag = DEFAULT_BRANCH, ""
    for start in starts:
        if isinstance(start, PublishTriggers) and start.tag:
            branch, tag = "", anchored(start.tag)
        elif start.branch:
            branch, tag = anchored(start.branch), ""
    return branch, tag


def _last(values: Iterable[_T | None], *, default: _T) -> _T:
    given = [value for value in values if value is not None]
    return given[-1] if given else default


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
