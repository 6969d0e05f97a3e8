"""The manifest's settings of one function: where it runs, what calls it, its variables.

Omitted settings keep their current value or Google Cloud's default.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from triggers.manifest.types import (
    Directory,
    Model,
    Region,
    Registry,
    ServiceAccount,
    matching,
    problem,
)

NAME_OF_FUNCTION = "[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
FunctionName = Annotated[
    str,
    matching(
        NAME_OF_FUNCTION,
        "up to 63 lower-case letters, digits and -, a letter first, no - at the end",
    ),
]
Text = Annotated[str, StringConstraints(min_length=1)]
_VARIABLE = "[A-Za-z_][A-Za-z0-9_]*"
# A secret's version, and the variable or the file that it becomes.
_PLACE = rf"(?:{_VARIABLE}|(?:/[A-Za-z0-9._-]+){{2,}})"
_VERSIONED = r"(?:projects/[a-z0-9.:-]+/secrets/)?[A-Za-z0-9_-]{1,255}:(?:latest|[1-9][0-9]*)"
# What `gcloud functions deploy` and `gcloud run deploy` refuse, or the service overwrites.
_SET_FOR_FUNCTIONS = ("X_GOOGLE_", "K_", "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE")
_SET_FOR_BUILDS = (
    *("GOOGLE_ENTRYPOINT", "GOOGLE_FUNCTION_TARGET"),
    *("GOOGLE_RUNTIME", "GOOGLE_RUNTIME_VERSION"),
)


def _check_variable(name: str) -> str:
    if name == "PORT" or name.startswith(_SET_FOR_FUNCTIONS):
        raise problem("a variable that Google Cloud sets itself", "give it another name")
    return name


def _check_build_variable(name: str) -> str:
    if name in _SET_FOR_BUILDS:
        raise problem("a variable that Google Cloud sets itself", "take it out")
    return name


def _check_value(text: str) -> str:
    if "\0" in text:
        raise problem("text with a NUL", "remove it: no variable can hold it")
    return text


def _check_place(place: str) -> str:
    if {".", ".."} & set(place.split("/")):
        raise problem(f"not a plain path: {place!r}", "write it without `.` and `..`")
    return _check_build_variable(_check_variable(place))


def _normalise_memory(given: Any) -> Any:
    """Return what `gcloud functions` makes of a size such as 1024MB or 1GB; megabytes by default.

    `gcloud run` takes no B.
    """
    text = str(given) if isinstance(given, (int, float)) else given
    found = _MEMORY_INPUT.fullmatch(text) if isinstance(text, str) else None
    return f"{found[1]}{(found[2] or 'M').capitalize()}" if found else text


def _normalise_timeout(given: Any) -> Any:
    """Return a duration as gcloud takes it, such as 300, 5m or 1m30s, in seconds."""
    text = str(given) if isinstance(given, (int, float)) else given
    found = _TIMEOUT_INPUT.fullmatch(text) if isinstance(text, str) else None
    if not found:
        return text
    hours, minutes, *seconds = (int(part or 0) for part in found.groups())
    return f"{3600 * hours + 60 * minutes + sum(seconds)}s"


def _input(pattern: re.Pattern[str]) -> Any:
    """Return the JSON Schema's type of a number, or of a text that matches *pattern*."""
    return Annotated[int, Field(ge=1)] | Annotated[str, Field(pattern=f"^(?:{pattern.pattern})$")]


_NAME = matching(_VARIABLE, "letters, digits and _, no digit first")
Variable = Annotated[str, _NAME, AfterValidator(_check_variable)]
BuildVariable = Annotated[Variable, AfterValidator(_check_build_variable)]
VariableValue = Annotated[str, AfterValidator(_check_value)]
Place = Annotated[
    str,
    matching(_PLACE, "write a variable, or a file in a directory, such as /secrets/key"),
    AfterValidator(_check_place),
]
Secret = Annotated[
    str, matching(_VERSIONED, "write the secret and its version: key:latest, or key:3")
]
FlagName = Annotated[
    str, matching("[a-z](?:[a-z0-9-]*[a-z0-9])?", "write it as gcloud does, without dashes")
]
FlagValue = Literal[True] | int | float | VariableValue | dict[Text, VariableValue] | list[Text]
TopicName = matching(
    "[A-Za-z][A-Za-z0-9_.~+%-]{2,254}",
    "write its name alone: 3 to 255 letters, digits and _ . ~ + % -, a letter first",
)
_BUCKET = matching(
    "[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]",
    "write its name alone: 3 to 222 lower-case letters, digits and . _ -, none of these at an end",
)
_FOLDER = matching("[A-Za-z0-9._/-]+", "write it with letters, digits and . _ / - only")
_RUNTIME = matching("python3[0-9]+", "write a Python of Google's, such as python313")
_MEMORY = matching("[1-9][0-9]*(?:M|Mi|G|Gi)", "write a number and M, Mi, G or Gi: 512Mi")
_MEMORY_INPUT = re.compile("([1-9][0-9]*)(?:(M|Mi|G|Gi)B?)?", re.IGNORECASE)
_TIMEOUT = matching("[1-9][0-9]{0,3}s", "write seconds or a duration, from 1s to 9999s")
_TIMEOUT_INPUT = re.compile("(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?|([0-9]+)")
_Timeout = Annotated[
    str,
    _TIMEOUT,
    BeforeValidator(_normalise_timeout, json_schema_input_type=_input(_TIMEOUT_INPUT)),
]
_CONNECTOR = matching("[a-z0-9/-]+", "write it with lower-case letters, digits, / and - only")


class FunctionTrigger(Model):
    """What calls a function: exactly one of HTTP, a topic, a bucket, and filters of events."""

    http: Literal[True] | None = None
    """Requests; for a function that differs from the others here."""
    topic: Annotated[str, TopicName] | None = None
    """The name of a Pub/Sub topic of the project: its messages."""
    bucket: Annotated[str, _BUCKET] | None = None
    """The name of a bucket: its new objects."""
    event_filters: Annotated[dict[Text, Text], Field(min_length=1)] | None = None
    """Attributes of Eventarc events and their values; `type` is one of them."""
    event_path_patterns: Annotated[dict[Text, Text], Field(min_length=1)] | None = None
    """Attributes of such events and patterns of their values, such as `users/*`."""
    location: Region | None = None
    """Where the events come from. By default where the function runs."""
    service_account: ServiceAccount | None = None
    """Who the events call the function as. By default the account that it runs as."""
    retry: bool | None = None
    """Whether to retry an event when the function fails."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        kinds = ("http", "topic", "bucket", "event_filters")
        given = [name for name in kinds if getattr(self, name) is not None]
        if len(given) != 1:
            choices = "give exactly one of: http, topic, bucket, eventFilters"
            raise problem(f"the name of {len(given)} callers", choices)
        if self.http and {self.location, self.service_account, self.retry} != {None}:
            raise problem("for HTTP with settings of events", "remove the others")
        if self.event_path_patterns and not self.event_filters:
            raise problem("with eventPathPatterns alone", "give `eventFilters: {type: …}`, too")
        if self.event_filters and "type" not in self.event_filters:
            raise problem("for events of no type", "give `eventFilters: {type: …}`")
        return self


class FunctionRequirements(Model):
    """How a function's requirements are made ready before its source is uploaded."""

    pin: bool = False
    """Pin every requirement, with its hashes."""
    vendor: Annotated[Directory, _FOLDER] | None = None
    """Download the distributions into this directory of the function, and install only those."""
    bundle: bool = False
    """Build the packages of this repository, and put their wheels into the function's source."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum((self.pin, self.vendor is not None, self.bundle)) > 1:
            raise problem("for several of: pin, vendor, bundle", "remove all but one")
        return self


class FunctionConfig(Model):
    """How functions are deployed; maps of variables and secrets are merged."""

    name: FunctionName | None = None
    """The function's name. By default its directory's."""
    tool: Literal["functions", "run"] | None = None
    """`gcloud functions deploy` (2nd generation, the default), or `gcloud run deploy`."""
    region: Region | None = None
    """Where the function runs. By default the region of the triggers."""
    runtime: Annotated[str, _RUNTIME] | None = None
    """The Python that it runs on. By default `python313`."""
    entry_point: Annotated[str, _NAME] | None = None
    """The Python function in `main.py` that answers. By default `main`."""
    trigger: FunctionTrigger | None = None
    """What calls it. By default HTTP."""
    memory: (
        Annotated[
            str,
            _MEMORY,
            BeforeValidator(_normalise_memory, json_schema_input_type=_input(_MEMORY_INPUT)),
        ]
        | None
    ) = None
    """Of each instance, such as `512Mi`."""
    cpu: Annotated[float, Field(gt=0, le=8, allow_inf_nan=False)] | None = None
    """Of each instance, such as 1 or 0.5."""
    timeout: _Timeout | None = None
    """How long one call may take, such as `60s`."""
    publish_timeout: _Timeout | None = None
    """How long a deployment waits until this push's packages are published. By default `900s`."""
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    """How many calls one instance answers at once."""
    min_instances: Annotated[int, Field(ge=0)] | None = None
    """How many instances always run."""
    max_instances: Annotated[int, Field(ge=1)] | None = None
    """How many instances there may be."""
    service_account: ServiceAccount | None = None
    """Who the function runs as."""
    build_service_account: ServiceAccount | None = None
    """Who Google's build of the function runs as; it reads the registry. Always to be given."""
    environment: dict[Variable, VariableValue] | None = None
    """Variables of the function; `{}` alone removes those that it has."""
    build_environment: dict[BuildVariable, VariableValue] | None = None
    """Variables of Google's build of it; GOOGLE_PYTHON_PACKAGE_MANAGER is pip without them."""
    secrets: dict[Place, Secret] | None = None
    """Variables, or paths of files, and the secrets in them: `api-key:latest`, `key:3`."""
    vpc_connector: Annotated[str, _CONNECTOR] | None = None
    """The VPC connector that it reaches a network through."""
    vpc_egress: Literal["private-ranges-only", "all-traffic"] | None = None
    """What goes through the connector."""
    ingress: Literal["all", "internal", "internal-and-cloud-load-balancing"] | None = None
    """Where calls may come from."""
    allow_unauthenticated: bool | None = None
    """Whether callers need no credentials. Omitted: unchanged, and closed for a new function."""
    flags: dict[FlagName, FlagValue] | None = None
    """Other flags of the command, without dashes: `docker-repository: …`; true for a bare flag."""
    index: Registry | None = None
    """Which repository requirements name; by default the virtual one, `-all`, that setup makes."""
    requirements: FunctionRequirements | None = None
    """How its requirements are made ready."""
