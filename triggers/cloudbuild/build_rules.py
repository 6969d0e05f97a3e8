"""The rules of a build config that no single field can break: what the service refuses.

Each rule is a generator of findings. Sources: the service's validation as it was published with
its local builder, the API's text, and what the live service was seen to answer.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.host.errors import Finding, did_you_mean
from triggers.cloudbuild.build_config import Build, Step, Volume, is_portable, seconds
from triggers.cloudbuild.substitutions import (
    LONGEST_KEY,
    LONGEST_VALUE,
    MOST_SUBSTITUTIONS,
    SUBSTITUTION_KEY,
    location_faults,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steps.host.documents import Path

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
_MOST_SECRETS = 100
_LONGEST_SECRET = 64 * 1024
_VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_RESERVED_PATHS = {"/workspace", "/builder/home", "/var/run/docker.sock"}
LOGGING_RULE = (
    "if 'build.service_account' is specified, the build must either (a) specify"
    " 'build.logs_bucket', (b) use the REGIONAL_USER_OWNED_BUCKET"
    " build.options.default_logs_bucket_behavior option, or (c) use either CLOUD_LOGGING_ONLY /"
    " NONE logging options: invalid argument"
)
# Release notes of 2026-11-11: the service's own default is now a regional bucket of the user.
LOGGING_HINT = (
    "add `options: {logging: CLOUD_LOGGING_ONLY}`, or submit with `--gcs-log-dir`; since"
    " November 2026 the service may choose a regional bucket of yours"
)


def validate_build(build: Build) -> list[Finding]:
    """Return what is wrong with *build* before substituting; `messages.NOTED` is not refused."""
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
        elif value > _DAY and path != ("queueTtl",):  # googleforgames/agones waits three days
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
        for i in (i for i, image in enumerate(images) if len(image) > _LONGEST_NAME):
            yield Finding.at((name,), f"image {i} too long (max: {_LONGEST_NAME})")
    if artifacts.objects:
        yield from _objects(artifacts.objects.paths)
        if "$" not in artifacts.objects.location:
            yield from location_faults(artifacts.objects.location)
    for i, package in enumerate(artifacts.python_packages):
        for field in (name for name in ("repository", "paths") if not getattr(package, name)):
            message = f".artifacts.pythonPackages[{i}].{field} field is empty"
            yield Finding.at(("artifacts", "pythonPackages", i), message)


def _objects(paths: tuple[str, ...]) -> Iterator[Finding]:
    path: Path = ("artifacts", "objects")
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


def repeats(values: tuple[str, ...]) -> list[str]:
    """Return the values that occur more than once."""
    return sorted({value for value in values if values.count(value) > 1})


def volume_faults(build: Build) -> Iterator[Finding]:
    """Yield what is wrong with the volumes of all steps together."""
    shared = build.options.volumes
    if shared and len(build.steps) == 1:
        message = "Global volumes defined but there are fewer than two steps"
        yield Finding.at(("options", "volumes"), message)
    yield from _volume_list(shared, ("options", "volumes"), "invalid .options.volumes")
    used: dict[str, list[Path]] = {}
    for index, step in enumerate(build.steps):
        owner = f'build step #{index} - "{step.id}"'
        path: Path = ("steps", index, "volumes")
        yield from _volume_list(step.volumes, path, owner)
        for i, volume in enumerate(step.volumes):
            used.setdefault(volume.name, []).append((*path, i))
            if volume.name in {other.name for other in shared}:
                message = f'{owner}: volume name "{volume.name}" conflicts with global volume'
                yield Finding.at((*path, i), message)
            elif volume.path in {other.path for other in shared}:
                message = f'{owner}: volume path "{volume.path}" conflicts with global volume'
                yield Finding.at((*path, i), message)
    for name, paths in used.items():
        if len(paths) == 1:
            yield Finding.at(paths[0], f'Volume "{name}" is only used by one step')


def _volume_list(volumes: tuple[Volume, ...], path: Path, owner: str) -> Iterator[Finding]:
    for i, volume in enumerate(volumes):
        where = posixpath.normpath(volume.path) if volume.path else ""
        fault = ""
        if not _VOLUME_NAME.fullmatch(volume.name):
            fault = f'volume name "{volume.name}" does not match "^{_VOLUME_NAME.pattern}$"'
        elif not where.startswith("/"):
            fault = f'path "{volume.path}" is not valid, must be absolute'
        elif where in _RESERVED_PATHS:
            fault = f'path "{volume.path}" is reserved'
        elif where.startswith("/cloudbuild/"):
            fault = f'volume path "{volume.path}" cannot start with /cloudbuild/'
        if fault:
            yield Finding.at((*path, i), f"{owner}: {fault}")
    for kind in ("name", "path"):
        for value in repeats(tuple(getattr(volume, kind) for volume in volumes)):
            message = f'volume {kind} "{value}" is defined in more than one volume entry'
            yield Finding.at(path, f"{owner}: {message}")


def secret_faults(build: Build) -> Iterator[Finding]:
    """Yield what is wrong between the secrets and the steps that use them."""
    defined = [*secret_names(build)]
    for name in repeats(tuple(defined)):
        yield Finding.at(("secrets",), f'secretEnv "{name}" is defined more than once')
    for i, secret in enumerate(build.secrets):
        if not secret.secret_env:
            yield Finding.at(("secrets", i), f"secret {i} defines no secretEnvs")
        for name, value in secret.secret_env.items():
            if len(value) > _LONGEST_SECRET:
                message = f'secretEnv value for "{name}" cannot exceed {_LONGEST_SECRET}B'
                yield Finding.at(("secrets", i, "secretEnv", name), message)
    for key in repeats(tuple(secret.kms_key_name for secret in build.secrets)):
        yield Finding.at(("secrets",), f'kmsKeyName "{key}" is used by more than one secret')
    if len(defined) > _MOST_SECRETS:
        yield Finding.at(("secrets",), f"build defines more than {_MOST_SECRETS} secret values")
    yield from _secret_uses(build, set(defined))
    yield from _unused(build)


def _secret_uses(build: Build, defined: set[str]) -> Iterator[Finding]:
    everywhere = build.options.secret_env
    path: Path = ("options", "secretEnv")
    for name in repeats(everywhere):
        yield Finding.at(path, f'Build uses global secretEnv "{name}" more than once')
    yield from _undefined(path, everywhere, defined)
    for index, step in enumerate(build.steps):
        path = ("steps", index, "secretEnv")
        plain = {entry.partition("=")[0] for entry in (*build.options.env, *step.env)}
        for name in sorted({*step.secret_env} & {*everywhere}):
            yield Finding.at(path, f'Step {index} uses the global secretEnv "{name}"')
        for name in repeats(step.secret_env):
            yield Finding.at(path, f'Step {index} uses the secretEnv "{name}" more than once')
        for name in sorted({*everywhere, *step.secret_env} & plain):
            yield Finding.at(path, f'step {index} has secret and non-secret env "{name}"')
        yield from _undefined(path, step.secret_env, defined)


def _undefined(path: Path, names: tuple[str, ...], defined: set[str]) -> Iterator[Finding]:
    for name in names:
        if name not in defined:
            hint = did_you_mean(name, defined, "define it in availableSecrets.secretManager")
            yield Finding.at(path, f'secretEnv "{name}" is used without being defined', hint)


def _unused(build: Build) -> Iterator[Finding]:
    used = {*build.options.secret_env}
    used.update(name for step in build.steps for name in step.secret_env)
    for i, secret in enumerate(build.secrets):
        for name in sorted(secret.secret_env.keys() - used):
            message = f'secretEnv "{name}" is defined without being used'
            yield Finding.at(("secrets", i, "secretEnv", name), message)


def secret_names(build: Build) -> Iterator[str]:
    """Yield the variables that the build's secrets define."""
    for secret in build.secrets:
        yield from secret.secret_env
    for managed in build.available_secrets.secret_manager:
        yield managed.env
    for inline in build.available_secrets.inline:
        yield from inline.env_map


def encrypted_values(build: Build) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Yield the variables with encrypted values, and where they are."""
    for i, secret in enumerate(build.secrets):
        yield ("secrets", i, "secretEnv"), secret.secret_env
    for i, inline in enumerate(build.available_secrets.inline):
        yield ("availableSecrets", "inline", i, "envMap"), inline.env_map
