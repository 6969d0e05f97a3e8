"""Prepares a build: reads its config, and decides all that can be decided before it starts.

What this machine cannot do is refused by name; what means nothing on it is named, and ignored.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic.alias_generators import to_camel

from builder.local.execution import StepGraph, make_graph
from steps.host.errors import Finding, InputError
from steps.host.git import ask_git
from steps.registry.address import EMULATOR_VARIABLE
from triggers.cloudbuild.build_rules import broken_after_substitution
from triggers.cloudbuild.build_shared_rules import secret_names
from triggers.cloudbuild.files import BuildConfig, read_build_config
from triggers.cloudbuild.substitutions import StartedBy, resolve, substitute_build

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from triggers.cloudbuild.build_config import Build, Step
    from triggers.cloudbuild.substitutions import Resolution

_logger = logging.getLogger("shipwheel")
# They choose the service's machines, logs and records; a laptop has one machine and one log.
_ONLY_THE_SERVICE = (
    "cluster", "anthos_cluster", "default_logs_bucket_behavior", "disk_size_gb",
    "enable_structured_logging", "log_streaming_option", "logging", "machine_type", "pool",
    "pubsub_topic", "requested_verify_option", "source_provenance_hash", "worker_pool",
)  # fmt: skip
NO_PROJECT = "local-project"
NO_PROJECT_NUMBER = "0"
LOCATION = "global"
TRIGGER = "local"
_REMOTE = re.compile(r"[/:](?P<full>(?P<owner>[^/:]+)/(?P<name>[^/]+?))(?:\.git)?/?$")
_UNSUPPORTED = "run it in Cloud Build, or take it out of a copy of the config"


@dataclass(frozen=True, kw_only=True)
class RunRequest:
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
class PreparedBuild:
    """A build that may start: substituted, planned, and everything that could be refused is not."""

    request: RunRequest
    config: BuildConfig
    graph: StepGraph
    build_id: str
    values: Mapping[str, str]
    secrets: Mapping[str, str]

    def variables(self, index: int) -> dict[str, str]:
        """Return what the config gives to step *index*."""
        build = self.config.build
        return step_environment(build, build.steps[index], self.values, self.secrets)


def prepare(request: RunRequest) -> PreparedBuild:
    """Read and judge the build config without changing anything.

    Raises InputError with every problem that the service, or this machine, would have with it.
    """
    config, build_id = _read(request), str(uuid.uuid4())
    resolution = _resolve(request, config, build_id)
    config = replace(config, build=substitute_build(config.build, resolution.values))
    secrets, missing = _secrets(config, request.environ)
    InputError.raise_all(config.problems([*_impossible(request, config.build), *missing]))
    graph = make_graph(config.build.steps, request.only, request.start)
    if ignored := ", ".join(ignored_fields(config.build)):
        _logger.info("Ignored locally: %s", ignored)
    return PreparedBuild(request, config, graph, build_id, resolution.values, secrets)


def _read(request: RunRequest) -> BuildConfig:
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


def _resolve(request: RunRequest, config: BuildConfig, build_id: str) -> Resolution:
    """Return the values of all substitutions; warn of what is allowed, raise for what is not."""
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


def _impossible(request: RunRequest, build: Build) -> list[Finding]:
    """Return what the service would refuse in *build*, substituted, or this machine cannot do."""
    has_docker = request.docker or (request.host_tools and bool(shutil.which("docker")))
    has_emulator = request.emulator or EMULATOR_VARIABLE in request.environ
    return [
        *broken_after_substitution(build),
        *unsupported_fields(build, docker=has_docker, emulator=has_emulator),
    ]


def _secrets(
    config: BuildConfig, environ: Mapping[str, str]
) -> tuple[dict[str, str], list[Finding]]:
    """Return the values of the secrets that steps use, from the environment."""
    build = config.build
    used = {*build.options.secret_env, *(name for s in build.steps for name in s.secret_env)}
    names = [name for name in secret_names(build) if name in used]
    missing = [
        Finding.at(
            ("availableSecrets",) if build.available_secrets.secret_manager else ("secrets",),
            f'secretEnv "{name}" has no value on this machine',
            f"set {name} in the environment of this command; its value is never printed",
        )
        for name in names
        if name not in environ
    ]
    return {name: environ[name] for name in names if name in environ}, missing


def unsupported_fields(build: Build, *, docker: bool, emulator: bool) -> list[Finding]:
    """Return the fields of *build* that ask for what the local builder cannot do.

    *docker* and *emulator* say whether there are a Docker engine and a registry emulator.
    """
    artifacts = build.artifacts
    asked = {
        ("artifacts", "objects"): artifacts.objects,
        ("artifacts", "mavenArtifacts"): artifacts.maven_artifacts,
        ("artifacts", "npmPackages"): artifacts.npm_packages,
        ("artifacts", "goModules"): artifacts.go_modules,
        ("dependencies",): build.dependencies,
        ("gitConfig",): build.git_config,
    }
    found = [
        Finding.at(path, f"`{'.'.join(path)}` cannot be done on this machine", _UNSUPPORTED)
        for path, value in asked.items()
        if value
    ]
    if artifacts.python_packages and not emulator:
        message = "`artifacts.pythonPackages` is only uploaded to a registry emulator"
        found.append(Finding.at(("artifacts", "pythonPackages"), message, "use --emulator"))
    if (build.images or artifacts.images) and not docker:
        found.append(Finding.at(("images",), "`images` needs a Docker engine", "use --docker"))
    return [*found, *_unpassable(build)]


def _unpassable(build: Build) -> Iterator[Finding]:
    """Yield what no program can be given: a system ends every argument and variable with a NUL."""
    fields: list[tuple[tuple[str | int, ...], object]] = [
        (("steps", index, to_camel(name)), value)
        for index, step in enumerate(build.steps)
        for name, value in step.model_dump(exclude={"script"}).items()
    ]
    fields += [(("options", name), build.options.model_dump()[name]) for name in ("env", "volumes")]
    for path, value in fields:
        if any("\0" in text for text in _texts(value)):
            message = f"`{path[-1]}` holds a NUL character, which no program can be given"
            yield Finding.at(
                path, message, "take it out: in a double-quoted text of YAML it is `\\0`"
            )


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def ignored_fields(build: Build) -> Iterator[str]:
    """Yield the names of the fields of *build* that only the service can honour."""
    for name in ("service_account", "logs_bucket", "queue_ttl", "tags"):
        if getattr(build, name):
            yield to_camel(name)
    for name in _ONLY_THE_SERVICE:
        if getattr(build.options, name):
            yield f"options.{to_camel(name)}"
    if build.options.docker_daemon:
        yield "options.dockerDaemon"


def built_in_substitutions(
    build: Build,
    *,
    config: Path,
    source: Path,
    build_id: str,
    started_by: StartedBy,
    environ: Mapping[str, str],
) -> dict[str, str]:
    """Return the built-in substitutions that a build of *source* has; others are empty."""
    project = environ.get("GOOGLE_CLOUD_PROJECT") or environ.get("CLOUDSDK_CORE_PROJECT")
    values = {
        "PROJECT_ID": project or NO_PROJECT,
        "PROJECT_NUMBER": NO_PROJECT_NUMBER,
        "BUILD_ID": build_id,
        "LOCATION": LOCATION,
    }
    if started_by is StartedBy.SUBMIT:
        return values
    email = f"{NO_PROJECT_NUMBER}-compute@developer.gserviceaccount.com"
    if build.service_account and "$" not in build.service_account:
        email = build.service_account.rpartition("/")[2]
    return {
        **values,
        "TRIGGER_NAME": TRIGGER,
        "TRIGGER_BUILD_CONFIG_PATH": _relative(config, source),
        "SERVICE_ACCOUNT_EMAIL": email,
        "SERVICE_ACCOUNT": f"projects/{values['PROJECT_ID']}/serviceAccounts/{email}",
        **_from_git(source),
    }


def _relative(config: Path, source: Path) -> str:
    path = config.absolute()
    top = source.absolute()
    return path.relative_to(top).as_posix() if path.is_relative_to(top) else path.name


def _from_git(source: Path) -> dict[str, str]:
    commit = _git(source, "rev-parse", "--verify", "HEAD")
    branch = _git(source, "symbolic-ref", "--short", "HEAD")
    # A trigger builds a branch or a tag, never both: a tag is only meant on a detached HEAD.
    tag = "" if branch else _git(source, "describe", "--tags", "--exact-match", "HEAD")
    remote = _REMOTE.search(_git(source, "remote", "get-url", "origin"))
    top = _git(source, "rev-parse", "--show-toplevel").rpartition("/")[2]
    return {
        "COMMIT_SHA": commit,
        "REVISION_ID": commit,
        "SHORT_SHA": commit[:7],
        "BRANCH_NAME": branch,
        "TAG_NAME": tag,
        "REF_NAME": branch or tag,
        "REPO_NAME": remote["name"] if remote else top,
        "REPO_FULL_NAME": remote["full"] if remote else "",
    }


def _git(source: Path, *arguments: str) -> str:
    """Return git's answer, nothing without one: a source need not be a checkout."""
    return ask_git(source, *arguments).strip()


def step_environment(
    build: Build, step: Step, substitutions: Mapping[str, str], secrets: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that the config itself gives to *step*; the step's own win."""
    automap = step.automap_substitutions
    if automap is None:
        automap = build.options.automap_substitutions
    environment = dict(substitutions) if automap else {}
    for entry in (*build.options.env, *step.env):
        name, _, value = entry.partition("=")
        environment[name] = value
    names = (*build.options.secret_env, *step.secret_env)
    return environment | {name: secrets[name] for name in names}
