"""The stage on which the documents' commands run: the sample repository, and Google on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from builder.server import Emulator
from steps.registry.address import REGISTRY_VARIABLE
from steps.registry.repository_api import ENDPOINT_VARIABLE
from tests.integration.servers.google import Google
from tests.integration.servers.project_api import ProjectApi

SAMPLE = Path(__file__).parents[1] / "example"
PROJECTS = ("demo", "my-project")
REPOSITORIES = tuple(f"{project}/pypi" for project in PROJECTS)
# What `shipwheel setup` puts beside them; the public index is the one that this machine uses.
REMOTES = {f"{project}/pypi-public": "" for project in PROJECTS}
VIRTUALS = {
    f"{project}/pypi-all": {f"{project}/pypi": 200, f"{project}/pypi-public": 100}
    for project in PROJECTS
}
TIME_LIMIT = 300
HOME = "/home/ann"  # what is shown in the place of a temporary folder
_SETTINGS = {
    "COLUMNS": "100",
    "LC_ALL": "C.UTF-8",
    "PYTHONUNBUFFERED": "1",  # standard output and error in the order of their lines
    "TZ": "UTC",
    **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "Harbour office"),
    **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "office@harbour.example"),
    **dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2026-01-02T03:04:05Z"),
}


class Stage:
    """A checkout of the sample repository, an empty registry and an empty Cloud Build.

    The registry is Artifact Registry's address by TLS, with the token of a metadata server; behind
    it is the emulator.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="documents-")))
        self._folder = folder
        self.source = folder / "harbour"
        shutil.copytree(SAMPLE, self.source, ignore=shutil.ignore_patterns("demo.py", "dist"))
        registry = Emulator(
            folder / "registry", repositories=REPOSITORIES, remotes=REMOTES, virtuals=VIRTUALS
        )
        emulator = self._stack.enter_context(registry)
        google = self._stack.enter_context(Google(folder, emulator.host, "ya29.documents"))
        project = self._stack.enter_context(ProjectApi())
        (folder / "tmp").mkdir()  # documents run at the same time, and build the same projects
        programs = {
            "TMPDIR": str(folder / "tmp"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        self._environ = google.environ | project.environ | programs | _SETTINGS
        # Only setup finds an empty project; the repositories of all others are the emulator's.
        self._of_setup = {ENDPOINT_VARIABLE: self._environ.pop(ENDPOINT_VARIABLE)}
        del self._environ[REGISTRY_VARIABLE]  # readers have shipwheel.yaml
        self.prepare("git init -q -b main; git add .; git commit -q -m Sample")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def prepare(self, commands: str) -> None:
        """Let bash run *commands*, each of which has to succeed."""
        ended = self.execute(f"set -e\n{commands}")
        assert ended.returncode == 0, f"{commands}: exit {ended.returncode}\n{ended.stdout}"

    def run(self, command: str) -> str:
        """Return what bash prints for *command*; raise AssertionError when it cannot be run.

        Exit codes 0 to 5 are those that the documents explain; others are bugs or missing programs.
        """
        ended = self.execute(command)
        assert ended.returncode <= 5, f"{command}: exit {ended.returncode}\n{ended.stdout}"
        shown = ended.stdout.replace(f"{self._folder}/home", HOME).replace(str(self._folder), HOME)
        return shown.rstrip() + "\n" if shown.strip() else ""

    def execute(self, command: str) -> subprocess.CompletedProcess[str]:
        """Return how *command* ended in bash, with its output and errors in one."""
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.source,
            env=self._environ | (self._of_setup if "shipwheel setup" in command else {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
