"""Prepares a build: reads its config, decides everything that can be decided before it starts."""

from __future__ import annotations

import logging
import os
import shutil
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from builder.local.built_in import built_in_substitutions
from builder.local.environment import step_environment
from builder.local.limits import beyond_this_machine, without_meaning_here
from builder.local.plan import Plan, make_plan
from steps.host.errors import InputError
from steps.registry.address import EMULATOR_VARIABLE
from triggers.cloudbuild.build_config_file import BuildConfig, read_build_config
from triggers.cloudbuild.build_rules import broken_after_substitution
from triggers.cloudbuild.build_shared_rules import secret_names
from triggers.cloudbuild.findings import Finding
from triggers.cloudbuild.substitutions import StartedBy, resolve, substitute_build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triggers.cloudbuild.build_config import Build
    from triggers.cloudbuild.substitutions import Resolution

_logger = logging.getLogger("shipwheel")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asks for."""

    config: Path
    source: Path = field(default_factory=Path)
    substitutions: Mapping[str, str] = field(default_factory=dict)
    started_by: StartedBy = StartedBy.TRIGGER
    registry: str = ""
    emulator: bool = False
    docker: bool = False
    host_tools: bool = False
    only: str = ""
    start: str = ""
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


@dataclass(frozen=True)
class Prepared:
    """A build that may start: substituted, planned, and everything that could be refused is not."""

    request: Request
    config: BuildConfig
    plan: Plan
    build_id: str
    values: Mapping[str, str]
    secrets: Mapping[str, str]

    def variables(self, index: int) -> dict[str, str]:
        """Return what the config gives to step *index*."""
        build = self.config.build
        return step_environment(build, build.steps[index], self.values, self.secrets)


def prepare(request: Request) -> Prepared:
    """Read and judge the build config without changing anything.

    Raises InputError with every problem that the service, or this machine, would have with it.
    """
    config, build_id = _read(request), str(uuid.uuid4())
    resolution = _resolve(request, config, build_id)
    config = replace(config, build=substitute_build(config.build, resolution.values))
    secrets, missing = _secrets(config, request.environ)
    InputError.raise_all(config.problems([*_impossible(request, config.build), *missing]))
    plan = make_plan(config.build.steps, request.only, request.start)
    if ignored := ", ".join(without_meaning_here(config.build)):
        _logger.info("Without meaning on this machine: %s", ignored)
    return Prepared(request, config, plan, build_id, resolution.values, secrets)


def _read(request: Request) -> BuildConfig:
    if not request.source.is_dir():
        raise InputError(
            f"The source is not a directory: {str(request.source)!r}",
            "name with --source what is to be copied to /workspace",
        )
    try:
        text = request.config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"Cannot read the build config {str(request.config)!r}: {reason}"
        raise InputError(message, "name a cloudbuild.yaml") from None
    submitted = request.started_by is StartedBy.SUBMIT
    return read_build_config(text, str(request.config), submitted=submitted)


def _resolve(request: Request, config: BuildConfig, build_id: str) -> Resolution:
    """Return the values of all substitutions; tell what is forgiven, and raise for what is not."""
    built_in = built_in_substitutions(
        config.build,
        config=request.config,
        source=request.source,
        build_id=build_id,
        started_by=request.started_by,
        environ=request.environ,
    )
    resolution = resolve(config.build, request.substitutions, built_in, request.started_by)
    for problem in (*config.notes, *config.problems(resolution.notes)):
        _logger.warning("%s", problem)
    InputError.raise_all(config.problems(resolution.findings))
    return resolution


def _impossible(request: Request, build: Build) -> list[Finding]:
    """Return what the service would refuse in *build*, substituted, or this machine cannot do."""
    has_docker = request.docker or (request.host_tools and bool(shutil.which("docker")))
    has_emulator = request.emulator or EMULATOR_VARIABLE in request.environ
    return [
        *broken_after_substitution(build),
        *beyond_this_machine(build, docker=has_docker, emulator=has_emulator),
    ]


def _secrets(
    config: BuildConfig, environ: Mapping[str, str]
) -> tuple[dict[str, str], list[Finding]]:
    """Return the values of the secrets that steps use, from the environment."""
    build = config.build
    used = {*build.options.secret_env, *(name for s in build.steps for name in s.secret_env)}
    names = [name for name in secret_names(build) if name in used]
    missing = [
        Finding(
            ("availableSecrets",) if build.available_secrets.secret_manager else ("secrets",),
            f'secretEnv "{name}" has no value on this machine',
            f"set {name} in the environment of this command; its value is never printed",
        )
        for name in names
        if name not in environ
    ]
    return {name: environ[name] for name in names if name in environ}, missing
