"""The rules of what a build's steps share: volumes and secrets."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from steps.host.errors import Finding, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from triggers.cloudbuild.build_config import Build, Volume
    from triggers.cloudbuild.documents import Path

_MOST_SECRETS = 100
_LONGEST_SECRET = 64 * 1024
_VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_RESERVED_PATHS = {"/workspace", "/builder/home", "/var/run/docker.sock"}


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
