"""Many items at once, all problems in one error."""

from __future__ import annotations

import threading

import pytest

from steps.host.children import each
from steps.host.errors import BuildFailed, InputError, ShipwheelError


def test_results_come_in_the_order_of_the_items() -> None:
    assert each(lambda number: number * 2, [3, 1, 2], workers=2) == (6, 2, 4)


def test_nothing_to_do_is_not_an_error() -> None:
    assert each(str, [], workers=1) == ()


def test_work_is_done_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=10)

    assert len(each(lambda _: both.wait(), range(2), workers=2)) == 2


@pytest.mark.parametrize(("one", "three"), [(BuildFailed, InputError), (InputError, BuildFailed)])
def test_all_expected_errors_are_raised_as_one_of_the_gravest_class(
    one: type[ShipwheelError], three: type[ShipwheelError]
) -> None:
    def work(number: int) -> int:
        if number == 1:
            raise one("one")
        if number == 3:
            raise three("three", "count again")
        return number

    with pytest.raises(ShipwheelError) as caught:
        each(work, range(4), workers=2)

    assert type(caught.value) is BuildFailed
    assert [str(problem) for problem in caught.value.problems] == [
        "one",
        "three\n  hint: count again",
    ]


def test_a_bug_stops_the_rest_and_is_raised_as_it_is() -> None:
    done: list[int] = []
    raised = threading.Event()

    def work(number: int) -> None:
        if number == 0:
            raise ZeroDivisionError
        raised.wait(timeout=10)
        done.append(number)

    with pytest.raises(ZeroDivisionError):
        each(work, range(100), workers=1)
    raised.set()

    assert len(done) <= 1
