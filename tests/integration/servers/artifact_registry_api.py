"""An Artifact Registry API on loopback, for the real gcloud and for REST: what a folder holds.

The folder is that of a standard repository of the emulator, so that what is deleted here is gone
from the index there.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from tests.integration.servers.google_api import (
    STATUSES,
    Answer,
    GoogleApi,
    Request,
    error_answer,
    not_found,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

NAME = "projects/demo/locations/us-central1/repositories/pypi"
_PATH = re.compile(
    rf"/v1/{NAME}(?P<verb>:\w+)?"
    r"(?:/packages(?:/(?P<package>[^/]+)(?:/versions(?:/(?P<version>[^/]+))?)?)?)?"
)


@dataclass
class ArtifactRegistryApi(GoogleApi):
    """The server of what is in *root*; *raw* says that packages are called as their files are.

    *repository* is what the service says of the repository, *permissions* what the caller has.
    *fault* may answer a request with an HTTP status in the place of the server.
    """

    endpoints: ClassVar[tuple[str, ...]] = ("ARTIFACTREGISTRY",)
    root: Path
    raw: bool = False
    repository: dict[str, Any] = field(
        default_factory=lambda: {"format": "PYTHON", "mode": "STANDARD_REPOSITORY"}
    )
    permissions: tuple[str, ...] = ("artifactregistry.repositories.uploadArtifacts",)
    fault: Callable[[str, str], int | None] | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        """Return the status and the body that *request* is answered with."""
        method, path = request.method, urlsplit(request.path).path
        self.authorizations.append(request.authorization)
        self.requests.append((method, path))
        if self.fault and (status := self.fault(method, path)):
            name = STATUSES.get(status, "UNAVAILABLE")
            return error_answer(status, name, f"Permission denied on resource {NAME}.")
        match = _PATH.fullmatch(path)
        if match is None:
            return not_found()
        if match["verb"] == ":testIamPermissions":
            held = [it for it in request.body["permissions"] if it in self.permissions]
            return 200, {"permissions": held} if held else {}
        if "/packages" not in path:
            return 200, {"name": NAME, **self.repository}
        return self._answer_about_packages(method, match)

    def _answer_about_packages(self, method: str, match: re.Match[str]) -> Answer:
        package = match["package"] and unquote(match["package"])
        version = match["version"] and unquote(unquote(match["version"]))
        if method == "DELETE":
            return self._delete(package, version)
        if package is None:
            return 200, {"packages": [{"name": f"{NAME}/packages/{it}"} for it in self.packages()]}
        base = f"{NAME}/packages/{package}/versions"
        return 200, {"versions": [{"name": f"{base}/{it}"} for it in self._versions(package)]}

    def packages(self) -> list[str]:
        """Return the ids of all packages."""
        folders = sorted(it for it in self.root.iterdir() if it.is_dir())
        return [_raw_name(it) if self.raw else it.name for it in folders]

    def _versions(self, package: str) -> Iterable[str]:
        files = (self.root / canonicalize_name(package)).iterdir()
        return sorted({_version(it.name).replace("+", "%2B") for it in files})

    def _delete(self, package: str, version: str | None) -> Answer:
        folder = self.root / canonicalize_name(package)
        gone = [it for it in folder.iterdir() if version in {None, _version(it.name)}]
        if package not in self.packages() or not gone:
            return not_found()
        for file in gone:
            file.unlink()
        if not [*folder.iterdir()]:
            shutil.rmtree(folder)
        return 200, {"name": f"{NAME.rpartition('/repo')[0]}/operations/1", "done": True}


def _raw_name(folder: Path) -> str:
    return next(folder.iterdir()).name.partition("-")[0]


def _version(filename: str) -> str:
    parse = parse_wheel_filename if filename.endswith(".whl") else parse_sdist_filename
    return str(parse(filename)[1])
