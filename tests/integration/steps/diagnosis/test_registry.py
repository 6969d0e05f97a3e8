"""`shipwheel doctor` before a registry: reached, read, in time, and not written to."""

from __future__ import annotations

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from builder.server import Emulator
from builder.server.answers import Answers
from tests.integration.servers.faults import Fault, FaultyRegistry
from tests.integration.servers.google import HOST, Google
from tests.integration.steps.diagnosis.machine import LOGIN, TOKEN, clean, doctor, local, told
from tests.ports import unused_port

if TYPE_CHECKING:
    from pathlib import Path


def test_a_machine_on_which_all_is_well_is_reported(emulator: Emulator, home: Path) -> None:
    environ = local(emulator, home, PATH=f"{home}/bin:/usr/bin:/bin")

    done = doctor(home, environ, "--registry", "us-central1/demo/pypi")

    base = f"http://{emulator.host}/demo/pypi/"
    lines = told(done)
    # What the machine itself has set is its own affair.
    assert {it: line for it, line in lines.items() if line.startswith("wrong")} == {}
    assert lines["reachability"] == f"ok {base} answers 401 without credentials"
    assert lines["credentials"] == (
        "ok from TWINE_USERNAME and TWINE_PASSWORD, as an account that they do not name"
    )
    assert lines["read access"] == f"ok {base}simple/ can be read"
    assert lines["write access"] == "ok uploads are allowed"
    assert lines["repository mode"] == "ok 'pypi' is a standard repository"
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_is_uploaded_and_the_mode_is_reported(
    emulator: Emulator, home: Path, tmp_path: Path
) -> None:
    before = sorted((tmp_path / "registry").rglob("*"))

    standard = doctor(home, local(emulator, home), "--registry", "us-central1/demo/pypi")
    virtual = doctor(home, local(emulator, home), "--registry", "us-central1/demo/all")

    assert (standard.returncode, virtual.returncode) == (0, 0)
    lines = told(virtual)
    assert lines["repository mode"].startswith("ok 'all' is a virtual repository of 'pypi' (1): ")
    assert lines["write access"] == "note 'all' is a virtual repository, which takes no uploads"
    assert sorted((tmp_path / "registry").rglob("*")) == before


@pytest.mark.parametrize(
    ("registry", "login", "line"),
    [
        ("nope", LOGIN, "repository: Repository not found: 'projects/demo/locations/us-cen"),
        ("pypi", {}, "read access: The registry asks for credentials and there are none"),
        ("pypi", LOGIN | {"TWINE_PASSWORD": "old"},
         "read access: The registry does not accept the credentials from TWINE_USERNAME and"),
        ("pypi", LOGIN | {"TWINE_USERNAME": "me"},
         "read access: The registry does not accept the credentials from TWINE_USERNAME and"),
    ],
)  # fmt: skip
def test_a_repository_that_is_missing_or_cannot_be_read_is_wrong(
    emulator: Emulator, home: Path, registry: str, login: dict[str, str], line: str
) -> None:
    environ = clean(home, ARTIFACT_REGISTRY_EMULATOR_HOST=emulator.host, **login)

    done = doctor(home, environ, "--registry", f"us-central1/demo/{registry}")

    assert done.returncode == 1
    assert f"wrong  {line}" in done.stdout
    assert "checks found something wrong" in done.stderr


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        (Answers(format="DOCKER"), "wrong 'pypi' holds DOCKER packages, not Python packages"),
        (Answers(api="disabled"), "wrong Artifact Registry's API is not enabled: 403 Forbidden"),
        (Answers(api="blocked"),
         "note could not check that it exists, nor its mode: Artifact Registry's API cannot be"),
    ],
)  # fmt: skip
def test_what_the_api_tells_of_the_repository_is_reported_and_its_silence_is_not_wrong(
    tmp_path: Path, home: Path, answers: Answers, line: str
) -> None:
    with Emulator(tmp_path / "registry", token=TOKEN, answers=answers) as emulator:
        done = doctor(home, local(emulator, home), "--registry", "us-central1/demo/pypi")

    assert done.returncode == (1 if line.startswith("wrong") else 0), done.stdout
    assert told(done)["repository"].startswith(line)
    enable = "gcloud services enable artifactregistry.googleapis.com --project=demo"
    assert (enable in done.stdout) == (answers.api == "disabled")


def test_a_missing_role_is_wrong_with_the_command_that_grants_it(
    tmp_path: Path, home: Path
) -> None:
    with Emulator(tmp_path / "registry", token="other", more_tokens={TOKEN: "none"}) as emulator:
        done = doctor(home, local(emulator, home), "--registry", "us-central1/demo/pypi")

    lines = told(done)
    assert done.returncode == 1
    wrong = {it for it, line in lines.items() if line.startswith("wrong ")}
    assert {"read access", "write access", "repository"} <= wrong
    assert "--role=roles/artifactregistry.reader" in done.stdout
    assert "--role=roles/artifactregistry.writer" in done.stdout


def test_a_registry_that_is_not_there_is_wrong(home: Path) -> None:
    port = unused_port()

    done = doctor(home, clean(home), "--registry", f"http://127.0.0.1:{port}/team/")

    lines = told(done)
    assert done.returncode == 1
    assert lines["reachability"] == (
        f"wrong http://127.0.0.1:{port}/team/ cannot be reached: Connection refused"
    )
    assert "read access" not in lines


def test_a_registry_that_answers_a_byte_at_a_time_is_not_waited_for(
    emulator: Emulator, home: Path
) -> None:
    with FaultyRegistry(emulator, lambda _: Fault(drip=1)) as registry:
        started = time.monotonic()
        done = doctor(home, clean(home), "--registry", f"http://{registry.host}/demo/pypi/")

    assert time.monotonic() - started < 25
    assert told(done)["reachability"] == (
        f"wrong http://{registry.host}/demo/pypi/ cannot be reached: no answer within 10 s"
    )


def test_certificates_are_those_of_a_publish(tmp_path: Path, emulator: Emulator) -> None:
    with Google(tmp_path, emulator.host, TOKEN, mutual=True) as google:
        bundle = google.environ["REQUESTS_CA_BUNDLE"]
        unset = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
        plain = {key: it for key, it in google.environ.items() if key not in unset}
        environ = {**plain, **LOGIN, "TWINE_CERT": bundle, "TWINE_CLIENT_CERT": str(google.client)}
        environ["PATH"] = ""
        (tmp_path / "home/work").mkdir()
        good = told(doctor(tmp_path / "home", environ, "--registry", f"https://{HOST}/demo/pypi/"))
        environ["TWINE_CERT"] = f"{tmp_path}/missing.pem"
        bad = doctor(tmp_path / "home", environ, "--registry", f"https://{HOST}/demo/pypi/")

    assert good["TWINE_CERT"] == f"ok {bundle}"
    assert good["read access"] == f"ok https://{HOST}/demo/pypi/simple/ can be read"
    assert bad.returncode == 1
    assert told(bad)["TWINE_CERT"] == (
        f"wrong '{tmp_path}/missing.pem' cannot be used: No such file or directory"
    )


class _Late(BaseHTTPRequestHandler):
    """A registry whose clock has stopped."""

    timeout = 30

    def do_GET(self) -> None:
        self.send_response(401)
        self.end_headers()

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002 - the base's
        return "Thu, 01 Jan 2026 00:00:00 GMT"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Keep quiet."""


def test_a_clock_that_is_off_is_wrong(home: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Late) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/team/"
        done = doctor(home, clean(home), "--registry", url)
        server.shutdown()

    assert done.returncode == 1
    assert re.fullmatch(
        r"wrong this machine is \d+ days ahead of the registry", told(done)["clock"]
    )


def test_without_a_registry_the_machine_and_its_settings_are_checked(home: Path) -> None:
    (home / ".netrc").write_text("machine localhost login me password x\n")
    (home / ".netrc").chmod(0o644)
    done = doctor(home, clean(home))

    lines = told(done)
    assert lines["registry"].startswith("note none was named, and so none was asked")
    assert not {"reachability", "clock", "credentials", "read access", "write access"} & {*lines}
    assert "python" in lines
    assert any(line.startswith("wrong") for line in lines.values())
    assert done.returncode == 1


def test_a_registry_that_is_none_is_refused(home: Path) -> None:
    done = doctor(home, clean(home), "--registry", "nowhere")

    assert (done.returncode, done.stdout) == (2, "")
