"""`shipwheel setup` where a service, a login or gcloud itself is missing, or it is killed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from tests.integration.machine import needs_gcloud
from tests.integration.selection import exhaustive, sample
from tests.integration.termination import terminate_at
from tests.integration.triggers.cloud_project.project import PYPI, run, seed

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.integration.servers.google_api import Request
    from tests.integration.servers.project_api import ProjectApi

pytestmark = needs_gcloud


@exhaustive
def test_a_kill_in_the_middle_leaves_the_rest_to_the_next_apply(
    api: ProjectApi, root: Path
) -> None:
    seed(api, root)
    complete = copy.deepcopy(api.state())
    for resource in [*api.policies][:2]:
        api.policies[resource].pop()

    def at_the_second(_request: Request) -> bool:
        return sum("setIamPolicy" in it.path for it in api.requests) == 2

    terminate_at(at_the_second, api, root, "setup", "--apply")
    assert api.state() != complete

    assert run(root, "--apply") == 0
    assert api.state() == complete


@sample(
    "expected",
    [
        (
            "/services",
            403,
            5,
            "it takes roles/viewer and roles/iam.securityReviewer in the project",
        ),
        ("/services", 401, 5, "log in: gcloud auth login"),
        ("/services", 404, 4, "what was done before stays; run the same command again"),
        (
            "POST /v1/projects/demo/serviceAccounts?",
            403,
            5,
            "it takes roles/iam.serviceAccountAdmin",
        ),
        (
            "setIamPolicy",
            403,
            5,
            "it takes roles/artifactregistry.admin in the project 'demo': ask",
        ),
    ],
    ("/services", 401, 5, "log in: gcloud auth login"),
)
def test_an_error_of_a_service_has_its_code_and_says_what_it_takes(
    api: ProjectApi,
    root: Path,
    expected: tuple[str, int, int, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    where, status, code, hint = expected
    seed(api, root)
    api.accounts.popitem()
    api.policies[PYPI].clear()
    api.fault = lambda it: status if where in f"{it.method} {it.path}" else None

    assert run(root, "--apply") == code

    error, said = capsys.readouterr().err.splitlines()[-2:]
    assert error.startswith("error: `gcloud ")
    assert said.startswith(f"  hint: {hint}")


def test_without_a_login_it_ends_before_anything_is_asked(
    api: ProjectApi,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("CLOUDSDK_AUTH_DISABLE_CREDENTIALS")

    assert run(root, "--apply") == 5

    assert api.requests == []
    assert capsys.readouterr().err.splitlines()[-1] == "  hint: log in: gcloud auth login"


def test_the_api_that_tells_which_apis_are_on_may_be_off_itself(
    api: ProjectApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api.service_usage = False

    assert run(root, "--apply") == 4

    assert capsys.readouterr().err.splitlines()[-1] == (
        "  hint: enable it: gcloud services enable serviceusage.googleapis.com --project=demo"
    )


def test_without_gcloud_the_commands_are_printed_all_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(root))

    assert run(root) == 0
    assert capsys.readouterr().out.count("\ngcloud ") == 16

    assert run(root, "--check") == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: gcloud is not installed, and Google Cloud is reached through it",
        "  hint: https://cloud.google.com/sdk/docs/install",
    ]
