"""Artifact Registry's API, as a stand-in on loopback answers it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme

from steps.host.errors import AccessError, ApiUnavailable, InputError, NoRepository, ShipwheelError
from steps.registry.address import parse_registry
from steps.registry.credentials import Credentials, Login
from steps.registry.repository_api import ENDPOINT_VARIABLE, RepositoryApi
from steps.registry.transport import Transport
from tests.integration.servers.google_api import Answer, GoogleApi, Request, not_found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = "projects/demo/locations/us-central1/repositories/pypi"
TOKEN = Login("oauth2accesstoken", "ya29.planted-token", "the test")
STANDARD = {"name": NAME, "mode": "STANDARD_REPOSITORY", "format": "PYTHON"}


@dataclass
class ScriptedApi(GoogleApi):
    """Answers as *script* says, and keeps what was asked."""

    endpoints: ClassVar[tuple[str, ...]] = ("ARTIFACTREGISTRY",)
    script: Callable[[Request], Answer] = lambda _: (200, STANDARD)
    requests: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        """Return the status and the body that *request* is answered with."""
        self.requests.append(request)
        return self.script(request)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedApi]:
    with ScriptedApi() as server:
        monkeypatch.setenv(ENDPOINT_VARIABLE, server.url.rstrip("/"))
        yield server


def connect(login: Login | None = TOKEN) -> RepositoryApi:
    registry = parse_registry("us-central1/demo/pypi", {})
    return RepositoryApi(registry, Transport(registry, Credentials(lambda: login), retry_for=0))


def denied(reason: str = "", consumer: str = "", message: str = "Denied.") -> Answer:
    details = [{"reason": reason, "metadata": {"consumer": consumer}}] if reason else []
    return 403, {"error": {"status": "PERMISSION_DENIED", "message": message, "details": details}}


def test_the_repository_is_asked_for_once_with_the_token_of_the_upload(server: ScriptedApi) -> None:
    api = connect()

    assert {str(api.repository()) for _ in range(2)} == {"'pypi' is a standard repository"}
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", f"/v1/{NAME}")
    assert request.authorization == "Bearer ya29.planted-token"


@pytest.mark.parametrize(
    "message",
    [
        {"virtualRepositoryConfig": [], "packages": 1, "permissions": 1},
        {
            "virtualRepositoryConfig": {"upstreamPolicies": [{"repository": ["a"]}]},
            "packages": [{"name": ["tides"]}],
            "permissions": None,
        },
        {
            "virtualRepositoryConfig": {
                "upstreamPolicies": [{"repository": "a", "priority": "first"}]
            },
            "packages": [{"name": "tides\ud800\x1b"}],
            "permissions": 1,
        },
    ],
)
def test_a_message_of_garbage_is_reported_as_that(
    server: ScriptedApi, message: dict[str, object]
) -> None:
    server.script = lambda _: (200, message)

    for ask in (connect().repository, connect().package_names, connect().may_upload):
        with pytest.raises(ApiUnavailable, match="answers is not a message of it"):
            ask()


@pytest.mark.parametrize(
    ("answer", "error", "hint"),
    [
        (not_found(), NoRepository, "check its address, or create it: gcloud artifacts reposit"),
        (denied(), AccessError, "grant it roles/artifactregistry.reader: gcloud artifacts repos"),
        (denied("IAM_PERMISSION_DENIED"), AccessError, "grant it roles/artifactregistry.reader:"),
        (denied("SERVICE_DISABLED", "projects/demo"), AccessError, "enable it: gcloud services "),
        (
            denied(message="The API has not been used in project 1 before or it is disabled."),
            AccessError,
            "enable it: gcloud services enable artifactregistry.googleapis.com --project=demo",
        ),
        ((401, {"error": {"message": "Invalid."}}), AccessError, "renew them, for an account with"),
        (denied("SECURITY_POLICY_VIOLATED"), ApiUnavailable, "let requests to it through"),
        (denied(message="Request is prohibited by organization's policy."), ApiUnavailable, "let "),
        (denied("ACCESS_TOKEN_SCOPE_INSUFFICIENT"), ApiUnavailable, "let requests to it through"),
        ((403, {"blocked": "by the proxy"}), ApiUnavailable, "let requests to it through"),
        ((404, {}), ApiUnavailable, "let requests to it through"),
        ((302, {}), ApiUnavailable, "let requests to it through"),
        ((503, {}), ApiUnavailable, "run the same command again"),
    ],
)
def test_what_the_api_answers_is_distinguished_and_asked_once(
    server: ScriptedApi, answer: Answer, error: type[ShipwheelError], hint: str
) -> None:
    server.script = lambda _: answer
    api = connect()

    for _ in range(2):
        with pytest.raises(error) as caught:
            api.repository()
        assert type(caught.value) is error
        assert caught.value.problems[0].hint.startswith(hint)
    assert len(server.requests) == 1


def test_a_users_token_counts_for_the_project_of_the_repository(server: ScriptedApi) -> None:
    def script(request: Request) -> Answer:
        used = request.project or "764086051850"
        ok = used == "demo"
        return (200, STANDARD) if ok else denied("SERVICE_DISABLED", f"projects/{used}")

    server.script = script
    assert connect().repository().format == "PYTHON"
    assert [it.project for it in server.requests] == ["", "demo"]


def test_every_page_of_packages_and_versions_is_read(server: ScriptedApi) -> None:
    def script(request: Request) -> Answer:
        url = urlsplit(request.path)
        kind = url.path.rpartition("/")[2]
        first = int(parse_qs(url.query).get("pageToken", ["0"])[0])
        if kind == "tides":
            return 200, {"name": f"{NAME}/packages/tides"}
        ids = {"packages": ["tides", "Berth_Plan", "a"], "versions": ["1.0%2Bx", "1.0", "2"]}[kind]
        more = {"nextPageToken": str(first + 1)} if first + 1 < len(ids) else {}
        return 200, {kind: [{"name": f"{NAME}/{kind}/{ids[first]}"}], **more}

    server.script = script
    api = connect()

    assert api.package_names() == ("a", "berth-plan", "tides")
    assert api.version_names("tides") == ("1.0+x", "1.0", "2")


def test_files_have_the_sizes_and_times_that_the_service_tells(server: ScriptedApi) -> None:
    entries = [
        {"name": "f/a%2Fb-1.0.tar.gz", "sizeBytes": "17", "createTime": "2026-01-02T03:04:05.6Z"},
        {"name": "f/b-1.1.tar.gz", "sizeBytes": "many", "createTime": "<script>"},
    ]
    server.script = lambda _: (200, {"files": entries})

    found = connect().files()

    assert [(it.filename, it.size, it.created) for it in found.values()] == [
        ("b-1.0.tar.gz", 17, "2026-01-02T03:04:05.6Z"),
        ("b-1.1.tar.gz", None, None),
    ]


@pytest.mark.parametrize("known", ["tide-tables", "Tide.Tables", "tide_tables"])
def test_a_package_is_found_however_the_service_spells_it(server: ScriptedApi, known: str) -> None:
    def script(request: Request) -> Answer:
        path = urlsplit(request.path).path.removeprefix(f"/v1/{NAME}/packages")
        match path:
            case "":
                return 200, {"packages": [{"name": f"{NAME}/packages/{known}"}]}
            case _ if path == f"/{known}":
                return 200, {"name": f"{NAME}/packages/{known}"}
            case _ if path == f"/{known}/versions":
                return 200, {"versions": [{"name": f"{NAME}/packages/{known}/versions/1.0"}]}
        return not_found()

    server.script = script
    api = connect()

    assert (api.has_package("Tide.Tables"), api.has_package("tides")) == (True, False)
    assert (api.version_names("tide-tables"), api.version_names("tides")) == (("1.0",), ())


def test_the_modes_of_upstreams_are_asked_for_and_may_stay_unknown(server: ScriptedApi) -> None:
    names = {"own": 100, "public": 50}
    policies = [
        {"repository": f"projects/other/locations/us/repositories/{name}", "priority": priority}
        for name, priority in sorted(names.items(), reverse=True)
    ]

    def script(request: Request) -> Answer:
        if request.path.endswith("/pypi"):
            config = {"virtualRepositoryConfig": {"upstreamPolicies": policies}}
            return 200, {**STANDARD, "mode": "VIRTUAL_REPOSITORY", **config}
        return (200, STANDARD) if request.path.endswith("/own") else denied()

    server.script = script
    api = connect()

    found = [(it.name, it.priority, it.mode) for it in api.upstreams()]
    assert found == [("own", 100, "STANDARD_REPOSITORY"), ("public", 50, "")]
    with pytest.raises(InputError, match=r"behind it: --registry us/other/own$"):
        api.require_uploadable()


def test_a_repository_of_another_format_takes_no_packages(server: ScriptedApi) -> None:
    server.script = lambda _: (200, {**STANDARD, "format": "DOCKER"})

    with pytest.raises(InputError, match="'pypi' is a repository of format DOCKER"):
        connect().require_uploadable()


@pytest.mark.parametrize("held", [True, False])
def test_whether_the_account_may_upload_is_asked_without_an_upload(
    server: ScriptedApi, *, held: bool
) -> None:
    server.script = lambda request: (200, request.body if held else {})

    assert connect().may_upload() is held
    (request,) = server.requests
    assert request.path == f"/v1/{NAME}:testIamPermissions"


@pytest.mark.parametrize(
    ("username", "seconds", "tokens"),
    [("_json_key", 3600, 1), ("_json_key_base64", 3600, 1), ("_json_key", 60, 2)],
)
def test_a_key_is_no_login_for_the_api_and_its_token_is_until_it_expires(
    server: ScriptedApi, username: str, seconds: int, tokens: int
) -> None:
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    key: dict[str, Any] = {
        "client_email": "publisher@demo.iam.gserviceaccount.com",
        "private_key": authority.private_key_pem.bytes().decode(),
        "token_uri": f"{server.url}token",
    }

    def script(request: Request) -> Answer:
        if request.path == "/token":
            return 200, {"access_token": "ya29.of-the-key", "expires_in": seconds}
        return 200, STANDARD

    server.script = script
    text = json.dumps(key)
    encoded = base64.b64encode(text.encode()).decode()
    api = connect(Login(username, text if username == "_json_key" else encoded, "the test"))

    assert (api.repository().name, api.may_upload()) == ("pypi", False)
    asked = [it for it in server.requests if it.path != "/token"]
    assert [it.path for it in asked] == [f"/v1/{NAME}", f"/v1/{NAME}:testIamPermissions"]
    assert {it.authorization for it in asked} == {"Bearer ya29.of-the-key"}
    assert len(server.requests) - len(asked) == tokens


@pytest.mark.parametrize(
    ("login", "message"),
    [
        (None, "there are no credentials"),
        (
            Login("anne", "planted-secret", "TWINE_PASSWORD"),
            "TWINE_PASSWORD are not an access token",
        ),
        (Login("_json_key", '{"private_key": "planted-secret"}', "here"), "the key from here"),
        (Login("_json_key_base64", "planted-secret", "here"), "the key from here"),
    ],
)
def test_without_an_access_token_no_one_is_asked(
    server: ScriptedApi, login: Login | None, message: str
) -> None:
    with pytest.raises(ApiUnavailable, match=message) as caught:
        connect(login).repository()

    assert "planted-secret" not in str(caught.value)
    assert server.requests == []


def test_the_token_goes_to_no_address_that_others_can_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ENDPOINT_VARIABLE, "http://example.com/")

    with pytest.raises(InputError, match=r"is not an https address: 'http://example\.com/'"):
        connect().repository()
