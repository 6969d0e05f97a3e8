"""Tokens and keys in `shipwheel settings`: where they go, and where they never do."""

from __future__ import annotations

import shlex
import stat
import subprocess
from pathlib import Path

import pytest

from builder.__main__ import main
from tests.unit.steps.client.desk import BASE, REGISTRY, STANDARD, TOKEN, encoded

pytestmark = pytest.mark.usefixtures("home")


@pytest.mark.parametrize(
    ("client", "variables"),
    [
        (
            "pip",
            {"PIP_INDEX_URL": f"https://oauth2accesstoken:ya29.it%27s%20%24HOME@{BASE}simple/"},
        ),
        (
            "uv",
            {
                "UV_INDEX_MY_ALL_USERNAME": "oauth2accesstoken",
                "UV_INDEX_MY_ALL_PASSWORD": TOKEN,
                "UV_PUBLISH_USERNAME": "oauth2accesstoken",
                "UV_PUBLISH_PASSWORD": TOKEN,
            },
        ),
        (
            "poetry",
            {
                "POETRY_HTTP_BASIC_MY_ALL_USERNAME": "oauth2accesstoken",
                "POETRY_HTTP_BASIC_MY_ALL_PASSWORD": TOKEN,
            },
        ),
        (
            "twine",
            {
                "TWINE_REPOSITORY_URL": f"https://{BASE}",
                "TWINE_USERNAME": "oauth2accesstoken",
                "TWINE_PASSWORD": TOKEN,
            },
        ),
    ],
)
def test_a_token_for_one_shell_survives_its_quoting(
    client: str,
    variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TWINE_USERNAME", "oauth2accesstoken")
    monkeypatch.setenv("TWINE_PASSWORD", TOKEN)

    assert main(["settings", client, "--shell", "--name", "my-all", *REGISTRY]) == 0

    output = capsys.readouterr()
    names = shlex.join(variables)
    script = f'{output.out}\nfor name in {names}; do eval "printf \'%s\\\\0\' \\"\\$$name\\""; done'
    printed = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, text=True, check=True, timeout=10, env={}
    ).stdout
    assert dict(zip(variables, printed.split("\0"), strict=False)) == variables
    assert TOKEN not in output.err


def test_a_token_goes_into_the_netrc_file_and_nowhere_else(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TWINE_USERNAME", "oauth2accesstoken")
    monkeypatch.setenv("TWINE_PASSWORD", "ya29.planted")

    assert main(["settings", "uv", "--netrc", "--write", *REGISTRY]) == 0

    assert (home / ".netrc").read_text() == (
        "machine us-east4-python.pkg.dev login oauth2accesstoken password ya29.planted\n"
    )
    assert stat.S_IMODE((home / ".netrc").stat().st_mode) == 0o600
    assert "planted" not in Path("pyproject.toml").read_text()
    output = capsys.readouterr()
    assert "planted" not in output.out + output.err


def test_without_credentials_there_is_no_token_to_print(
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = "https://packages.example.com/"
    assert main(["settings", "twine", "--shell", "--registry", other]) == 5

    assert capsys.readouterr().err == (
        f"error: There are no credentials for {other}\n"
        "  hint: set TWINE_USERNAME and TWINE_PASSWORD, run `gcloud auth application-default"
        " login`, or name a key with --json-key\n"
    )


def test_twine_refuses_netrc_and_uv_a_key(
    key: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TWINE_USERNAME", "oauth2accesstoken")
    monkeypatch.setenv("TWINE_PASSWORD", TOKEN)

    assert main(["settings", "twine", "--netrc", *REGISTRY]) == 2
    assert main(["settings", "uv", "--json-key", str(key), *REGISTRY]) == 2

    assert capsys.readouterr().err == (
        "error: twine does not read the netrc file\n"
        "  hint: leave out --netrc: keyring, --json-key alone or --shell\n"
        "error: A key has no place in uv's settings, which people commit and share\n"
        "  hint: add --netrc to put it into the netrc file, which uv reads, or --shell\n"
    )
    assert main(["settings", "uv", "--json-key", str(key), "--netrc", *REGISTRY]) == 0
    assert f"login _json_key_base64 password {encoded(key)}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("planted", "it is not valid JSON"),
        ('{"type": "authorized_user", "planted": 1}', "it has no client_email and private_key"),
        (None, "No such file or directory"),
    ],
)
def test_what_is_not_a_key_is_refused_and_not_repeated(
    tmp_path: Path, content: str | None, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key.json"
    if content:
        path.write_text(content)

    assert main(["settings", "twine", "--json-key", str(path), *REGISTRY]) == 2

    assert capsys.readouterr().err == (
        f"error: This is not a service-account key: {str(path)!r} ({why})\n"
        "  hint: name the JSON file that `gcloud iam service-accounts keys create` wrote\n"
    )


def test_one_login_is_given_to_one_host_only(
    home: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registries = ["--registry", "https://mirror.example.com/all/", *STANDARD]

    assert main(["settings", "pip", "--json-key", str(key), "--write", *registries]) == 2

    assert capsys.readouterr().err == (
        "error: The two repositories are at different hosts, with one login:"
        " 'mirror.example.com, us-east4-python.pkg.dev'\n"
        "  hint: name a virtual repository, and with --standard one that is behind it\n"
    )
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("client", "name"),
    [
        ("poetry", ".config/pypoetry/auth.toml"),
        ("pdm", ".config/pdm/config.toml"),
        ("twine", ".pypirc"),
    ],
)
def test_a_key_is_removed_when_another_login_is_set_up(
    client: str, name: str, home: Path, key: Path
) -> None:
    arguments = ["settings", client, "--package", "a", "--write", *REGISTRY, *STANDARD]
    theirs = '[http-basic.other]\nusername = "_json_key_base64"\npassword = "theirs"\n'
    (home / name).parent.mkdir(parents=True, exist_ok=True)
    (home / name).write_text(theirs)
    assert main([*arguments, "--json-key", str(key)]) == 0
    assert encoded(key) in (home / name).read_text()

    assert main(arguments) == 0

    assert theirs in (home / name).read_text()
    assert encoded(key) not in (home / name).read_text()
    assert (home / name).read_text().count("_json_key_base64") == 1
