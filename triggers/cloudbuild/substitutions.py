"""Substitutions: which `$KEY` a text refers to, and what the service puts there.

A reference is `${KEY}` or `$KEY`, KEY the longest run of `[A-Z_][A-Z0-9_]*`; `$$` is a dollar.
Everything else with a dollar is left alone, `${KEY:-x}` and `$lower` included. Rules of the names
that only substitution completes are here, too.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from steps.host.errors import Finding, did_you_mean
from triggers.cloudbuild.dynamic_substitutions import ExpansionError, expand_values, keys_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steps.host.documents import Path
    from triggers.cloudbuild.build_config import Build

# https://cloud.google.com/build/docs/configuring-builds/substitute-variable-values
EVERY_BUILD = ("PROJECT_ID", "PROJECT_NUMBER", "BUILD_ID", "LOCATION")
TRIGGERED_BUILD = (
    "TRIGGER_NAME", "COMMIT_SHA", "REVISION_ID", "SHORT_SHA", "REPO_NAME", "REPO_FULL_NAME",
    "BRANCH_NAME", "TAG_NAME", "REF_NAME", "TRIGGER_BUILD_CONFIG_PATH", "SERVICE_ACCOUNT_EMAIL",
    "SERVICE_ACCOUNT",
)  # fmt: skip
BUILT_IN = frozenset((*EVERY_BUILD, *TRIGGERED_BUILD))
# What `gcloud builds submit --substitutions` may set besides the user's own.
SUBMITTABLE = frozenset(
    {"COMMIT_SHA", "REVISION_ID", "SHORT_SHA", "REPO_NAME", "BRANCH_NAME", "TAG_NAME"}
)
# What Cloud Build sets itself in the builds of pull requests.
PULL_REQUEST = frozenset({"_HEAD_BRANCH", "_BASE_BRANCH", "_HEAD_REPO_URL", "_PR_NUMBER"})

# Of the user's own.
SUBSTITUTION_KEY = re.compile(r"_[A-Z0-9_]+")
MOST_SUBSTITUTIONS = 200
LONGEST_KEY = 100  # characters
LONGEST_VALUE = 4000  # characters

# Where the service substitutes: in these fields, and in all that is in them. Configs in use show it
# of options (googleapis/google-cloud-rust) and logsBucket (GoogleCloudPlatform/agent-starter-pack).
_TEMPLATES: tuple[tuple[str, ...], ...] = (
    ("steps", "name"), ("steps", "args"), ("steps", "env"), ("steps", "dir"),
    ("steps", "entrypoint"), ("images",), ("artifacts",), ("tags",), ("logsBucket",),
    ("serviceAccount",), ("options", "env"), ("options", "pool"), ("options", "workerPool"),
    ("availableSecrets", "secretManager"),
)  # fmt: skip

_REFERENCE = re.compile(r"\$(?:\$|\{(?P<braced>[A-Z_][A-Z0-9_]*)\}|(?P<bare>[A-Z_][A-Z0-9_]*))")
_TAG = r"[\w][\w.-]{0,127}"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
# The reference of a container image: a host with a port, parts, then a tag or a digest.
_IMAGE = re.compile(
    rf"(?:{_HOST}(?:\.{_HOST})*(?::[0-9]+)?/)?{_PART}(?:/{_PART})*"
    rf"(?::{_TAG})?(?:@sha256:[0-9a-f]{{64}})?",
    re.ASCII,
)
# Names in full: how the service spells them, and what is one.
ACCOUNT = re.compile(r"projects/[^/\s]+/serviceAccounts/[^/\s]+")
_POOL = re.compile(r"projects/[^/\s]+/locations/[^/\s]+/workerPools/[^/\s]+")
_VERSION = re.compile(r"projects/[^/\s]+/(?:locations/[^/\s]+/)?secrets/[^/\s]+/versions/[^/\s]+")
_PYTHON_REPOSITORY = re.compile(r"https://[a-z0-9-]+-python\.pkg\.dev/[^/\s]+/[^/\s]+/?")


class StartedBy(enum.Enum):
    """Who starts a build: it decides what the service forgives."""

    SUBMIT = "submit"
    TRIGGER = "trigger"


@dataclass
class Resolution:
    """The value of every substitution, what the service would refuse, and what it forgives."""

    values: dict[str, str]
    findings: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)


def references(text: str) -> list[str]:
    """Return the keys that *text* refers to, in order, repeated as they are."""
    matches = _REFERENCE.finditer(text)
    return [key for match in matches if (key := match["braced"] or match["bare"])]


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Return *text* with each reference replaced by its value, or by nothing without one."""

    def value(match: re.Match[str]) -> str:
        key = match["braced"] or match["bare"]
        return values.get(key, "") if key else "$"

    return _REFERENCE.sub(value, text)


def resolve(
    build: Build,
    given: Mapping[str, str],
    built_in: Mapping[str, str],
    started_by: StartedBy,
) -> Resolution:
    """Decide the value of every substitution of *build*.

    *given* are the trigger's, or submit's, own substitutions: they win over the config's.
    """
    triggered = started_by is StartedBy.TRIGGER
    loose = triggered or build.options.substitution_option == "ALLOW_LOOSE"
    dynamic = triggered or build.options.dynamic_substitutions
    own = {**build.substitutions, **given}
    result = Resolution({**dict.fromkeys(BUILT_IN, ""), **built_in, **own})
    used = _check_references(build, result, given, dynamic=dynamic, loose=loose)
    _check_unused(build, own, used, result, loose=loose)
    result.notes = _first_of_each(result.notes)
    _check_given(given, started_by, result)
    if dynamic:
        try:
            result.values = expand_values(result.values, set(own))
        except ExpansionError as error:
            path: Path = ("substitutions", error.key)
            result.findings.append(Finding.at(path, str(error), error.hint, code="SW315"))
    return result


def _check_references(
    build: Build, result: Resolution, given: Mapping[str, str], *, dynamic: bool, loose: bool
) -> set[str]:
    """Report references to nothing; return the keys that are referred to."""
    texts = [(path, dict.fromkeys(references(text), True)) for path, text in template_texts(build)]
    if dynamic:
        texts += [
            (("substitutions", key), keys_of(value))
            for key, value in result.values.items()
            if key not in BUILT_IN
        ]
    used: set[str] = set()
    for path, keys in texts:
        used |= keys.keys()
        for key in (key for key, needed in keys.items() if needed and key not in result.values):
            if SUBSTITUTION_KEY.fullmatch(key):
                faults = result.notes if loose else result.findings
                faults.append(_missing(path, key, result.values, loose=loose))
            elif path[0] == "substitutions" and path[1] not in given:
                # A run may give another value: this one is only a default.
                found = _not_built_in(path, key, result.values)
                message = f"the default of {path[1]} refers to {key}, which is not built in"
                result.notes.append(replace(found, code="SW408", message=message))
            else:
                result.findings.append(_not_built_in(path, key, result.values))
    return used


def _not_built_in(path: Path, key: str, values: Mapping[str, str]) -> Finding:
    hint = f"{did_you_mean(key, BUILT_IN)} a variable of the shell is written $${key}".lstrip()
    if f"_{key}" in values:
        hint = f"did you mean '_{key}'?"
    message = (
        "invalid value for 'build.substitutions':"
        f' key in the template "{key}" is not a valid built-in substitution'
    )
    return Finding.at(path, message, hint, "SW314")


def _missing(path: Path, key: str, values: Mapping[str, str], *, loose: bool) -> Finding:
    near = did_you_mean(key, (k for k in values if k.startswith("_")))
    message = f'key in the template "{key}" is not matched in the substitution data'
    hint = f"give it: --substitutions {key}=…"
    if key in PULL_REQUEST:
        hint = "only pull-request triggers fill it in"
    elif near:
        hint = near
    elif loose:
        hint = f"it becomes an empty string; {hint}"
    return Finding.at(path, message, hint, code="SW502")


def _check_unused(
    build: Build, own: Mapping[str, str], used: set[str], result: Resolution, *, loose: bool
) -> None:
    if any(_automaps(build)):
        return
    # Built-ins are given to stand for what the service would know; it would not mind.
    for key in sorted(key for key in own.keys() - used if key not in BUILT_IN - SUBMITTABLE):
        message = f'key "{key}" in the substitution data is not matched in the template'
        hint = f"use ${{{key}}}, or remove it"
        finding = Finding.at(("substitutions", key), message, hint, code="SW503")
        (result.notes if loose else result.findings).append(finding)


def _first_of_each(notes: list[Finding]) -> list[Finding]:
    """Return the first note of each sentence: it is not said in every line."""
    firsts: dict[str, Finding] = {}
    for note in notes:
        firsts.setdefault(note.message, note)
    return [*firsts.values()]


def _automaps(build: Build) -> Iterator[bool]:
    for step in build.steps:
        chosen = step.automap_substitutions
        yield build.options.automap_substitutions if chosen is None else chosen


def _check_given(given: Mapping[str, str], started_by: StartedBy, result: Resolution) -> None:
    allowed = BUILT_IN if started_by is StartedBy.TRIGGER else SUBMITTABLE | {*EVERY_BUILD}
    for key in given:
        if not SUBSTITUTION_KEY.fullmatch(key) and key not in allowed:
            message = (
                f'substitution key "{key}" does not respect format "^_[A-Z0-9_]+$"'
                " and is not an overridable built-in substitutions"
            )
            hint = f"did you mean '_{key}'?"
            result.findings.append(Finding.at((), message, hint, code="SW109"))


def build_texts(build: Build) -> Iterator[tuple[Path, str]]:
    """Yield all texts of *build* with their paths."""
    return _texts(_plain(build), ())


def template_texts(build: Build) -> Iterator[tuple[Path, str]]:
    """Yield the texts of *build* in which the service substitutes, with their paths."""
    return ((path, text) for path, text in build_texts(build) if _is_template(path))


def other_texts(build: Build) -> Iterator[tuple[Path, str]]:
    """Yield the texts in which no substitution is known to be made, but for scripts and values."""
    for path, text in build_texts(build):
        if not _is_template(path) and path[0] != "substitutions" and path[-1] != "script":
            yield path, text


def _is_template(path: Path) -> bool:
    names = tuple(part for part in path if isinstance(part, str))
    return any(names[: len(template)] == template for template in _TEMPLATES)


def _plain(build: Build) -> dict[str, Any]:
    return build.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _texts(item, (*path, key))


def substitute_build(build: Build, values: Mapping[str, str]) -> Build:
    """Return *build* with every substitution made where the service makes it."""
    data = _plain(build)
    for path, text in template_texts(build):
        *way, last = path
        target: Any = data
        for part in way:
            target = target[part]
        target[last] = substitute(text, values)
    return type(build).model_validate(data)


def broken_after_substitution(build: Build) -> Iterator[Finding]:
    """Yield what the service refuses in the names that only substitution completes."""
    for index, step in enumerate(build.steps):
        if not _IMAGE.fullmatch(step.name):
            message = f'invalid build step name "{step.name}"'
            yield Finding.at(("steps", index, "name"), message, code="SW313")
    images: list[tuple[Path, tuple[str, ...]]] = [
        (("images",), build.images),
        (("artifacts", "images"), build.artifacts.images),
    ]
    for path, i, image in ((p, i, image) for p, names in images for i, image in enumerate(names)):
        if not _IMAGE.fullmatch(image):
            why = " contains uppercase letters" if _IMAGE.fullmatch(image.lower()) else ""
            yield Finding.at((*path, i), f'invalid image name "{image}"{why}', code="SW313")
    for i, tag in enumerate(build.tags):
        if tag and not re.fullmatch(_TAG, tag):
            message = f'invalid build tag "{tag}": must match format "^({_TAG})$"'
            yield Finding.at(("tags", i), message, code="SW313")
    if build.artifacts.objects:
        yield from location_faults(build.artifacts.objects.location)
    for i, package in enumerate(build.artifacts.python_packages):
        if package.repository and not _PYTHON_REPOSITORY.fullmatch(package.repository):
            message = f"the repository {package.repository!r} is not one of Artifact Registry"
            path = ("artifacts", "pythonPackages", i, "repository")
            hint = "write https://REGION-python.pkg.dev/PROJECT/REPO"
            yield Finding.at(path, message, hint, "SW310")
    yield from _short_names(build)


def _short_names(build: Build) -> Iterator[Finding]:
    """Yield the resources that are not named in full."""
    pool = build.options.pool
    names: list[tuple[Path, str, re.Pattern[str], str, str]] = [
        (
            ("serviceAccount",), build.service_account, ACCOUNT,
            "service account", "projects/PROJECT/serviceAccounts/EMAIL",
        ),
        *(
            (
                path, name, _POOL,
                "worker pool", "projects/PROJECT/locations/REGION/workerPools/POOL",
            )
            for path, name in (
                (("options", "pool", "name"), pool.name if pool else ""),
                (("options", "workerPool"), build.options.worker_pool),
            )
        ),
        *(
            (
                ("availableSecrets", "secretManager", i, "versionName"), secret.version_name,
                _VERSION, "secret's version", "projects/PROJECT/secrets/SECRET/versions/VERSION",
            )
            for i, secret in enumerate(build.available_secrets.secret_manager)
        ),
    ]  # fmt: skip
    for path, name, form, what, example in names:
        if name and not form.fullmatch(name):
            message = f"the {what} {name!r} is not a full resource name"
            yield Finding.at(path, message, f"write {example}", "SW317")


def location_faults(location: str) -> Iterator[Finding]:
    """Yield why artifacts cannot be copied to *location*."""
    path: Path = ("artifacts", "objects", "location")
    if not location:
        message = "invalid .artifacts field: .artifacts.location field is empty"
        yield Finding.at(path, message, code="SW310")
    elif not location.startswith("gs://"):
        message = f'invalid .artifacts.location value "{location}"'
        message += "; Google Cloud Storage URLs must begin with 'gs://'"
        yield Finding.at(path, message, code="SW310")
