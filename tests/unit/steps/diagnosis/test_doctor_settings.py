"""What the doctor says of client settings: files, variables, and who may read them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version

from steps.diagnosis import SettingsFile, Tool
from steps.diagnosis.clients import check_clients, check_cooldown, check_variables
from tests.unit.steps.diagnosis.observed import INDEX, OTHER, SECRET, found, statuses

if TYPE_CHECKING:
    from steps.diagnosis import Client


def settings(
    client: Client, text: str, name: str = "settings", *, open_to_all: bool = False, **seen: Any
) -> list[str]:
    """Return the messages about a settings file; one for each weakness, or that it has none."""
    file = SettingsFile(
        client=client, path=Path("/home/me") / name, text=text, readable_by_others=open_to_all
    )
    return [message for _, message in found(check_clients, files=(file,), **seen)]


FINE = ["nothing unsafe"]


@pytest.mark.parametrize(
    ("client", "name", "text"),
    [
        ("pip", "pip.conf", f"[global]\nindex-url = {INDEX}\nkeyring-provider = subprocess\n"),
        ("pip", "pip.conf", "[global]\nindex-url = http://127.0.0.1:8080/demo/pypi/simple/\n"),
        ("uv", "uv.toml", f'[[index]]\nurl = "https://oauth2accesstoken@{INDEX[8:]}"\n'),
        ("uv", "pyproject.toml", '[tool.uv]\n[tool.other]\nindex-strategy = "unsafe-best-match"\n'),
        ("poetry", "pyproject.toml",
         f'[[tool.poetry.source]]\nurl = "{INDEX}"\nname = "a"\npriority = "explicit"\n'),
        ("pdm", "pyproject.toml",
         f'[[tool.pdm.source]]\nurl = "{INDEX}"\nname = "a"\ninclude_packages = ["b"]\n'),
        ("pdm", "pyproject.toml", f'[[tool.pdm.source]]\nurl = "{INDEX}"\nname = "pypi"\n'),
        ("pdm", "pyproject.toml",
         (f'[[tool.pdm.source]]\nurl = "{INDEX}"\nname = "pypi"\n'
          f'[[tool.pdm.source]]\nurl = "{INDEX}"\nname = "a"\ninclude_packages = ["b"]\n')),
        ("pdm", "pyproject.toml", (f'[[tool.pdm.source]]\nurl = "https://a:${{B}}@{INDEX[8:]}"\n'
         'name = "pypi"\n')),
        ("twine", ".pypirc", f"[own]\nrepository = {INDEX}\n"),
        ("netrc", ".netrc", "machine example.com login me password x\n"),
    ],
)  # fmt: skip
def test_safe_settings_are_fine(client: Client, name: str, text: str) -> None:
    assert settings(client, text, name) == FINE


@pytest.mark.parametrize(
    ("client", "name", "text", "begins"),
    [
        ("pip", "pip.conf", f"[install]\nextra_index_url =\n  {INDEX}\n",
         "[install] extra-index-url: pip takes the highest version"),
        ("pip", "pip.conf", "[global]\ntrusted-host = example.com\n", "[global] trusted-host: "),
        ("pip", "pip.conf", f"[global]\nindex-url = http://u:{SECRET}@example.com/simple?t=1\n",
         "http://…@example.com/simple… is plain http"),
        ("pip", "pip.conf", f"[global]\nindex-url = https://u:{SECRET}@example.com/simple\n",
         "the address of example.com holds credentials"),
        ("pip", "pip.conf", f"[global]\nindex-url = https://{SECRET}@example.com/simple\n",
         "the address of example.com holds credentials"),
        ("pip", "pip.conf", f"index-url = {SECRET}\n", "its client cannot read it"),
        ("uv", "uv.toml", 'index-strategy = "unsafe-first-match"\n', "index-strategy: uv then"),
        ("uv", "uv.toml", '[pip]\nallow-insecure-host = ["a"]\n', "allow-insecure-host: "),
        ("uv", "pyproject.toml", f'[[tool.uv.index]]\nurl = "https://a:{SECRET}@b.c/"\n',
         "the address of b.c holds credentials"),
        ("uv", "uv.toml", f"index = {SECRET}\n", "its client cannot read it"),
        ("uv", "uv.toml", 'index = "https://a.b"\n', "its client cannot read it"),
        ("poetry", "pyproject.toml",
         f'[[tool.poetry.source]]\nurl = "{INDEX}"\nname = "a"\npriority = "supplemental"\n',
         "source 'a' is supplemental: "),
        ("poetry", "config.toml", "[certificates.a]\ncert = false\n", "certificates.a.cert: "),
        ("poetry", "config.toml", '[repositories.a]\nurl = "http://b.c/"\n',
         "http://b.c/ is plain http"),
        ("pdm", "pyproject.toml", f'[[tool.pdm.source]]\nurl = "{INDEX}"\nname = "a"\n',
         "source 'a' is one of several"),
        ("pdm", "pyproject.toml",
         (f'[[tool.pdm.source]]\nurl = "{INDEX}"\nname = "pypi"\n'
          '[[tool.pdm.source]]\nurl = "https://b.c/"\nname = "a"\n'),
         "source 'pypi' is one of several"),
        ("pdm", "pdm.toml", "[pypi]\nverify_ssl = false\n", "verify_ssl: "),
        ("twine", ".pypirc", "[a]\nrepository = http://b.c/\n", "http://b.c/ is plain http"),
    ],
)  # fmt: skip
def test_unsafe_settings_are_named_without_their_secrets(
    client: Client, name: str, text: str, begins: str
) -> None:
    message = settings(client, text, name)[0]

    assert message.startswith(begins)


def test_a_section_that_pip_does_not_read_is_reported_and_so_are_the_secrets_in_it() -> None:
    text = f"[Global]\nindex-url = {INDEX}\nextra-index-url = https://u:{SECRET}@b.c/\n"

    assert settings("pip", text) == [
        "pip tells capitals apart, and reads no section [Global]",
        "the address of b.c holds credentials",
    ]


@pytest.mark.parametrize(
    ("client", "text"),
    [
        ("twine", f"[a]\nrepository = https://b.c/\npassword = {SECRET}\n"),
        ("netrc", f"machine example.com login me password {SECRET}\n"),
        ("poetry", f'[http-basic.a]\nusername = "me"\npassword = "{SECRET}"\n'),
    ],
)
def test_a_secret_that_others_can_read_is_wrong(client: Client, text: str) -> None:
    told = "it holds secrets, and others on this machine can read it"

    assert settings(client, text, open_to_all=True) == [told]
    assert settings(client, text) == FINE
    assert settings(client, text.replace("password", "user"), open_to_all=True) == FINE


@pytest.mark.parametrize(
    ("user", "told"),
    [
        ("oauth2accesstoken", "its token for {} goes before keyring, and is good for an hour only"),
        (
            "_json_key_base64",
            "its key for {} goes before keyring, and is valid until it is deleted",
        ),
    ],
)
def test_a_secret_in_netrc_that_goes_before_keyring_is_noted(user: str, told: str) -> None:
    host = "us-central1-python.pkg.dev"
    text = f"machine {host} login {user} password {SECRET}\n"

    assert settings("netrc", text) == [told.format(host)]


def test_a_file_that_cannot_be_read_is_reported() -> None:
    file = SettingsFile(client="pip", path=Path("/pip.conf"), problem="Permission denied")

    assert found(check_clients, files=(file,)) == [
        ("wrong", "it cannot be read: Permission denied")
    ]


@pytest.mark.parametrize(
    ("version", "url", "messages"),
    [
        ("26.1", INDEX, [("pip 26.1 asks keyring's command for no login without a user name in the"
                         " URL")]),
        ("26.2", INDEX, FINE),
        ("26.1", f"https://oauth2accesstoken@{INDEX[8:]}", FINE),
    ],
)  # fmt: skip
def test_an_older_pip_needs_the_user_name_for_keyring(
    version: str, url: str, messages: list[str]
) -> None:
    pip = Tool(name="pip", where="/usr/bin/pip", version=Version(version))
    text = f"[global]\nindex-url = {url}\nkeyring-provider = subprocess\n"

    assert settings("pip", text, tools=(pip,)) == messages


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PIP_EXTRA_INDEX_URL", INDEX, ["wrong"]),
        ("PIP_TRUSTED_HOST", "example.com", ["wrong"]),
        ("PIP_INDEX_URL", "http://example.com/", ["wrong"]),
        # The documented form for one shell.
        ("PIP_INDEX_URL", f"https://oauth2accesstoken:{SECRET}@{INDEX[8:]}", []),
        ("UV_INDEX", f"a=http://me:{SECRET}@example.com/ https://b.c", ["wrong"]),
        ("UV_INDEX_STRATEGY", "unsafe-best-match", ["wrong"]),
        ("UV_INDEX_STRATEGY", "first-index", []),
        ("UV_INSECURE_HOST", "example.com", ["wrong"]),
        ("TWINE_REPOSITORY_URL", "http://example.com/", ["wrong"]),
        ("TWINE_PASSWORD", SECRET, ["wrong"]),
        ("PIP_EXTRA_INDEX_URL", "", []),
    ],
)
def test_unsafe_variables_are_named_without_their_secrets(
    name: str, value: str, expected: list[str]
) -> None:
    assert statuses(check_variables, environ={name: value}) == expected


SOURCES = (
    f'[tool.uv]\nindex = [{{ name = "own", url = "{INDEX}" }}]\n'
    '[tool.uv.sources]\ntides = { index = "own" }\nBerths = { index = "own" }\n'
)
UNTIL = 'exclude-newer = "7 days"\n'


@pytest.mark.parametrize(
    ("user", "project", "hidden"),
    [
        ("", SOURCES, None),
        (UNTIL, "", "its packages"),
        (f"[pip]\n{UNTIL}", "", "its packages"),
        (UNTIL, SOURCES, "berths, tides"),
        (UNTIL, f"{SOURCES}[tool.uv.exclude-newer-package]\nTides = false\n", "berths"),
        (f"{UNTIL}exclude-newer-package = {{ tides = false, berths = false }}\n", SOURCES, None),
        (UNTIL, SOURCES.replace('" }]', '", exclude-newer = false }]'), None),
        ("exclude-newer = false\n", SOURCES, None),
        (f"{UNTIL}index = 1\n", SOURCES, None),
    ],
)
def test_a_cooldown_that_hides_private_packages_is_named(
    user: str, project: str, hidden: str | None
) -> None:
    texts = {"uv.toml": user, "pyproject.toml": project}
    files = tuple(SettingsFile(client="uv", path=Path(it), text=texts[it]) for it in texts)
    clash = "the registry gives no upload times, so uv finds no version of"

    results = found(check_cooldown, files=files)

    assert results == ([("wrong", f"{clash} {hidden}")] if hidden else [])


def test_a_cooldown_of_the_environment_is_named_for_artifact_registry_alone() -> None:
    environ = {"UV_EXCLUDE_NEWER": "2026-01-01"}

    assert statuses(check_cooldown, environ=environ) == ["wrong"]
    assert statuses(check_cooldown, environ=environ, registry=OTHER) == []
