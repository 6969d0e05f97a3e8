"""The real clients, each set up for the registry by `shipwheel settings --write` and nothing else.

They stand on Google of tests/integration/servers/google.py: keyring is asked for a token, and
every request to the registry needs it. Homes, caches and environments are the test's own.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCK = Path(__file__).parents[1] / "clients.txt"
# Of this environment: Shipwheel, uv, twine, and keyring with the backend of Artifact Registry.
OURS = Path(sys.executable).parent

_PROJECT = """\
[project]
name = "harbour-office"  # of the town
version = "1.0"
requires-python = ">=3.11"
dependencies = []

[tool.poetry]
package-mode = false

[tool.pdm]
distribution = false
"""


def install_clients(folder: Path) -> Path:
    """Install what the lock names below *folder*, once; return the folder of the commands."""
    environment = folder / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    with (folder / "lock").open("w") as lock:  # another worker may be at it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (environment / "complete").exists():
            shutil.rmtree(environment, ignore_errors=True)
            python = environment / "bin/python"
            steps: list[list[str | Path]] = [
                ["venv", "--python", sys.executable, environment],
                ["pip", "install", "--python", python, "--require-hashes", "-r", LOCK],
            ]
            for arguments in steps:
                subprocess.run([OURS / "uv", "--quiet", *arguments], check=True, timeout=300)
            (environment / "complete").touch()
    return environment / "bin"


@dataclass
class Desk:
    """Where a person works: a home, a project, and an environment without the machine's settings.

    *commands* is the folder of the clients, *given* what the environment has besides.
    """

    folder: Path
    commands: Path
    given: Mapping[str, str]
    environ: dict[str, str] = field(init=False)
    project: Path = field(init=False)

    def __post_init__(self) -> None:
        home, path, self.project = (self.folder / name for name in ("home", "bin", "project"))
        for folder in (home, path, self.project):
            folder.mkdir(parents=True)
        (path / "keyring").symlink_to(OURS / "keyring")
        (self.project / "pyproject.toml").write_text(_PROJECT)
        self.environ = {
            **self.given,
            "HOME": str(home),
            "PATH": str(path),
            "XDG_CONFIG_DIRS": str(self.folder / "none"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1",
            "UV_PYTHON": sys.executable,
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "PDM_CHECK_UPDATE": "false",
        }

    def run(self, *command: str | Path, cwd: Path | None = None) -> str:
        """Run *command* in the project and return its output; fail with all it said."""
        result = subprocess.run(
            [*map(str, command)],
            cwd=cwd or self.project,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    def settings(self, client: str, *options: str, cwd: Path | None = None) -> str:
        """Run `shipwheel settings` for *client*."""
        command = [sys.executable, "-I", "-m", "builder", "settings", client]
        return self.run(*command, *options, cwd=cwd)


class Pip:
    """pip with one index; nothing is installed but into a folder of the project's."""

    name = "pip"

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._pip: list[str | Path] = [desk.commands / "python", "-m", "pip"]

    def install(self, *requirements: str) -> dict[str, str]:
        target = self.desk.project / "installed"
        self.desk.run(*self._pip, "install", "--target", target, *requirements)
        return installed(target)

    # A specifier such as `>=1.0.dev0` is what these ask for pre-releases by; `--pre` does it, too.
    pre: tuple[str, ...] = ()

    def resolve(self, *requirements: str) -> dict[str, str]:
        """Return the versions that pip would install."""
        options = ["--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
        report = json.loads(self.desk.run(*self._pip, "install", *options, *requirements))
        return {it["metadata"]["name"]: it["metadata"]["version"] for it in report["install"]}


class Uv:
    name = "uv"
    # A specifier with a pre-release does not go before a final release that fits.
    pre: tuple[str, ...] = ("--prerelease", "allow")

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def install(self, requirement: str) -> dict[str, str]:
        self.desk.run(OURS / "uv", "add", requirement)
        return installed(self.desk.project / ".venv")

    def resolve(self, requirement: str, *options: str) -> dict[str, str]:
        lock = self.desk.project / "uv.lock"
        lock.unlink(missing_ok=True)  # what it holds would be kept
        self.desk.run(OURS / "uv", "add", "--no-sync", *options, requirement)
        return _locked(lock)

    def publish(self, project: Path) -> None:
        options = ["--index", "private", "--username", "oauth2accesstoken"]
        self.desk.run(OURS / "uv", "publish", *options, cwd=project)


class Poetry:
    name = "poetry"
    pre: tuple[str, ...] = ("--allow-prereleases",)

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._add: list[str | Path] = [desk.commands / "poetry", "add", "--source", "private"]

    def install(self, requirement: str) -> dict[str, str]:
        self.desk.run(*self._add, _poetic(requirement))
        return installed(self.desk.project / ".venv")

    def resolve(self, requirement: str, *options: str) -> dict[str, str]:
        self.desk.environ["POETRY_VIRTUALENVS_CREATE"] = "false"
        lock = self.desk.project / "poetry.lock"
        lock.unlink(missing_ok=True)  # what it holds would be kept
        self.desk.run(*self._add, "--lock", *options, _poetic(requirement))
        return _locked(lock)

    def publish(self, project: Path) -> None:
        self.desk.run(self.desk.commands / "poetry", "publish", "-r", "private", cwd=project)


class Pdm:
    name = "pdm"
    pre: tuple[str, ...] = ()

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._pdm = desk.commands / "pdm"

    def install(self, requirement: str) -> dict[str, str]:
        self.desk.run(self._pdm, "add", requirement)
        return installed(self.desk.project / ".venv")

    def resolve(self, requirement: str, *options: str) -> dict[str, str]:
        self.desk.environ["PDM_USE_VENV"] = "false"
        self.desk.run(self._pdm, "use", "--first", sys.executable)
        self.desk.run(self._pdm, "add", "--no-sync", *options, requirement)
        return _locked(self.desk.project / "pdm.lock")

    def publish(self, project: Path) -> None:
        self.desk.environ["PDM_USE_VENV"] = "false"
        self.desk.run(self._pdm, "publish", "--no-build", "-r", "private", cwd=project)


class Twine:
    name = "twine"

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def publish(self, project: Path) -> None:
        options = ["--verbose", "--non-interactive", "--repository", "private"]
        files = sorted((project / "dist").glob("*-*"))
        self.desk.run(OURS / "twine", "upload", *options, *files, cwd=project)


def installed(folder: Path) -> dict[str, str]:
    """Return the names and versions of what is installed below *folder*, besides pip."""
    found = [path.name.removesuffix(".dist-info") for path in folder.rglob("*.dist-info")]
    versions = dict(it.rsplit("-", 1) for it in sorted(found))
    versions.pop("pip", None)
    return versions


def _locked(path: Path) -> dict[str, str]:
    packages = tomllib.loads(path.read_text())["package"]
    return {it["name"]: it["version"] for it in packages if it["name"] != "harbour-office"}


def _poetic(requirement: str) -> str:
    """Spell a requirement as `poetry add` wants it."""
    parsed = Requirement(requirement)
    return f"{parsed.name}@{parsed.specifier}" if parsed.specifier else parsed.name
