"""The options of `shipwheel run`, what it shows, and what it refuses."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests import tree
from tests.tree import git

if TYPE_CHECKING:
    from tests.integration.builder.local.laptop import Laptop


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


def test_git_fills_in_what_a_trigger_would(laptop: Laptop) -> None:
    git(laptop.source, "init", "--initial-branch", "trunk")
    git(laptop.source, "remote", "add", "origin", "https://example.com/owner/name.git")
    commit = tree.commit(laptop.source)
    keys = "$COMMIT_SHA $SHORT_SHA $BRANCH_NAME $TAG_NAME. $REPO_NAME $REPO_FULL_NAME"
    text = f"steps: [{{name: bash, args: ['-c', 'echo {keys}; test ! -e .git']}}]"

    assert laptop.run(text, "--host-tools").log() == [
        f"Step #0: {commit} {commit[:7]} trunk . name owner/name"
    ]
    assert laptop.run(text, "--host-tools", "--as", "submit").log() == ["Step #0: ."]


def test_one_step_or_the_last_ones_can_run_alone(laptop: Laptop) -> None:
    text = "steps: [{name: bash, id: a}, {name: bash, id: b}, {name: bash, id: c}]"

    assert [
        s["id"] for s in laptop.run(text, "--host-tools", "--json", "--only", "b").record["steps"]
    ] == ["b"]
    record = laptop.run(text, "--host-tools", "--json", "--from", "b").record
    assert [step["id"] for step in record["steps"]] == ["b", "c"]
    alone = laptop.run(text, "--host-tools", "--only", "c")
    assert "Artifacts and images skipped: --only runs one step" in alone.out
    assert laptop.run(text, "--host-tools", "--only", "d").code == 2


def test_a_dry_run_runs_nothing(laptop: Laptop) -> None:
    text = "steps: [{name: bash, id: a, args: ['-c', 'touch $_F']}, {name: bash, waitFor: ['-']}]"
    outcome = laptop.run(text, "--host-tools", "--dry-run", "--substitutions", "_F=/nowhere/x")

    assert outcome.out.splitlines() == [
        '0  Step #0 - "a": bash: -c touch /nowhere/x',
        "0  Step #1: bash: ",
    ]


BEYOND = """\
steps: [{name: gcr.io/x/unknown, id: u, secretEnv: [TOKEN]}, {name: bash}]
dependencies: [{empty: true}]
images: [gcr.io/p/i]
artifacts:
  objects: {location: gs://b, paths: [a]}
  npmPackages: [{repository: r}]
  pythonPackages: [{repository: "https://us-python.pkg.dev/p/r", paths: [dist/*]}]
availableSecrets:
  secretManager: [{versionName: projects/p/secrets/t/versions/1, env: TOKEN}]
"""


def test_what_cannot_be_done_here_is_refused_by_name(laptop: Laptop) -> None:
    outcome, packages = laptop.run(BEYOND), "artifacts.pythonPackages"

    assert (outcome.code, outcome.out) == (2, "")
    assert [line for line in outcome.err.splitlines() if line.startswith("error")] == [
        f"error: {laptop.config}:2: `dependencies` cannot be done on this machine",
        f"error: {laptop.config}:3: `images` needs a Docker engine",
        f"error: {laptop.config}:7: `{packages}` is only uploaded to a registry that is named",
        f'error: {laptop.config}:8: secretEnv "TOKEN" has no value on this machine',
        "error: Step #0 - \"u\" needs the image 'gcr.io/x/unknown', and no container runs here",
        "error: Step #1 needs the image 'bash', and no container runs here",
    ]


def test_a_dry_run_plans_all_the_same_and_lists_it(laptop: Laptop) -> None:
    plan = laptop.run(BEYOND, "--dry-run")
    record = laptop.run(BEYOND, "--dry-run", "--json", "--docker", environ={"PATH": ""}).record

    assert plan.code == 0
    lines = [line for line in plan.out.splitlines() if not line.startswith("  hint: ")]
    assert lines[:2] == ['0  Step #0 - "u": gcr.io/x/unknown: ', "1  Step #1: bash: "]
    assert sum(line.startswith("Cannot run here: ") for line in lines) == 6
    assert lines[-2:] == [
        "Not uploaded by a local build: artifacts.objects",
        "Not uploaded by a local build: artifacts.npmPackages",
    ]
    assert len(record["steps"]) == 2
    assert record["cannotRun"][-1] == {
        "message": "No Docker engine answers: [Errno 2] No such file or directory: 'docker'",
        "hint": "start one, or run without --docker",
    }
    assert record["notUploaded"] == ["artifacts.objects", "artifacts.npmPackages"]


def test_one_step_needs_none_of_what_the_others_and_the_artifacts_need(laptop: Laptop) -> None:
    text = BEYOND.replace("dependencies: [{empty: true}]\n", "")
    outcome = laptop.run(text, "--only", "1", "--host-tools")

    assert (outcome.code, outcome.err) == (0, "")


def test_what_only_the_service_uploads_is_said_and_the_rest_runs(laptop: Laptop) -> None:
    text = "steps: [{name: bash}]\nartifacts: {objects: {location: gs://b, paths: [a]}}\n"
    outcome = laptop.run(text, "--host-tools")

    assert outcome.code == 0
    assert outcome.err.splitlines() == ["Not uploaded by a local build: artifacts.objects"]
    assert outcome.out.splitlines()[-1].startswith("SUCCESS in")


def test_what_means_nothing_here_is_said(laptop: Laptop) -> None:
    text = (
        "steps: [{name: bash}]\ntags: [a]\n"
        "options: {logging: CLOUD_LOGGING_ONLY, machineType: E2_MEDIUM}"
    )

    assert laptop.run(text, "--host-tools").err.splitlines() == [
        "Ignored locally: tags, options.logging, options.machineType"
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["missing.yaml"],
            "The build config 'missing.yaml' cannot be read: No such file or directory",
        ),
        (["--emulator", "--registry", "x"], "--emulator and --registry exclude each other."),
        (["--docker", "--host-tools"], "--docker and --host-tools exclude each other."),
        (["--substitutions", "A"], "--substitutions has an entry without `=`: 'A'"),
        (["--source", "missing"], "The source is not a directory: 'missing'"),
    ],
)
def test_bad_input_is_one_clean_message(laptop: Laptop, arguments: list[str], message: str) -> None:
    command = laptop.command("steps: [{name: bash}]")
    config = [] if arguments[0].endswith(".yaml") else [str(laptop.config)]
    done = subprocess.run(
        [*command[: command.index("run") + 1], *config, *arguments],
        capture_output=True, check=False, text=True, timeout=30, cwd=laptop.temporary,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == f"error: {message}"


def test_on_a_terminal_the_progress_follows_the_steps_and_leaves_the_log_whole(
    laptop: Laptop,
) -> None:
    go = laptop.source.parent / "go"
    wait = f"echo [x] hello; until [ -e {go} ]; do sleep 0.05; done; exit 1"
    text = f"steps: [{{name: bash, id: wait, timeout: 60s, args: [-c, '{wait}']}}]"
    ours, theirs = pty.openpty()
    environ = {**laptop.environ(), "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    command = laptop.command(text, "--host-tools")
    with subprocess.Popen(command, env=environ, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # Linux says so when the other end has gone
            while data := os.read(ours, 4096):
                shown += data
                if b"running" in shown:
                    go.touch()
        os.close(ours)
        code = running.wait(timeout=30)

    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert code == 3
    assert 'Step #0 - "wait": [x] hello' in plain
    assert re.search(r"\[0/1\] Running 1 step  \d+\.\d s", plain)
    assert re.search(r'\[1/1\] Step #0 - "wait"  running  \d+\.\d s', plain)
    assert re.search(r"FAILURE in \d+\.\d s", plain)
