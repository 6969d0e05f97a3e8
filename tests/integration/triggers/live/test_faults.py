"""`shipwheel triggers diff` and `apply` where a service, a login or gcloud itself is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.machine import needs_gcloud
from tests.integration.selection import exhaustive
from tests.integration.termination import terminate_at
from tests.integration.triggers.live.repository import REGION, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.servers.cloud_build_api import CloudBuildApi
    from tests.integration.servers.google_api import Request

pytestmark = needs_gcloud


def test_an_interrupted_apply_is_finished_by_the_next(
    api: CloudBuildApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail_at_the_second(request: Request) -> int | None:
        is_second = request.method == "POST" and request.body["name"] == "packages-dues-publish"
        return 400 if is_second else None

    api.fault = fail_at_the_second
    assert run(root, "apply") == 4
    assert capsys.readouterr().err.splitlines()[2:] == [
        (
            "error: `gcloud builds triggers import` failed: INVALID_ARGUMENT: The service is not"
            " there for the test."
        ),
        "  hint: what was done before stays; run the same command again",
    ]
    assert [*api.by_name(REGION)] == ["packages-dues-check"]
    first = api.by_name(REGION)["packages-dues-check"]

    api.fault = None
    assert run(root, "apply") == 0

    assert len(api.by_name(REGION)) == 3
    assert api.by_name(REGION)["packages-dues-check"] == first
    assert capsys.readouterr().out == (
        "created    packages-dues-publish\n"
        "created    functions-berth-finder-deploy\n"
        "unchanged  packages-dues-check\n"
    )


@exhaustive
def test_a_kill_in_the_middle_of_an_import_leaves_the_rest_to_the_next(
    api: CloudBuildApi, root: Path
) -> None:
    def at_the_second(request: Request) -> bool:
        return request.method == "POST" and request.body["name"] == "packages-dues-publish"

    terminate_at(at_the_second, api, root, "triggers", "apply")
    assert [*api.by_name(REGION)] == ["packages-dues-check"]

    assert run(root, "apply") == 0
    assert run(root, "diff") == 0


@pytest.mark.parametrize(
    "expected",
    [
        (401, 5, "log in: gcloud auth login"),
        (
            403,
            5,
            (
                "it takes roles/cloudbuild.builds.editor in the project 'demo', and"
                " roles/iam.serviceAccountUser on the accounts that the triggers run as"
            ),
        ),
        (400, 4, "what was done before stays; run the same command again"),
    ],
)
def test_an_error_of_the_service_has_its_code_and_a_hint(
    api: CloudBuildApi,
    root: Path,
    expected: tuple[int, int, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, code, hint = expected
    api.fault = lambda _request: status

    assert run(root, "diff") == code

    said = capsys.readouterr().err.splitlines()
    assert said[1].startswith("error: `gcloud builds triggers list` failed: ")
    assert said[2:] == [f"  hint: {hint}"]


def test_without_a_login_it_ends_before_anything_is_asked(
    api: CloudBuildApi,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("CLOUDSDK_AUTH_DISABLE_CREDENTIALS")

    assert run(root, "diff") == 5

    assert api.requests == []
    assert capsys.readouterr().err.splitlines()[1:] == [
        (
            "error: `gcloud builds triggers list` failed: You do not currently have an active"
            " account selected."
        ),
        "  hint: log in: gcloud auth login",
    ]


def test_without_gcloud_it_says_where_to_get_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(root))

    assert run(root, "diff") == 2

    assert capsys.readouterr().err.splitlines()[1:] == [
        "error: gcloud is not installed, and Google Cloud is reached through it",
        "  hint: https://cloud.google.com/sdk/docs/install",
    ]
