"""What is tried again, for how long, and what is said meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from steps.errors import RegistryError
from steps.retry import Transient, retry

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


def test_a_fault_that_passes_is_waited_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
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


def test_a_longer_wait_than_the_limit_ends_at_once() -> None:
    waits: list[float] = []

    with pytest.raises(RegistryError) as caught:
        retry(failing(Transient("429", 90)), what="GET /", retry_for=60, sleep=waits.append)

    assert waits == []
    assert str(caught.value) == (
        "GET /: 429, and asked to wait 90 s\n"
        "  hint: wait longer with --retry-for 90, or run it again later"
    )


def test_without_time_there_is_one_attempt() -> None:
    with pytest.raises(RegistryError, match="GET /: 503, still after 0 s"):
        retry(failing(Transient("503")), what="GET /", retry_for=0)


def test_the_limit_counts_from_the_first_fault() -> None:
    with pytest.raises(RegistryError, match=r"503, still after 0.05 s"):
        retry(failing(*[Transient("503")] * 100_000), what="GET /", retry_for=0.05)


def test_an_error_is_not_tried_again() -> None:
    with pytest.raises(ValueError, match="not a fault"):
        retry(failing(ValueError("not a fault")), what="GET /", retry_for=60)
