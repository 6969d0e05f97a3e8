"""`shipwheel run`: real steps, as processes of this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

OURS = "us-docker.pkg.dev/p/r/shipwheel:1"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def record(self) -> Any:
        return json.loads(self.out)

    def log(self) -> list[str]:
        """The lines of the steps, without the builder's own."""
        return [line for line in self.out.splitlines() if line.startswith("Step #")]


class Laptop:
    """A directory with a source and a build config, and the real command line."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.source.mkdir()
        self.config = folder / "cloudbuild.yaml"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()

    def command(self, text: str, *options: str) -> list[str]:
        self.config.write_text(text)
        start = [sys.executable, "-I", "-m", "builder", "run", str(self.config)]
        return [*start, "--source", str(self.source), *options]

    def environ(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SHIPWHEEL_")}
        return {**inherited, "TMPDIR": str(self.temporary), **(extra or {})}

    def run(self, text: str, *options: str, environ: dict[str, str] | None = None) -> Outcome:
        done = subprocess.run(
            self.command(text, *options),
            env=self.environ(environ),
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    return Laptop(tmp_path)


def test_a_step_of_our_image_runs_as_a_process(laptop: Laptop) -> None:
    outcome = laptop.run(f"steps: [{{name: {OURS}, args: [--version]}}]")

    assert outcome.code == 0
    assert outcome.log() == ["Step #0: shipwheel 0.1.0"]


def test_steps_share_the_workspace_and_the_checkout_stays_as_it_was(laptop: Laptop) -> None:
    (laptop.source / "a.txt").write_text("before\n")
    text = (
        "steps:\n"
        "- {name: bash, args: ['-c', 'echo after > a.txt; echo new > b.txt']}\n"
        "- {name: bash, id: read, args: ['-c', 'cat a.txt /workspace/b.txt']}\n"
    )
    outcome = laptop.run(text, "--host-tools")

    assert outcome.log() == ['Step #1 - "read": after', 'Step #1 - "read": new']
    assert [path.name for path in laptop.source.iterdir()] == ["a.txt"]
    assert (laptop.source / "a.txt").read_text() == "before\n"
    assert [*laptop.temporary.iterdir()] == []


def test_a_failed_step_ends_the_build_in_the_service_words(laptop: Laptop) -> None:
    text = "steps: [{name: bash, args: ['-c', 'exit 7']}, {name: bash, args: ['-c', 'echo no']}]"
    outcome = laptop.run(text, "--host-tools", "--json")

    assert outcome.code == 3
    assert 'ERROR: build step 0 "bash" failed: step exited with non-zero status: 7' in outcome.err
    record = outcome.record
    assert (record["status"], record["exitCode"], record["failedStep"]) == ("FAILURE", 3, 0)
    assert [step["status"] for step in record["steps"]] == ["FAILURE", "QUEUED"]


def test_the_code_of_a_command_of_ours_is_the_build_s(laptop: Laptop) -> None:
    outcome = laptop.run(f"steps: [{{name: {OURS}, args: [nonsense]}}]")

    assert outcome.code == 2


def test_a_step_without_container_is_refused_with_the_way_out(laptop: Laptop) -> None:
    text = "steps: [{name: gcr.io/x/unknown, id: u}, {name: bash}]"
    outcome = laptop.run(text)

    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.splitlines() == [
        "error: Step #0 - \"u\" needs the image 'gcr.io/x/unknown', and no container runs here",
        "  hint: --docker runs it in its container",
        "error: Step #1 needs the image 'bash', and no container runs here",
        "  hint: --docker runs it in its container, --host-tools as this machine's program",
    ]


def test_with_the_emulator_the_repositories_of_the_config_exist(laptop: Laptop) -> None:
    script = "import os, urllib.request as u; print(u.urlopen('http://' + os.environ["
    script += "'ARTIFACT_REGISTRY_EMULATOR_HOST'] + '/my-project/pypi/simple/').status)"
    text = (
        f'steps:\n- name: {OURS}\n  entrypoint: python\n  args: [-c, "{script}"]\n'
        "  env: ['SHIPWHEEL_REGISTRY=us-east4/$PROJECT_ID/$_REPO']\n"
        "substitutions: {_REPO: pypi}\n"
    )
    outcome = laptop.run(text, "--emulator", "--substitutions", "PROJECT_ID=my-project")

    assert (outcome.code, outcome.log()) == (0, ["Step #0: 200"])
