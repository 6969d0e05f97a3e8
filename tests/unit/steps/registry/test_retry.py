"""What is tried again, for how long, and what is said meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from steps.host.errors import RegistryError
from steps.registry.retry import Transient, retry

if TYPE_CHECKING:
    from collections.abc import Callable


def failing(*faults: Exception) -> Callable[[], str]:
    """Return an action that raises each fault once, and then succeeds."""
    left = list(faults)

    def action() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return action


def test_a_fault_that_passes_is_waited_out_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "shipwheel")
    waits: list[float] = []
    action = failing(Transient("503"), Transient("502"))

    assert retry(action, what="GET /", retry_for=60, sleep=waits.append) == "done"

    assert 0 <= waits[0] <= 0.5
    assert 0 <= waits[1] <= 1
    assert [message.split(" in ")[0] for message in caplog.messages] == [
        "GET /: 503; trying again",
        "GET /: 502; trying again",
    ]


def test_the_other_side_is_given_the_time_it_asks_for() -> None:
    waits: list[float] = []

    retry(failing(Transient("429", 7)), what="GET /", retry_for=60, sleep=waits.append)

    assert waits == [7]


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


@pytest.mark.parametrize(
    ("asked", "retry_for", "told"), [(90, 60, 90), (90.4, 90, 91), (5, 0.5, 5)]
)
def test_a_longer_wait_than_the_limit_ends_at_once(
    asked: float, retry_for: float, told: int, clock: Clock
) -> None:
    action = failing(Transient("429", asked))

    with pytest.raises(RegistryError) as caught:
        retry(action, what="GET /", retry_for=retry_for, sleep=clock.sleep)

    assert clock.waits == []
    assert str(caught.value) == (
        f"GET /: 429, and asked to wait {told} s\n"
        f"  hint: wait longer with --retry-for {told}, or run it again later"
    )


def test_a_wait_as_long_as_the_limit_is_waited() -> None:
    waits: list[float] = []

    retry(failing(Transient("429", 90)), what="GET /", retry_for=90, sleep=waits.append)

    assert waits == [90]


@pytest.mark.parametrize("retry_for", [0, 0.01, 30])
def test_faults_that_do_not_pass_are_tried_again_until_the_limit_and_once_then(
    retry_for: float, clock: Clock
) -> None:
    with pytest.raises(RegistryError) as caught:
        retry(
            failing(*[Transient("503")] * 10_000),
            what="GET /",
            retry_for=retry_for,
            sleep=clock.sleep,
        )

    assert clock.now == pytest.approx(retry_for)
    assert str(caught.value) == (
        f"GET /: 503, still after {retry_for} s\n"
        "  hint: run the same command again when the registry answers, or wait longer with"
        " --retry-for SECONDS"
    )


def test_what_asks_for_time_that_is_over_was_given_all_there_was(clock: Clock) -> None:
    action = failing(Transient("429", 60), Transient("429", 5))

    with pytest.raises(RegistryError, match="GET /: 429, still after 60 s"):
        retry(action, what="GET /", retry_for=60, sleep=clock.sleep)


def test_no_wait_of_our_own_is_longer_than_ten_seconds(clock: Clock) -> None:
    action = failing(*[Transient("503")] * 200)

    retry(action, what="GET /", retry_for=10_000, sleep=clock.sleep)

    assert 9 < max(clock.waits) <= 10


def test_the_limit_counts_from_the_first_fault(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "shipwheel")
    later = failing(Transient("503"))

    def action() -> str:
        clock.now += 500
        return later()

    assert retry(action, what="GET /", retry_for=60, sleep=clock.sleep) == "done"
    assert caplog.messages == [
        f"GET /: 503; trying again in {clock.waits[0]:.1f} s, for 60 s at most"
    ]


def test_an_error_is_not_tried_again() -> None:
    with pytest.raises(ValueError, match="not a fault"):
        retry(failing(ValueError("not a fault")), what="GET /", retry_for=60)
