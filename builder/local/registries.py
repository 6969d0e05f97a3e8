"""The registries of a build: which its steps use, the emulator for them, and what is uploaded.

Packages go to the registry emulator, through twine, as the service sends them: a file that the
registry has is refused, and the build with it. Images are looked for and never pushed.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from builder.local.directories import WORKSPACE
from builder.local.runners import ExtraVariables
from builder.local.variables import credentials
from builder.server import Emulator
from builder.server.answers import Answers
from steps.host.errors import InputError
from steps.host.tasks import Command, run_to_end
from steps.registry.address import EMULATOR_VARIABLE, REGISTRY_VARIABLE, parse_registry
from steps.registry.credentials import TOKEN_USERNAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from builder.local.directories import BuildDirectories
    from builder.local.output import BuildLog
    from builder.local.preparation import PreparedBuild
    from triggers.cloudbuild.build_config import Build, PythonPackage

_logger = logging.getLogger("shipwheel")

_URL = re.compile(r"https://[a-z0-9-]+-python\.pkg\.dev/[^\s'\"]+")
_TIMEOUT = 600.0  # seconds for one repository, or for the answer about an image
# The emulator asks nobody who they are; twine asks the user unless it is told.
_ANYBODY = {"TWINE_USERNAME": TOKEN_USERNAME, "TWINE_PASSWORD": "emulator"}


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
