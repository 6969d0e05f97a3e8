"""What holds for one trigger: defaults, manifest and override, in layers.

Lists and substitutions add up; of everything else the last layer that gives it wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from triggers.cloudbuild.conditions import anchored
from triggers.manifest.kinds import KINDS, CheckTriggers, PublishTriggers, Start

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from triggers.manifest.manifest import Manifest, Override

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
