"""The types of the manifest's values, each with the message for a value that it refuses."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from steps.host.errors import InputError
from steps.project.globs import glob_problems
from steps.registry.address import parse_registry
from triggers.cloudbuild.conditions import NOT_OF_RE2
from triggers.cloudbuild.substitutions import LONGEST_VALUE, PULL_REQUEST, SUBSTITUTION_KEY


def _check_registry(text: str) -> str:
    try:
        registry = parse_registry(text, {})
    except InputError as error:
        raise problem(
            f"not a registry: {error.problems[0].message}", "REGION/PROJECT/REPO"
        ) from None
    if not registry.is_artifact_registry:
        raise problem(f"not a repository of Artifact Registry: {text!r}", "REGION/PROJECT/REPO")
    return text


def _check_pattern(pattern: str) -> str:
    """Refuse what RE2, the service's engine, refuses, such as look-around."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise problem(f"not a regular expression: {pattern!r} ({error})") from None
    if NOT_OF_RE2.search(pattern):
        raise problem(f"not valid in RE2: {pattern!r}", "it has no look-around or back-references")
    return pattern


def _check_directory(path: str) -> str:
    outside = {"", ".", ".."} & set(path.split("/"))
    if path != "." and (outside or not path.isprintable()):
        raise problem(f"not a path below the manifest's directory: {path!r}", "such as packages/a")
    return path


def _check_glob(glob: str) -> str:
    if "$" in glob:
        raise problem(f"not a glob: {glob!r}", "Cloud Build makes no substitutions in globs")
    return glob


def _check_glob_of_project(glob: str) -> str:
    for each in glob_problems([glob], "the glob"):
        raise problem(f"not a glob of a project's files: {each.message}", each.hint)
    return glob


def _check_key(key: str) -> str:
    if not SUBSTITUTION_KEY.fullmatch(key):
        raise problem(f"not the name of a substitution: {key!r}", "write _, then A-Z, 0-9 or _")
    if key in PULL_REQUEST:
        raise problem("a name that Cloud Build sets itself", "give it another name")
    return key


def problem(message: str, hint: str = "") -> PydanticCustomError:
    """Return what a validator raises: *message* goes on after "`the.key` is"."""
    return PydanticCustomError("shipwheel", "{message}", {"message": message, "hint": hint})


# What patterns mean, for those who read no regular expressions; the schema has the patterns.
WORDS: dict[str, str] = {}


def matching(pattern: str, words: str) -> StringConstraints:
    """Return the rule that a text matches all of *pattern*; *words* are the hint where not."""
    whole = rf"^{pattern}$"
    WORDS[whole] = words
    return StringConstraints(pattern=whole)


ProjectId = Annotated[
    str,
    matching(
        r"(?:[a-z0-9.-]+\.[a-z]+:)?[a-z][a-z0-9-]*[a-z0-9]",
        "write the project's ID: lower-case letters, digits and -, a letter first",
    ),
]
Region = Annotated[str, matching("[a-z][a-z0-9-]*", "write a region's name, such as us-central1")]
Registry = Annotated[str, AfterValidator(_check_registry)]
Pattern = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_pattern)]
Directory = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_directory)]
Glob = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_glob)]
ProjectGlob = Annotated[str, AfterValidator(_check_glob_of_project)]
Key = Annotated[str, AfterValidator(_check_key)]
Value = Annotated[str, StringConstraints(max_length=LONGEST_VALUE)]
Tag = Annotated[
    str,
    matching(
        r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}",
        "up to 128 letters, digits and _ . -, the first none of . and -",
    ),
]
TriggerName = Annotated[
    str,
    matching(
        "[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?",
        "up to 64 letters, digits and -, with no - at either end",
    ),
]
ServiceAccount = Annotated[
    str,
    matching(
        r"(?:projects/[^/\s]+/serviceAccounts/[^/\s]+|[^@/\s]+@[^@/\s]+|[a-z0-9-]+)",
        "write the account's name (lower-case letters, digits and -), or its address",
    ),
]


class Model(BaseModel):
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
