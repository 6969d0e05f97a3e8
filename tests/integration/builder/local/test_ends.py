"""How a local build ends: by a failure, a time-out or a signal, and what is left then."""

from __future__ import annotations

import re
import signal

import pytest

from tests.integration.builder.local.laptop import OURS, Laptop, is_alive, wait_until_gone


def test_a_failed_step_ends_the_build_in_the_service_words(laptop: Laptop) -> None:
    text = "steps: [{name: bash, args: ['-c', 'exit 7']}, {name: bash, args: ['-c', 'echo no']}]"
    outcome = laptop.run(text, "--host-tools", "--json")

    assert outcome.code == 3
    assert 'ERROR: build step 0 "bash" failed: step exited with non-zero status: 7' in outcome.err
    record = outcome.record
    assert (record["status"], record["exitCode"], record["failedStep"]) == ("FAILURE", 3, 0)
    assert [step["status"] for step in record["steps"]] == ["FAILURE", "QUEUED"]


def test_the_code_of_a_command_of_shipwheel_is_the_build_s(laptop: Laptop) -> None:
    outcome = laptop.run(f"steps: [{{name: {OURS}, args: [nonsense]}}]")

    assert outcome.code == 2


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
    text = "steps: [{name: bash, timeout: 2s, args: [-c, 'sleep 300 & echo $$!; wait']}]"
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
    text = "timeout: 2s\nsteps: [{name: bash, args: [-c, 'sleep 300']}]"
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
