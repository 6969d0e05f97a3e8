"""`shipwheel run`: real steps, as processes of this machine."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from builder.emulator import Emulator
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator

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

    def start(self, text: str, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(text, *options),
            env=self.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def is_alive(process: int) -> bool:
    """Whether *process* runs; one that nobody has waited for yet does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until_gone(processes: list[int]) -> list[int]:
    """Return those of *processes* that are still there after a while."""
    deadline = time.monotonic() + 5
    while (alive := [*filter(is_alive, processes)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    return Laptop(tmp_path)


def test_a_temporary_folder_within_the_source_is_not_copied_into_itself(laptop: Laptop) -> None:
    temporary = laptop.source / "temporary"
    temporary.mkdir()
    (temporary / "file").touch()

    outcome = laptop.run(
        "steps: [{name: bash, args: [-c, find . -type f]}]",
        "--host-tools",
        environ={"TMPDIR": str(temporary)},
    )

    assert (outcome.code, outcome.log()) == (0, ["Step #0: ./temporary/file"])
    assert [path.name for path in temporary.iterdir()] == ["file"]


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


def test_with_the_emulator_a_step_needs_no_arguments(laptop: Laptop) -> None:
    outcome = laptop.run("steps: [{name: bash, script: echo done}]", "--host-tools", "--emulator")

    assert outcome.log() == ["Step #0: done"]


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


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator(tmp_path / "registry", repositories=["p/pypi"]) as emulator:
        yield emulator


def test_steps_run_side_by_side_where_the_graph_lets_them(laptop: Laptop) -> None:
    # Each waits for a file that the other writes: one after the other, both run out of time.
    meet = "touch {own}; until [ -e {other} ]; do sleep 0.02; done"
    text = (
        "steps:\n"
        f"- {{name: bash, id: a, timeout: 20s, args: [-c, '{meet.format(own='a', other='b')}']}}\n"
        f"- {{name: bash, id: b, timeout: 20s, args: [-c, '{meet.format(own='b', other='a')}'],"
        " waitFor: ['-']}\n"
        "- {name: bash, id: c, args: [-c, 'ls'], waitFor: [a, b]}\n"
    )
    outcome = laptop.run(text, "--host-tools")

    assert outcome.code == 0
    assert outcome.log() == ['Step #2 - "c": a', 'Step #2 - "c": b']


def test_without_a_graph_a_step_starts_when_the_one_before_has_finished(laptop: Laptop) -> None:
    outcome = laptop.run("steps: [{name: bash, id: a}, {name: bash, id: b}]", "--host-tools")

    assert [line for line in outcome.out.splitlines() if line.startswith(("Start", "Finish"))] == [
        'Starting Step #0 - "a"',
        'Finished Step #0 - "a"',
        'Starting Step #1 - "b"',
        'Finished Step #1 - "b"',
    ]


def test_a_failure_ends_what_runs_beside_it(laptop: Laptop) -> None:
    text = (
        "steps:\n"
        "- {name: bash, args: [-c, 'sleep 300 & echo $$!; touch up; wait']}\n"
        "- {name: bash, args: [-c, 'until [ -e up ]; do sleep 0.02; done; exit 1'],"
        " waitFor: ['-']}\n"
    )
    outcome = laptop.run(text, "--host-tools", "--json")

    assert [step["status"] for step in outcome.record["steps"]] == ["CANCELLED", "FAILURE"]
    assert outcome.record["failedStep"] == 1
    sleeper = int(re.findall(r"Step #0: (\d+)", outcome.err)[0])
    assert wait_until_gone([sleeper]) == []


def test_what_a_step_leaves_running_ends_with_it(laptop: Laptop) -> None:
    text = "steps: [{name: bash, args: [-c, 'sleep 300 & echo $$!']}]"
    outcome = laptop.run(text, "--host-tools")

    assert outcome.code == 0
    assert wait_until_gone([int(outcome.log()[0].rpartition(" ")[2])]) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_build_that_is_interrupted_leaves_no_process_and_no_file(
    laptop: Laptop, number: signal.Signals
) -> None:
    sleeper = "args: [-c, 'sleep 300 & echo pid $$!; echo pid $$$$; wait'], waitFor: ['-']"
    text = f"steps: [{{name: bash, {sleeper}}}, {{name: bash, {sleeper}}}]"
    with laptop.start(text, "--host-tools", "--emulator") as running:
        assert running.stdout is not None
        processes: list[int] = []
        for line in running.stdout:
            processes += map(int, re.findall(r"pid (\d+)", line))
            if len(processes) == 4:
                break
        assert all(map(is_alive, processes))
        running.send_signal(number)
        rest = running.stdout.read()
        code = running.wait(timeout=30)

    assert code == 128 + number
    assert wait_until_gone(processes) == []
    assert [*laptop.temporary.iterdir()] == []
    assert "CANCELLED" in rest
    assert "Traceback" not in rest


def test_a_step_that_takes_too_long_is_ended_and_fails(laptop: Laptop) -> None:
    text = "steps: [{name: bash, timeout: 0.3s, args: [-c, 'sleep 300 & echo $$!; wait']}]"
    outcome = laptop.run(text, "--host-tools", "--json")

    assert outcome.code == 3
    assert 'ERROR: build step 0 "bash" failed: context deadline exceeded' in outcome.err
    assert outcome.record["steps"][0]["status"] == outcome.record["status"] == "TIMEOUT"
    sleeper = int(re.findall(r"Step #0: (\d+)", outcome.err)[0])
    assert wait_until_gone([sleeper]) == []


def test_minutes_are_a_time_out_for_a_trigger_and_refused_where_the_config_is_submitted(
    laptop: Laptop,
) -> None:
    text = "timeout: 15m\nsteps: [{name: bash, args: [-c, 'echo done'], timeout: 1m}]"
    trigger = laptop.run(text, "--host-tools")
    submit = laptop.run(text, "--host-tools", "--as", "submit")

    assert (trigger.code, trigger.log()) == (0, ["Step #0: done"])
    assert trigger.err.splitlines() == [
        f"{laptop.config}:1: .timeout is '15m': `gcloud builds submit` refuses that",
        "  hint: write seconds with an s, such as '600s'",
        (
            f"{laptop.config}:2: .timeout in build step #0 is '1m': `gcloud builds submit`"
            " refuses that"
        ),
        "  hint: write seconds with an s, such as '600s'",
    ]
    assert submit.code == 2
    assert submit.err.splitlines()[0] == (
        f"error: {laptop.config}:1: invalid .timeout:"
        " Illegal duration format; duration must end with 's', found '15m'"
    )


def test_a_build_that_takes_too_long_is_ended(laptop: Laptop) -> None:
    text = "timeout: 0.3s\nsteps: [{name: bash, args: [-c, 'sleep 300']}]"
    outcome = laptop.run(text, "--host-tools", "--json")

    assert outcome.code == 3
    assert outcome.err.splitlines().count("ERROR: context deadline exceeded") == 1
    assert outcome.record["status"] == "TIMEOUT"
    assert outcome.record["steps"][0]["status"] == "CANCELLED"


@pytest.mark.parametrize(
    ("allowed", "code", "status"),
    [
        ("allowFailure: true", 7, "SUCCESS"),
        ("allowExitCodes: [7]", 7, "SUCCESS"),
        ("allowExitCodes: [1, 2]", 7, "FAILURE"),
        ("allowFailure: true, allowExitCodes: [1]", 7, "FAILURE"),  # the codes take precedence
        ("allowFailure: false", 0, "SUCCESS"),
    ],
)
def test_a_step_may_be_allowed_to_fail(
    laptop: Laptop, allowed: str, code: int, status: str
) -> None:
    text = f"steps: [{{name: bash, args: [-c, 'exit {code}'], {allowed}}}, {{name: bash}}]"
    record = laptop.run(text, "--host-tools", "--json").record

    assert record["status"] == status
    assert record["steps"][0]["exitCode"] == code
    assert record["steps"][1]["status"] == ("SUCCESS" if status == "SUCCESS" else "QUEUED")


SECRET = (
    "steps: [{name: bash, secretEnv: [TOKEN], args: [-c, 'echo $$TOKEN; echo $$TOKEN | wc -c;"
    " echo got $$TOKEN > $$BUILDER_OUTPUT/output']}]\n"
    "availableSecrets:\n  secretManager:\n"
    "  - {versionName: projects/$PROJECT_ID/secrets/t/versions/1, env: TOKEN}\n"
)


@pytest.mark.parametrize("options", [[], ["--json"], ["--dry-run"], ["--dry-run", "--json"]])
def test_a_secret_reaches_its_step_and_nothing_else(laptop: Laptop, options: list[str]) -> None:
    outcome = laptop.run(SECRET, "--host-tools", *options, environ={"TOKEN": "hunter2-hunter2"})

    assert outcome.code == 0
    assert "hunter2" not in outcome.out + outcome.err
    if "--dry-run" not in options:
        assert "Step #0: ***\nStep #0: 16\n" in outcome.out + outcome.err
        assert "got ***" in outcome.out


def test_a_secret_without_a_value_is_refused_before_anything_runs(laptop: Laptop) -> None:
    outcome = laptop.run(SECRET, "--host-tools")

    assert (outcome.code, outcome.out) == (2, "")
    assert f'{laptop.config}:2: secretEnv "TOKEN" has no value on this machine' in outcome.err


def test_a_step_never_sees_this_machine_s_secrets(laptop: Laptop) -> None:
    text = "steps: [{name: bash, args: [-c, env]}]"
    outcome = laptop.run(text, "--host-tools", environ={"GITHUB_TOKEN": "hunter2", "FOO": "1"})

    names = {line.removeprefix("Step #0: ").partition("=")[0] for line in outcome.log()}
    assert {"HOME", "PATH", "BUILDER_OUTPUT", "TMPDIR"} <= names
    assert not {"GITHUB_TOKEN", "FOO", "VIRTUAL_ENV", "USER", "SHELL"} & names


def test_what_a_step_leaves_as_output_is_in_the_summary_and_the_json(laptop: Laptop) -> None:
    text = "steps: [{name: bash, args: [-c, 'echo ready > $$BUILDER_OUTPUT/output']}]"

    assert "#0 output: ready" in laptop.run(text, "--host-tools").out.splitlines()
    record = laptop.run(text, "--host-tools", "--json").record
    assert record["steps"][0]["output"] == "ready\n"


def test_scripts_run_with_their_shell_and_get_substitutions_as_variables(laptop: Laptop) -> None:
    text = (
        "steps:\n"
        "- {name: ubuntu, script: 'echo $_WHO $BRANCH_NAME. $0'}\n"
        "- name: python\n  script: |\n    #!/usr/bin/env python3\n    print('from python')\n"
        "substitutions: {_WHO: world}\noptions: {automapSubstitutions: true}\n"
    )
    outcome = laptop.run(text, "--host-tools", "--substitutions", "BRANCH_NAME=main")

    assert outcome.log()[0].startswith("Step #0: world main. /")
    assert outcome.log()[1] == "Step #1: from python"


def test_volumes_outlive_their_step(laptop: Laptop) -> None:
    volume = "volumes: [{name: vol, path: /persistent}]"
    text = (
        f"steps: [{{name: bash, args: [-c, 'echo kept > /persistent/x'], {volume}}},"
        f" {{name: bash, args: [cat, /persistent/x], {volume}}}]"
    )

    assert laptop.run(text, "--host-tools").log() == ["Step #1: kept"]


def test_git_fills_in_what_a_trigger_would(laptop: Laptop) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        done = subprocess.run(
            ["git", *identity, "-C", str(laptop.source), *arguments],
            capture_output=True, check=True, text=True, timeout=30,
        )  # fmt: skip
        return done.stdout.strip()

    git("init", "--initial-branch", "trunk")
    git("remote", "add", "origin", "https://example.com/owner/name.git")
    git("commit", "--allow-empty", "--message", "first")
    commit = git("rev-parse", "HEAD")
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
    assert "One step is no build: its artifacts and images are left out" in alone.out
    assert laptop.run(text, "--host-tools", "--only", "d").code == 2


def test_a_dry_run_runs_nothing(laptop: Laptop) -> None:
    text = "steps: [{name: bash, id: a, args: ['-c', 'touch $_F']}, {name: bash, waitFor: ['-']}]"
    outcome = laptop.run(text, "--host-tools", "--dry-run", "--substitutions", "_F=/nowhere/x")

    assert outcome.out.splitlines() == [
        '0  Step #0 - "a": bash: -c touch /nowhere/x',
        "0  Step #1: bash: ",
    ]


def test_packages_are_uploaded_after_the_last_step(
    laptop: Laptop, emulator: Emulator, tmp_path: Path
) -> None:
    project = make_project(laptop.source, "tides")
    names = [item.filename for item in make_distributions(project)]
    text = (
        "steps: [{name: bash, args: [-c, 'ls tides/dist']}]\n"
        "artifacts:\n  pythonPackages:\n"
        "  - repository: https://us-east4-python.pkg.dev/p/pypi\n    paths: [tides/dist/*]\n"
    )
    environ = {"ARTIFACT_REGISTRY_EMULATOR_HOST": emulator.host}
    outcome = laptop.run(text, "--host-tools", environ=environ)

    assert outcome.code == 0, outcome.out + outcome.err
    stored = [path.name for path in (tmp_path / "registry").rglob("*") if path.is_file()]
    assert sorted(stored) == sorted(names)
    # The registry refuses what it has, and the build fails with it, as in the service.
    again = laptop.run(text, "--host-tools", "--json", environ=environ)
    assert (again.code, again.record["status"]) == (3, "FAILURE")


def test_packages_are_never_uploaded_to_a_real_registry(laptop: Laptop) -> None:
    text = (
        "steps: [{name: bash}]\nartifacts:\n  pythonPackages:\n"
        "  - {repository: https://us-east4-python.pkg.dev/p/pypi, paths: [dist/*]}\n"
    )
    outcome = laptop.run(text, "--host-tools")

    assert outcome.code == 2
    assert outcome.err.splitlines() == [
        (
            f"error: {laptop.config}:3:"
            " `artifacts.pythonPackages` is only uploaded to a registry emulator"
        ),
        "  hint: use --emulator",
    ]


def test_what_cannot_be_done_here_is_refused_by_name(laptop: Laptop) -> None:
    text = (
        "steps: [{name: bash}]\n"
        "artifacts:\n  objects: {location: gs://b, paths: [a]}\n  npmPackages: [{repository: r}]\n"
        "dependencies: [{empty: true}]\n"
    )
    outcome = laptop.run(text, "--host-tools")

    assert outcome.code == 2
    assert [line for line in outcome.err.splitlines() if line.startswith("error")] == [
        f"error: {laptop.config}:3: `artifacts.objects` cannot be done on this machine",
        f"error: {laptop.config}:4: `artifacts.npmPackages` cannot be done on this machine",
        f"error: {laptop.config}:5: `dependencies` cannot be done on this machine",
    ]


def test_what_means_nothing_here_is_said(laptop: Laptop) -> None:
    text = (
        "steps: [{name: bash}]\ntags: [a]\n"
        "options: {logging: CLOUD_LOGGING_ONLY, machineType: E2_MEDIUM}"
    )

    assert laptop.run(text, "--host-tools").err.splitlines() == [
        "Without meaning on this machine: tags, options.logging, options.machineType"
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["missing.yaml"],
            "Cannot read the build config 'missing.yaml': No such file or directory",
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


def test_on_a_terminal_a_table_follows_the_steps_and_leaves_the_log_whole(laptop: Laptop) -> None:
    text = "steps: [{name: bash, id: wait, args: [-c, 'echo [x] hello; sleep 0.6; exit 1']}]"
    ours, theirs = pty.openpty()
    environ = {**laptop.environ(), "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    command = laptop.command(text, "--host-tools")
    with subprocess.Popen(command, env=environ, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # Linux says so when the other end has gone
            while data := os.read(ours, 4096):
                shown += data
        os.close(ours)
        code = running.wait(timeout=30)

    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert code == 3
    assert 'Step #0 - "wait": [x] hello' in plain
    assert re.search(r'Step #0 - "wait"\s+WORKING\s+0\.\d s', plain)
    assert "FAILURE in 0." in plain


def test_a_refused_upload_ends_the_build_with_the_code_of_the_refusal(
    laptop: Laptop, emulator: Emulator
) -> None:
    text = (
        f"steps: [{{name: {OURS}, args: [upload, tides],"
        " env: ['SHIPWHEEL_REGISTRY=us-east4/p/pypi']}]"
    )
    environ = {"ARTIFACT_REGISTRY_EMULATOR_HOST": emulator.host}
    make_distributions(make_project(laptop.source, "tides"))
    first = laptop.run(text, environ=environ)
    make_distributions(make_project(laptop.source, "tides", text="edited"))
    second = laptop.run(text, environ=environ)

    assert (first.code, second.code) == (0, 1), first.out + second.out


def test_a_registry_of_the_command_line_wins_and_brings_credentials_to_our_steps_only(
    laptop: Laptop,
) -> None:
    show = "args: ['-c', 'echo $$SHIPWHEEL_REGISTRY $$TWINE_PASSWORD.']"
    env = "env: ['SHIPWHEEL_REGISTRY=us-east4/p/config']"
    text = f"steps: [{{name: {OURS}, entrypoint: bash, {show}, {env}}}, {{name: bash, {show}}}]"
    options = ["--host-tools", "--registry", "us-east4/p/mine"]
    outcome = laptop.run(text, *options, environ={"TWINE_PASSWORD": "hunter2"})

    assert outcome.log() == ["Step #0: us-east4/p/mine hunter2.", "Step #1: ."]
    plain = laptop.run(text, "--host-tools", environ={"TWINE_PASSWORD": "hunter2"})
    assert plain.log() == ["Step #0: us-east4/p/config .", "Step #1: ."]
