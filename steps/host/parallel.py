"""Work on many items at once, and tell all that went wrong in one error."""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from steps.host.errors import ShipwheelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    work: Callable[[Item], Result], items: Iterable[Item], *, workers: int
) -> tuple[Result, ...]:
    """Do *work* for every item, *workers* at a time, and return the results in the items' order.

    Expected errors do not stop the others: they are raised at the end as one error, of the class
    of the first, with the problems of all. Anything else stops the rest and is raised as it is.
    """
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="shipwheel")
    try:
        futures = [pool.submit(_caught, work, item) for item in items]
        wait(futures, return_when=FIRST_EXCEPTION)
        outcomes = [future.result() for future in futures if future.done()]
    finally:
        # A signal must not wait for workers: whatever they wait for is ended by its owner.
        pool.shutdown(wait=False, cancel_futures=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, ShipwheelError)]
    if errors:
        problems = [problem for error in errors for problem in error.problems]
        raise type(errors[0])(problems[0], more=problems[1:]) from errors[0]
    return tuple(outcome for outcome in outcomes if not isinstance(outcome, ShipwheelError))


def _caught(work: Callable[[Item], Result], item: Item) -> Result | ShipwheelError:
    try:
        return work(item)
    except ShipwheelError as error:
        return error
