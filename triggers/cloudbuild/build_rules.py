"""The rules of a build config that no single field can break: what the service refuses.

Each rule is a generator of findings. Sources: the service's validation as it was published with
its local builder, the API's text, and what the live service was seen to answer.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.host.errors import Finding, did_you_mean
from triggers.cloudbuild.build_config import Build, Step, is_portable, seconds
from triggers.cloudbuild.build_shared_rules import repeats, secret_faults, volume_faults
from triggers.cloudbuild.substitutions import (
    LONGEST_KEY,
    LONGEST_VALUE,
    MOST_SUBSTITUTIONS,
    SUBSTITUTION_KEY,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triggers.cloudbuild.documents import Path

START = "-"  # a waitFor entry that is always satisfied

_DAY = 24 * 3600.0
_MOST_STEPS = 300
_MOST_IMAGES = 700
_MOST_TAGS = 64
_MOST_ITEMS = 100  # args and env of a step, secretEnv, artifact paths
_LONGEST_NAME = 1000  # a step's name and dir, an image
_LONGEST_ARGUMENT = 10_000
_LONGEST_ENV = 65_536
_LARGEST_DISK = 4000
_TAG = r"[\w][\w.-]{0,127}"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
# The reference of a container image: a host with a port, parts, then a tag or a digest.
_IMAGE = re.compile(
    rf"(?:{_HOST}(?:\.{_HOST})*(?::[0-9]+)?/)?{_PART}(?:/{_PART})*"
    rf"(?::{_TAG})?(?:@sha256:[0-9a-f]{{64}})?",
    re.ASCII,
)
LOGGING_RULE = (
    "if 'build.service_account' is specified, the build must either (a) specify"
    " 'build.logs_bucket', (b) use the REGIONAL_USER_OWNED_BUCKET"
    " build.options.default_logs_bucket_behavior option, or (c) use either CLOUD_LOGGING_ONLY /"
    " NONE logging options: invalid argument"
)
LOGGING_HINT = "add `options: {logging: CLOUD_LOGGING_ONLY}`"


def validate_build(build: Build) -> list[Finding]:
    """Return everything that the service would refuse in *build* before substituting."""
    rules = {
        "SW301": _timeouts, "SW302": _substitutions, "SW303": _presence, "SW304": _steps,
        "SW305": _scripts, "SW306": _graph, "SW307": _identity, "SW308": volume_faults,
        "SW309": secret_faults, "SW310": _artifacts, "SW311": _options, "SW312": _logs,
    }  # fmt: skip
    return [replace(found, code=code) for code, rule in rules.items() for found in rule(build)]


def non_portable_durations(build: Build, *, in_a_file: bool) -> Iterator[Finding]:
    """Yield a finding per timeout that is only taken *in_a_file* which a trigger names."""
    for path, text, where in _durations(build):
        if seconds(text) is None or is_portable(text):
            continue
        refused = _illegal_duration(path, text, where)
        if in_a_file:
            message = f".{path[-1]}{where} is {text!r}: `gcloud builds submit` refuses that"
            yield replace(refused, message=message, code="SW407")
        else:
            yield refused


def _durations(build: Build) -> Iterator[tuple[Path, str, str]]:
    """Yield path, text and, in words, place of each duration that is given."""
    places: list[tuple[Path, str, str]] = [
        (("timeout",), build.timeout, ""),
        (("queueTtl",), build.queue_ttl, ""),
        *(
            (("steps", i, "timeout"), step.timeout, f" in build step #{i}")
            for i, step in enumerate(build.steps)
        ),
    ]
    yield from (place for place in places if place[1])


def _illegal_duration(path: Path, text: str, where: str) -> Finding:
    message = "Illegal duration format; duration must end with 's'"
    hint = "write seconds with an s, such as '600s'"
    return Finding.at(path, f"invalid .{path[-1]}{where}: {message}, found {text!r}", hint, "SW301")


def _timeouts(build: Build) -> Iterator[Finding]:
    whole = seconds(build.timeout) or _DAY
    for path, text, where in _durations(build):
        value = seconds(text)
        if value is None:
            yield _illegal_duration(path, text, where)
        elif value < 0:
            yield Finding.at(path, f"invalid .{path[-1]}{where}: {path[-1]} must be >=0")
        elif value > _DAY:
            yield Finding.at(path, f"invalid .{path[-1]}{where}: {text} exceeds the limit of 24h")
        elif where and value > whole:
            message = f"build step timeout {text} must be <= build timeout {build.timeout}"
            yield Finding.at(path, f"invalid .timeout{where}: {message}")


def _substitutions(build: Build) -> Iterator[Finding]:
    if len(build.substitutions) > MOST_SUBSTITUTIONS:
        message = f"number of substitutions {len(build.substitutions)} exceeded"
        yield Finding.at(("substitutions",), f"{message} (max: {MOST_SUBSTITUTIONS})")
    for key, value in build.substitutions.items():
        path: Path = ("substitutions", key)
        if not SUBSTITUTION_KEY.fullmatch(key):
            message = f"substitution key {key} does not respect format ^_[A-Z0-9_]+$"
            yield Finding.at(path, message, "a config may only set names that begin with '_'")
        if len(key) > LONGEST_KEY:
            yield Finding.at(path, f'substitution key "{key}" too long (max: {LONGEST_KEY})')
        if len(value) > LONGEST_VALUE:
            yield Finding.at(path, f'substitution value of "{key}" too long (max: {LONGEST_VALUE})')


def _artifacts(build: Build) -> Iterator[Finding]:
    artifacts = build.artifacts
    if build.images and artifacts.images and build.images != artifacts.images:
        path: Path = ("artifacts", "images")
        yield Finding.at(path, "cannot specify different .images and .artifacts.images")
    for name, images in (("images", build.images), ("artifacts", artifacts.images)):
        if len(images) > _MOST_IMAGES:
            yield Finding.at((name,), f"cannot specify more than {_MOST_IMAGES} images to build")
        for i, image in enumerate(images):
            if len(image) > _LONGEST_NAME:
                yield Finding.at((name,), f"image {i} too long (max: {_LONGEST_NAME})")
    if artifacts.objects:
        yield from _objects(artifacts.objects.location, artifacts.objects.paths)
    for i, package in enumerate(artifacts.python_packages):
        where: Path = ("artifacts", "pythonPackages", i)
        if not package.repository:
            yield Finding.at(where, f".artifacts.pythonPackages[{i}].repository field is empty")
        if not package.paths:
            yield Finding.at(where, f".artifacts.pythonPackages[{i}].paths field is empty")


def _objects(location: str, paths: tuple[str, ...]) -> Iterator[Finding]:
    path: Path = ("artifacts", "objects")
    if not location:
        yield Finding.at(path, "invalid .artifacts field: .artifacts.location field is empty")
    elif not location.startswith("gs://"):
        message = f'invalid .artifacts.location value "{location}"'
        yield Finding.at(path, f"{message}; Google Cloud Storage URLs must begin with 'gs://'")
    if not paths:
        yield Finding.at(path, "invalid .artifacts field: .artifacts.paths field empty")
    if len(paths) > _MOST_ITEMS:
        message = f".artifacts.paths field has length {len(paths)}"
        yield Finding.at(path, f"{message}, but cannot specify more than {_MOST_ITEMS}")
    for item in paths:
        if re.search(r"\s", item):
            yield Finding.at(path, f'.artifacts.paths "{item}" contains whitespace')
    if twice := repeats(paths):
        message = ".artifacts.paths field has duplicate paths; remove duplicates"
        yield Finding.at(path, f"{message} [{', '.join(twice)}]")


def _presence(build: Build) -> Iterator[Finding]:
    if not build.steps:
        yield Finding.at(("steps",), "config must list at least one step")


def _steps(build: Build) -> Iterator[Finding]:
    if len(build.steps) > _MOST_STEPS:
        yield Finding.at(("steps",), f"cannot specify more than {_MOST_STEPS} build steps")
    for index, step in enumerate(build.steps):
        for key, message, hint in _step_faults(step):
            yield Finding.at(("steps", index, key), f"build step {index} {message}", hint)
        yield from _env(step.env, ("steps", index, "env"), f'build step #{index} - "{step.id}"')


def _step_faults(step: Step) -> Iterator[tuple[str, str, str]]:
    if not step.name:
        yield "name", "must specify name", ""
    if len(step.name) > _LONGEST_NAME:
        yield "name", f"name too long (max: {_LONGEST_NAME})", ""
    if len(step.args) > _MOST_ITEMS:
        yield "args", f"too many args (max: {_MOST_ITEMS})", ""
    for i, argument in enumerate(step.args):
        if len(argument) > _LONGEST_ARGUMENT:
            hint = "move it into a file of the repository"
            yield "args", f"arg {i} too long (max: {_LONGEST_ARGUMENT})", hint
    if len(step.dir) > _LONGEST_NAME:
        yield "dir", f"dir too long (max: {_LONGEST_NAME})", ""


def _scripts(build: Build) -> Iterator[Finding]:
    for index, step in enumerate(build.steps):
        if step.script and (step.args or step.entrypoint):
            message = f"build step {index} cannot specify script together with args or entrypoint"
            hint = "keep `script`, or `entrypoint` and `args`"
            yield Finding.at(("steps", index, "script"), message, hint)


def _env(entries: tuple[str, ...], path: Path, owner: str) -> Iterator[Finding]:
    if len(entries) > _MOST_ITEMS:
        yield Finding.at(path, f"{owner}: too many envs (max: {_MOST_ITEMS})")
    for i, entry in enumerate(entries):
        if "=" not in entry:
            message = f'the Env entry "{entry}" must be of the form "KEY=VALUE"'
            yield Finding.at((*path, i), f"{owner}: {message}")
        if len(entry) > _LONGEST_ENV:
            yield Finding.at((*path, i), f"{owner}: env {i} too long (max: {_LONGEST_ENV})")


def _graph(build: Build) -> Iterator[Finding]:
    known: dict[str, int] = {}
    later = {step.id: i for i, step in enumerate(build.steps) if step.id}
    for index, step in enumerate(build.steps):
        owner = _owner(build, index)
        for i, name in enumerate(step.wait_for):
            if name != START and name not in known:
                message = f'{owner} depends on "{name}", which has not been defined'
                hint = _missing_step(name, known, later)
                yield Finding.at(("steps", index, "waitFor", i), message, hint)
        if step.id and step.id != START:
            known.setdefault(step.id, index)


def _identity(build: Build) -> Iterator[Finding]:
    known: set[str] = set()
    for index, step in enumerate(build.steps):
        owner = _owner(build, index)
        path: Path = ("steps", index, "id")
        if step.id == START:
            message = f'the ID cannot be "{START}" which is reserved as a dependency'
            yield Finding.at(path, f"{owner}: {message} for build steps that should run first")
        elif step.id in known:
            yield Finding.at(path, f"{owner}: the ID is not unique")
        elif step.id:
            known.add(step.id)


def _owner(build: Build, index: int) -> str:
    name = build.steps[index].id
    return f'build step #{index} - "{name}"' if name else f"build step #{index}"


def _missing_step(name: str, known: dict[str, int], later: dict[str, int]) -> str:
    if name in later:
        return f"step #{later[name]} has this id; waitFor may only name earlier steps"
    return did_you_mean(name, known, "waitFor names the ids of earlier steps")


def _options(build: Build) -> Iterator[Finding]:
    yield from _env(build.options.env, ("options", "env"), "invalid .options.env field")
    size = build.options.disk_size_gb
    if size is not None and not 0 <= size <= _LARGEST_DISK:
        message = f"invalid .options.diskSizeGb: {size} is not between 0 and {_LARGEST_DISK}"
        yield Finding.at(("options", "diskSizeGb"), message)
    if len({tag for tag in build.tags if tag}) > _MOST_TAGS:
        yield Finding.at(
            ("tags",), f"number of tags {len(build.tags)} exceeded (max: {_MOST_TAGS})"
        )


def _logs(build: Build) -> Iterator[Finding]:
    if build.service_account and not has_place_for_logs(build):
        yield Finding.at(("serviceAccount",), LOGGING_RULE, LOGGING_HINT)


def has_place_for_logs(build: Build) -> bool:
    """Return whether *build* may run as an account of the user's."""
    options = build.options
    return bool(
        build.logs_bucket
        or options.default_logs_bucket_behavior == "REGIONAL_USER_OWNED_BUCKET"
        or options.logging in {"CLOUD_LOGGING_ONLY", "NONE"}
    )


def broken_after_substitution(build: Build) -> Iterator[Finding]:
    """Yield what the service refuses in the names that only substitution completes."""
    for index, step in enumerate(build.steps):
        if not _IMAGE.fullmatch(step.name):
            message = f'invalid build step name "{step.name}"'
            yield Finding.at(("steps", index, "name"), message, code="SW313")
    for name, images in (("images", build.images), ("artifacts", build.artifacts.images)):
        for i, image in enumerate(images):
            path: Path = ("images", i) if name == "images" else ("artifacts", "images", i)
            if not _IMAGE.fullmatch(image):
                capital = _IMAGE.fullmatch(image.lower())
                why = " contains uppercase letters" if capital else ""
                yield Finding.at(path, f'invalid image name "{image}"{why}', code="SW313")
    for i, tag in enumerate(build.tags):
        if tag and not re.fullmatch(_TAG, tag):
            message = f'invalid build tag "{tag}": must match format "^({_TAG})$"'
            yield Finding.at(("tags", i), message, code="SW313")
