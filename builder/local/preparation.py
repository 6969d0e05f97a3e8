"""Prepares a build: reads its config, and decides all that can be decided before it starts.

What the service would refuse is refused. What this machine cannot do is an obstacle, named in the
plan and refused by a run; what means nothing on it is named, and ignored.
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

from builder.local.directories import WORKSPACE, BuildDirectories
from builder.local.execution import StepGraph, make_graph
from builder.local.runners import (
    DockerRunner,
    ExtraVariables,
    ProcessRunner,
    Runner,
    credentials,
    docker_environment,
    host_environment,
    machine_variables,
    step_environment,
)
from steps.host.errors import Finding, InputError, Problem
from steps.host.files import read_whole
from steps.host.git import ask_git
from steps.registry.address import EMULATOR_VARIABLE, parse_registry
from steps.registry.credentials import url_logins
from triggers.cloudbuild.build_rules import secret_names
from triggers.cloudbuild.dynamic_substitutions import keys_of
from triggers.cloudbuild.files import BuildConfig, read_build_config
from triggers.cloudbuild.substitutions import (
    StartedBy,
    broken_after_substitution,
    build_texts,
    references,
    resolve,
    substitute_build,
    template_texts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from triggers.cloudbuild.build_config import Artifacts, Build
    from triggers.cloudbuild.substitutions import Resolution

    Place = tuple[str | int, ...]  # of a value in the config

_logger = logging.getLogger("shipwheel")
# The others choose the service's machines, logs and records: a laptop has one machine and one log.
_HONOURED_OPTIONS = {
    "automap_substitutions", "dynamic_substitutions", "env", "secret_env", "substitution_option",
    "volumes",
}  # fmt: skip
NO_PROJECT = "local-project"
NO_PROJECT_NUMBER = "0"
LOCATION = "global"
TRIGGER = "local"
_REMOTE = re.compile(r"[/:](?P<full>(?P<owner>[^/:]+)/(?P<name>[^/]+?))(?:\.git)?/?$")
_PASSED_OPTIONS = {("options", "env"), ("options", "volumes")}  # to the programs of steps
_UPLOADED = {"images", "python_packages"}  # the artifacts that a run sees to
# A variable of such a name is a secret as a whole.
_SECRET_NAME = re.compile("AUTH|CREDENTIAL|KEY|PASS|SECRET|TOKEN", re.IGNORECASE)
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
    handed: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


@dataclass(frozen=True)
class PreparedBuild:
    """A build that the service would take: substituted, and planned.

    It may start where there are no *obstacles*. What is in *masked* never reaches a log.
    """

    request: RunRequest
    config: BuildConfig
    graph: StepGraph
    build_id: str
    values: Mapping[str, str]
    secrets: Mapping[str, str]
    masked: frozenset[str]
    obstacles: tuple[Problem, ...]

    def runner(self, directories: BuildDirectories, extra: ExtraVariables) -> Runner:
        """Return what turns the steps of the build into commands."""
        return _make_runner(self.request, directories, self.build_id, extra)

    def variables(self, index: int) -> dict[str, str]:
        """Return what the config gives to step *index*."""
        build = self.config.build
        return step_environment(build, build.steps[index], self.values, self.secrets)


def prepare(request: RunRequest) -> PreparedBuild:
    """Read and judge the build config without changing anything.

    Raises InputError with every problem that the service would have with it.
    """
    config, build_id = _read(request), str(uuid.uuid4())
    resolution = _resolve(request, config, build_id)
    lacking = dict(_lacking_values(config.build, resolution.values))
    build = substitute_build(config.build, resolution.values)
    config = replace(config, build=build)
    broken = [*broken_after_substitution(build)]
    refused = [found for found in broken if found.path not in lacking]
    InputError.raise_all(config.problems([*refused, *_unpassable(build)]))
    incomplete = [replace(it, hint=lacking[it.path]) for it in broken if it.path in lacking]
    graph = make_graph(build.steps, request.only, request.start)
    secrets, missing = _secrets(build, graph, request.environ)
    obstacles = config.problems([*incomplete, *missing, *unsupported_fields(build, request)])
    # Which directories it is given makes no difference to what it refuses.
    directories = BuildDirectories(Path("/shipwheel-run"))
    runner = _make_runner(request, directories, build_id, ExtraVariables())
    obstacles += [problem for index, problem in runner.refusals(build) if index in graph.waits]
    _narrate(request, build)
    return PreparedBuild(
        request=request,
        config=config,
        graph=graph,
        build_id=build_id,
        values=resolution.values,
        secrets=secrets,
        masked=frozenset((*secrets.values(), *_secrets_of_the_machine(request))),
        obstacles=tuple(dict.fromkeys(obstacles)),
    )


def _make_runner(
    request: RunRequest, directories: BuildDirectories, build_id: str, extra: ExtraVariables
) -> Runner:
    if request.docker:
        return DockerRunner(directories, docker_environment(request.environ), build_id, extra)
    host = host_environment(request.environ, directories.temporary)
    return ProcessRunner(directories, host, request.host_tools, extra)


def _lacking_values(build: Build, values: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    """Yield the place of each text whose substitutions have no value, and the hint to give one."""
    for place, text in template_texts(build):
        keys: dict[str, None] = {}
        found = references(text)
        while found:  # what a value refers to counts, too
            keys |= dict.fromkeys(found)
            inside = [it for key in found for it in keys_of(build.substitutions.get(key, ""))]
            found = [key for key in inside if key not in keys]
        given = ",".join(f"{key}=…" for key in keys if not values.get(key))
        if given:
            yield place, f"give what has no value here: --substitutions {given}"


def _narrate(request: RunRequest, build: Build) -> None:
    """Say what of *build*, and of this machine's variables, is left out."""
    if ignored := ", ".join(ignored_fields(build)):
        _logger.info("Ignored locally: %s", ignored)
    if (names := not_uploaded(build.artifacts)) and not request.only:
        _logger.info("Not uploaded by a local build: %s", ", ".join(names))
    if request.docker:
        return
    for name, value in machine_variables(request.environ).items():
        if url_logins(name, value) and name not in request.handed:
            said = "The credentials in %s are kept from the steps; --env %s hands it to them"
            _logger.info(said, name, name)


def _secrets_of_the_machine(request: RunRequest) -> Iterator[str]:
    """Yield what no log may show of the variables that programs of the build are given."""
    for name, value in machine_variables(request.environ).items():
        yield from url_logins(name, value)
    for name in request.handed:
        value = request.environ[name]
        yield from url_logins(name, value)
        if _SECRET_NAME.search(name):
            yield value
    if request.registry:
        yield credentials(request.environ).get("TWINE_PASSWORD", "")


def _read(request: RunRequest) -> BuildConfig:
    if not request.source.is_dir():
        raise InputError(
            f"The source is not a directory: {str(request.source)!r}",
            "name with --source what is to be copied to /workspace",
        )
    if request.registry:
        parse_registry(request.registry, {})
    InputError.raise_all(
        Problem(f"--env names a variable that is not set: {name!r}", "export it, or leave it out")
        for name in request.handed
        if name not in request.environ
    )
    text = read_whole(request.config, "name a cloudbuild.yaml", what="The build config ")
    submitted = request.started_by is StartedBy.SUBMIT
    return read_build_config(text, str(request.config), submitted=submitted)


def _resolve(request: RunRequest, config: BuildConfig, build_id: str) -> Resolution:
    """Return the values of all substitutions; warn of what is allowed, raise for what is not."""
    built_in = built_in_substitutions(config.build, request, build_id)
    resolution = resolve(config.build, request.substitutions, built_in, request.started_by)
    for problem in (*config.notes, *config.problems(resolution.notes)):
        _logger.warning("%s", problem)
    InputError.raise_all(config.problems(resolution.findings))
    return resolution


def _secrets(
    build: Build, graph: StepGraph, environ: Mapping[str, str]
) -> tuple[dict[str, str], list[Finding]]:
    """Return the values of the secrets that the chosen steps use, from the environment."""
    steps = [build.steps[index] for index in graph.waits]
    used = {*build.options.secret_env, *(name for step in steps for name in step.secret_env)}
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


def unsupported_fields(build: Build, request: RunRequest) -> Iterator[Finding]:
    """Yield the fields of *build* that ask for what this machine cannot do, or *request* denies."""
    asked = {"dependencies": build.dependencies, "gitConfig": build.git_config}
    for name, value in asked.items():
        if value:
            yield Finding.at((name,), f"`{name}` cannot be done on this machine", _UNSUPPORTED)
    if request.only:
        return  # nothing is delivered
    has_docker = request.docker or (request.host_tools and bool(shutil.which("docker")))
    if (build.images or build.artifacts.images) and not has_docker:
        yield Finding.at(("images",), "`images` needs a Docker engine", "use --docker")
    if build.artifacts.python_packages:
        yield from _python_packages(build.artifacts, request)


def _python_packages(artifacts: Artifacts, request: RunRequest) -> Iterator[Finding]:
    """Yield why the packages cannot be uploaded: no registry is named, or the fields are wrong."""
    path = ("artifacts", "pythonPackages")
    if not (request.emulator or request.registry or EMULATOR_VARIABLE in request.environ):
        message = f"`{'.'.join(path)}` is only uploaded to a registry that is named"
        yield Finding.at(path, message, "use --emulator, or name one with --registry")
    for index, package in enumerate(artifacts.python_packages):
        for text in package.paths:
            inside = text.removeprefix(WORKSPACE)
            if ".." in inside.split("/") or (inside == text and text.startswith("/")):
                message = f"The path leads out of {WORKSPACE}: {text!r}"
                hint = f"name files below {WORKSPACE}, such as dist/*"
                yield Finding.at((*path, index, "paths"), message, hint)


def not_uploaded(artifacts: Artifacts) -> list[str]:
    """Return the names of what the service would upload from *artifacts*, and no local build."""
    names = (name for name in type(artifacts).model_fields if name not in _UPLOADED)
    return [f"artifacts.{to_camel(name)}" for name in names if getattr(artifacts, name)]


def _unpassable(build: Build) -> Iterator[Finding]:
    """Yield what no program can be given: a system ends every argument and variable with a NUL."""
    found = [path for path, text in build_texts(build) if "\0" in text]
    for path in dict.fromkeys(path[: 3 if path[0] == "steps" else 2] for path in found):
        if path in _PASSED_OPTIONS or (path[0] == "steps" and path[-1] != "script"):
            message = f"`{path[-1]}` holds a NUL character, which no program can be given"
            yield Finding.at(
                path, message, "take it out: in a double-quoted text of YAML it is `\\0`"
            )


def ignored_fields(build: Build) -> Iterator[str]:
    """Yield the names of the fields of *build* that only the service can honour."""
    for name in ("service_account", "logs_bucket", "queue_ttl", "tags"):
        if getattr(build, name):
            yield to_camel(name)
    for name in sorted(type(build.options).model_fields):
        if name not in _HONOURED_OPTIONS and getattr(build.options, name):
            yield f"options.{to_camel(name)}"


def built_in_substitutions(build: Build, request: RunRequest, build_id: str) -> dict[str, str]:
    """Return the built-in substitutions that a build of the source has; others are empty."""
    environ = request.environ
    project = environ.get("GOOGLE_CLOUD_PROJECT") or environ.get("CLOUDSDK_CORE_PROJECT")
    values = {
        "PROJECT_ID": project or NO_PROJECT,
        "PROJECT_NUMBER": NO_PROJECT_NUMBER,
        "BUILD_ID": build_id,
        "LOCATION": LOCATION,
    }
    if request.started_by is StartedBy.SUBMIT:
        return values
    email = f"{NO_PROJECT_NUMBER}-compute@developer.gserviceaccount.com"
    if build.service_account and "$" not in build.service_account:
        email = build.service_account.rpartition("/")[2]
    return {
        **values,
        "TRIGGER_NAME": TRIGGER,
        "TRIGGER_BUILD_CONFIG_PATH": _relative(request.config, request.source),
        "SERVICE_ACCOUNT_EMAIL": email,
        "SERVICE_ACCOUNT": f"projects/{values['PROJECT_ID']}/serviceAccounts/{email}",
        **_from_git(request.source),
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
