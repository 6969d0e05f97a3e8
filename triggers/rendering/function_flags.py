"""A function's settings as the flags of the gcloud command that deploys it.

They travel as JSON, for gcloud's own `--flags-file`: no shell splits them, and commas, quotes and
equals signs in a value stay what they are.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from triggers.manifest.function import FunctionRequirements
from triggers.manifest.settings import DEFAULT_PUBLISH_TIMEOUT, service_account_resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from triggers.manifest.settings import FunctionSettings

# A text, a number, the entries of a map or of a list, or None for a flag that takes no value.
Flag = str | float | dict[str, str] | list[str] | None
Flags = dict[str, Flag]

_FUNCTIONS_INGRESS = {
    "all": "all",
    "internal": "internal-only",
    "internal-and-cloud-load-balancing": "internal-and-gclb",
}
_FUNCTIONS_EGRESS = {"private-ranges-only": "private-ranges-only", "all-traffic": "all"}


def deploy_flags(function: FunctionSettings) -> Flags:
    """Return the flags for `gcloud functions deploy` or `gcloud run deploy`, as *function* asks.

    The function's name, the project and the source are not among them.
    """
    own = _run_flags(function) if function.tool == "run" else _functions_flags(function)
    return {"--region": function.region, **own, **_shared_flags(function), **_others(function)}


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


def _functions_flags(function: FunctionSettings) -> Flags:
    given = function.given
    flags: dict[str, Flag] = {
        "--ingress-settings": given.ingress and _FUNCTIONS_INGRESS[given.ingress],
        "--egress-settings": given.vpc_egress and _FUNCTIONS_EGRESS[given.vpc_egress],
    }
    entry = {"--runtime": function.runtime, "--entry-point": function.entry_point}
    return {"--gen2": None, **entry, **_trigger_flags(function), **_given(flags)}


def _run_flags(function: FunctionSettings) -> Flags:
    given = function.given
    flags: dict[str, Flag] = {
        "--base-image": function.runtime,
        "--function": function.entry_point,
        "--ingress": given.ingress,
        "--vpc-egress": given.vpc_egress,
    }
    return _given(flags)


def _trigger_flags(function: FunctionSettings) -> Flags:
    trigger = function.trigger
    if trigger.http:
        return {"--trigger-http": None}
    flags: dict[str, Flag] = {
        "--trigger-topic": trigger.topic,
        "--trigger-bucket": trigger.bucket and f"gs://{trigger.bucket}",
        "--trigger-event-filters": trigger.event_filters,
        "--trigger-event-filters-path-pattern": trigger.event_path_patterns,
        "--trigger-location": trigger.location,
        "--trigger-service-account": _address(trigger.service_account, function),
    }
    return {**_given(flags), **_switch("retry", trigger.retry)}


def _shared_flags(function: FunctionSettings) -> Flags:
    """Return the flags that both commands spell alike."""
    given = function.given
    builder = given.build_service_account
    flags: dict[str, Flag] = {
        "--memory": given.memory,
        "--cpu": None if given.cpu is None else f"{given.cpu:g}",
        "--timeout": given.timeout,
        "--concurrency": _number(given.concurrency),
        "--min-instances": _number(given.min_instances),
        "--max-instances": _number(given.max_instances),
        "--service-account": _address(given.service_account, function),
        "--build-service-account": (
            service_account_resource(builder, function.project) if builder else None
        ),
        "--vpc-connector": given.vpc_connector,
    }
    return {
        **_given(flags),
        **_map("env-vars", given.environment),
        "--set-build-env-vars": _build_environment(function),
        **_map("secrets", given.secrets),
        **_switch("allow-unauthenticated", given.allow_unauthenticated),
    }


def _others(function: FunctionSettings) -> Flags:
    """Return the flags that the manifest has no word for."""
    given = function.given.flags or {}
    return {f"--{name}": None if value is True else value for name, value in given.items()}


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


def _given(flags: Mapping[str, Flag]) -> Flags:
    return {name: value for name, value in flags.items() if value is not None}


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)


def _address(account: str | None, function: FunctionSettings) -> str | None:
    """Return the e-mail address of *account*, in whichever form it is given."""
    if account is None:
        return None
    return service_account_resource(account, function.project).rsplit("/", 1)[-1]
