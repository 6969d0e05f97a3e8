"""The API of the emulator: repositories, packages, versions, permissions, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from builder.server import Emulator
from builder.server.answers import Answers, Reply
from tests.integration.builder.server.plain_http import TIMEOUT, TOKEN, post

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARENT = "projects/demo/locations/us-east4/repositories"


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator(
        tmp_path,
        remotes={"demo/public": "", "demo/own": "https://index.example/simple/"},
        virtuals={"demo/all": {"demo/pypi": 100, "demo/public": 50}},
    ) as emulator:
        for name, version in (("tides", "1.0"), ("tides", "1.0+local"), ("harbour", "2.0")):
            content = (f"{name}-{version}.tar.gz", b"0")
            url = f"http://{emulator.host}/demo/pypi/"
            assert post(url, content, None, name=name, version=version).ok
        yield emulator


def ask(
    emulator: Emulator, path: str, *, token: str = "", method: str = "GET", **message: Any
) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"http://{emulator.host}/v1/{path}"
    answer = requests.request(method, url, headers=headers, json=message or None, timeout=TIMEOUT)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ("pypi", {"mode": "STANDARD_REPOSITORY"}),
        (
            "public",
            {
                "mode": "REMOTE_REPOSITORY",
                "remoteRepositoryConfig": {"pythonRepository": {"publicRepository": "PYPI"}},
            },
        ),
        (
            "own",
            {
                "mode": "REMOTE_REPOSITORY",
                "remoteRepositoryConfig": {
                    "pythonRepository": {
                        "customRepository": {"uri": "https://index.example/simple/"}
                    }
                },
            },
        ),
        (
            "all",
            {
                "mode": "VIRTUAL_REPOSITORY",
                "virtualRepositoryConfig": {
                    "upstreamPolicies": [
                        {"id": "pypi", "repository": f"{PARENT}/pypi", "priority": 100},
                        {"id": "public", "repository": f"{PARENT}/public", "priority": 50},
                    ]
                },
            },
        ),
    ],
)
def test_a_repository_tells_its_format_and_its_mode(
    emulator: Emulator, repository: str, expected: dict[str, Any]
) -> None:
    name = f"{PARENT}/{repository}"

    assert ask(emulator, name) == (200, {"name": name, "format": "PYTHON", **expected})


def test_packages_and_versions_come_in_pages(emulator: Emulator) -> None:
    base = f"{PARENT}/pypi/packages"

    first = ask(emulator, f"{base}?pageSize=1")[1]
    second = ask(emulator, f"{base}?pageSize=1&pageToken={first['nextPageToken']}")[1]

    assert first["packages"] == [{"name": f"{base}/harbour"}]
    assert second == {"packages": [{"name": f"{base}/tides"}]}
    assert ask(emulator, f"{base}/tides") == (200, {"name": f"{base}/tides"})
    versions = [f"{base}/tides/versions/{it}" for it in ("1.0", "1.0%2Blocal")]
    assert ask(emulator, f"{base}/tides/versions")[1] == {
        "versions": [{"name": it} for it in versions]
    }
    assert [ask(emulator, it) for it in versions] == [(200, {"name": it}) for it in versions]


@pytest.mark.parametrize(
    "path",
    [
        "nothing",
        f"{PARENT}/pypj",
        f"{PARENT}/pypi/packages/tide",
        f"{PARENT}/pypi/packages/tide/versions",
        f"{PARENT}/pypi/packages/tides/versions/2.0",
        f"{PARENT}/pypi/packages/tides/versions/two",
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_is_not_there_is_not_found(emulator: Emulator, path: str, method: str) -> None:
    error = {"code": 404, "message": "Requested entity was not found.", "status": "NOT_FOUND"}

    assert ask(emulator, path, method=method) == (404, {"error": error})


@pytest.mark.parametrize("status", [404, 200])
def test_a_project_without_versions_is_known_to_the_api_and_its_page_is_as_chosen(
    tmp_path: Path, status: int
) -> None:
    answers = Answers(deleted_project=Reply(status=status, body="<html></html>"))
    package = f"{PARENT}/pypi/packages/tide-tables"
    with Emulator(tmp_path, answers=answers) as emulator:
        url = f"http://{emulator.host}/demo/pypi/"
        post(url, ("tide_tables-1.0.tar.gz", b"0"))
        assert ask(emulator, f"{package}/versions/1.0", method="DELETE")[1]["done"]
        page = requests.get(f"{url}simple/tide-tables/", timeout=TIMEOUT)

        assert (page.status_code, page.text) == (status, "<html></html>")
        assert ask(emulator, package) == (200, {"name": package})
        assert ask(emulator, f"{package}/versions") == (200, {})
        assert ask(emulator, package, method="DELETE")[1]["done"]
        assert ask(emulator, package)[0] == 404


@pytest.mark.parametrize(
    ("answers", "token", "status", "reason"),
    [
        (Answers(), "", "UNAUTHENTICATED", ""),
        (Answers(), "wrong", "UNAUTHENTICATED", ""),
        (Answers(), "stranger", "PERMISSION_DENIED", "IAM_PERMISSION_DENIED"),
        (Answers(api="disabled"), TOKEN, "PERMISSION_DENIED", "SERVICE_DISABLED"),
        (Answers(api="blocked"), TOKEN, "PERMISSION_DENIED", "SECURITY_POLICY_VIOLATED"),
    ],
)
def test_a_refusal_tells_its_reason_to_people_and_machines(
    tmp_path: Path, answers: Answers, token: str, status: str, reason: str
) -> None:
    with Emulator(
        tmp_path, token=TOKEN, more_tokens={"stranger": "none"}, answers=answers
    ) as emulator:
        found, message = ask(emulator, f"{PARENT}/pypi", token=token)

    error = message["error"]
    assert found == error["code"] == {"UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403}[status]
    assert error["status"] == status
    assert error["message"]
    assert [it["reason"] for it in error.get("details", [])] == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("token", "held"),
    [(TOKEN, ["get", "uploadArtifacts"]), ("reads", ["get"]), ("stranger", [])],
)
def test_what_an_account_may_do_is_reported(tmp_path: Path, token: str, held: list[str]) -> None:
    names = {it: f"artifactregistry.repositories.{it}" for it in ("get", "uploadArtifacts")}
    with Emulator(
        tmp_path, token=TOKEN, more_tokens={"reads": "reader", "stranger": "none"}
    ) as emulator:
        answer = ask(
            emulator,
            f"{PARENT}/pypi:testIamPermissions",
            token=token,
            method="POST",
            permissions=[*names.values()],
        )

    assert answer == (200, {"permissions": [names[it] for it in held]} if held else {})
