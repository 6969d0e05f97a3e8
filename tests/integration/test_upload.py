"""Uploads through twine that meet every fault we could think of, and what the registry then holds.

Each test counts into the table that `make test` prints at its end; see conftest.py.
"""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name

from builder.emulator import Emulator
from steps.credentials import Credentials, Login
from steps.errors import AccessError, Refused, RegistryError
from steps.index import Index
from steps.outcome import Judgement, Outcome
from steps.registry import Registry
from steps.transport import Transport
from steps.upload import Plan, upload
from tests.integration.faults import Answer, Fault, FaultyRegistry
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from steps.distribution import Distribution
    from steps.upload import Delivery
    from tests.integration.faults import Request
    from tests.integration.tally import Tally

    Script = Callable[[Request], Fault | None]

TOKEN = "ya29.planted-token"
HTML = (("Content-Type", "text/html"),)


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator(tmp_path / "registry", token=TOKEN) as emulator:
        yield emulator


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def transport_to(
    host: str, *, retry_for: float = 5, patience: float = 60, password: str = TOKEN
) -> Transport:
    registry = Registry(
        upload_url=f"http://{host}/demo/pypi/",
        location="us-east4",
        project="demo",
        repository="pypi",
        emulated=True,
    )
    login = Login("oauth2accesstoken", password, "the test")
    credentials = Credentials(lambda: login)
    return Transport(registry, credentials, retry_for=retry_for, patience=patience)


def judge(*files: Distribution) -> Judgement:
    return Judgement(
        project=files[0].name,
        version=files[0].version,
        outcome=Outcome.NEW,
        reason="",
        to_upload=files,
    )


def send(
    files: tuple[Distribution, ...], host: str, *, retry_for: float = 5, password: str = TOKEN
) -> tuple[Delivery, ...]:
    transport = transport_to(host, retry_for=retry_for, password=password)
    return upload(
        Plan(judgements=(judge(*files),)), transport, Index(transport.registry, transport)
    )


def results(deliveries: tuple[Delivery, ...]) -> list[tuple[str, str]]:
    return [(delivery.distribution.filename, delivery.result) for delivery in deliveries]


def stored(emulator_root: Path) -> dict[str, str]:
    """Return file name and sha256 of everything that the registry holds."""
    folder = emulator_root / "demo" / "pypi"
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def expected(files: tuple[Distribution, ...]) -> dict[str, str]:
    return {file.filename: file.sha256 for file in files}


def once(method: str, fault: Fault) -> Script:
    """Plant *fault* in the first request of *method*."""
    left = [fault]
    return lambda request: left.pop() if request.method == method and left else None


UPLOAD_FAULTS: dict[str, tuple[Fault, str]] = {
    "429": (Fault(answer=Answer(429)), "uploaded"),
    "429 with Retry-After": (
        Fault(answer=Answer(429, headers=(("Retry-After", "1"),))),
        "uploaded",
    ),
    "500": (Fault(answer=Answer(500)), "uploaded"),
    "502": (Fault(answer=Answer(502)), "uploaded"),
    "503": (Fault(answer=Answer(503)), "uploaded"),
    "504": (Fault(answer=Answer(504)), "uploaded"),
    "reset before the body": (Fault(cut="before the body"), "uploaded"),
    "reset in the body": (Fault(cut="in the body"), "uploaded"),
    "reset before the answer, stored": (Fault(cut="before the answer"), "found"),
    "broken answer, stored": (Fault(cut="in the answer"), "found"),
}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Distribution, ...]:
    return make_distributions(make_project(tmp_path, "berths", padding=300_000))


@pytest.mark.parametrize("name", UPLOAD_FAULTS)
def test_an_upload_outlives_the_fault(
    name: str, emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...], tally: Tally
) -> None:
    tally.fault(name)
    fault, result = UPLOAD_FAULTS[name]

    with FaultyRegistry(emulator, once("POST", fault)) as registry:
        deliveries = send(files, registry.host)

    assert results(deliveries) == [
        ("berths-1.0-py3-none-any.whl", result),
        ("berths-1.0.tar.gz", "uploaded"),
    ]
    posts = [request.method for request in registry.requests].count("POST")
    assert posts == (2 if result == "found" else 3), "what is there is not sent again"
    tally.registry(expected(files), stored(tmp_path / "registry"))


def test_an_answer_that_does_not_come_in_time_is_asked_for_in_the_index(
    emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...], tally: Tally
) -> None:
    tally.fault("time-out, stored")
    with FaultyRegistry(emulator, once("POST", Fault(hang=2))) as registry:
        transport = transport_to(registry.host, patience=0.5)
        plan = Plan(judgements=(judge(*files),))
        deliveries = upload(plan, transport, Index(transport.registry, transport))

    assert results(deliveries)[0] == ("berths-1.0-py3-none-any.whl", "found")
    tally.registry(expected(files), stored(tmp_path / "registry"))


def test_a_duplicate_that_is_refused_while_its_body_is_sent_is_found(
    emulator: Emulator, tmp_path: Path, tally: Tally
) -> None:
    tally.fault("early close of a duplicate")
    files = make_distributions(make_project(tmp_path, "berths", padding=8_000_000))
    send(files, emulator.host)

    with FaultyRegistry(
        emulator, lambda request: Fault(early=True) if request.method == "POST" else None
    ) as registry:
        deliveries = send(files, registry.host)

    assert [result for _, result in results(deliveries)] == ["found", "found"]
    tally.registry(expected(files), stored(tmp_path / "registry"))


def test_a_registry_that_is_not_up_yet_is_waited_for(
    emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...], tally: Tally
) -> None:
    tally.fault("connection refused")
    port = int(emulator.host.rpartition(":")[2])
    emulator.__exit__()
    later = Emulator(tmp_path / "registry", token=TOKEN, port=port)
    timer = threading.Timer(0.5, later.__enter__)
    timer.start()
    try:
        deliveries = send(files, f"127.0.0.1:{port}", retry_for=20)
    finally:
        timer.join()
        later.__exit__()
        emulator.__enter__()

    assert [result for _, result in results(deliveries)] == ["uploaded", "uploaded"]


def test_a_registry_that_stays_away_ends_at_the_limit(
    files: tuple[Distribution, ...], unused_port: int, tally: Tally
) -> None:
    tally.fault("connection refused")
    with pytest.raises(RegistryError) as caught:
        send(files, f"127.0.0.1:{unused_port}", retry_for=0.2)

    assert caught.value.problems[0].message.endswith("Connection refused, still after 0.2 s")


@pytest.mark.parametrize("cut", ["in the answer", "garbage", "empty"])
def test_a_broken_index_page_is_not_believed(
    cut: str, emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...], tally: Tally
) -> None:
    tally.fault(f"broken index page ({cut})")
    faults = {
        "in the answer": Fault(cut="in the answer"),
        "garbage": Fault(answer=Answer(200, b"<p>Down for maintenance</p>", HTML)),
        "empty": Fault(answer=Answer(200, b"", HTML)),
    }
    with (
        FaultyRegistry(
            emulator, lambda request: faults[cut] if request.method == "GET" else None
        ) as registry,
        pytest.raises(RegistryError),
    ):
        send(files, registry.host, retry_for=0.2)

    assert stored(tmp_path / "registry") == expected(files[:1])


def test_a_page_that_was_broken_once_is_read_again(
    emulator: Emulator, files: tuple[Distribution, ...], tally: Tally
) -> None:
    tally.fault("broken index page (once)")
    with FaultyRegistry(emulator, once("GET", Fault(cut="in the answer"))) as registry:
        assert [result for _, result in results(send(files, registry.host))] == ["uploaded"] * 2


def test_an_index_that_lags_is_waited_for(
    emulator: Emulator,
    tmp_path: Path,
    files: tuple[Distribution, ...],
    caplog: pytest.LogCaptureFixture,
    tally: Tally,
) -> None:
    tally.fault("lagging index")
    caplog.set_level("INFO", "shipwheel")
    first = []

    def script(request: Request) -> Fault | None:
        first.append(time.monotonic())
        late = request.method == "GET" and time.monotonic() - first[0] < 1
        return Fault(answer=Answer(404)) if late and "berths" in request.path else None

    with FaultyRegistry(emulator, script) as registry:
        deliveries = send(files, registry.host)

    assert [result for _, result in results(deliveries)] == ["uploaded", "uploaded"]
    assert caplog.messages[0].startswith(
        "Confirmation of 'berths-1.0-py3-none-any.whl': the registry took it, and the index does"
        " not show it yet; trying again in "
    )
    tally.registry(expected(files), stored(tmp_path / "registry"))


def test_a_duplicate_that_the_index_does_not_show_yet_is_waited_for(
    emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...], tally: Tally
) -> None:
    tally.fault("duplicate, lagging index")
    send(files, emulator.host)

    with FaultyRegistry(emulator, once("GET", Fault(answer=Answer(404)))) as registry:
        deliveries = send(files, registry.host)

    assert [result for _, result in results(deliveries)] == ["found", "found"]
    assert all(delivery.overtaken for delivery in deliveries)
    tally.registry(expected(files), stored(tmp_path / "registry"))


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


def test_a_different_file_that_came_in_between_is_a_change(
    emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...]
) -> None:
    others = make_distributions(make_project(tmp_path / "other", "berths", text="edited"))
    send(others[:1], emulator.host)

    with pytest.raises(Refused) as caught:
        send(files, emulator.host)

    assert str(caught.value) == (
        "changed: another publish has put a different 'berths-1.0-py3-none-any.whl' into the"
        " registry meanwhile\n"
        "  file changed: berths/__init__.py\n"
        "  file added: berths/data.bin\n"
        "  hint: bump the version, and publish that"
    )
    assert stored(tmp_path / "registry") == expected(others[:1])


def test_a_mixture_of_two_builds_is_reported_with_what_to_do(
    emulator: Emulator, tmp_path: Path, files: tuple[Distribution, ...]
) -> None:
    others = make_distributions(make_project(tmp_path / "other", "berths", text="edited"))
    send(others[1:], emulator.host)

    with pytest.raises(Refused) as caught:
        send(files, emulator.host)

    assert (
        "berths 1.0 is now a mixture of two builds: berths-1.0-py3-none-any.whl came from this one"
        in str(caught.value)
    )
    assert "gcloud artifacts versions delete 1.0 --package=berths" in str(caught.value)


def test_a_project_goes_after_those_that_it_needs(emulator: Emulator, tmp_path: Path) -> None:
    names = ["charts", "berths", "tides"]
    judgements = [judge(*make_distributions(make_project(tmp_path, name))) for name in names]
    needs = {"tides": {"berths"}, "berths": {"charts"}}
    plan = Plan(
        judgements=tuple(judgements[::-1]),
        needs={canonicalize_name(name): {*map(canonicalize_name, needs[name])} for name in needs},
    )

    with FaultyRegistry(emulator, lambda _: None) as registry:
        transport = transport_to(registry.host)
        deliveries = upload(plan, transport, Index(transport.registry, transport))

    assert [name for name, _ in results(deliveries)] == [
        "charts-1.0-py3-none-any.whl",
        "charts-1.0.tar.gz",
        "berths-1.0-py3-none-any.whl",
        "berths-1.0.tar.gz",
        "tides-1.0-py3-none-any.whl",
        "tides-1.0.tar.gz",
    ]
    assert [request.method for request in registry.requests] == ["POST", "GET"] * 6


def test_nothing_new_is_begun_after_a_failure_and_what_is_there_is_told(
    emulator: Emulator, tmp_path: Path
) -> None:
    charts, tides = (
        judge(*make_distributions(make_project(tmp_path, name))) for name in ("charts", "tides")
    )
    plan = Plan(judgements=(tides, charts), needs={tides.project: {charts.project}})

    def script(request: Request) -> Fault | None:
        return Fault(answer=Answer(400)) if request.number == 2 else None

    with FaultyRegistry(emulator, script) as registry:
        transport = transport_to(registry.host)
        with pytest.raises(RegistryError) as caught:
            upload(plan, transport, Index(transport.registry, transport))

    assert caught.value.problems[1].message == (
        "Already in the registry: charts-1.0-py3-none-any.whl"
    )
    assert [*stored(tmp_path / "registry")] == ["charts-1.0-py3-none-any.whl"]


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
        " projects/demo/locations/us-east4/repositories/pypi"
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
        "The account in use may not write to projects/demo/locations/us-east4/repositories/pypi:"
        f" POST http://{registry.host}/demo/pypi/ was answered 403 Forbidden, "
    )
    assert "uploadArtifacts" in problem.message
    assert problem.hint == (
        "grant it roles/artifactregistry.writer: gcloud artifacts repositories"
        " add-iam-policy-binding pypi --project=demo --location=us-east4"
        " --role=roles/artifactregistry.writer --member=serviceAccount:ACCOUNT"
    )


def test_projects_that_do_not_need_one_another_are_uploaded_side_by_side(
    emulator: Emulator, tmp_path: Path
) -> None:
    names = ["berths", "charts", "tides"]
    judgements = [judge(*make_distributions(make_project(tmp_path, name))) for name in names]
    all_there = threading.Barrier(3)

    def script(request: Request) -> Fault | None:
        is_early = request.method == "POST" and not all_there.broken
        return Fault(before=meet) if is_early else None

    def meet() -> None:
        all_there.wait(20)
        all_there.abort()

    with FaultyRegistry(emulator, script) as registry:
        transport = transport_to(registry.host)
        plan = Plan(judgements=tuple(judgements))
        deliveries = upload(plan, transport, Index(transport.registry, transport))

    assert len(deliveries) == 6


def test_what_waits_for_its_turn_is_not_begun_after_a_failure(
    emulator: Emulator, tmp_path: Path
) -> None:
    names = ["berths", "charts", "tides"]
    judgements = [judge(*make_distributions(make_project(tmp_path, name))) for name in names]

    with FaultyRegistry(emulator, once("POST", Fault(answer=Answer(400)))) as registry:
        transport = transport_to(registry.host)
        index = Index(transport.registry, transport)
        with pytest.raises(RegistryError):
            upload(Plan(judgements=tuple(judgements)), transport, index, workers=1)

    posts = [request.method for request in registry.requests].count("POST")
    # The one worker may have begun with the next before the failure was seen.
    assert posts in {1, 2, 3}
    assert len(stored(tmp_path / "registry")) < 3


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
        " \"There is no repository at '/demo/pypi/'.\""
    )
    assert problem.hint == (
        "check the registry's address, or create the repository: gcloud artifacts repositories"
        " create pypi --repository-format=python --project=demo --location=us-east4"
    )
