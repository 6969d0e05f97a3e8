"""Uploads that a registry does not admit: tokens, roles, repositories, and its own words.

A token that runs out counts into the table that `make test` prints at its end; see tally.py.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import pytest

from builder.server import Emulator
from builder.server.answers import Answers
from steps.host.errors import (
    AccessError,
    NoRepository,
    RegistryError,
    ShipwheelError,
)
from steps.registry.address import Registry
from steps.registry.credentials import Credentials, Login
from steps.registry.index import Index
from steps.registry.transport import Transport
from steps.release.uploading import Plan, upload
from tests.integration.servers.faults import EXISTS, Answer, Fault, FaultyRegistry
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


PLACES: dict[str, Any] = {
    "location": "us-central1",
    "project": "demo",
    "repository": "pypi",
    "emulated": True,
}


def test_what_the_registry_refuses_is_reported_in_its_own_words(
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
MISSING = "check the registry's URL"
MOVED = "name the URL that takes uploads as --registry, if you trust it"
RESOURCE = "projects/demo/locations/us-central1/repositories/pypi"
BIND = (
    "gcloud artifacts repositories add-iam-policy-binding pypi --project=demo"
    " --location=us-central1"
)
CREATE = (
    "gcloud artifacts repositories create pypi --repository-format=python --project=demo"
    " --location=us-central1"
)


@pytest.mark.emulator(token=TOKEN, answers=Answers(root_page=None))
@pytest.mark.parametrize(
    ("answer", "places", "hint"),
    [
        (Answer(400, b"Odd."), {}, HINT),
        (Answer(302, b"Moved.", (("Location", "/elsewhere"),)), {}, MOVED),
        (Answer(404, b"None."), {}, MISSING),
        (Answer(404, b"None."), PLACES, f"{MISSING}, or create it: {CREATE}"),
        (Answer(400, b"It is a Virtual Repository."), PLACES, "upload to the standard repository"),
        (Answer(405, b"a remote repository"), {}, "upload to the standard repository"),
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


def test_a_repository_that_does_not_exist_is_reported_with_the_command_that_creates_it(
    tmp_path: Path, files: tuple[Distribution, ...]
) -> None:
    with (
        Emulator(tmp_path / "other", repositories=["demo/other"], token=TOKEN) as emulator,
        pytest.raises(RegistryError) as caught,
    ):
        send(files, emulator.host)

    problem = caught.value.problems[0]
    assert problem.message == f"Repository not found: {RESOURCE!r}"
    assert problem.hint == f"check its address, or create it: {CREATE}"


def refused_early(request: Request) -> Fault | None:
    """Break the connection of a large upload, as its refusal before the body was read does."""
    length = int(request.headers.get("Content-Length") or 0)
    return Fault(cut="before the body") if length > 100_000 else None


READS: dict[str, Any] = {"more_tokens": {TOKEN: "reader"}}
GRANT = f"grant it roles/artifactregistry.writer: {BIND} --role=roles/artifactregistry.writer"


@pytest.mark.parametrize(
    ("options", "exit_code", "told"),
    [
        (
            READS,
            5,
            (f"The account in use may not write to {RESOURCE}: it lacks", GRANT),
        ),
        (
            {**READS, "answers": Answers(api="blocked")},
            5,
            (f"The account in use may not write to {RESOURCE}: POST http://", GRANT),
        ),
        (
            {"token": TOKEN, "repositories": ["demo/other"]},
            4,
            (f"Repository not found: {RESOURCE!r}", f"check its address, or create it: {CREATE}"),
        ),
        (
            {
                "token": TOKEN,
                "repositories": ["demo/own"],
                "virtuals": {"demo/pypi": {"demo/own": 1}},
            },
            2,
            (
                f"'pypi' is a virtual repository, which takes no uploads: {RESOURCE}",
                "publish to the standard repository behind it: --registry us-central1/demo/own",
            ),
        ),
    ],
    ids=["no role", "no role, and no API", "no repository", "virtual"],
)
def test_after_a_broken_upload_something_small_tells_the_reason(
    tmp_path: Path,
    files: tuple[Distribution, ...],
    options: dict[str, Any],
    exit_code: int,
    told: tuple[str, str],
) -> None:
    with (
        Emulator(tmp_path / "own", **options) as emulator,
        FaultyRegistry(emulator, refused_early) as registry,
        pytest.raises(ShipwheelError) as caught,
    ):
        send(files, registry.host)

    problem = caught.value.problems[0]
    assert caught.value.exit_code == exit_code
    assert problem.message.startswith(told[0])
    assert problem.hint.startswith(told[1])
    assert sum(refused_early(request) is not None for request in registry.requests) == 1


def test_the_name_of_a_deleted_file_that_the_registry_keeps_ends_with_the_hint_to_bump(
    emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...]
) -> None:
    kept = Fault(answer=Answer(400, EXISTS))
    with (
        FaultyRegistry(emulator, lambda it: kept if it.method == "POST" else None) as registry,
        pytest.raises(RegistryError) as caught,
    ):
        send(files, registry.host, retry_for=0.5)

    assert "already exists.', and the index does not show it yet" in str(caught.value)
    assert caught.value.problems[0].hint.endswith("keeps its files' names: bump it")
    assert stored(tmp_path / "registry") == {}


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        *(
            (
                Answer(status, headers=(("Location", "https://x:y@new.example/pypi/?token=z"),)),
                "a redirect to 'https://…@new.example/pypi/…', which an upload does not follow",
                "name the URL that takes uploads as --registry, if you trust it",
            )
            for status in (301, 302, 303, 307, 308)
        ),
        (Answer(413), "413 Request Entity Too Large", "the file has 301 kB: make it smaller, or"),
        (Answer(422), "422 Unprocessable Entity", "fix what it says of the metadata of the file"),
        (Answer(507), "507 Insufficient Storage", "free space in the registry, or raise its quota"),
        (Answer(400, b"\x1b[2J\n::error::"), r"'\x1b[2J :\x3aerror:\x3a'", "what it says is the"),
    ],
)
def test_a_refused_upload_tells_what_to_do(
    emulator: Emulator, files: tuple[Distribution, ...], answer: Answer, message: str, hint: str
) -> None:
    fault = Fault(answer=answer)
    with (
        FaultyRegistry(emulator, lambda it: fault if it.method == "POST" else None) as registry,
        pytest.raises(RegistryError) as caught,
    ):
        send(files, registry.host)

    problem = caught.value.problems[0]
    assert message in problem.message
    assert problem.hint.startswith(hint)
    assert sum(request.method == "POST" for request in registry.requests) == 1


def test_an_upload_that_keeps_breaking_is_reported_with_what_is_not_the_reason(
    emulator: Emulator, files: tuple[Distribution, ...]
) -> None:
    with (
        FaultyRegistry(emulator, refused_early) as registry,
        pytest.raises(RegistryError) as caught,
    ):
        send(files, registry.host, retry_for=1)

    assert re.fullmatch(
        r"Upload of 'berths-1.0-py3-none-any.whl': .+; the account may upload to the repository,"
        r" still after 1 s",
        caught.value.problems[0].message,
    )


@pytest.mark.emulator(token=TOKEN, answers=Answers(root_page=None))
@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (Answer(403), AccessError, "The account in use may not write to http://"),
        (Answer(404), NoRepository, "Repository not found: 'http://"),
        (Answer(400, b"no file"), RegistryError, "Upload of 'berths-1.0-py3-none-any.whl': "),
    ],
)
def test_another_registry_is_asked_by_a_form_without_a_file(
    emulator: Emulator,
    files: tuple[Distribution, ...],
    answer: Answer,
    error: type[ShipwheelError],
    message: str,
) -> None:
    def script(request: Request) -> Fault | None:
        small = Fault(answer=answer) if request.method == "POST" else None
        return refused_early(request) or small

    with FaultyRegistry(emulator, script) as registry:
        place = Registry(upload_url=f"http://{registry.host}/demo/pypi/")
        login = Login("oauth2accesstoken", TOKEN, "the test")
        transport = Transport(place, Credentials(lambda: login), retry_for=1)
        with pytest.raises(error) as caught:
            upload(Plan(judgements=(judge(*files),)), transport, Index(place, transport))

    assert caught.value.problems[0].message.startswith(message)


def test_a_page_of_html_in_a_refusal_is_reported_by_its_title(
    emulator: Emulator, files: tuple[Distribution, ...]
) -> None:
    page = b"\n<!DOCTYPE html><html><title>Error 413 (Too  Large)&amp;!!1</title><p>" + b"x" * 9_999
    fault = Fault(answer=Answer(413, page))

    with (
        FaultyRegistry(emulator, once("POST", fault)) as registry,
        pytest.raises(RegistryError) as caught,
    ):
        send(files, registry.host)

    assert caught.value.problems[0].message.endswith(", 'Error 413 (Too Large)&!!1'")
