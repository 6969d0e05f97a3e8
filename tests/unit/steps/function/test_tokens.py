"""What git and gcloud do not see of a function, and the token of a template."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from steps.function.tokens import (
    GitStatus,
    fill_in,
    git_status,
    holds_token,
    ignore_files,
    put_token,
)
from steps.host.errors import AccessError, InputError
from steps.registry.address import parse_registry
from steps.registry.credentials import Credentials, Login, LookUpFailed
from tests.tree import git
from tests.unit.steps.function.function_context import HIDDEN, SEEN, TRACKED

if TYPE_CHECKING:
    from pathlib import Path


def repository(folder: Path) -> Path:
    git(folder, "init", "--quiet")
    function = folder / "functions" / "f"
    function.mkdir(parents=True)
    return function


def test_git_tells_what_it_tracks_and_ignores(tmp_path: Path) -> None:
    function = repository(tmp_path)
    environ = {"PATH": os.environ["PATH"]}
    assert git_status(function, "requirements.txt", environ) == SEEN

    (function / "requirements.txt").touch()
    git(function, "add", ".")
    assert git_status(function, "requirements.txt", environ) == GitStatus(
        is_tracked=True, is_ignored=False
    )

    (tmp_path / ".gitignore").write_text("/functions/*/requirements.txt\n")
    assert git_status(function, "requirements.txt", environ) == TRACKED


def test_outside_of_git_nothing_is_kept(tmp_path: Path) -> None:
    assert git_status(tmp_path, "requirements.txt", {}) == HIDDEN


def test_git_that_does_not_answer_is_no_leave_to_write(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()

    for environ in ({"PATH": os.environ["PATH"]}, {"PATH": "/nowhere"}):
        with pytest.raises(InputError, match="git cannot tell whether it tracks"):
            git_status(tmp_path, "requirements.txt", environ)


def test_ignore_files_get_the_lines_that_they_lack(tmp_path: Path) -> None:
    assert ignore_files(tmp_path, hide=["requirements.txt"]) == {
        ".gitignore": "/requirements.txt\n",
        ".gcloudignore": ".gcloudignore\n.git\n.gitignore\n#!include:.gitignore\n"
        "!/requirements.txt\n",
    }
    (tmp_path / ".gitignore").write_text("*.pyc")
    (tmp_path / ".gcloudignore").write_text("*.txt\n")
    assert ignore_files(tmp_path, hide=["requirements.txt"]) == {
        ".gitignore": "*.pyc\n/requirements.txt\n",
    }
    assert ignore_files(tmp_path, upload=["requirements.txt", "vendor/"]) == {
        ".gcloudignore": "*.txt\n!/requirements.txt\n!/vendor/\n!/vendor/**\n",
    }


RECIPE = (
    "--extra-index-url https://oauth2accesstoken:{{ACCESS_TOKEN}}@{{REGION}}-python.pkg.dev"
    "/{{ PROJECT }}/{{REPO}}/simple/\n"
)
REGISTRY = parse_registry("us-east4/demo/pypi", {})


def credentials(username: str, password: str) -> Credentials:
    return Credentials(lambda: Login(username, password, "a test"))


def test_everything_but_the_token_is_filled_in_first() -> None:
    text = fill_in(RECIPE, REGISTRY, "t")

    assert text == (
        "--extra-index-url https://oauth2accesstoken:{{ACCESS_TOKEN}}@us-east4-python.pkg.dev"
        "/demo/pypi/simple/\n"
    )
    assert holds_token(text)
    assert put_token(text, credentials("oauth2accesstoken", "ya29.a/b")) == text.replace(
        "{{ACCESS_TOKEN}}", "ya29.a%2Fb"
    )


def test_a_domain_scoped_project_is_written_as_a_url_has_it() -> None:
    registry = parse_registry("us-east4/example.com:demo/pypi", {})

    assert fill_in("{{PROJECT}}", registry, "t") == "example.com/demo"


def test_what_goes_to_artifact_registry_goes_to_the_emulator() -> None:
    registry = parse_registry(
        "us-east4/demo/pypi", {"ARTIFACT_REGISTRY_EMULATOR_HOST": "127.0.0.1:8080"}
    )

    assert fill_in(RECIPE, registry, "t") == (
        "--extra-index-url http://oauth2accesstoken:{{ACCESS_TOKEN}}@127.0.0.1:8080"
        "/demo/pypi/simple/\n"
    )


def test_placeholders_that_there_are_not_are_named_with_the_near_miss() -> None:
    with pytest.raises(InputError) as caught:
        fill_in("{{REGION}}\n{{ACCES_TOKEN}} {{ zone }}\n{{}}", REGISTRY, "requirements.txt.tmpl")

    assert [(it.message, it.hint) for it in caught.value.problems] == [
        (
            "requirements.txt.tmpl:2: there is no placeholder '{{ACCES_TOKEN}}'",
            "did you mean {{ACCESS_TOKEN}}?",
        ),
        (
            "requirements.txt.tmpl:2: there is no placeholder '{{zone}}'",
            "these are: ACCESS_TOKEN, REGION, PROJECT, REPO",
        ),
        (
            "requirements.txt.tmpl:3: there is no placeholder '{{}}'",
            "these are: ACCESS_TOKEN, REGION, PROJECT, REPO",
        ),
    ]


def test_another_registry_has_no_region() -> None:
    with pytest.raises(InputError, match=r"t:1: the registry has no value for '\{\{REGION\}\}'"):
        fill_in("{{REGION}}", parse_registry("https://index.example/", {}), "t")


def test_a_key_is_not_an_access_token() -> None:
    def fails() -> Login:
        raise LookUpFailed("no gcloud")

    for given, why in (
        (credentials("_json_key_base64", "c2VjcmV0"), "the user name is '_json_key_base64'"),
        (Credentials(lambda: None), "nothing names one"),
        (Credentials(fails), "no gcloud"),
    ):
        with pytest.raises(AccessError) as caught:
            put_token("{{ACCESS_TOKEN}}", given)
        assert caught.value.problems[0].message == (
            f"There is no access token for {{{{ACCESS_TOKEN}}}}: {why}"
        )
