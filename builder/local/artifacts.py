"""What a build delivers once all of its steps have succeeded: packages and images.

Packages go to the registry emulator, through twine, as the service sends them: a file that the
registry has is refused, and the build with it. Images are looked for and never pushed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from builder.local.room import WORKSPACE
from steps.host.tasks import Command, run_to_end
from steps.registry.address import parse_registry
from steps.registry.credentials import TOKEN_USERNAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from builder.local.log import BuildLog
    from builder.local.room import Room
    from triggers.cloudbuild.build_config import Build, PythonPackage

_TIMEOUT = 600.0  # seconds for one repository, or for the answer about an image
# The emulator asks nobody who they are; twine asks the user unless it is told.
_ANYBODY = {"TWINE_USERNAME": TOKEN_USERNAME, "TWINE_PASSWORD": "emulator"}


@dataclass(frozen=True)
class Delivery:
    """Delivers the artifacts of *build*; *host* are the variables that programs here need."""

    build: Build
    room: Room
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
            self.log.line(f"ERROR: no file matches {', '.join(package.paths)}")
            return False
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
                found = sorted(self.room.workspace.glob(inside))
                yield from (str(path) for path in found if path.is_file())

    def _has(self, image: str) -> bool:
        arguments = ("docker", "image", "inspect", "--format", "{{.Id}}", image)
        if self._run(arguments, self.host):
            self.log.line(f"Would push {image}")
            return True
        self.log.line(f"ERROR: An image does not exist locally with the tag: {image}")
        return False

    def _run(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> bool:
        command = Command(arguments, dict(environment), self.room.workspace)
        return run_to_end(command, self.log.line, _TIMEOUT) == 0
