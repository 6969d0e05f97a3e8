"""A function's settings, in layers, and the flags of the gcloud command that deploys it.

A function's maps of variables and secrets add up; of everything else the last layer that gives it
wins. The flags travel as JSON, for gcloud's own `--flags-file`: no shell splits them, and commas,
quotes and equals signs in a value stay what they are.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic.alias_generators import to_camel

from steps.host.errors import Problem, did_you_mean
from steps.registry.address import parse_registry
from triggers.cloudbuild.messages import api
from triggers.discovery.inventory import function_name
from triggers.manifest.function import (
    NAME_OF_FUNCTION,
    FunctionConfig,
    FunctionRequirements,
    FunctionTrigger,
)
from triggers.manifest.settings import service_account_resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from triggers.manifest.manifest import Manifest

# A text, a number, the entries of a map or of a list, or None for a flag that takes no value.
Flag = str | float | dict[str, str] | list[str] | None
Flags = dict[str, Flag]

DEFAULT_RUNTIME = "python313"
DEFAULT_PUBLISH_TIMEOUT = "900s"
VIRTUAL_SUFFIX = "-all"  # of the virtual repository that `shipwheel setup` puts over the registry
_LONGEST_CALL = {"http": 3600, "events": 540}  # seconds

# Settings, and the flags of `gcloud functions deploy` and of `gcloud run deploy`.
_FLAGS = {
    "region": ("region", "region"),
    "runtime": ("runtime", "base-image"),
    "entry_point": ("entry-point", "function"),
    "ingress": ("ingress-settings", "ingress"),
    "vpc_egress": ("egress-settings", "vpc-egress"),
    "memory": ("memory", "memory"),
    "cpu": ("cpu", "cpu"),
    "timeout": ("timeout", "timeout"),
    "concurrency": ("concurrency", "concurrency"),
    "min_instances": ("min-instances", "min-instances"),
    "max_instances": ("max-instances", "max-instances"),
    "service_account": ("service-account", "service-account"),
    "build_service_account": ("build-service-account", "build-service-account"),
    "vpc_connector": ("vpc-connector", "vpc-connector"),
}
_RESOLVED = ("region", "runtime", "entry_point")  # these always have a value
_FUNCTIONS_VALUES: dict[str, dict[str | None, str]] = {
    "ingress": {
        "internal": "internal-only",
        "internal-and-cloud-load-balancing": "internal-and-gclb",
    },
    "vpc_egress": {"all-traffic": "all"},
}
_MAPS = {"environment": "env-vars", "buildEnvironment": "build-env-vars", "secrets": "secrets"}
# The words of all flags that a deployment is given already; the build config sets those of none.
_WORDS_FOR_FLAGS = {
    **dict.fromkeys(("source", "gen2", "image", "ignore-file", "async"), ""),
    **{flag: to_camel(name) for name, flags in _FLAGS.items() for flag in flags},
    **{f"{verb}-{it}": word for word, it in _MAPS.items() for verb in ("set", "update")},
    **{f"{verb}-{it}": word for word, it in _MAPS.items() for verb in ("remove", "clear")},
    **{f"{it}-file": word for word, it in _MAPS.items()},
    **dict.fromkeys(("trigger-http", "trigger-topic", "trigger-bucket", "retry"), "trigger"),
    **dict.fromkeys(("trigger-event", "trigger-event-filters", "trigger-resource"), "trigger"),
    **dict.fromkeys(("trigger-event-filters-path-pattern", "trigger-location"), "trigger"),
    "trigger-service-account": "trigger",
    "run-service-account": "serviceAccount",
    "allow-unauthenticated": "allowUnauthenticated",
}


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
    folder = manifest.source.short_name if path == "." else path.rsplit("/", 1)[-1]
    return FunctionSettings(
        path=path,
        project=manifest.project,
        name=given.name or function_name(folder),
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
    if not re.fullmatch(NAME_OF_FUNCTION, function.name):
        hint = f'name it: `overrides["{function.path}"].deploy.function.name` in the manifest'
        yield f"cannot have the name of its directory, {function.name!r}", hint
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


def deploy_flags(function: FunctionSettings) -> Flags:
    """Return the flags for `gcloud functions deploy` or `gcloud run deploy`, as *function* asks.

    The function's name, the project and the source are not among them.
    """
    given = function.given
    flags: Flags = {"--region": function.region}
    if function.tool == "functions":
        flags |= {"--gen2": None, "--runtime": function.runtime}
        flags |= {"--entry-point": function.entry_point, **_trigger_flags(function)}
    for name, spelled in _FLAGS.items():
        if (value := _flag_value(function, name)) is not None:
            flags[f"--{spelled[function.tool == 'run']}"] = value
    return {
        **flags,
        **_map("env-vars", given.environment),
        "--set-build-env-vars": _build_environment(function),
        **_map("secrets", given.secrets),
        **_switch("allow-unauthenticated", given.allow_unauthenticated),
        **{f"--{name}": None if it is True else it for name, it in (given.flags or {}).items()},
    }


def _flag_value(function: FunctionSettings, name: str) -> Flag:
    """Return the value of a flag of `_FLAGS`, None where the manifest does not give one."""
    value = getattr(function if name in _RESOLVED else function.given, name)
    if name == "service_account":
        return _address(value, function)
    if name == "build_service_account" and value:
        return service_account_resource(value, function.project)
    if name == "cpu" and value is not None:
        return f"{value:g}"
    if function.tool == "functions":
        value = _FUNCTIONS_VALUES.get(name, {}).get(value, value)
    return None if value is None else str(value)


def _trigger_flags(function: FunctionSettings) -> Flags:
    trigger = function.trigger
    if trigger.http:
        return {"--trigger-http": None}
    flags: Flags = {
        "--trigger-topic": trigger.topic,
        "--trigger-bucket": trigger.bucket and f"gs://{trigger.bucket}",
        "--trigger-event-filters": trigger.event_filters,
        "--trigger-event-filters-path-pattern": trigger.event_path_patterns,
        "--trigger-location": trigger.location,
        "--trigger-service-account": _address(trigger.service_account, function),
    }
    given = {name: value for name, value in flags.items() if value is not None}
    return {**given, **_switch("retry", trigger.retry)}


def _build_environment(function: FunctionSettings) -> dict[str, str]:
    # uv, the default from Python 3.14 on, may not have the registry's credentials.
    variables = {"GOOGLE_PYTHON_PACKAGE_MANAGER": "pip", **(function.given.build_environment or {})}
    chosen = function.given.requirements
    if chosen and chosen.vendor:
        variables["GOOGLE_VENDOR_PIP_DEPENDENCIES"] = chosen.vendor
    return variables


def _map(name: str, entries: Mapping[str, str] | None) -> Flags:
    """Return the flag that replaces all entries, or takes them away where there are to be none."""
    if entries is None:
        return {}
    return {f"--set-{name}": dict(entries)} if entries else {f"--clear-{name}": None}


def _switch(name: str, on: bool | None) -> Flags:
    return {} if on is None else {f"--{name}" if on else f"--no-{name}": None}


def _address(account: str | None, function: FunctionSettings) -> str | None:
    """Return the e-mail address of *account*, in whichever form it is given."""
    if account is None:
        return None
    return service_account_resource(account, function.project).rsplit("/", 1)[-1]


def flags_text(flags: Mapping[str, Flag]) -> str:
    """Return *flags* as JSON for `--flags-file`, fit for the value of a substitution.

    It has no dollar sign: in a trigger Cloud Build would expand what follows.
    """
    return json.dumps(flags, separators=(",", ":")).replace("$", "\\u0024")


def requirements_options(function: FunctionSettings, awaited: Iterable[str]) -> tuple[str, ...]:
    """Return the options of `shipwheel requirements` for *function*; none of them has a space.

    *awaited* are packages that have to be published first; what is bundled need not be.
    """
    given = function.given
    manager = _build_environment(function)["GOOGLE_PYTHON_PACKAGE_MANAGER"]
    chosen = given.requirements or FunctionRequirements()
    return (
        f"--runtime={function.runtime}",
        f"--entry-point={function.entry_point}",
        *([f"--package-manager={manager}"] if manager.isalnum() else []),
        f"--virtual={function.index}",
        *(["--pin"] if chosen.pin else []),
        *([f"--vendor={chosen.vendor}"] if chosen.vendor else []),
        *(["--bundle"] if chosen.bundle else _waiting(function, awaited)),
    )


def _waiting(function: FunctionSettings, awaited: Iterable[str]) -> list[str]:
    packages = [f"--wait-for={path}" for path in awaited if not re.search(r"\s", path)]
    timeout = (function.given.publish_timeout or DEFAULT_PUBLISH_TIMEOUT).removesuffix("s")
    return [f"--wait={timeout}", *packages] if packages else []
