"""`shipwheel doctor` as a program: the emulator, Google on loopback, and files in a home."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from builder.emulator import Emulator
from tests.integration.artifact_registry_api import ArtifactRegistryApi
from tests.integration.faults import Fault, FaultyRegistry
from tests.integration.google import ACCOUNT, HOST, Google

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "ya29.planted-token"
LOGIN = {"TWINE_USERNAME": "oauth2accesstoken", "TWINE_PASSWORD": TOKEN}
PERMISSIONS = "/v1/projects/demo/locations/us-east4/repositories/pypi:testIamPermissions"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make a home, and a directory to work in, with no settings at all."""
    (tmp_path / "place/work").mkdir(parents=True)
    return tmp_path / "place"


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    virtuals = {"demo/all": {"demo/pypi": 1}}
    with Emulator(tmp_path / "registry", virtuals=virtuals, token=TOKEN) as emulator:
        yield emulator


@pytest.fixture
def google(tmp_path: Path, emulator: Emulator) -> Iterator[Google]:
    with Google(tmp_path, emulator.host, TOKEN) as google:
        yield google


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ArtifactRegistryApi]:
    with ArtifactRegistryApi(tmp_path) as api:
        yield api


def clean(home: Path, **environ: str) -> dict[str, str]:
    """Return an environment in which clients find settings below *home* only."""
    unset = ("PIP_", "UV_", "TWINE_", "PDM_", "POETRY_", "SHIPWHEEL", "XDG_CONFIG", "VIRTUAL_ENV")
    inherited = {key: it for key, it in os.environ.items() if not key.startswith(unset)}
    return {**inherited, "HOME": str(home), "PATH": f"{home}/bin:/usr/bin:/bin", **environ}


def doctor(
    home: Path, environ: dict[str, str], *arguments: str, command: str = "doctor"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-m", "builder", command, *arguments],
        cwd=home / "work",
        env={**environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def told(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return each line by its check: status and message."""
    assert TOKEN not in done.stdout + done.stderr
    lines = [line.partition(": ") for line in done.stdout.splitlines()]
    return {
        before[7:]: f"{before[:5].rstrip()} {message}".partition("; fix: ")[0]
        for before, _, message in lines
    }


def local(emulator: Emulator, home: Path, **others: str) -> dict[str, str]:
    return clean(home, ARTIFACT_REGISTRY_EMULATOR_HOST=emulator.host, **LOGIN, **others)


def test_a_machine_on_which_all_is_well_is_told_so(emulator: Emulator, home: Path) -> None:
    done = doctor(home, local(emulator, home), "--registry", "us-east4/demo/pypi")

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


def test_nothing_is_uploaded_and_the_mode_is_told(
    emulator: Emulator, home: Path, tmp_path: Path
) -> None:
    before = sorted((tmp_path / "registry").rglob("*"))

    standard = doctor(home, local(emulator, home), "--registry", "us-east4/demo/pypi")
    virtual = doctor(home, local(emulator, home), "--registry", "us-east4/demo/all")

    assert (standard.returncode, virtual.returncode) == (0, 0)
    lines = told(virtual)
    assert lines["repository mode"] == "ok 'all' is a virtual repository"
    assert lines["write access"] == "note 'all' is a virtual repository, which takes no uploads"
    assert sorted((tmp_path / "registry").rglob("*")) == before


@pytest.mark.parametrize(
    ("registry", "login", "read"),
    [
        ("us-east4/demo/nope", LOGIN, "simple/ is not found: the repository is missing"),
        ("us-east4/demo/pypi", {}, "The registry asks for credentials and there are none"),
        (
            "us-east4/demo/pypi",
            LOGIN | {"TWINE_PASSWORD": "old"},
            "does not accept the credentials",
        ),
    ],
)
def test_an_index_that_cannot_be_read_is_wrong(
    emulator: Emulator, home: Path, registry: str, login: dict[str, str], read: str
) -> None:
    environ = clean(home, ARTIFACT_REGISTRY_EMULATOR_HOST=emulator.host, **login)

    done = doctor(home, environ, "--registry", registry)

    assert done.returncode == 1
    line = told(done)["read access"]
    assert line.startswith("wrong ")
    assert read in line
    assert "checks found something wrong" in done.stderr


def test_a_registry_that_is_not_there_is_wrong(home: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]

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
    """A registry whose clock stands still."""

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
    assert re.fullmatch(r"wrong this machine is \d+ s ahead of the registry", told(done)["clock"])


def of_google(google: Google, home: Path, **others: str) -> dict[str, str]:
    unset = ("PIP_", "UV_", "PDM_", "POETRY_", "XDG_CONFIG", "VIRTUAL_ENV", "CURL_CA", "HTTP_")
    inherited = {key: it for key, it in google.environ.items() if not key.startswith(unset)}
    return {**inherited, "PATH": f"{home}/bin:/usr/bin:/bin", **others}


def test_the_backend_and_its_account_are_told_and_its_token_is_not(
    google: Google, api: ArtifactRegistryApi, home: Path
) -> None:
    done = doctor(home, of_google(google, home, **api.environ))

    lines = told(done)
    assert lines["reachability"] == f"ok https://{HOST}/demo/pypi/ answers 401 without credentials"
    assert lines["credentials"] == f"ok from keyrings.gauth.GooglePythonAuth, as {ACCOUNT}"
    assert lines["read access"] == f"ok https://{HOST}/demo/pypi/simple/ can be read"
    assert lines["write access"] == "ok uploads are allowed"
    assert lines["repository mode"] == "ok 'pypi' is a standard repository"
    assert (done.returncode, done.stderr) == (0, "")
    assert ("POST", PERMISSIONS) in api.requests
    assert set(api.authorizations) <= {"", f"Bearer {TOKEN}"}


def test_a_missing_permission_is_wrong_unless_nobody_wants_to_upload(
    google: Google, api: ArtifactRegistryApi, home: Path
) -> None:
    api.permissions = ()
    environ = of_google(google, home, **api.environ)

    done = doctor(home, environ)
    reader = doctor(home, environ, "--read-only", "--json")

    told_of = f"{ACCOUNT} may not upload: it lacks artifactregistry.repositories.uploadArtifacts"
    assert done.returncode == 1
    assert told(done)["write access"] == f"wrong {told_of}"
    assert f"--member=serviceAccount:{ACCOUNT}" in done.stdout
    (finding,) = (it for it in json.loads(reader.stdout) if it["check"] == "write access")
    assert reader.returncode == 0
    assert (finding["status"], finding["message"]) == ("note", told_of)
    assert TOKEN not in reader.stdout + reader.stderr


def test_an_api_that_does_not_tell_is_no_reason_to_upload(
    google: Google, api: ArtifactRegistryApi, home: Path
) -> None:
    api.fault = lambda _method, _path: 403

    lines = told(doctor(home, of_google(google, home, **api.environ)))

    assert lines["write access"] == (
        "note it cannot be told without an upload: the API of Artifact Registry does not say"
    )
    assert lines["repository mode"] == "note it is not known: neither Google Cloud nor gcloud told"


def test_the_token_goes_to_no_api_without_https(google: Google, home: Path) -> None:
    variable = "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY"
    environ = of_google(google, home, **{variable: "http://example.com/"})

    lines = told(doctor(home, {**environ, "PATH": str(home)}))

    assert lines["write access"] == (
        f"note it cannot be told without an upload: {variable} is not https"
    )


def test_a_public_upstream_before_the_private_one_is_wrong(
    google: Google, api: ArtifactRegistryApi, home: Path
) -> None:
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed")
    base = "projects/demo/locations/us-east4/repositories"
    api.repository = {
        "format": "PYTHON",
        "mode": "VIRTUAL_REPOSITORY",
        "virtualRepositoryConfig": {
            "upstreamPolicies": [{"id": "own", "repository": f"{base}/pypi", "priority": 10}]
        },
    }

    lines = told(doctor(home, of_google(google, home, **api.environ)))

    assert lines["write access"] == "note 'pypi' is a virtual repository, which takes no uploads"
    assert lines["repository mode"].startswith("ok 'pypi' is a virtual repository of 'pypi' (10)")


def test_settings_that_shipwheel_writes_are_fine(emulator: Emulator, home: Path) -> None:
    (home / "work/pyproject.toml").write_text(
        '[project]\nname = "a"\nversion = "1"\ndependencies = ["tides"]\n'
    )
    environ = local(emulator, home)
    for client in ("pip", "uv", "poetry", "pdm", "twine"):
        arguments = (client, "--registry", "us-east4/demo/all", "--package", "tides", "--write")
        done = doctor(home, environ, *arguments, command="settings")
        assert done.returncode == 0, done.stderr

    lines = told(doctor(home, environ, "--registry", "us-east4/demo/pypi"))

    project = home / "work/pyproject.toml"
    assert {it: line for it, line in lines.items() if str(home) in it} == dict.fromkeys(
        [
            f"pip ({home}/.config/pip/pip.conf)",
            f"uv ({project})",
            f"poetry ({home}/.config/pypoetry/config.toml)",
            f"poetry ({project})",
            f"pdm ({home}/.config/pdm/config.toml)",
            f"pdm ({project})",
            f"twine ({home}/.pypirc)",
        ],
        "ok nothing unsafe",
    )


def test_what_is_unsafe_is_named_with_its_place_and_no_secret(
    emulator: Emulator, home: Path
) -> None:
    (home / ".netrc").write_text(f"machine example.com login me password {TOKEN}\n")
    (home / ".netrc").chmod(0o644)
    (home / ".pypirc").write_bytes(b"\xff\xfe")
    (home / ".config/pip").mkdir(parents=True)
    os.mkfifo(home / ".config/pip/pip.conf")  # to open it would be to wait for ever
    (home / "work/uv.toml").touch(0o600)
    (home / "work/uv.toml").write_text(f'[[index]]\nurl = "https://me:{TOKEN}@example.com/"\n')
    environ = local(
        emulator,
        home,
        PIP_EXTRA_INDEX_URL=f"https://me:{TOKEN}@example.com/",
        HTTPS_PROXY=f"http://me:{TOKEN}@127.0.0.1:9/",
        REQUESTS_CA_BUNDLE=str(home / "missing.pem"),
        SSL_CERT_FILE=str(home / "work/uv.toml"),
        GOOGLE_APPLICATION_CREDENTIALS=str(home / "key.json"),
    )

    done = doctor(home, environ, "--registry", "us-east4/demo/pypi")

    lines = told(done)
    assert done.returncode == 1
    assert lines["HTTPS_PROXY"] == "ok http://…@127.0.0.1:9/"
    assert {it: line[6:40] for it, line in lines.items() if line.startswith("wrong")} == {
        "PIP_EXTRA_INDEX_URL": "pip takes the highest version that",
        "REQUESTS_CA_BUNDLE": f"'{home}/missing.pem' cannot be"[:34],
        "SSL_CERT_FILE": f"'{home}/work/uv.toml' cannot be"[:34],
        "GOOGLE_APPLICATION_CREDENTIALS": "it names a file that is not there:",
        f"uv ({home}/work/uv.toml)": "the address of example.com holds c",
        f"twine ({home}/.pypirc)": "it cannot be read: it is not text ",
        f"netrc ({home}/.netrc)": "it holds secrets, and others on th",
    }


def test_programs_that_hang_or_lie_hold_nothing_up(emulator: Emulator, home: Path) -> None:
    (home / "bin").mkdir()
    for name, body in (("pdm", "exit 3"), ("poetry", "echo Poetry"), ("keyring", "echo nothing")):
        script = home / "bin" / name
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)

    done = doctor(home, local(emulator, home), "--registry", "us-east4/demo/pypi")

    lines = told(done)
    assert lines[f"pdm ({home}/bin/pdm)"] == "note it does not tell its version"
    assert lines[f"poetry ({home}/bin/poetry)"] == "note it does not tell its version"
    assert lines["keyring on PATH"] == "wrong it has not the backend of Artifact Registry"
    assert done.returncode == 1


def test_a_password_without_a_user_name_is_a_finding(emulator: Emulator, home: Path) -> None:
    environ = clean(home, ARTIFACT_REGISTRY_EMULATOR_HOST=emulator.host, TWINE_PASSWORD=TOKEN)

    done = doctor(home, environ, "--registry", "us-east4/demo/pypi")

    assert done.returncode == 1
    assert told(done)["TWINE_PASSWORD"] == "wrong it is set without TWINE_USERNAME"


def test_a_registry_has_to_be_named(home: Path) -> None:
    done = doctor(home, clean(home))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: No registry was named\n")
