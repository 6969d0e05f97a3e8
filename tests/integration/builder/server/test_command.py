"""`shipwheel emulator`, and how the emulator starts and stops."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
import requests
from requests.auth import HTTPBasicAuth

from builder.server import Emulator
from steps.host.errors import InputError
from tests.integration.builder.server.plain_http import TIMEOUT, TOKEN, get, make_wheel, post
from tests.integration.program import run_module

if TYPE_CHECKING:
    from pathlib import Path


def test_a_stopped_emulator_listens_no_more_even_with_a_client_connected(tmp_path: Path) -> None:
    with Emulator(tmp_path) as emulator:
        host, port = emulator.host.split(":")
        client = requests.Session()
        client.get(f"http://{emulator.host}/demo/pypi/simple/", timeout=TIMEOUT)

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=TIMEOUT)
    client.close()
    assert not [thread.name for thread in threading.enumerate() if "emulator" in thread.name]


def test_a_port_that_is_in_use_is_an_input_error(emulator: Emulator, tmp_path: Path) -> None:
    port = int(emulator.host.rpartition(":")[2])

    with (
        pytest.raises(InputError, match=f"cannot listen on 127.0.0.1:{port}"),
        Emulator(tmp_path / "second", port=port),
    ):
        pass


def test_what_was_uploaded_is_there_again_after_a_restart(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    with Emulator(tmp_path / "registry", repositories=["example.com:demo/pypi"]) as first:
        answer = post(
            f"http://{first.host}/example.com/demo/pypi/", (wheel.name, wheel.read_bytes())
        )

    with Emulator(tmp_path / "registry", repositories=["example.com/demo/pypi"]) as second:
        status, _, page = get(second, "/example.com/demo/pypi/simple/tide-tables/")

    assert (answer.status_code, status) == (200, 200)
    assert (
        f'href="http://{second.host}/example.com/demo/pypi/tide-tables/{wheel.name}#sha256=' in page
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_its_address_and_stops_cleanly(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    command = [sys.executable, "-m", "builder", "emulator", "--repository", "team/wheels"]
    with subprocess.Popen(
        [*command, "--token-file", str(tmp_path / "token")],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONWARNINGS": "error::ResourceWarning"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            host = line.strip().removeprefix("ARTIFACT_REGISTRY_EMULATOR_HOST=")
            url = f"http://{host}/team/wheels/"
            uploaded = post(
                url, ("tide_tables-1.0.tar.gz", b"1"), HTTPBasicAuth("oauth2accesstoken", TOKEN)
            )
            process.send_signal(number)
            rest, narration = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()

    assert line == f"ARTIFACT_REGISTRY_EMULATOR_HOST={host}\n"
    assert re.fullmatch(rf"Serving {url} from \S+/team/wheels\nStopped\n", narration), narration
    assert (uploaded.status_code, process.returncode, rest) == (200, 0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repository", "Demo"], "No repository can have this name: 'Demo'"),
        (["--repository", "../pypi"], "No repository can have this name: '../pypi'"),
        (
            ["--token-file", "missing"],
            "The token file 'missing' cannot be read: No such file or directory",
        ),
        (["--token-file", os.devnull], "There is no token in the file '/dev/null'"),
        (["--root", os.devnull], "The emulator cannot keep files in '/dev/null'"),
        (["--port", "70000"], "Invalid value for '--port'"),
    ],
)
def test_bad_input_of_the_command_is_one_clean_message(arguments: list[str], message: str) -> None:
    result = run_module("builder", "emulator", *arguments)

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {message}")
    assert "hint: " in result.stderr
    assert "Traceback" not in result.stderr
