"""The order of uploads: what waits for what, and what is not begun after a failure."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name

from steps.host.errors import RegistryError
from steps.registry.index import Index
from steps.release.uploading import Plan, upload
from tests.integration.program import without_times
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
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator
    from tests.integration.servers.faults import Request

pytestmark = pytest.mark.emulator(token=TOKEN)


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
        uploaded = upload(plan, transport, Index(transport.registry, transport))

    assert [name for name, _ in results(uploaded)] == [
        "charts-1.0-py3-none-any.whl",
        "charts-1.0.tar.gz",
        "berths-1.0-py3-none-any.whl",
        "berths-1.0.tar.gz",
        "tides-1.0-py3-none-any.whl",
        "tides-1.0.tar.gz",
    ]
    assert [request.method for request in registry.requests] == ["POST", "GET"] * 6


def test_wheels_go_before_the_sdist_and_each_file_is_reported(
    emulator: Emulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "shipwheel")
    wheel, sdist = make_distributions(make_project(tmp_path, "charts"))

    send((sdist, wheel), emulator.host)

    assert [without_times(it) for it in caplog.messages] == [
        "Uploaded charts-1.0-py3-none-any.whl in T s",
        "Uploaded charts-1.0.tar.gz in T s",
    ]


def test_nothing_new_is_begun_after_a_failure_and_what_is_there_is_reported(
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


def test_what_is_under_way_at_a_failure_is_waited_for_and_reported_and_nothing_follows_it(
    emulator: Emulator, tmp_path: Path
) -> None:
    charts = make_distributions(make_project(tmp_path, "charts", padding=300_000))
    dues, tides = (make_distributions(make_project(tmp_path, name)) for name in ("dues", "tides"))
    under_way = threading.Event()
    plan = Plan(
        judgements=tuple(judge(*it) for it in (tides, charts, dues)),
        needs={dues[0].name: {charts[0].name}},
    )

    def script(request: Request) -> Fault | None:
        if request.method != "POST":
            return None
        if int(request.headers["Content-Length"]) > 300_000:
            under_way.set()
            return Fault(hang=0.3)
        return Fault(before=lambda: under_way.wait(20), answer=Answer(400))

    with FaultyRegistry(emulator, script) as registry:
        transport = transport_to(registry.host)
        with pytest.raises(RegistryError) as caught:
            upload(plan, transport, Index(transport.registry, transport))

    assert [problem.message for problem in caught.value.problems] == [
        "The registry does not take 'tides-1.0-py3-none-any.whl': 400 Bad Request, 'planted fault'",
        "Already in the registry: charts-1.0-py3-none-any.whl, charts-1.0.tar.gz",
    ]
    assert stored(tmp_path / "registry") == expected(charts)


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
        uploaded = upload(plan, transport, Index(transport.registry, transport))

    assert len(uploaded) == 6


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
