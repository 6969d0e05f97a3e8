"""Where credentials come from, how often, and that their secret stays out of sight."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING

import pytest

from steps.host.children import Children
from steps.host.errors import InputError
from steps.registry.address import Registry, parse_registry
from steps.registry.credentials import (
    KEYRING_BACKEND,
    Credentials,
    Login,
    LookUpFailed,
    account,
    find_credentials,
    read_pypirc,
)

if TYPE_CHECKING:
    from pathlib import Path

AR = parse_registry("us-east4/demo/pypi", {})
LOOPBACK = Registry(upload_url="http://127.0.0.1:9/demo/pypi/")
OTHER = Registry(upload_url="https://example.com/")
TWINE = {"TWINE_USERNAME": "oauth2accesstoken", "TWINE_PASSWORD": "ya29.planted"}
WARNING = "WARNING:root:Failed to retrieve"
SECTION = Login("_json_key_base64", "planted-key", "[demo] of ~/.pypirc")


@pytest.fixture
def no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a child was started")

    monkeypatch.setattr(Children, "ask", refuse)


@pytest.mark.parametrize("registry", [AR, LOOPBACK, OTHER])
@pytest.mark.usefixtures("no_child")
def test_the_variables_of_twine_come_first(registry: Registry) -> None:
    login = find_credentials(registry, TWINE, pypirc=SECTION).login()

    assert login == Login("oauth2accesstoken", "ya29.planted", "TWINE_USERNAME and TWINE_PASSWORD")


@pytest.mark.usefixtures("no_child")
def test_the_section_of_pypirc_comes_before_the_backend() -> None:
    assert find_credentials(AR, {}, pypirc=SECTION).login() == SECTION


@pytest.mark.parametrize(
    "registry",
    [
        LOOPBACK,
        OTHER,
        Registry(upload_url="https://us-python.notpkg.dev/"),
        Registry(upload_url="http://us-east4-python.pkg.dev/demo/pypi/"),
    ],
)
@pytest.mark.usefixtures("no_child")
def test_nothing_is_looked_up_where_the_backend_has_no_say(registry: Registry) -> None:
    assert find_credentials(registry, {}).login() is None


def test_a_password_without_a_user_name_is_refused_without_it() -> None:
    with pytest.raises(InputError) as caught:
        find_credentials(AR, {"TWINE_PASSWORD": "ya29.planted"})

    assert str(caught.value) == (
        "TWINE_PASSWORD is set, and TWINE_USERNAME is not\n"
        "  hint: set TWINE_USERNAME=oauth2accesstoken for a token, _json_key_base64 for a key,"
        " or unset both"
    )


def test_threads_share_one_look_up() -> None:
    numbers = count(1)
    credentials = Credentials(lambda: Login("user", f"token-{next(numbers)}", "test"))

    with ThreadPoolExecutor(8) as pool:
        logins = [*pool.map(lambda _: credentials.login(), range(64))]

    assert {login and login.password for login in logins} == {"token-1"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def renewable(clock: Clock) -> Credentials:
    numbers = count(1)

    def look_up() -> Login:
        return Login("user", f"token-{next(numbers)}", "test")

    return Credentials(look_up, renewable=True, clock=clock)


def token(credentials: Credentials) -> str:
    login = credentials.login()
    assert login is not None
    return login.password


def test_a_token_is_renewed_before_it_runs_out(renewable: Credentials, clock: Clock) -> None:
    found = []
    for seconds in (0, 2700, 2701, 5401, 5402):
        clock.now = seconds
        found.append(token(renewable))

    assert found == ["token-1", "token-1", "token-2", "token-2", "token-3"]


def test_a_rejected_token_is_renewed_once_it_may_be_too_old(
    renewable: Credentials, clock: Clock
) -> None:
    first = renewable.login()
    assert first is not None
    clock.now = 180
    assert not renewable.renew(first)
    clock.now = 181
    assert renewable.renew(first)
    clock.now = 400
    assert renewable.renew(first), "another thread has renewed it already"
    assert token(renewable) == "token-2"


def test_a_login_that_was_given_is_not_renewed(clock: Clock) -> None:
    numbers = count(1)
    credentials = Credentials(lambda: Login("user", f"token-{next(numbers)}", "a"), clock=clock)
    first = credentials.login()
    assert first is not None
    clock.now = 10_000

    assert not credentials.renew(first)
    assert credentials.login() == first


def test_where_there_is_no_login_there_is_none_to_renew() -> None:
    credentials = Credentials(lambda: None)

    assert credentials.login() is None
    assert not credentials.renew(SECTION)
    assert credentials.hide("a text") == "a text"


def test_an_early_look_up_does_not_wait_for_who_asks() -> None:
    asked = threading.Event()

    Credentials(asked.set).look_up_early()

    assert asked.wait(10)


def test_a_failed_renewal_keeps_the_old_token(clock: Clock) -> None:
    answers: list[Login | None] = [SECTION, None, SECTION]

    def look_up() -> Login:
        login = answers.pop(0)
        if login is None:
            raise LookUpFailed("gcloud is asleep")
        return login

    credentials = Credentials(look_up, renewable=True, clock=clock)
    assert (credentials.login(), credentials.failure) == (SECTION, "")
    clock.now = 50 * 60
    assert (credentials.login(), credentials.failure) == (SECTION, "gcloud is asleep")
    clock.now = 100 * 60
    assert (credentials.login(), credentials.failure) == (SECTION, "")


def test_the_secret_is_in_no_representation_and_hidden_in_texts() -> None:
    login = Login("user", "ya29.planted", "test")
    pair, alone = (base64.b64encode(it).decode() for it in (b"user:ya29.planted", b"ya29.planted"))
    credentials = Credentials(lambda: login)
    credentials.login()

    assert repr(login) == "Login(username='user', source='test')"
    for hide in (login.hide, credentials.hide):
        assert hide(f"a ya29.planted b {pair} {alone}") == "a [hidden] b [hidden] [hidden]"
    assert Login("user", "", "test").hide("a text") == "a text"


def test_the_account_of_a_key_is_known(tmp_path: Path) -> None:
    key = json.dumps({"client_email": "ship@demo.iam.gserviceaccount.com"})
    (tmp_path / "key.json").write_text(key)
    encoded = Login("_json_key_base64", base64.b64encode(key.encode()).decode(), "test")
    adc = Login("oauth2accesstoken", "ya29", "keyrings.gauth.GooglePythonAuth")
    environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "key.json")}

    assert account(encoded, {}) == "ship@demo.iam.gserviceaccount.com"
    assert account(adc, environ) == "ship@demo.iam.gserviceaccount.com"
    assert account(Login("_json_key_base64", "/", "test"), {}) == ""
    assert account(Login("_json_key_base64", "////", "test"), {}) == ""
    assert account(Login("user", "secret", "test"), environ) == ""


@pytest.mark.parametrize("content", [None, b"\xff", b"no JSON", b"[]", b"{}"])
def test_the_account_of_a_key_that_cannot_be_read_is_not_known(
    tmp_path: Path, content: bytes | None
) -> None:
    key = tmp_path / "key.json"
    if content is not None:
        key.write_bytes(content)
    login = Login("oauth2accesstoken", "ya29", "keyrings.gauth.GooglePythonAuth")

    assert account(login, {"GOOGLE_APPLICATION_CREDENTIALS": str(key)}) == ""


@pytest.mark.parametrize("host", ["a..b", "[", "a b"])
def test_a_metadata_server_that_cannot_be_one_names_no_account(host: str) -> None:
    login = Login("oauth2accesstoken", "planted", KEYRING_BACKEND)

    assert account(login, {"GCE_METADATA_HOST": host}) == ""


def answer(monkeypatch: pytest.MonkeyPatch, output: str, errors: str = "") -> list[object]:
    """Have the backend give *output* and *errors*; return what it is asked."""
    asked: list[object] = []

    def ask(
        _children: Children, command: list[str], *, environ: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        asked.append((command[1:], environ))
        return subprocess.CompletedProcess(command, 0, output, errors)

    monkeypatch.setattr(Children, "ask", ask)
    return asked


def test_the_backend_is_asked_away_from_the_users_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer(monkeypatch, '{"username": "oauth2accesstoken", "password": "ya29.planted"}')

    login = find_credentials(AR, {"HOME": "/nowhere"}).login()

    backend = "keyrings.gauth.GooglePythonAuth"
    assert login == Login("oauth2accesstoken", "ya29.planted", backend)
    assert asked == [
        (
            ["-I", "-m", "keyring", "--mode", "creds", "--output", "json", "get", AR.upload_url],
            {"HOME": "/nowhere", "PYTHON_KEYRING_BACKEND": backend},
        )
    ]


@pytest.mark.parametrize("output", ["", "no JSON", "{}", "[]", '{"username": "planted"}'])
@pytest.mark.parametrize(
    ("errors", "failure"),
    [
        ("", "the keyring backend found none"),
        (
            f"{WARNING} A: why\nTraceback of A\n{WARNING} B\n",
            "A: why; B",
        ),
    ],
)
def test_a_backend_that_finds_nothing_is_reported_with_its_reasons(
    output: str, errors: str, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, output, errors)
    credentials = find_credentials(AR, {})

    assert (credentials.login(), credentials.failure) == (None, failure)


def test_a_hanging_look_up_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(_children: Children, command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(Children, "ask", hang)
    credentials = find_credentials(AR, {}, seconds=1)

    assert credentials.login() is None
    assert credentials.failure == "the look-up took longer than 1 s and was ended"


@pytest.fixture
def pypirc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".pypirc"


def test_a_section_of_pypirc_gives_the_url_and_the_login(pypirc: Path) -> None:
    pypirc.write_text(
        "[distutils]\nindex-servers =\n    pypi\n    demo\n    open\n    half\n    other\n\n"
        "[demo]\nrepository: https://us-east4-python.pkg.dev/demo/pypi/\n"
        "username: _json_key_base64\npassword: planted-key\n\n"
        "[open]\nrepository: https://us-east4-python.pkg.dev/demo/open/\n\n"
        "[half]\nrepository: https://example.com/half/\nusername: user\n\n"
        "[other]\nrepository: https://example.com/other/\npassword: planted-key\n"
    )

    assert read_pypirc("demo") == ("https://us-east4-python.pkg.dev/demo/pypi/", SECTION)
    assert read_pypirc("open") == ("https://us-east4-python.pkg.dev/demo/open/", None)
    assert read_pypirc("half") == ("https://example.com/half/", None)
    assert read_pypirc("other") == ("https://example.com/other/", None)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[distutils]\nindex-servers = demo\n",
        "planted-key",
        "[demo]\npassword=planted-key",
        "[distutils]\nindex-servers = demo\n[demo]\nusername=user\npassword=planted-key",
        "[distutils]\nindex-servers = demo\n[demo]\nrepository=https://[::1\npassword=planted-key",
    ],
)
def test_a_section_that_is_not_there_is_named_without_the_file(
    pypirc: Path, text: str | None
) -> None:
    if text is not None:
        pypirc.write_text(text)

    with pytest.raises(InputError) as caught:
        read_pypirc("demo")

    assert str(caught.value) == (
        "There is no section 'demo' with a repository in ~/.pypirc\n"
        "  hint: `gcloud artifacts print-settings python` prints one; index-servers in [distutils]"
        " has to list it"
    )
