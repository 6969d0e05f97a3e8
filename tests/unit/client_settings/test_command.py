"""`shipwheel settings` from the outside, with the parsers that the clients themselves use."""

from __future__ import annotations

import base64
import configparser
import json
import shlex
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import unquote, urlsplit

import pytest
from twine.utils import get_config

from builder.__main__ import main
from steps.client_settings.model import Client, Machine, Wanted
from steps.errors import InputError
from steps.registry import parse_registry
from steps.settings import default_name, settings

if TYPE_CHECKING:
    from steps.client_settings.model import Scope

REGISTRY = ["--registry", "us-east4/my-project/all"]
BASE = "us-east4-python.pkg.dev/my-project/all/"
PRIVATE = "us-east4-python.pkg.dev/my-project/private/"
STANDARD = ["--standard", "us-east4/my-project/private"]
TOKEN = "ya29.it's $HOME"
KEY = {"client_email": "a@b.iam.gserviceaccount.com", "private_key": "planted-key???"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the command an empty home and project, and no gcloud."""
    for variable in ("VIRTUAL_ENV", "NETRC", "XDG_CONFIG_HOME", "TWINE_USERNAME", "TWINE_PASSWORD"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("UV_CONFIG_FILE", "UV_NO_CONFIG", "UV_DEFAULT_INDEX", "UV_INDEX"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "SHIPWHEEL_REGISTRY"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("POETRY_CONFIG_DIR", "PDM_CONFIG_FILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("ARTIFACT_REGISTRY_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "home"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(KEY))
    return path


def encoded(key: Path) -> str:
    return base64.b64encode(key.read_bytes()).decode()


def read_ini(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    parser.read_string(path.read_text())
    return {name: dict(parser[name]) for name in parser.sections()}


def read_toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


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
        f"Not checked, for gcloud does not tell: whether https://{BASE} is a virtual repository,"
        " and the priorities of its upstreams, of which the higher number goes first\n"
        "Next, for keyring: `uv tool install keyring --with keyrings.google-artifactregistry-auth`,"
        " once and outside the environments; its command has to be on PATH\n"
    )
    assert list(home.iterdir()) == []


def test_the_weaker_form_of_pip_is_googles_and_keeps_other_indexes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / ".config/pip/pip.conf"
    path.parent.mkdir(parents=True)
    path.write_text("[global]\nextra-index-url = https://other/simple\n")

    assert main(["settings", "pip", "--extra-index", "--write", *REGISTRY]) == 0

    assert path.read_text() == (
        f"[global]\nextra-index-url = https://other/simple\n    https://{BASE}simple/\n"
    )
    assert "pip takes the highest version that any of its indexes has" in capsys.readouterr().err
    assert main(["settings", "pip", "--extra-index", "--write", *REGISTRY]) == 0
    assert f"{path}: nothing to do\n" in capsys.readouterr().err


def test_a_key_takes_the_place_of_the_same_index_without_one(home: Path, key: Path) -> None:
    path = home / ".config/pip/pip.conf"
    path.parent.mkdir(parents=True)
    path.write_text(f"[global]\nextra-index-url = https://{BASE}simple\n  https://other/simple\n")

    arguments = ["settings", "pip", "--extra-index", "--json-key", str(key), "--write", *REGISTRY]
    assert main(arguments) == 0

    login = f"_json_key_base64:{encoded(key).replace('/', '%2F')}"
    indexes = read_ini(path)["global"]["extra-index-url"].split()
    assert indexes == [f"https://{login}@{BASE}simple/", "https://other/simple"]


def test_a_key_in_an_address_leaves_the_host_what_it_is(home: Path, key: Path) -> None:
    assert "/" in encoded(key)

    assert main(["settings", "pip", "--json-key", str(key), "--write", *REGISTRY]) == 0

    options = read_ini(home / ".config/pip/pip.conf")["global"]
    assert [*options] == ["index-url"]
    url = urlsplit(options["index-url"])
    assert url.hostname == "us-east4-python.pkg.dev"
    assert (url.username, unquote(url.password or "")) == ("_json_key_base64", encoded(key))


def test_an_index_beside_the_one_index_is_told(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / ".config/pip/pip.conf"
    path.parent.mkdir(parents=True)
    path.write_text("[install]\nindex-url = https://a/\n[global]\nextra_index_url = https://b/\n")

    assert main(["-q", "settings", "pip", "--write", *REGISTRY]) == 0

    errors = capsys.readouterr().err
    assert f"warning: {str(path)!r} has extra-index-url in [global], too: remove it." in errors
    assert f"warning: {str(path)!r} has index-url in [install], which goes before" in errors
    assert read_ini(path)["global"]["extra_index_url"] == "https://b/"


def test_a_variable_that_goes_before_the_file_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://a:planted@host/")

    assert main(["-q", "settings", "pip", *REGISTRY]) == 0

    errors = capsys.readouterr().err
    assert errors.endswith("warning: PIP_EXTRA_INDEX_URL is set, and goes before this file\n")
    assert "planted" not in errors


def test_pip_in_an_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["settings", "pip", "--scope", "environment", "--write", *REGISTRY]
    assert main(arguments) == 2

    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "environment"))
    assert main(arguments) == 0
    assert read_ini(tmp_path / "environment/pip.conf")["global"]["index-url"].endswith("/simple/")


def test_uv_gets_an_explicit_index_and_a_source_for_each_package(
    capsys: pytest.CaptureFixture[str],
) -> None:
    project = Path("pyproject.toml")
    project.write_text('[tool.uv.sources]\nMy_Tides = { index = "old", marker = "x" }\n')

    packages = ["--package", "my.tides", "--package", "Berths"]
    assert main(["settings", "uv", *packages, "--write", *REGISTRY, *STANDARD]) == 0

    assert read_toml(project)["tool"]["uv"] == {
        "sources": {
            "My_Tides": {"index": "private", "marker": "x"},
            "berths": {"index": "private"},
        },
        "keyring-provider": "subprocess",
        "index": [
            {
                "name": "private",
                "url": f"https://oauth2accesstoken@{PRIVATE}simple/",
                "publish-url": f"https://{PRIVATE}",
                "explicit": True,
                "authenticate": "always",
            },
            {
                "name": "all",
                "url": f"https://oauth2accesstoken@{BASE}simple/",
                "default": True,
                "authenticate": "always",
            },
        ],
    }
    assert "`uv publish --index private --username oauth2accesstoken`" in capsys.readouterr().err


def test_uv_does_not_take_a_package_away_from_its_workspace(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "[tool.uv.sources]\ntides = { workspace = true }\n"
    Path("pyproject.toml").write_text(text)

    assert main(["settings", "uv", "--package", "tides", "--write", *REGISTRY]) == 2

    assert capsys.readouterr().err.endswith(
        "error: tool.uv.sources takes 'tides' from elsewhere: 'workspace'\n"
        "  hint: remove that source, or leave out --package tides\n"
    )
    assert Path("pyproject.toml").read_text() == text


def test_uv_reads_a_uv_toml_in_the_place_of_pyproject() -> None:
    Path("uv.toml").write_text("# ours\nno-cache = true\n")

    assert main(["settings", "uv", "--write", *REGISTRY]) == 0

    text = Path("uv.toml").read_text()
    assert text.startswith("# ours\nno-cache = true\n")
    assert tomllib.loads(text)["index"][0]["default"] is True
    assert not Path("pyproject.toml").exists()


def test_uv_has_one_default_index(capsys: pytest.CaptureFixture[str]) -> None:
    text = '[[tool.uv.index]]\nname = "mine"\nurl = "https://mine/"\ndefault = true\n'
    Path("pyproject.toml").write_text(text)

    assert main(["settings", "uv", "--write", *REGISTRY, *STANDARD]) == 2

    assert "There is another index with `default = true`" in capsys.readouterr().err
    assert Path("pyproject.toml").read_text() == text


def test_the_weaker_form_of_uv_is_an_index_of_every_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["settings", "uv", "--write", *REGISTRY]) == 0
    assert main(["settings", "uv", "--extra-index", "--write", *REGISTRY]) == 0

    (index,) = read_toml(Path("pyproject.toml"))["tool"]["uv"]["index"]
    assert {"explicit", "default"} & index.keys() == set()
    assert "uv asks this index first for every name" in capsys.readouterr().err


def test_poetry_gets_a_source_a_repository_and_for_a_key_a_login(home: Path, key: Path) -> None:
    arguments = ["settings", "poetry", *REGISTRY, *STANDARD, "--json-key", str(key), "--write"]
    assert main(arguments) == 0

    folder = home / ".config/pypoetry"
    assert read_toml(Path("pyproject.toml"))["tool"]["poetry"]["source"] == [
        {"name": "private", "url": f"https://{PRIVATE}simple/", "priority": "explicit"},
        {"name": "all", "url": f"https://{BASE}simple/"},
    ]
    assert read_toml(folder / "config.toml") == {
        "repositories": {"private": {"url": f"https://{PRIVATE}"}}
    }
    login = {"username": "_json_key_base64", "password": encoded(key)}
    assert read_toml(folder / "auth.toml") == {"http-basic": {"private": login, "all": login}}
    assert stat.S_IMODE((folder / "auth.toml").stat().st_mode) == 0o600


def test_the_weaker_form_of_poetry_is_a_supplemental_source() -> None:
    assert main(["settings", "poetry", "--extra-index", "--write", *REGISTRY]) == 0

    (source,) = read_toml(Path("pyproject.toml"))["tool"]["poetry"]["source"]
    assert source["priority"] == "supplemental"


def test_pdm_takes_the_named_packages_from_the_registry(home: Path, key: Path) -> None:
    for name in ("tides", "berths"):
        arguments = ["--package", name, "--json-key", str(key), *REGISTRY, *STANDARD]
        assert main(["settings", "pdm", "--write", *arguments]) == 0

    assert read_toml(Path("pyproject.toml"))["tool"]["pdm"]["source"] == [
        {"name": "pypi", "url": f"https://{BASE}simple/"},
        {
            "name": "private",
            "url": f"https://{PRIVATE}simple/",
            "include_packages": ["tides", "berths"],
        },
    ]
    login = {"username": "_json_key_base64", "password": encoded(key)}
    config = home / ".config/pdm/config.toml"
    assert read_toml(config) == {
        "repository": {"private": {"url": f"https://{PRIVATE}", **login}},
        "pypi": {"private": login, **login},
    }
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


def test_pdm_has_to_be_told_which_packages_are_private(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["settings", "pdm", *REGISTRY]) == 2
    assert capsys.readouterr().err == (
        "error: PDM has to be told which packages are private\n"
        "  hint: name each with --package; --extra-index is the weaker form without\n"
    )

    assert main(["settings", "pdm", "--extra-index", "--write", *REGISTRY]) == 0
    (source,) = read_toml(Path("pyproject.toml"))["tool"]["pdm"]["source"]
    assert "include_packages" not in source


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
        ("planted", "it is no JSON"),
        ('{"type": "authorized_user", "planted": 1}', "it has no client_email and private_key"),
        (None, "No such file or directory"),
    ],
)
def test_what_is_no_key_is_refused_and_not_repeated(
    tmp_path: Path, content: str | None, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key.json"
    if content:
        path.write_text(content)

    assert main(["settings", "twine", "--json-key", str(path), *REGISTRY]) == 2

    assert capsys.readouterr().err == (
        f"error: This is no service-account key: {str(path)!r} ({why})\n"
        "  hint: name the JSON file that `gcloud iam service-accounts keys create` wrote\n"
    )


@pytest.mark.parametrize("client", get_args(Client))
def test_broken_files_are_told_and_nothing_is_written(
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


def test_names_that_clients_know_are_not_taken() -> None:
    registries = [
        parse_registry("us-east4/my-project/pypi", {}),
        parse_registry("us-east4/example.com:harbour/testpypi", {}),
        parse_registry("us-east4/my-project/private", {}),
        parse_registry("https://packages.example.com/", {}),
    ]

    assert [default_name(it) for it in registries] == [
        "my-project-pypi",
        "example-com-harbour-testpypi",
        "private",
        "packages",
    ]


@pytest.mark.parametrize("name", ["PyPI", "testpypi", "a.b", "", "a b", "-a"])
def test_a_name_that_no_index_can_have_is_refused(name: str) -> None:
    assert main(["settings", "twine", "--name", name, *REGISTRY]) == (0 if name == "" else 2)


@pytest.mark.parametrize(
    ("client", "platform", "scope", "paths"),
    [
        ("pip", "linux", None, ["~/.config/pip/pip.conf"]),
        ("pip", "darwin", None, ["~/.config/pip/pip.conf"]),
        ("pip", "win32", None, ["~/AppData/Roaming/pip/pip.ini"]),
        ("pip", "linux", "environment", ["/venv/pip.conf"]),
        ("pip", "win32", "environment", ["/venv/pip.ini"]),
        ("uv", "linux", None, ["/project/pyproject.toml"]),
        ("uv", "darwin", "user", ["~/.config/uv/uv.toml"]),
        ("uv", "win32", "user", ["~/AppData/Roaming/uv/uv.toml"]),
        ("poetry", "linux", None, ["/project/pyproject.toml", "~/.config/pypoetry/config.toml"]),
        (
            "poetry",
            "darwin",
            None,
            ["/project/pyproject.toml", "~/Library/Application Support/pypoetry/config.toml"],
        ),
        (
            "poetry",
            "win32",
            None,
            ["/project/pyproject.toml", "~/AppData/Roaming/pypoetry/config.toml"],
        ),
        ("pdm", "linux", None, ["/project/pyproject.toml", "~/.config/pdm/config.toml"]),
        (
            "pdm",
            "darwin",
            None,
            ["/project/pyproject.toml", "~/Library/Application Support/pdm/config.toml"],
        ),
        ("pdm", "win32", None, ["/project/pyproject.toml", "~/AppData/Local/pdm/pdm/config.toml"]),
        ("twine", "win32", None, ["~/.pypirc"]),
    ],
)
def test_every_system_has_its_places(
    client: Client, platform: str, scope: Scope | None, paths: list[str]
) -> None:
    registry = parse_registry("us-east4/my-project/all", {})
    wanted = Wanted(private=registry, name="all", packages=("a",), scope=scope)
    machine = Machine(
        environ={"VIRTUAL_ENV": "/venv"},
        home=Path("/home/anne"),
        directory=Path("/project"),
        platform=platform,
    )

    found = settings(client, wanted, machine)

    assert [str(it.path).replace("/home/anne", "~") for it in found.edits] == paths


def test_a_scope_that_a_client_has_not_is_refused() -> None:
    registry = parse_registry("us-east4/my-project/all", {})
    wanted = Wanted(private=registry, name="all", scope="environment")
    machine = Machine(environ={}, home=Path("/"), directory=Path("/"), platform="linux")

    with pytest.raises(InputError) as caught:
        settings("poetry", wanted, machine)

    assert str(caught.value) == (
        "poetry has no settings for this scope: 'environment'\n  hint: it has project"
    )


def test_old_macos_folder_of_pip_is_taken_where_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "Library/Application Support/pip"
    folder.mkdir(parents=True)
    registry = parse_registry("us-east4/my-project/all", {})
    machine = Machine(environ={}, home=tmp_path, directory=tmp_path, platform="darwin")

    found = settings("pip", Wanted(private=registry, name="all"), machine)

    assert [it.path for it in found.edits] == [folder / "pip.conf"]


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
    assert told == (
        "Next, for an emulator with a token: set TWINE_USERNAME=oauth2accesstoken and"
        " TWINE_PASSWORD, and add --shell or, with --write, --netrc; keyring serves Google's"
        " addresses only"
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


@pytest.mark.parametrize("command", [["settings", "pip"], ["doctor"]])
def test_a_user_without_a_home_is_told_so(
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


@pytest.mark.parametrize("variable", ["UV_CONFIG_FILE", "UV_NO_CONFIG", "UV_INDEX"])
def test_what_uv_reads_before_its_files_is_told(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, "1")

    assert main(["settings", "uv", *REGISTRY]) == 0

    warned = capsys.readouterr().err.splitlines()[0]
    assert warned == f"warning: {variable} is set, and goes before this file"
