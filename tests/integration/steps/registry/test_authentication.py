"""The unchanged keyring backend, twine and TLS, with Google on loopback."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from builder.server import Emulator
from steps.registry.address import parse_registry
from steps.registry.credentials import find_credentials
from tests.integration.program import shipwheel
from tests.integration.servers.faults import Answer, Fault, FaultyRegistry
from tests.integration.servers.google import ACCOUNT, HOST, Google
from tests.processes import wait_until_ended
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from builder.server.service import Role
    from tests.integration.servers.faults import Request

TOKEN = "ya29.planted-token"

pytestmark = pytest.mark.emulator(token=TOKEN)
KEY = json.dumps({"type": "service_account", "client_email": "key@demo.iam.gserviceaccount.com"})


@pytest.fixture
def google(emulator: Emulator, tmp_path: Path) -> Iterator[Google]:
    with Google(tmp_path, emulator.host, TOKEN) as google:
        yield google


@pytest.fixture
def project(tmp_path: Path) -> Path:
    directory = make_project(tmp_path, "berths")
    make_distributions(directory)
    return directory


def test_a_publish_asks_for_one_token(google: Google, tmp_path: Path, project: Path) -> None:
    make_distributions(make_project(tmp_path, "tides"))

    result = shipwheel(google.environ, "upload", project, tmp_path / "tides")

    assert result.returncode == 0, result.stderr
    assert result.stdout.count(" 2 uploaded ") == 2
    assert google.token_requests == 1
    assert len(google.metadata_requests) == 4


@pytest.mark.parametrize("place", ["environment", "pypirc"])
def test_certificates_are_found_where_twine_finds_them(
    emulator: Emulator, tmp_path: Path, project: Path, place: str
) -> None:
    with Google(tmp_path, emulator.host, TOKEN, mutual=True) as google:
        bundle, client = google.environ["REQUESTS_CA_BUNDLE"], str(google.client)
        unset = {"SHIPWHEEL_REGISTRY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"}
        environ = {key: value for key, value in google.environ.items() if key not in unset}
        if place == "environment":
            environ |= {"TWINE_CERT": bundle, "TWINE_CLIENT_CERT": client}
        keys = f"ca_cert: {bundle}\nclient_cert: {client}\n" if place == "pypirc" else ""
        (tmp_path / "home/.pypirc").write_text(
            "[distutils]\nindex-servers = demo\n\n"
            f"[demo]\nrepository: https://{HOST}/demo/pypi/\n{keys}"
        )
        result = shipwheel(environ, "upload", project, "--repository", "demo")

    assert result.returncode == 0, result.stderr
    assert result.stdout.count(" 2 uploaded ") == 1


def test_the_virtual_repository_of_requirements_is_asked_with_the_same_certificates(
    tmp_path: Path, project: Path
) -> None:
    function = tmp_path / "function"
    function.mkdir()
    (function / "main.py").write_text("def main(request):\n    return 'ok'\n")
    (function / "requirements.txt").write_text("berths==1.0\n")
    virtuals = {"demo/all": {"demo/pypi": 100}}
    with (
        Emulator(tmp_path / "registry", virtuals=virtuals, token=TOKEN) as emulator,
        Google(tmp_path, emulator.host, TOKEN, mutual=True) as google,
    ):
        environ = {**google.environ, "TWINE_CLIENT_CERT": str(google.client)}
        uploaded = shipwheel(environ, "upload", project)
        virtual = f"https://{HOST}/demo/all/"
        result = shipwheel(environ, "requirements", function, "--virtual", virtual)

    assert uploaded.returncode == 0, uploaded.stderr
    assert result.returncode == 0, result.stderr
    first = (function / "requirements.txt").read_text().splitlines()[0]
    assert first == f"--index-url {virtual}simple/"


def test_who_has_no_client_certificate_where_one_is_asked_for_is_reported(
    emulator: Emulator, tmp_path: Path, project: Path
) -> None:
    with Google(tmp_path, emulator.host, TOKEN, mutual=True) as google:
        result = shipwheel(google.environ, "upload", project, "--retry-for", "0")

    assert result.returncode == 4
    assert "Traceback" not in result.stderr


def test_credentials_of_the_environment_come_before_the_backend(
    google: Google, project: Path
) -> None:
    login = {"TWINE_USERNAME": "oauth2accesstoken", "TWINE_PASSWORD": TOKEN}

    result = shipwheel({**google.environ, **login}, "upload", project)

    assert result.returncode == 0, result.stderr
    assert google.metadata_requests == []


def test_a_loopback_registry_costs_no_look_up(
    google: Google, tmp_path: Path, project: Path
) -> None:
    with Emulator(tmp_path / "open") as emulator:
        environ = {**google.environ, "ARTIFACT_REGISTRY_EMULATOR_HOST": emulator.host}
        result = shipwheel(environ, "upload", project)

    assert result.returncode == 0, result.stderr
    assert google.metadata_requests == []


def test_the_settings_that_gcloud_prints_work_unchanged(
    emulator: Emulator, tmp_path: Path, project: Path
) -> None:
    (tmp_path / "key.json").write_text(KEY)
    seen: list[str] = []
    described = json.dumps({"format": "PYTHON", "mode": "STANDARD_REPOSITORY"}).encode()
    api = Fault(answer=Answer(200, described, (("Content-Type", "application/json"),)))
    with FaultyRegistry(emulator, lambda _: api) as artifact_registry:
        printed = print_settings(tmp_path, artifact_registry.host)

    with (
        FaultyRegistry(
            emulator, lambda request: seen.append(request.headers["Authorization"])
        ) as registry,
        Google(tmp_path, registry.host, TOKEN) as google,
    ):
        (tmp_path / "home/.pypirc").write_text(printed)
        environ = {
            key: google.environ[key] for key in google.environ if key != "SHIPWHEEL_REGISTRY"
        }
        result = shipwheel(environ, "upload", project, "--repository", "pypi")

    encoded = base64.b64encode(KEY.encode()).decode()
    pair = base64.b64encode(f"_json_key_base64:{encoded}".encode()).decode()
    assert seen == [f"Basic {pair}"]
    # The emulator knows tokens only: what matters here is what it was sent.
    assert result.returncode == 5
    assert "does not accept the credentials from [pypi] of ~/.pypirc: GET" in result.stderr
    assert encoded not in result.stderr
    assert google.metadata_requests == []


def print_settings(folder: Path, host: str) -> str:
    environ = {
        **os.environ,
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "CLOUDSDK_CORE_PROJECT": "demo",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY": f"http://{host}/",
    }
    arguments = ["--repository=pypi", "--location=us-central1", f"--json-key={folder}/key.json"]
    return subprocess.run(
        ["gcloud", "artifacts", "print-settings", "python", *arguments],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def test_a_missing_role_names_the_account_of_the_build(
    emulator: Emulator, tmp_path: Path, project: Path
) -> None:
    forbidden = Fault(answer=Answer(403, b"Permission denied on repository\n"))
    with (
        FaultyRegistry(emulator, lambda _: forbidden) as registry,
        Google(tmp_path, registry.host, TOKEN) as google,
    ):
        result = shipwheel(google.environ, "upload", project)

    assert result.returncode == 5
    assert result.stderr == (
        f"error: {ACCOUNT} may not read projects/demo/locations/us-central1/repositories/pypi:"
        f" GET https://{HOST}/demo/pypi/simple/berths/ was answered 403 Forbidden,"
        " 'Permission denied on repository'\n"
        "  hint: grant it roles/artifactregistry.writer: gcloud artifacts repositories"
        " add-iam-policy-binding pypi --project=demo --location=us-central1"
        f" --role=roles/artifactregistry.writer --member=serviceAccount:{ACCOUNT}\n"
    )


def test_without_any_credentials_the_reasons_are_reported(
    emulator: Emulator, tmp_path: Path, project: Path
) -> None:
    with Google(tmp_path, emulator.host, TOKEN) as google:
        environ = {**google.environ, "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "no.json")}
        result = shipwheel(environ, "upload", project)

    assert result.returncode == 5
    assert "The registry asks for credentials and there are none (" in result.stderr
    assert f"File {tmp_path}/no.json was not found." in result.stderr
    assert "credentials from gcloud: " in result.stderr
    assert "Traceback" not in result.stderr


def test_a_gcloud_that_hangs_is_ended_with_the_look_up(google: Google, tmp_path: Path) -> None:
    gcloud = tmp_path / "bin/gcloud"
    gcloud.parent.mkdir()
    gcloud.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    gcloud.chmod(0o755)
    environ = {
        **google.environ,
        "PATH": f"{gcloud.parent}{os.pathsep}{os.environ['PATH']}",
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "no.json"),
    }
    registry = parse_registry(None, environ)
    credentials = find_credentials(registry, environ, seconds=5)

    assert credentials.login() is None
    assert credentials.failure == "the look-up took longer than 5 s and was ended"
    wait_until_ended(int((tmp_path / "pid").read_text()))


def test_a_registry_with_an_unknown_certificate_is_not_trusted(
    google: Google, project: Path
) -> None:
    environ = {key: google.environ[key] for key in google.environ if key != "REQUESTS_CA_BUNDLE"}

    result = shipwheel(environ, "upload", project)

    assert result.returncode == 4
    assert "error: The registry's certificate cannot be trusted: " in result.stderr
    assert "hint: name the bundle that holds its authority in REQUESTS_CA_BUNDLE" in result.stderr


def test_a_duplicate_that_is_refused_early_is_found_through_tls_too(
    emulator: Emulator, tmp_path: Path
) -> None:
    directory = make_project(tmp_path, "berths", padding=8_000_000)
    make_distributions(directory)
    login = {"TWINE_USERNAME": "oauth2accesstoken", "TWINE_PASSWORD": TOKEN}
    with Google(tmp_path, emulator.host, TOKEN) as google:
        first = shipwheel({**google.environ, **login}, "upload", directory)
    assert first.returncode == 0, first.stderr
    (tmp_path / "second").mkdir()

    def script(request: Request) -> Fault | None:
        """Hide what is there until it is sent again, as it was for a publish at the same time."""
        if request.method == "POST":
            return Fault(early=True)
        return Fault(answer=Answer(404)) if request.number == 0 else None

    with (
        FaultyRegistry(emulator, script) as registry,
        Google(tmp_path / "second", registry.host, TOKEN) as google,
    ):
        result = shipwheel({**google.environ, **login}, "upload", directory)

    assert result.returncode == 0, result.stderr
    assert result.stdout.count(" 2 found ") == 1


BROKEN = "(EOF occurred in violation of protocol|Connection reset by peer|Broken pipe)"


@pytest.mark.parametrize(
    ("role", "exit_code", "told"),
    [
        ("reader", 5, r"error: The account in use may not write to \S+: it lacks artifactregistry"),
        ("writer", 4, rf"error: Upload of '\S+': {BROKEN}.*; the account may upload to the repos"),
    ],
)
def test_a_large_upload_that_breaks_in_tls_is_reported_with_the_reason(
    tmp_path: Path, role: Role, exit_code: int, told: str
) -> None:
    directory = make_project(tmp_path, "berths", padding=8_000_000)
    make_distributions(directory)
    login = {"TWINE_USERNAME": "oauth2accesstoken", "TWINE_PASSWORD": TOKEN}

    def refuse(request: Request) -> Fault | None:
        large = int(request.headers.get("Content-Length") or 0) > 1_000_000
        return Fault(cut="in the body") if large else None

    with (
        Emulator(tmp_path / "registry", more_tokens={TOKEN: role}) as emulator,
        FaultyRegistry(emulator, refuse) as registry,
        Google(tmp_path, registry.host, TOKEN) as google,
    ):
        result = shipwheel({**google.environ, **login}, "upload", directory, "--retry-for", "0")

    assert result.returncode == exit_code
    assert re.search(told, result.stderr), result.stderr
    assert [it.path for it in registry.requests if it.method == "POST"][-1].endswith("Permissions")
