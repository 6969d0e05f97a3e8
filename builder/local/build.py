"""Runs a prepared build: fetch the source, serve the registry, execute the steps, deliver, report.

Packages go to the registry emulator, through twine, as the service sends them: a file that the
registry has is refused, and the build with it. Images are looked for and never pushed.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.local.directories import WORKSPACE, BuildDirectories, copy_source
from builder.local.execution import FAILURE, SUCCESS, Command, Execution, run_to_end
from builder.local.output import BuildLog, report, summary_lines
from builder.local.runners import (
    DockerRunner,
    ExtraVariables,
    ProcessRunner,
    Runner,
    credentials,
    docker_environment,
    host_environment,
    uses_shipwheel_image,
)
from builder.server import Emulator
from builder.server.answers import Answers
from steps.host.errors import EXIT_BUG, InputError
from steps.registry.address import EMULATOR_VARIABLE, REGISTRY_VARIABLE, parse_registry
from steps.registry.credentials import TOKEN_USERNAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from builder.local.output import Display
    from builder.local.preparation import PreparedBuild
    from triggers.cloudbuild.build_config import Build, PythonPackage

_logger = logging.getLogger("shipwheel")

EXIT_STEP_FAILED = 3
_SHIPWHEEL_CODES = {1, 2, 3, 4, 5, EXIT_BUG}
_URL = re.compile(r"https://[a-z0-9-]+-python\.pkg\.dev/[^\s'\"]+")
_TIMEOUT = 600.0  # seconds for one repository, or for the answer about an image
# The emulator asks nobody who they are; twine asks the user unless it is told.
_ANYBODY = {"TWINE_USERNAME": TOKEN_USERNAME, "TWINE_PASSWORD": "emulator"}


def run_build(prepared: PreparedBuild, display: Display) -> dict[str, Any]:
    """Run a prepared build, shown on *display*; return its record."""
    with _open_directories() as directories, open_registries(prepared, directories) as extra:
        runner = make_runner(prepared, directories, extra)
        check_runner(prepared, runner)
        return _BuildRun(prepared, directories, runner, extra, display).run()


@contextlib.contextmanager
def _open_directories() -> Iterator[BuildDirectories]:
    """Yield new directories, and remove them."""
    with tempfile.TemporaryDirectory(prefix="shipwheel-run-", ignore_cleanup_errors=True) as name:
        root = Path(name).resolve()
        yield BuildDirectories(root)
    if root.exists():  # what a container's root wrote is not ours to remove
        _logger.warning("Cannot remove %s: some files there belong to another user", root)


def make_runner(
    prepared: PreparedBuild, directories: BuildDirectories, extra: ExtraVariables
) -> Runner:
    """Return what turns the steps of the build into commands."""
    environ = prepared.request.environ
    if prepared.request.docker:
        return DockerRunner(directories, docker_environment(environ), prepared.build_id, extra)
    host = host_environment(environ, directories.temporary)
    return ProcessRunner(directories, host, prepared.request.host_tools, extra)


def check_runner(prepared: PreparedBuild, runner: Runner) -> None:
    """Raise InputError for every step of the plan that cannot run on this machine."""
    refusals = runner.refusals(prepared.config.build)
    chosen = [problem for index, problem in refusals if index in prepared.graph.waits]
    InputError.raise_all(dict.fromkeys(chosen))


@dataclass(frozen=True)
class _BuildRun:
    """One run of a prepared build, in directories of its own."""

    prepared: PreparedBuild
    directories: BuildDirectories
    runner: Runner
    extra: ExtraVariables
    display: Display

    @property
    def build(self) -> Build:
        return self.prepared.config.build

    def run(self) -> dict[str, Any]:
        """Run everything; the summary is shown however it ends."""
        log = BuildLog(self.display.write, self.prepared.secrets.values())
        self._fetch_source(log)
        log.line("BUILD")
        execution = Execution(self.build, self.prepared.graph, self._command, log)
        try:
            with self.display.watch(execution):
                execution.run()
            if execution.status == SUCCESS and not self._deliver(log):
                execution.status = FAILURE
        finally:
            record = report(execution, self.directories, log, self.prepared.build_id)
            log.line("DONE" if execution.status == SUCCESS else execution.status)
            log.line()
            for line in summary_lines(execution, record):
                log.line(line)
        return {**record, "exitCode": exit_code(execution)}

    def _fetch_source(self, log: BuildLog) -> None:
        source = self.prepared.request.source
        log.line(f'starting build "{self.prepared.build_id}"')
        log.line()
        log.line("FETCHSOURCE")
        self.directories.make(self.build)
        log.line(
            f"Copied {copy_source(source, self.directories.workspace)} files from {str(source)!r}"
        )

    def _command(self, index: int) -> Command:
        return self.runner.command(self.build, index, self.prepared.variables(index))

    def _deliver(self, log: BuildLog) -> bool:
        if self.prepared.request.only:
            log.line("Artifacts and images skipped: --only runs one step")
            return True
        environ = self.prepared.request.environ
        host = host_environment(environ, self.directories.temporary) | docker_environment(environ)
        delivery = ArtifactDelivery(self.build, self.directories, log, host)
        return delivery.deliver(self.extra.every_step)


def exit_code(execution: Execution) -> int:
    """Return 0, or what the failed step means.

    A command of ours says itself why it failed; of any other program only that it did is known.
    """
    if execution.status == SUCCESS:
        return 0
    if execution.failed is not None:
        step = execution.build.steps[execution.failed]
        code = execution.runs[execution.failed].exit_code
        if uses_shipwheel_image(step) and code in _SHIPWHEEL_CODES:
            return code
    return EXIT_STEP_FAILED


@dataclass(frozen=True)
class Description:
    """A build that does not run: for people and for programs."""

    lines: list[str]
    record: dict[str, Any]


def describe(prepared: PreparedBuild) -> Description:
    """Return what the build would do. Raises InputError for what this machine cannot run."""
    build = prepared.config.build
    directories = BuildDirectories(Path("/shipwheel-run"))
    check_runner(prepared, make_runner(prepared, directories, ExtraVariables({}, {})))
    lines, steps = [], []
    for number, wave in enumerate(prepared.graph.waves()):
        for index in wave:
            step = build.steps[index]
            label = step.label(index)
            what = "script" if step.script else " ".join((step.entrypoint, *step.args)).strip()
            lines.append(f"{number}  {label}: {step.name}: {what}")
            steps.append(
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
            )
    record = {"substitutions": dict(sorted(prepared.values.items())), "steps": steps}
    return Description(lines, record)


@contextlib.contextmanager
def open_registries(
    prepared: PreparedBuild, directories: BuildDirectories
) -> Iterator[ExtraVariables]:
    """Yield the variables that name the registry, and serve the emulator while they are used."""
    request = prepared.request
    ours: dict[str, str] = {}
    if request.registry:
        parse_registry(request.registry, {})  # refuse a bad address before anything runs
        ours = {REGISTRY_VARIABLE: request.registry, **credentials(request.environ)}
    running = request.environ.get(EMULATOR_VARIABLE)
    if running:
        _logger.info("Using the registry emulator at %s", running)
        yield ExtraVariables({EMULATOR_VARIABLE: running}, ours)
    elif request.emulator:
        root, names = directories.root / "registry", repositories(prepared)
        with Emulator(root, repositories=names, answers=Answers()) as emulator:
            yield ExtraVariables({EMULATOR_VARIABLE: emulator.host}, ours)
    else:
        yield ExtraVariables({}, ours)


def repositories(prepared: PreparedBuild) -> list[str]:
    """Return every PROJECT/REPO of Artifact Registry that the build names."""
    found: dict[str, None] = {}
    for text in _texts(prepared):
        for url in _URL.findall(text):
            _add(found, url)
    for name in _short_forms(prepared):
        _add(found, name)
    return [*found]


def _add(found: dict[str, None], name: str) -> None:
    with contextlib.suppress(InputError):  # the step that uses it refuses it, and says why
        registry = parse_registry(name, {})
        if registry.is_artifact_registry:
            found[f"{registry.project}/{registry.repository}"] = None


def _texts(prepared: PreparedBuild) -> Iterator[str]:
    for package in prepared.config.build.artifacts.python_packages:
        yield package.repository
    for index, step in enumerate(prepared.config.build.steps):
        yield from (*step.args, step.script, *prepared.variables(index).values())


def _short_forms(prepared: PreparedBuild) -> Iterator[str]:
    """Yield the registries that our own command line is given, REGION/PROJECT/REPO included."""
    for index, step in enumerate(prepared.config.build.steps):
        yield prepared.variables(index).get(REGISTRY_VARIABLE, "")
        for option, value in pairwise((*step.args, "")):
            if option == "--registry":
                yield value
            elif option.startswith("--registry="):
                yield option.removeprefix("--registry=")


@dataclass(frozen=True)
class ArtifactDelivery:
    """Delivers the artifacts of *build*; *host* are the variables that programs here need."""

    build: Build
    directories: BuildDirectories
    log: BuildLog
    host: Mapping[str, str]

    def deliver(self, registries: Mapping[str, str]) -> bool:
        """Upload the packages and look for the images; return whether all went well.

        *registries* holds the variables that name the registry.
        """
        packages = self.build.artifacts.python_packages
        images = tuple(dict.fromkeys((*self.build.images, *self.build.artifacts.images)))
        if packages or images:
            self.log.line("PUSH")
        # Every one is tried, so that all that is missing is named at once.
        uploaded = [self._upload(package, registries) for package in packages]
        found = [self._has(image) for image in images]
        return all((*uploaded, *found))

    def _upload(self, package: PythonPackage, registries: Mapping[str, str]) -> bool:
        files = [*self._files(package)]
        if not files:
            return self._is_empty(package)
        registry = parse_registry(package.repository, registries)
        self.log.line(f"Uploading {len(files)} files to {registry}")
        # Only --verbose shows why the registry refuses a file.
        twine = (sys.executable, "-I", "-m", "twine", "--no-color", "upload", "--verbose")
        options = ("--non-interactive", "--disable-progress-bar", "--repository-url")
        return self._run((*twine, *options, registry.upload_url, *files), {**_ANYBODY, **self.host})

    def _files(self, package: PythonPackage) -> Iterator[str]:
        for pattern in package.paths:
            inside = pattern.removeprefix(f"{WORKSPACE}/")
            if inside and not inside.startswith("/"):
                found = sorted(self.directories.workspace.glob(inside))
                yield from (str(path) for path in found if path.is_file())

    def _is_empty(self, package: PythonPackage) -> bool:
        """Return whether *package* has no file because all of its directories are empty."""
        nothing = f"no file matches {', '.join(package.paths)}"
        inside = (path.removeprefix(f"{WORKSPACE}/") for path in package.paths)
        if all((self.directories.workspace / path).parent.is_dir() for path in inside):
            self.log.line(f"WARNING: {nothing}: no document says what Cloud Build does then")
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
        return run_to_end(command, self.log.line, _TIMEOUT) == 0
