"""A function's settings: the manifest's and the override's in layers, and what contradicts itself.

Of most keys the last layer that gives it wins; maps of variables and secrets add up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steps.host.errors import Problem
from steps.registry.address import parse_registry
from triggers.manifest.function import Function, FunctionTrigger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triggers.manifest.manifest import Manifest

DEFAULT_RUNTIME = "python313"
VIRTUAL_SUFFIX = "-all"  # of the virtual repository that `shipwheel setup` puts over the registry
_LONGEST_CALL = {"http": 3600, "events": 540}  # seconds


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
    given: Function

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
        yield "has no region: its triggers are global", "give `deploy.function.region`"
    if function.tool == "run" and not function.trigger.http:
        yield (
            "is called by events, which `gcloud run deploy` sets up nothing for",
            (
                "take `tool: run` out; or give `trigger: {http: true}` and make the trigger with"
                " `gcloud eventarc triggers create`"
            ),
        )
    yield from _sizes(function)
    if given.vpc_egress and not given.vpc_connector:
        yield f"has `vpcEgress: {given.vpc_egress}` without a `vpcConnector`", "give both"
    for name in sorted({*(given.environment or ())} & {*(given.secrets or ())}):
        yield f"has {name!r} as a variable and as a secret", "take one of them out"
    folders = [place.rpartition("/")[0] for place in given.secrets or () if "/" in place]
    for folder in sorted({folder for folder in folders if folders.count(folder) > 1}):
        yield f"has two secrets in the directory {folder!r}", "give each a directory of its own"
    vendor = given.requirements.vendor if given.requirements else None
    if vendor and "GOOGLE_VENDOR_PIP_DEPENDENCIES" in (given.build_environment or {}):
        yield (
            "names the directory of its distributions twice",
            "take GOOGLE_VENDOR_PIP_DEPENDENCIES out: `requirements.vendor` sets it",
        )


def _sizes(function: FunctionSettings) -> Iterator[tuple[str, str]]:
    given, functions = function.given, function.tool == "functions"
    if given.cpu is not None and functions and not given.memory:
        yield f"has `cpu: {given.cpu:g}` without `memory`", "`gcloud functions` wants both"
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
    # Without a word of it `run` takes 80 calls at once and a whole CPU, `functions` one and a part.
    given, by_run = function.given, function.tool == "run"
    concurrency = given.concurrency or (80 if by_run else 1)
    small = given.cpu < 1 if given.cpu is not None else not by_run
    if concurrency > 1 and small:
        calls = f"`concurrency: {given.concurrency}`" if given.concurrency else "no `concurrency`"
        cpu = f"`cpu: {given.cpu:g}`" if given.cpu is not None else "no `cpu`"
        hint = "more than one call at once needs `cpu: 1` or more; else give `concurrency: 1`"
        yield f"has {calls} with {cpu}", hint


def _merged(layers: list[Function]) -> Function:
    merged: dict[str, Any] = {}
    for layer in layers:
        for key in layer.model_fields_set:
            value = getattr(layer, key)
            if isinstance(value, dict):
                merged[key] = {**(merged.get(key) or {}), **value}
            elif value is not None:
                merged[key] = value
    return Function.model_construct(**merged)


def _function_name(path: str, manifest: Manifest) -> str:
    folder = manifest.source.short_name if path == "." else path.rsplit("/", 1)[-1]
    return re.sub("[^a-z0-9-]+", "-", folder.lower()).strip("-")
