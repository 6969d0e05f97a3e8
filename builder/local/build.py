"""Runs a prepared build: fetch the source, serve the registry, execute the steps, deliver, report.

Packages go to the registry that the command line names or to the emulator, and nowhere else,
through twine, as the service sends them: a file that the registry has is refused, and the build
with it. Images are looked for and never pushed.
"""

from __future__ import annotations

import contextlib
import glob
import logging
import re
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from builder.local.directories import WORKSPACE, BuildDirectories, copy_source
from builder.local.execution import FAILURE, SUCCESS, Command, Execution, run_to_end
from builder.local.output import BuildLog, log_writer, report, summary_lines
from builder.local.preparation import not_uploaded
from builder.local.runners import (
    ExtraVariables,
    credentials,
    docker_environment,
    host_environment,
    machine_variables,
    uses_shipwheel_image,
)
from builder.server import Emulator
from builder.server.answers import Answers
from steps.host.errors import EXIT_BUG, InputError, counted
from steps.host.progress import progress
from steps.registry.address import EMULATOR_VARIABLE, REGISTRY_VARIABLE, parse_registry
from steps.registry.credentials import TOKEN_USERNAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from builder.local.preparation import PreparedBuild
    from triggers.cloudbuild.build_config import Build, PythonPackage

_logger = logging.getLogger("shipwheel")

EXIT_STEP_FAILED = 3
_SHIPWHEEL_CODES = {1, 2, 3, 4, 5, EXIT_BUG}
# What may name a registry: a URL, or a word in one of the forms without a scheme.
_REGISTRY = re.compile(
    r"https://[a-z0-9-]+-python\.pkg\.dev/[^\s'\"]+"
    r"|(?<![^\s'\"=])(?:projects|(?:us|europe|asia|[a-z]+-[a-z]+[0-9]+)(?:-python\.pkg\.dev)?)"
    r"/[^\s'\"]+"
)
_TIMEOUT = 600.0  # seconds for one repository, or for the answer about an image
# The emulator needs no credentials; twine would ask the user for them.
_EMULATOR_LOGIN = {"TWINE_USERNAME": TOKEN_USERNAME, "TWINE_PASSWORD": "emulator"}


def run_build(prepared: PreparedBuild, stream: TextIO) -> dict[str, Any]:
    """Run a prepared build, with its log on *stream*; return its record.

    Raises InputError for what this machine cannot do of it.
    """
    InputError.raise_all(prepared.obstacles)
    with _open_directories() as directories, _open_registries(prepared, directories) as extra:
        return _BuildRun(prepared, directories, extra, stream).run()


@contextlib.contextmanager
def _open_directories() -> Iterator[BuildDirectories]:
    """Yield new directories, and remove them."""
    with tempfile.TemporaryDirectory(prefix="shipwheel-run-", ignore_cleanup_errors=True) as name:
        root = Path(name).resolve()
        yield BuildDirectories(root)
    if root.exists():  # a container's root wrote it
        _logger.warning("Cannot remove %s: some files there belong to another user", root)


@dataclass(frozen=True)
class _BuildRun:
    """One run of a prepared build, in directories of its own."""

    prepared: PreparedBuild
    directories: BuildDirectories
    extra: ExtraVariables
    stream: TextIO

    def run(self) -> dict[str, Any]:
        """Run everything; the summary is shown however it ends."""
        build = self.prepared.config.build
        log = BuildLog(log_writer(self.stream), self.prepared.masked)
        self._fetch_source(build, log)
        log.line("BUILD")
        runner = self.prepared.runner(self.directories, self.extra)

        def command(index: int) -> Command:
            return runner.command(build, index, self.prepared.variables(index))

        execution = Execution(build, self.prepared.graph, command, log)
        try:
            with progress.whole("Running", len(self.prepared.graph.waits), "step"):
                execution.run()
            if execution.status == SUCCESS:
                execution.status = FAILURE  # until all is delivered, whatever interrupts that
                execution.status = SUCCESS if self._deliver(build, log) else FAILURE
        finally:
            record = report(execution, self.directories, log, self.prepared.build_id)
            log.line("DONE" if execution.status == SUCCESS else execution.status)
            log.line()
            for line in summary_lines(execution, record):
                log.line(line)
        return {**record, "exitCode": exit_code(execution)}

    def _fetch_source(self, build: Build, log: BuildLog) -> None:
        source = self.prepared.request.source
        log.line(f'starting build "{self.prepared.build_id}"')
        log.line()
        log.line("FETCHSOURCE")
        self.directories.make(build)
        count = copy_source(source, self.directories.workspace)
        log.line(f"Copied {counted(count, 'file')} from {str(source)!r}")

    def _deliver(self, build: Build, log: BuildLog) -> bool:
        if self.prepared.request.only:
            log.line("Artifacts and images skipped: --only runs one step")
            return True
        environ = self.prepared.request.environ
        host = host_environment(environ, self.directories.temporary)
        own = {**host, **machine_variables(environ), **docker_environment(environ)}
        return ArtifactDelivery(build, self.directories, log, own).deliver(self.extra)


def exit_code(execution: Execution) -> int:
    """Return 0, or what the failed step means.

    A Shipwheel command says why it failed; of any other program only that it failed is known.
    """
    if execution.status == SUCCESS:
        return 0
    if execution.failed is not None:
        step = execution.build.steps[execution.failed]
        code = execution.runs[execution.failed].exit_code
        if uses_shipwheel_image(step) and code in _SHIPWHEEL_CODES:
            return code
    return EXIT_STEP_FAILED


def describe(prepared: PreparedBuild) -> dict[str, Any]:
    """Return what the build would do, and what of that this machine cannot."""
    build = prepared.config.build
    steps = [
        {
            "index": index,
            "id": step.id,
            "name": step.name,
            "entrypoint": step.entrypoint,
            "args": [*step.args],
            "dir": step.dir,
            "env": [*step.env],
            "script": step.script,
            "after": sorted(prepared.graph.waits[index]),
            "wave": number,
        }
        for number, wave in enumerate(prepared.graph.waves())
        for index in wave
        for step in [build.steps[index]]
    ]
    return {
        "substitutions": dict(sorted(prepared.values.items())),
        "steps": steps,
        "cannotRun": [asdict(obstacle) for obstacle in prepared.obstacles],
        "notUploaded": not_uploaded(build.artifacts),
    }


def plan_lines(prepared: PreparedBuild) -> Iterator[str]:
    """Yield the same as lines: each step with the number of its wave, then what is left out."""
    build = prepared.config.build
    plan = describe(prepared)
    for each in plan["steps"]:
        step = build.steps[each["index"]]
        what = "script" if step.script else " ".join((step.entrypoint, *step.args)).strip()
        yield f"{each['wave']}  {step.label(each['index'])}: {step.name}: {what}"
    yield from (f"Cannot run here: {obstacle}" for obstacle in prepared.obstacles)
    yield from (f"Not uploaded by a local build: {name}" for name in plan["notUploaded"])


@contextlib.contextmanager
def _open_registries(
    prepared: PreparedBuild, directories: BuildDirectories
) -> Iterator[ExtraVariables]:
    """Yield what the command line adds for steps, and serve the emulator while it is used."""
    request = prepared.request
    everyone = {name: request.environ[name] for name in request.handed}
    for_steps: dict[str, str] = {}
    if request.registry:
        for_steps = {REGISTRY_VARIABLE: request.registry, **credentials(request.environ)}
    running = request.environ.get(EMULATOR_VARIABLE)
    if running:
        _logger.info("Using the registry emulator at %s", running)
        yield ExtraVariables({**everyone, EMULATOR_VARIABLE: running}, for_steps)
    elif request.emulator:
        root, names = directories.root / "registry", repositories(prepared)
        with Emulator(root, repositories=names, answers=Answers()) as emulator:
            yield ExtraVariables({**everyone, EMULATOR_VARIABLE: emulator.host}, for_steps)
    else:
        yield ExtraVariables(everyone, for_steps)


def repositories(prepared: PreparedBuild) -> list[str]:
    """Return every PROJECT/REPO of Artifact Registry that the build names, in any of the forms."""
    found: dict[str, None] = {}
    for text in _texts(prepared):
        for name in _REGISTRY.findall(text):
            with contextlib.suppress(InputError):  # the step that uses it refuses it, and says why
                registry = parse_registry(name, {})
                if registry.is_artifact_registry:
                    found[f"{registry.project}/{registry.repository}"] = None
    return [*found]


def _texts(prepared: PreparedBuild) -> Iterator[str]:
    for package in prepared.config.build.artifacts.python_packages:
        yield package.repository
    for index, step in enumerate(prepared.config.build.steps):
        yield from (*step.args, step.script, *prepared.variables(index).values())


@dataclass(frozen=True)
class ArtifactDelivery:
    """Delivers the artifacts of *build*; *host* are the variables that programs here need."""

    build: Build
    directories: BuildDirectories
    log: BuildLog
    host: Mapping[str, str]

    def deliver(self, extra: ExtraVariables) -> bool:
        """Upload the packages and look for the images; return whether all went well.

        Packages go to the registry that *extra* names for our steps, else to the emulator.
        """
        packages = self.build.artifacts.python_packages
        images = tuple(dict.fromkeys((*self.build.images, *self.build.artifacts.images)))
        if packages or images:
            self.log.line("PUSH")
        # Every one is tried, so that all that is missing is named at once.
        uploaded = [self._upload(package, extra) for package in packages]
        found = [self._has(image) for image in images]
        return all((*uploaded, *found))

    def _upload(self, package: PythonPackage, extra: ExtraVariables) -> bool:
        files = [path for path in self._found(package) if path.is_file()]
        if not files:
            return self._is_empty(package)
        workspace = self.directories.workspace
        outside = [it for it in files if not it.resolve().is_relative_to(workspace)]
        for path in outside:
            self.log.line(f"ERROR: {str(path)!r} is a link that leads out of {WORKSPACE}")
        if outside:
            return False
        named = extra.shipwheel_steps.get(REGISTRY_VARIABLE)
        registry = parse_registry(named or package.repository, extra.every_step)
        self.log.line(f"Uploading {counted(len(files), 'file')} to {registry}")
        # Only --verbose shows why the registry refuses a file.
        twine = (sys.executable, "-I", "-m", "twine", "--no-color", "upload", "--verbose")
        options = ("--non-interactive", "--disable-progress-bar", "--repository-url")
        login = _EMULATOR_LOGIN if registry.upload_url.startswith("http://") else {}
        environment = {**login, **self.host, **extra.shipwheel_steps}
        return self._run((*twine, *options, registry.upload_url, *map(str, files)), environment)

    def _found(self, package: PythonPackage) -> Iterator[Path]:
        workspace = self.directories.workspace
        for pattern in package.paths:
            inside = pattern.removeprefix(f"{WORKSPACE}/")
            # Up to Python 3.12 that of a path refuses `**.whl`.
            found = glob.glob(inside, root_dir=workspace, recursive=True)  # noqa: PTH207
            yield from (workspace / name for name in sorted(found))

    def _is_empty(self, package: PythonPackage) -> bool:
        """Return whether *package* has no file because all of its directories are empty."""
        nothing = f"no file matches {', '.join(package.paths)}"
        inside = (path.removeprefix(f"{WORKSPACE}/") for path in package.paths)
        if all((self.directories.workspace / path).parent.is_dir() for path in inside):
            self.log.line(
                f"WARNING: {nothing}: Google does not document what Cloud Build does then"
            )
            return True
        self.log.line(f"ERROR: {nothing}")
        return False

    def _has(self, image: str) -> bool:
        arguments = ("docker", "image", "inspect", "--format", "{{.Id}}", image)
        if self._run(arguments, self.host):
            self.log.line(f"Would push {image}")
            return True
        self.log.line(f"ERROR: An image does not exist locally with the tag: {image}")
        return False

    def _run(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> bool:
        command = Command(arguments, dict(environment), self.directories.workspace)
        return run_to_end(command, self.log.output_line, _TIMEOUT) == 0
