"""`shipwheel settings` beside the real gcloud, which asks an API on loopback."""

from __future__ import annotations

import configparser
import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from builder.__main__ import main
from tests.integration.machine import needs_gcloud
from tests.integration.selection import exhaustive
from tests.integration.servers.repositories_api import LOCATION, RepositoriesApi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = needs_gcloud


def virtual(**priorities: int) -> dict[str, Any]:
    policies = [
        {"id": name, "repository": f"{LOCATION}{name}", "priority": priority}
        for name, priority in priorities.items()
    ]
    return {
        "mode": "VIRTUAL_REPOSITORY",
        "virtualRepositoryConfig": {"upstreamPolicies": policies},
    }


REPOSITORIES = {
    "private": {"mode": "STANDARD_REPOSITORY"},
    "proxy": {"mode": "REMOTE_REPOSITORY"},
    "right": virtual(proxy=50, private=100),
    "wrong": virtual(proxy=100, private=100),
}


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RepositoriesApi]:
    with RepositoriesApi(REPOSITORIES) as api:
        for variable in (it for it in os.environ if it.startswith("ARTIFACT_REG")):
            monkeypatch.delenv(variable)
        api.send_gcloud_here(monkeypatch)
        monkeypatch.setenv("HOME", str(tmp_path))
        yield api


def parsed(text: str) -> dict[str, dict[str, str]]:
    """Return what pip and twine read: a login in a URL is quoted or not, and means the same."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {
        name: {key: unquote(value) for key, value in parser[name].items()}
        for name in parser.sections()
    }


@pytest.mark.parametrize("with_key", [False, True], ids=["keyring", "key"])
def test_the_weaker_form_means_what_gcloud_prints(
    api: RepositoriesApi, tmp_path: Path, capsys: pytest.CaptureFixture[str], with_key: bool
) -> None:
    key = tmp_path / "key.json"
    # In base64 this has all three characters that are special somewhere in a URL.
    key.write_text(json.dumps({"client_email": "a@b", "private_key": "??>>~~", "type": "ÿ>?"}))
    login = ["--json-key", str(key)] if with_key else []
    theirs = api.gcloud(
        "artifacts",
        "print-settings",
        "python",
        "--repository=private",
        "--location=us-central1",
        *login,
    ).stdout

    printed = ""
    for client in ("twine", "pip"):
        arguments = ["--extra-index", "--registry", "us-central1/demo/private", *login]
        assert main(["-q", "settings", client, *arguments]) == 0
        printed += capsys.readouterr().out

    assert parsed(printed) == parsed(theirs)
    assert ("password" in parsed(theirs)["private"]) == with_key


def check(
    repository: str, client: str, capsys: pytest.CaptureFixture[str], *options: str
) -> list[str]:
    arguments = [*options, "--registry", f"us-central1/demo/{repository}", "--package", "tides"]
    assert main(["settings", client, *arguments]) == 0
    lines = capsys.readouterr().err.splitlines()
    return [
        it
        for it in lines
        if not it.startswith(("Next, ", "warning: also of a virtual", "warning: pip takes"))
    ]


RIGHT = (
    "'right' is a virtual repository of 'private' (100), 'proxy' (50): a version that several"
    " upstreams have comes from the one with the highest number; every other version of the name"
    " is offered, too, wherever it comes from"
)


@pytest.mark.usefixtures("api")
@exhaustive
def test_priorities_are_explained_and_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("right", "pip", capsys) == [RIGHT]
    assert check("right", "pip", capsys, "--extra-index") == [RIGHT]

    _, warning = check("wrong", "pip", capsys)
    assert warning == (
        "warning: upstream 'proxy', a proxy of another index, has priority 100, and 'private' has"
        " 100: give 'private' the higher number, or public files stand in for private ones of the"
        " same version"
    )


@pytest.mark.usefixtures("api")
def test_the_wrong_kind_of_repository_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    kind, warning = check("private", "pip", capsys)
    assert kind == "'private' is a standard repository"
    assert warning == (
        "warning: 'private' is a standard repository: as the only index it has no public packages;"
        " name a virtual one"
    )
    kind, warning = check("right", "uv", capsys)
    assert kind == RIGHT
    assert warning == (
        "warning: 'right' is a virtual repository: it takes no uploads, and offers public versions"
        " of private packages' names, too; name the standard one behind it with --standard"
    )
    (line,) = check("missing", "pip", capsys)
    assert line == (
        "Could not check what https://us-central1-python.pkg.dev/demo/missing/ is: Repository not"
        " found: 'projects/demo/locations/us-central1/repositories/missing'"
    )
