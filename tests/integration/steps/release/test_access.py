"""Uploads that a registry does not admit: tokens, roles, repositories, and its own words.

A token that runs out counts into the table that `make test` prints at its end; see tally.py.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from builder.server import Emulator
from steps.host.errors import AccessError, RegistryError, ShipwheelError
from steps.registry.address import Registry
from steps.registry.credentials import Credentials, Login
from steps.registry.index import Index
from steps.registry.transport import Transport
from steps.release.uploading import Plan, upload
from tests.integration.servers.faults import Answer, Fault, FaultyRegistry
from tests.integration.steps.release.sending import (
    TOKEN,
    expected,
    judge,
    once,
    results,
    send,
    stored,
    transport_to,
)

if TYPE_CHECKING:
    from pathlib import Path

    from steps.distribution.files import Distribution
    from tests.integration.servers.faults import Request
    from tests.integration.tally import Tally

pytestmark = pytest.mark.emulator(token=TOKEN)


PLACES: dict[str, Any] = {"location": "us-central1", "project": "demo", "repository": "pypi"}


def test_what_the_registry_refuses_is_told_in_its_own_words(
    emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...]
) -> None:
    answer = Answer(400, b"Metadata-Version 9 is\n not supported.")

    with (
        FaultyRegistry(emulator, once("POST", Fault(answer=answer))) as registry,
        pytest.raises(RegistryError) as caught,
    ):
        send(files, registry.host)

    assert caught.value.problems[0].message == (
        "The registry does not take 'berths-1.0-py3-none-any.whl':"
        " 400 Bad Request, 'Metadata-Version 9 is not supported.'"
    )
    assert stored(tmp_path / "registry") == {}


HINT = "what it says is the reason; only a standard repository takes uploads"
MISSING = "check the registry's address"
CREATE = (
    "gcloud artifacts repositories create pypi --repository-format=python --project=demo"
    " --location=us-central1"
)
DESCRIBE = "gcloud artifacts repositories describe pypi --project=demo --location=us-central1"


@pytest.mark.parametrize(
    ("answer", "places", "hint"),
    [
        (Answer(400, b"Odd."), {}, HINT),
        (Answer(302, b"Moved.", (("Location", "/elsewhere"),)), {}, HINT),
        (Answer(404, b"None."), {}, MISSING),
        (Answer(404, b"None."), PLACES, f"{MISSING}, or create the repository: {CREATE}"),
        (
            Answer(400, b"It is a Virtual Repository."),
            PLACES,
            f"upload to the standard repository, such as an upstream that this names: {DESCRIBE}",
        ),
        (Answer(405, b"a remote repository"), {}, "upload to the standard repository"),
        (
            Answer(400, b"a remote repository"),
            {**PLACES, "emulated": True},
            "upload to the standard repository",
        ),
    ],
)
def test_the_hint_names_only_what_there_is_to_ask(
    answer: Answer,
    places: dict[str, Any],
    hint: str,
    emulator: Emulator,
    files: tuple[Distribution, ...],
) -> None:
    with FaultyRegistry(emulator, once("POST", Fault(answer=answer))) as registry:
        place = Registry(upload_url=f"http://{registry.host}/demo/pypi/", **places)
        login = Login("oauth2accesstoken", TOKEN, "the test")
        transport = Transport(place, Credentials(lambda: login), retry_for=5)
        with pytest.raises(ShipwheelError) as caught:
            upload(Plan(judgements=(judge(*files),)), transport, Index(place, transport))

    assert [problem.hint for problem in caught.value.problems] == [hint]


@pytest.mark.parametrize("minutes", [0, 10, 50])
def test_a_token_that_runs_out_in_the_middle_of_a_publish_is_renewed_once(
    tmp_path: Path, files: tuple[Distribution, ...], tally: Tally, minutes: int
) -> None:
    tally.fault("401 in the middle")
    now = [0.0]
    tokens = [f"ya29.planted-{number}" for number in range(9)]

    def look_up() -> Login:
        return Login("oauth2accesstoken", tokens.pop(0), "the test")

    def age() -> None:
        now[0] = 60.0 * minutes

    def script(request: Request) -> Fault | None:
        old = base64.b64decode(request.headers["Authorization"].split()[1]).endswith(b"-0")
        if request.method == "POST" and old:
            return Fault(before=age, answer=Answer(401))
        return None

    with (
        Emulator(tmp_path / "open") as emulator,
        FaultyRegistry(emulator, script) as registry,
    ):
        transport = transport_to(registry.host)
        credentials = Credentials(look_up, renewable=True, clock=lambda: now[0])
        transport = Transport(transport.registry, credentials, retry_for=5)
        plan, index = Plan(judgements=(judge(*files),)), Index(transport.registry, transport)
        if not minutes:
            with pytest.raises(AccessError, match="does not accept the credentials"):
                upload(plan, transport, index)
            return
        assert [result for _, result in results(upload(plan, transport, index))] == ["uploaded"] * 2

    posts = [request for request in registry.requests if request.method == "POST"]
    assert (len(tokens), len(posts)) == (7, 3)
    tally.registry(expected(files), stored(tmp_path / "open"))


def test_credentials_that_are_refused_are_not_tried_again(
    emulator: Emulator, files: tuple[Distribution, ...]
) -> None:
    with FaultyRegistry(emulator, lambda _: None) as registry, pytest.raises(AccessError) as caught:
        send(files, registry.host, password="wrong-planted-token")

    assert [request.method for request in registry.requests] == ["POST"]
    assert caught.value.problems[0].hint == (
        "renew them, for an account with roles/artifactregistry.writer on"
        " projects/demo/locations/us-central1/repositories/pypi"
    )


def test_a_missing_role_is_named_with_the_command_that_grants_it(
    emulator: Emulator, files: tuple[Distribution, ...]
) -> None:
    body = b"Permission 'artifactregistry.repositories.uploadArtifacts' denied"

    with (
        FaultyRegistry(emulator, once("POST", Fault(answer=Answer(403, body)))) as registry,
        pytest.raises(AccessError) as caught,
    ):
        send(files, registry.host)

    problem = caught.value.problems[0]
    assert problem.message.startswith(
        "The account in use may not write to projects/demo/locations/us-central1/repositories/pypi:"
        f" POST http://{registry.host}/demo/pypi/ was answered 403 Forbidden, "
    )
    assert "uploadArtifacts" in problem.message
    assert problem.hint == (
        "grant it roles/artifactregistry.writer: gcloud artifacts repositories"
        " add-iam-policy-binding pypi --project=demo --location=us-central1"
        " --role=roles/artifactregistry.writer --member=serviceAccount:ACCOUNT"
    )


def test_a_repository_that_does_not_exist_is_told_with_the_command_that_creates_it(
    tmp_path: Path, files: tuple[Distribution, ...]
) -> None:
    with (
        Emulator(tmp_path / "other", repositories=["demo/other"], token=TOKEN) as emulator,
        pytest.raises(RegistryError) as caught,
    ):
        send(files, emulator.host)

    problem = caught.value.problems[0]
    assert problem.message == (
        "The registry does not take 'berths-1.0-py3-none-any.whl': 404 Not Found,"
        " 'Requested entity was not found.'"
    )
    assert problem.hint == (
        "check the registry's address, or create the repository: gcloud artifacts repositories"
        " create pypi --repository-format=python --project=demo --location=us-central1"
    )
