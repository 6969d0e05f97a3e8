"""`shipwheel doctor` before Artifact Registry: its backend, permissions and repositories."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.integration.servers.google import ACCOUNT, HOST, Google
from tests.integration.steps.diagnosis.machine import TOKEN, doctor, told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.servers.artifact_registry_api import ArtifactRegistryApi

PERMISSIONS = "/v1/projects/demo/locations/us-central1/repositories/pypi:testIamPermissions"


def of_google(google: Google, home: Path, **others: str) -> dict[str, str]:
    unset = ("PIP_", "UV_", "PDM_", "POETRY_", "XDG_CONFIG", "VIRTUAL_ENV", "CURL_CA", "HTTP_")
    inherited = {key: it for key, it in google.environ.items() if not key.startswith(unset)}
    return {**inherited, "PATH": f"{home}/bin", **others}


def test_the_backend_and_its_account_are_reported_and_its_token_is_not(
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


def test_a_missing_permission_is_wrong_unless_nothing_is_uploaded(
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


def test_an_api_that_does_not_tell_is_not_a_reason_to_upload(
    google: Google, api: ArtifactRegistryApi, home: Path
) -> None:
    api.fault = lambda _method, _path: 503

    done = doctor(home, of_google(google, home, **api.environ), "--retry-for", "0")

    lines = told(done)
    silent = f"GET {api.url}v1/projects/demo/locations/us-central1/repositories/pypi: 503 "
    assert done.returncode == 0, done.stdout
    assert lines["write access"].startswith(f"note cannot be checked without an upload: {silent}")
    unseen = "note could not check that it exists, nor its mode"
    assert lines["repository"].startswith(f"{unseen}: {silent}")


def test_the_token_goes_to_no_api_without_https(google: Google, home: Path) -> None:
    variable = "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY"
    environ = of_google(google, home, **{variable: "http://example.com/"})

    lines = told(doctor(home, {**environ, "PATH": str(home)}))

    assert lines["write access"] == (
        f"note cannot be checked without an upload: {variable} is not an https address:"
        " 'http://example.com/'"
    )


def test_a_public_upstream_before_the_private_one_is_wrong(
    google: Google, api: ArtifactRegistryApi, home: Path
) -> None:
    base = "projects/demo/locations/us-central1/repositories"
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
