"""What holds for one trigger, and for one function: defaults, manifest and override, in layers.

Lists, substitutions, and a function's maps of variables and secrets add up; of everything else
the last layer that gives it wins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from steps.host.errors import Problem, did_you_mean
from steps.registry.address import parse_registry
from triggers.cloudbuild.conditions import anchored
from triggers.cloudbuild.messages import api
from triggers.manifest.function import FunctionConfig, FunctionTrigger
from triggers.manifest.manifest import (
    CheckTriggers,
    DeployTriggers,
    Manifest,
    Override,
    PublishTriggers,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Kind = Literal["check", "publish", "deploy"]
KINDS: tuple[Kind, ...] = ("check", "publish", "deploy")

DEFAULT_ACCOUNTS: dict[Kind, str] = {
    "check": "shipwheel-check",
    "publish": "shipwheel-publish",
    "deploy": "shipwheel-deploy",
}
# What `shipwheel init` writes; a manifest that names none leaves functions to Google's accounts.
DEFAULT_FUNCTION_ACCOUNTS = {
    "serviceAccount": "shipwheel-function",
    "buildServiceAccount": "shipwheel-build",
}
IMAGE_ACCOUNT = "shipwheel-image"  # not in the manifest: no trigger builds our image
DEFAULT_BRANCH = "^main$"
DEFAULT_COMMENT_CONTROL = "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
OWNERSHIP_TAG = "shipwheel"  # marks the triggers that `diff` and `apply` manage

_Start = CheckTriggers | PublishTriggers | DeployTriggers
_T = TypeVar("_T")

DEFAULT_RUNTIME = "python313"
DEFAULT_PUBLISH_TIMEOUT = "900s"
VIRTUAL_SUFFIX = "-all"  # of the virtual repository that `shipwheel setup` puts over the registry
# The flags that a deployment is given already, and the manifest's words for them.
_WORDS_FOR_FLAGS = {
    **dict.fromkeys(("source", "gen2", "image", "ignore-file", "async"), ""),
    **dict.fromkeys(("env-vars-file", "set-env-vars", "update-env-vars"), "environment"),
    **dict.fromkeys(("remove-env-vars", "clear-env-vars"), "environment"),
    **dict.fromkeys(("build-env-vars-file", "set-build-env-vars"), "buildEnvironment"),
    **dict.fromkeys(("update-build-env-vars", "remove-build-env-vars"), "buildEnvironment"),
    **dict.fromkeys(("clear-build-env-vars",), "buildEnvironment"),
    **dict.fromkeys(("set-secrets", "update-secrets", "remove-secrets"), "secrets"),
    **dict.fromkeys(("clear-secrets",), "secrets"),
    **dict.fromkeys(("trigger-http", "trigger-topic", "trigger-bucket", "retry"), "trigger"),
    **dict.fromkeys(("trigger-event", "trigger-event-filters", "trigger-resource"), "trigger"),
    **dict.fromkeys(("trigger-event-filters-path-pattern", "trigger-location"), "trigger"),
    **dict.fromkeys(("trigger-service-account",), "trigger"),
    **dict.fromkeys(("service-account", "run-service-account"), "serviceAccount"),
    **dict.fromkeys(("egress-settings", "vpc-egress"), "vpcEgress"),
    **dict.fromkeys(("ingress-settings", "ingress"), "ingress"),
    **dict.fromkeys(("runtime", "base-image"), "runtime"),
    **dict.fromkeys(("entry-point", "function"), "entryPoint"),
    **{it: it for it in ("region", "memory", "cpu", "timeout", "concurrency")},
    "min-instances": "minInstances",
    "max-instances": "maxInstances",
    "build-service-account": "buildServiceAccount",
    "vpc-connector": "vpcConnector",
    "allow-unauthenticated": "allowUnauthenticated",
}
_LONGEST_CALL = {"http": 3600, "events": 540}  # seconds


@dataclass(frozen=True, kw_only=True)
class TriggerSettings:
    """Everything that layers decide about one trigger, except for a function's own settings.

    Exactly one of *branch* and *tag* is given, anchored; *service_account* is a full resource name;
    *build_config* is empty where the manifest names none.
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


def resolve(manifest: Manifest, path: str, kind: Kind) -> TriggerSettings:
    """Return what holds for the trigger of *kind* of the target in directory *path*."""
    starts = _starts(manifest, path, kind)
    common = [manifest, starts[0], *_override(manifest, path), *starts[1:]]
    branch, tag = _reference(starts)
    account = _last((start.service_account for start in starts), default=DEFAULT_ACCOUNTS[kind])
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


def _starts(manifest: Manifest, path: str, kind: Kind) -> list[_Start]:
    layers: list[Manifest | Override] = [manifest, *_override(manifest, path)]
    return [getattr(layer, kind) for layer in layers]


def _reference(starts: Sequence[_Start]) -> tuple[str, str]:
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


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """What holds for the function in directory *path*; *given* is what the manifest says of it.

    *index* is the repository that its requirements name: LOCATION/PROJECT/REPO, or a URL.
    """

    path: str
    project: str
    name: str
    region: str
    runtime: str
    entry_point: str
    trigger: FunctionTrigger
    index: str
    given: FunctionConfig

    @property
    def tool(self) -> str:
        """The command of gcloud that deploys it: `functions` or `run`."""
        return self.given.tool or "functions"


def resolve_function(manifest: Manifest, path: str) -> FunctionSettings:
    """Return how the function in directory *path* is deployed."""
    override = manifest.overrides.get(path)
    layers = [manifest.deploy.function, *([override.deploy.function] if override else [])]
    given = _merged(layers)
    return FunctionSettings(
        path=path,
        project=manifest.project,
        name=given.name or _function_name(path, manifest),
        region=given.region or manifest.region,
        runtime=given.runtime or DEFAULT_RUNTIME,
        entry_point=given.entry_point or "main",
        trigger=given.trigger or FunctionTrigger(http=True),
        index=given.index or virtual_over(manifest.registry),
        given=given,
    )


def virtual_over(registry: str) -> str:
    """Return the virtual repository that `shipwheel setup` puts over *registry*, in short form."""
    place = parse_registry(registry, {})
    return f"{place.location}/{place.project}/{place.repository}{VIRTUAL_SUFFIX}"


def contradictions(function: FunctionSettings) -> Iterator[Problem]:
    """Yield a problem per setting that gcloud or the service would refuse beside another one."""
    for what, hint in _contradictions(function):
        yield Problem(f"The function in {function.path!r} {what}", hint)


def _contradictions(function: FunctionSettings) -> Iterator[tuple[str, str]]:
    given = function.given
    if function.region == "global":
        yield "has no region: its triggers are global", "set `deploy.function.region`"
    if function.tool == "run" and not function.trigger.http:
        yield (
            "is called by events, which `gcloud run deploy` cannot set up",
            (
                "remove `tool: run`; or set `trigger: {http: true}` and create the trigger with"
                " `gcloud eventarc triggers create`"
            ),
        )
    yield from _sizes(function)
    yield from _flags(function)
    if given.vpc_egress and not given.vpc_connector:
        yield f"has `vpcEgress: {given.vpc_egress}` without a `vpcConnector`", "set both"
    for name in sorted({*(given.environment or ())} & {*(given.secrets or ())}):
        yield f"has {name!r} as a variable and as a secret", "remove one of them"
    folders = [place.rpartition("/")[0] for place in given.secrets or () if "/" in place]
    for folder in sorted({folder for folder in folders if folders.count(folder) > 1}):
        yield f"has two secrets in the directory {folder!r}", "give each a directory of its own"
    vendor = given.requirements.vendor if given.requirements else None
    if vendor and "GOOGLE_VENDOR_PIP_DEPENDENCIES" in (given.build_environment or {}):
        yield (
            "names the directory of its distributions twice",
            "remove GOOGLE_VENDOR_PIP_DEPENDENCIES: `requirements.vendor` sets it",
        )


def _flags(function: FunctionSettings) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with flags that the manifest has no word for."""
    known = api().deploy_flags[function.tool]
    for name, value in (function.given.flags or {}).items():
        kind = known.get(name) or known.get(name.removeprefix("no-"))
        if kind is None:
            hint = f"`gcloud {function.tool} deploy --help` lists them"
            near = did_you_mean(name, known, hint)
            yield f"has a flag that gcloud does not know: {name!r}", near
        elif (word := _WORDS_FOR_FLAGS.get(name.removeprefix("no-"))) is not None:
            hint = f"use `{word}`" if word else "remove it: the build config sets it"
            yield f"has the flag {name!r}, which is set already", hint
        elif (kind == "bool") is not (value is True):
            hint = "write `true`" if kind == "bool" else "give it a value"
            yield f"has the flag {name!r} with {value!r}", hint


def _sizes(function: FunctionSettings) -> Iterator[tuple[str, str]]:
    given, functions = function.given, function.tool == "functions"
    if given.cpu is not None and functions and not given.memory:
        yield (
            f"has `cpu: {given.cpu:g}` without `memory`",
            "set both, as `gcloud functions` needs",
        )
    yield from _concurrency(function)
    if given.max_instances is not None and (given.min_instances or 0) > given.max_instances:
        yield (
            f"has {given.min_instances} instances at least and {given.max_instances} at most",
            "swap `minInstances` and `maxInstances`",
        )
    kind = "http" if function.trigger.http else "events"
    if given.timeout and int(given.timeout[:-1]) > _LONGEST_CALL[kind]:
        yield (
            f"has `timeout: {given.timeout}`",
            f"a call by {kind} may take {_LONGEST_CALL[kind]}s",
        )


def _concurrency(function: FunctionSettings) -> Iterator[tuple[str, str]]:
    # By default `run` takes 80 calls at once and a whole CPU, `functions` one and a part.
    given, by_run = function.given, function.tool == "run"
    concurrency = given.concurrency or (80 if by_run else 1)
    small = given.cpu < 1 if given.cpu is not None else not by_run
    if concurrency > 1 and small:
        calls = f"`concurrency: {given.concurrency}`" if given.concurrency else "no `concurrency`"
        cpu = f"`cpu: {given.cpu:g}`" if given.cpu is not None else "no `cpu`"
        hint = "more than one call at once needs `cpu: 1` or more; else give `concurrency: 1`"
        yield f"has {calls} with {cpu}", hint


def _merged(layers: list[FunctionConfig]) -> FunctionConfig:
    merged: dict[str, Any] = {}
    for layer in layers:
        for key in layer.model_fields_set:
            value = getattr(layer, key)
            if isinstance(value, dict):
                merged[key] = {**(merged.get(key) or {}), **value}
            elif value is not None:
                merged[key] = value
    return FunctionConfig.model_construct(**merged)


def _function_name(path: str, manifest: Manifest) -> str:
    folder = manifest.source.short_name if path == "." else path.rsplit("/", 1)[-1]
    return re.sub("[^a-z0-9-]+", "-", folder.lower()).strip("-")
