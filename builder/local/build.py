"""Runs a build config from its file to its end: read, decide, prepare, execute, report."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import tempfile
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.local.built_in import built_in_substitutions
from builder.local.environment import (
    credentials,
    docker_environment,
    host_environment,
    step_environment,
)
from builder.local.execution import SUCCESS, Execution
from builder.local.limits import beyond_this_machine, without_meaning_here
from builder.local.log import BuildLog
from builder.local.plan import Plan, make_plan
from builder.local.room import Room
from builder.local.runners import DockerRunner, ExtraVariables, ProcessRunner, Runner, is_ours
from builder.local.summary import report, summary_lines
from builder.local.workspace import copy_source
from steps.errors import EXIT_BUG, InputError
from steps.registry import EMULATOR_VARIABLE, REGISTRY_VARIABLE, parse_registry
from triggers.build_config_file import BuildConfig, read_build_config
from triggers.build_rules import broken_after_substitution
from triggers.build_shared_rules import secret_names
from triggers.findings import Finding
from triggers.substitutions import StartedBy, resolve, substitute_build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

logger = logging.getLogger("shipwheel")

EXIT_STEP_FAILED = 3
_OUR_CODES = {1, 2, 3, 4, 5, EXIT_BUG}
_REGISTRY_URL = re.compile(r"https://[a-z0-9-]+-python\.pkg\.dev/[^\s'\"]+")


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


def prepare(request: Request) -> Prepared:
    """Read and judge the build config without changing anything.

    Raises InputError with every problem that the service, or this machine, would have with it.
    """
    config = _read(request)
    build = config.build
    build_id = str(uuid.uuid4())
    built_in = built_in_substitutions(
        build,
        config=request.config,
        source=request.source,
        build_id=build_id,
        started_by=request.started_by,
        environ=request.environ,
    )
    resolution = resolve(build, request.substitutions, built_in, request.started_by)
    for problem in (*config.notes, *config.problems(resolution.notes)):
        logger.warning("%s", problem)
    InputError.raise_all(config.problems(resolution.findings))
    build = substitute_build(build, resolution.values)
    findings = [
        *broken_after_substitution(build),
        *beyond_this_machine(build, docker=request.docker),
    ]
    secrets, missing = _secrets(config, request.environ)
    InputError.raise_all(config.problems([*findings, *missing]))
    plan = make_plan(build.steps, request.only, request.start)
    if ignored := ", ".join(without_meaning_here(build)):
        logger.info("Without meaning on this machine: %s", ignored)
    return Prepared(
        request, replace(config, build=build), plan, build_id, resolution.values, secrets
    )


def _read(request: Request) -> BuildConfig:
    if not request.source.is_dir():
        raise InputError(f"The source is not a directory: {str(request.source)!r}")
    try:
        text = request.config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"Cannot read the build config {str(request.config)!r}: {reason}"
        raise InputError(message, "name a cloudbuild.yaml") from None
    return read_build_config(text, str(request.config))


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


def run_build(prepared: Prepared, write: Callable[[str], None]) -> dict[str, Any]:
    """Run a prepared build, logging through *write*; return its record."""
    log = BuildLog(write, prepared.secrets.values())
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shipwheel-run-")))
        room = Room(root.resolve())
        extra = stack.enter_context(_registries(prepared, room))
        runner = make_runner(prepared, room, extra)
        check_runner(prepared, runner)
        return _execute(prepared, room, runner, log)


def make_runner(prepared: Prepared, room: Room, extra: ExtraVariables) -> Runner:
    """Return what turns the steps of the build into commands."""
    environ = prepared.request.environ
    if prepared.request.docker:
        return DockerRunner(room, docker_environment(environ), prepared.build_id, extra)
    host = host_environment(environ, room.temporary)
    return ProcessRunner(room, host, prepared.request.host_tools, extra)


def check_runner(prepared: Prepared, runner: Runner) -> None:
    """Raise InputError for every step of the plan that cannot run on this machine."""
    refusals = runner.refusals(prepared.config.build)
    InputError.raise_all(problem for index, problem in refusals if index in prepared.plan.waits)


def _execute(prepared: Prepared, room: Room, runner: Runner, log: BuildLog) -> dict[str, Any]:
    build = prepared.config.build
    log.line(f'starting build "{prepared.build_id}"\n\nFETCHSOURCE')
    room.make(build)
    count = copy_source(prepared.request.source, room.workspace)
    log.line(f"Copied {count} files from {str(prepared.request.source)!r}\nBUILD")

    def command(index: int) -> Any:
        step = build.steps[index]
        environment = step_environment(build, step, prepared.values, prepared.secrets)
        return runner.command(build, index, environment)

    execution = Execution(build, prepared.plan, command, log)
    try:
        execution.run()
    finally:
        record = report(execution, room, log, prepared.build_id)
        log.line("DONE" if execution.status == SUCCESS else execution.status)
        log.line()
        for line in summary_lines(execution, record):
            log.line(line)
    return {**record, "exitCode": exit_code(execution)}


def exit_code(execution: Execution) -> int:
    """Return 0, or what the failed step means.

    A command of ours says itself why it failed; of any other program only that it did is known.
    """
    if execution.status == SUCCESS:
        return 0
    if execution.failed is not None:
        step = execution.build.steps[execution.failed]
        code = execution.runs[execution.failed].exit_code
        if is_ours(step) and code in _OUR_CODES:
            return code
    return EXIT_STEP_FAILED


@contextlib.contextmanager
def _registries(prepared: Prepared, room: Room) -> Iterator[ExtraVariables]:
    """Yield the variables that name the registry, and serve the emulator while they are used."""
    request = prepared.request
    ours: dict[str, str] = {}
    if request.registry:
        parse_registry(request.registry, {})  # refuse a bad address before anything runs
        ours = {REGISTRY_VARIABLE: request.registry, **credentials(request.environ)}
    running = request.environ.get(EMULATOR_VARIABLE)
    if running:
        logger.info("Using the registry emulator at %s", running)
        yield ExtraVariables({EMULATOR_VARIABLE: running}, ours)
    elif request.emulator:
        from builder.emulator import Emulator  # noqa: PLC0415 - only --emulator pays for it

        with Emulator(room.root / "registry", repositories=repositories(prepared)) as emulator:
            yield ExtraVariables({EMULATOR_VARIABLE: emulator.host}, ours)
    else:
        yield ExtraVariables({}, ours)


def repositories(prepared: Prepared) -> list[str]:
    """Return every PROJECT/REPO of Artifact Registry that the build names."""
    found: dict[str, None] = {}
    for text in _texts(prepared):
        for url in _REGISTRY_URL.findall(text):
            _add(found, url)
    for name in _short_forms(prepared):
        _add(found, name)
    return [*found]


def _add(found: dict[str, None], name: str) -> None:
    with contextlib.suppress(InputError):  # the step that uses it refuses it, and says why
        registry = parse_registry(name, {})
        if registry.is_artifact_registry:
            found[f"{registry.project}/{registry.repository}"] = None


def _texts(prepared: Prepared) -> Iterator[str]:
    for index, step in enumerate(prepared.config.build.steps):
        yield from (*step.args, step.script, *_variables(prepared, index).values())


def _short_forms(prepared: Prepared) -> Iterator[str]:
    """Yield the registries that our own command line is given, REGION/PROJECT/REPO included."""
    for index, step in enumerate(prepared.config.build.steps):
        yield _variables(prepared, index).get(REGISTRY_VARIABLE, "")
        for option, value in zip(step.args, (*step.args[1:], ""), strict=True):
            if option == "--registry":
                yield value
            elif option.startswith("--registry="):
                yield option.removeprefix("--registry=")


def _variables(prepared: Prepared, index: int) -> dict[str, str]:
    build = prepared.config.build
    without_secrets = dict.fromkeys(prepared.secrets, "")
    return step_environment(build, build.steps[index], prepared.values, without_secrets)
