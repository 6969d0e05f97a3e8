"""`shipwheel settings` from the outside, with the parsers that the clients themselves use."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import get_args

import pytest
from twine.utils import get_config

from builder.__main__ import main
from steps.client.model import Client
from steps.registry.artifact_registry import Repository
from tests.unit.steps.client.desk import BASE, REGISTRY, STANDARD, encoded

pytestmark = pytest.mark.usefixtures("home")


def test_it_prints_what_goes_where_and_tells_what_is_weak_and_what_comes_next(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["settings", "pip", *REGISTRY]) == 0

    output = capsys.readouterr()
    assert output.out == (
        f"# {home}/.config/pip/pip.conf\n[global]\n"
        f"index-url = https://oauth2accesstoken@{BASE}simple/\nkeyring-provider = subprocess\n\n"
    )
    assert output.err == (
        "warning: also of a virtual repository pip takes the highest version that any upstream"
        " has: pin private packages (NAME==VERSION with --hash), and reserve their names on the"
        " public index\n"
        "Next, for keyring: `uv tool install keyring --with keyrings.google-artifactregistry-auth`,"
        " once and outside the environments; its command has to be on PATH\n"
    )
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "mode", "told"),
    [
        (["uv"], "STANDARD", True),
        (["uv"], "VIRTUAL", False),
        (["uv", *STANDARD], "VIRTUAL", True),
        (["uv", "--scope", "user"], "STANDARD", True),
        (["uv", "--scope", "user", *STANDARD], "VIRTUAL", False),
        (["poetry"], "REMOTE", False),
        (["pdm", *STANDARD], "VIRTUAL", True),
        (["twine"], "STANDARD", True),
    ],
)
def test_how_to_publish_is_told_where_the_settings_lead_to_a_place_that_takes_uploads(
    arguments: list[str],
    mode: str,
    told: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        "steps.settings._described",
        lambda _registry: Repository(name="all", mode=f"{mode}_REPOSITORY"),
    )

    assert main(["settings", *arguments, "--package", "a", *REGISTRY]) == 0

    assert ("Next, to publish: `" in capsys.readouterr().err) is told


def test_twine_still_knows_what_it_knew_without_a_list(home: Path) -> None:
    path = home / ".pypirc"
    path.write_text("[pypi]\nusername = __token__\npassword = pypi-planted\n")

    assert main(["settings", "twine", "--write", *REGISTRY]) == 0

    found = get_config(str(path))
    assert found["pypi"]["password"] == "pypi-planted"
    assert found["all"] == {"repository": f"https://{BASE}", "username": None, "password": None}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_difference_is_shown_and_nothing_is_written_without_being_asked(
    home: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / ".pypirc"
    arguments = ["settings", "twine", "--json-key", str(key), "--diff", *REGISTRY]

    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert shown.out == (
        f"--- /dev/null\n+++ {path}\n@@ -0,0 +1,8 @@\n+[distutils]\n+index-servers =\n+    all\n+\n"
        f"+[all]\n+repository: https://{BASE}\n+username: _json_key_base64\n+password: [hidden]\n"
    )
    assert f"{path}: would be written; --write does it\n" in shown.err
    assert not path.exists()

    assert main([*arguments, "--write"]) == 0
    written = capsys.readouterr()
    assert written.out == shown.out
    assert get_config(str(path))["all"]["password"] == encoded(key)
    assert encoded(key) not in written.err
    assert "a service-account key does not expire" in written.err


@pytest.mark.parametrize("client", get_args(Client))
def test_broken_files_are_reported_and_nothing_is_written(
    client: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = "[global\nplanted"
    paths = [Path("pyproject.toml"), home / ".config/pip/pip.conf", home / ".pypirc"]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(broken)

    assert main(["-q", "settings", client, "--package", "a", "--write", *REGISTRY]) == 2

    errors = capsys.readouterr().err
    assert errors.count("error: This file cannot be ") == 1
    assert "planted" not in errors
    assert [path.read_text() for path in paths] == [broken] * 3
    files = {path for path in [*home.rglob("*"), *Path().iterdir()] if path.is_file()}
    assert files == {*paths}


@pytest.mark.parametrize("client", get_args(Client))
def test_a_second_write_changes_nothing(
    client: str, home: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["settings", client, "--package", "a", "--write", *REGISTRY]
    if client != "uv":
        arguments += ["--json-key", str(key)]
    assert main(arguments) == 0
    before = {it: it.read_bytes() for it in [*home.rglob("*"), *Path().iterdir()] if it.is_file()}
    capsys.readouterr()

    assert main([*arguments, "--diff"]) == 0

    after = {it: it.read_bytes() for it in [*home.rglob("*"), *Path().iterdir()] if it.is_file()}
    assert after == before
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("client", get_args(Client))
def test_another_registry_is_written_over_the_first_and_no_copy_of_a_file_is_left(
    client: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["settings", client, "--package", "a", "--write", "--registry"]
    assert main([*arguments, "us-east4/my-project/all"]) == 0
    first = {path for path in home.parent.rglob("*") if path.is_file()}

    assert main([*arguments, "us-east4/my-project/other", "--name", "all"]) == 0

    assert first == {path for path in home.parent.rglob("*") if path.is_file()}
    assert any("my-project/other" in path.read_text() for path in first)
    capsys.readouterr()


@pytest.mark.parametrize("client", get_args(Client))
def test_an_emulator_is_read_without_the_backend_of_google(
    client: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARTIFACT_REGISTRY_EMULATOR_HOST", "127.0.0.1:8080")

    assert main(["settings", client, "--package", "tides", *REGISTRY, *STANDARD]) == 0

    output = capsys.readouterr()
    assert "127.0.0.1:8080/my-project/" in output.out
    for word in ("keyring", "oauth2accesstoken@", "authenticate"):
        assert word not in output.out
    (told,) = [line for line in output.err.splitlines() if "keyring" in line]
    options = "--shell" if client == "twine" else "--shell or, with --write, --netrc"
    assert told == (
        "Next, for an emulator with a token: set TWINE_USERNAME=oauth2accesstoken and"
        f" TWINE_PASSWORD, and add {options}; keyring serves Google's addresses only"
    )


@pytest.mark.parametrize("command", [["settings", "pip"], ["doctor"]])
def test_a_user_without_a_home_is_reported(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_uid: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", fail)

    assert main([*command, *REGISTRY]) == 2

    assert capsys.readouterr().err == (
        "error: This user has no home directory\n  hint: set HOME to a folder\n"
    )
