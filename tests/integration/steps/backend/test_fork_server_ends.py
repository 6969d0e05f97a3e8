"""How the fork server and its hooks end: by a time-out or a kill, and nothing is left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.integration.steps.backend.hooks import (
    HOOK_SCRIPT,
    WAITING,
    Backend,
    Outcome,
    is_running,
    read_numbers,
    runners,
    wait_until,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_a_hook_that_takes_too_long_ends_with_its_child(environment: Path, tmp_path: Path) -> None:
    backend = Backend(environment, tmp_path, WAITING)

    with runners(timeout=5) as (_, servers):
        with pytest.raises(subprocess.TimeoutExpired) as caught:
            backend.call(servers)
        itself, _server, child = read_numbers(tmp_path)
        wait_until(lambda: not (is_running(itself) or is_running(child)))

    assert (caught.value.timeout, caught.value.output) == (5, "waiting\n")


def test_an_import_that_takes_too_long_is_reported_as_in_a_process(
    environment: Path, tmp_path: Path
) -> None:
    backend = Backend(environment, tmp_path, "import time; time.sleep(60)")

    with runners(timeout=1) as (_, servers), pytest.raises(subprocess.TimeoutExpired) as caught:
        backend.call(servers)

    assert caught.value.cmd[1] == HOOK_SCRIPT


@pytest.mark.parametrize("fork", [True, False])
@pytest.mark.parametrize("session", [True, False])
def test_what_a_hook_leaves_running_ends_with_it(
    fork: bool, session: bool, environment: Path, tmp_path: Path
) -> None:
    source = (
        "import subprocess\n"
        "def build_wheel(*_):\n"
        "    shell = ['sh', '-c', 'setsid sleep 60 & echo $!; exec sleep 60']\n"
        f"    child = subprocess.Popen(shell, stdout=-1, start_new_session={session})\n"
        "    return child.pid, int(child.stdout.readline())\n"
    )
    backend = Backend(environment, tmp_path, source)

    with runners() as (_, servers):
        left = backend.call(servers, fork=fork).returned
        assert [*filter(is_running, left)] == []


def test_a_server_that_is_killed_does_no_harm_to_its_hooks(
    environment: Path, tmp_path: Path
) -> None:
    source = (
        "import os, time\n"
        "def build_wheel(*_):\n"
        "    if os.getppid() == int(os.environ['SOURCE_DATE_EPOCH']): return 'built'\n"
        "    os.kill(os.getppid(), 9); time.sleep(60)\n"
    )
    backend = Backend(environment, tmp_path, source)

    with runners() as (_, servers):
        outcome = backend.call(servers, SOURCE_DATE_EPOCH=str(os.getpid()))

    assert outcome == Outcome(0, "", "built")


def test_leaving_the_context_ends_a_hook_and_its_server(environment: Path, tmp_path: Path) -> None:
    backend = Backend(environment, tmp_path, WAITING)
    outcomes: list[Outcome] = []

    with runners() as (_, servers):
        waiter = threading.Thread(target=lambda: outcomes.append(backend.call(servers)))
        waiter.start()
        numbers = read_numbers(tmp_path)
    waiter.join(10)

    assert [outcome.code for outcome in outcomes] == [-signal.SIGKILL]
    wait_until(lambda: not any(map(is_running, numbers)))


def test_nothing_survives_the_sudden_end_of_this_program(environment: Path, tmp_path: Path) -> None:
    backend = Backend(environment, tmp_path, WAITING)
    program = f"""
from steps.backend import fork_server
from steps.host.children import Children
from steps.backend.fork_server import ForkServers
with Children() as children, ForkServers(children) as servers:
    servers.run(
        {backend.command()!r},
        cwd={str(tmp_path)!r},
        environ={{"_PYPROJECT_HOOKS_BUILD_BACKEND": {backend.name!r}}},
    )
"""

    with subprocess.Popen([sys.executable, "-c", program]) as ours:
        try:
            numbers = read_numbers(tmp_path)
        finally:
            ours.kill()

    wait_until(lambda: not any(map(is_running, numbers)))
