"""The retry policy: a fault that may pass is waited out, for a limited time, and out loud."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, TypeVar

import tenacity

from steps.host.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

_logger = logging.getLogger("shipwheel")

_HINT = (
    "run the same command again when the registry answers, or wait longer with --retry-for SECONDS"
)
# Seconds that no build waits for.
_LONG = 24 * 60 * 60


class Transient(Exception):  # noqa: N818 - it is a fault, and an error only once time is up
    """A fault that may pass by itself.

    *retry_after* is the number of seconds that the other side asked to wait, *hint* the hint when
    time is up.
    """

    def __init__(self, fault: str, retry_after: float = 0.0, hint: str = "") -> None:
        super().__init__(fault)
        self.retry_after = retry_after
        self.hint = hint


class ConnectionBroke(Transient):
    """The connection broke before there was an answer."""


class HostUnresolved(Transient):
    """A resolver is busy, or there is none: this passes soon or not at all, without a word."""


def retry(
    action: Callable[[], Result],
    *,
    what: str,
    retry_for: float,
    hint: str = _HINT,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Call *action* until it raises no Transient, and return its result.

    Waits with full jitter, and at least as long as the other side asks. *retry_for* seconds after
    the first fault, or when a longer wait is asked for, it raises RegistryError; *what* is the
    beginning of its sentence, and *hint* its hint when time is up.
    """
    policy = _Policy(what, retry_for, hint)
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Transient),
        wait=policy.wait,
        stop=policy.stop,
        before_sleep=policy.narrate,
        sleep=sleep,
        reraise=True,
    )
    try:
        return retrying(action)
    except Transient as fault:
        raise policy.give_up(fault) from None


class _Policy:
    """The clock starts at the first fault: a long upload that breaks off is worth another try."""

    _jitter = tenacity.wait_random_exponential(multiplier=0.5, max=10)

    def __init__(self, what: str, retry_for: float, hint: str) -> None:
        self._what = what
        self._retry_for = retry_for
        self._hint = hint
        self._first: float | None = None
        self._left = retry_for

    def wait(self, state: tenacity.RetryCallState) -> float:
        """Return the seconds to wait; after a fault this is asked first."""
        now = time.monotonic()
        if self._first is None:
            self._first = now
        self._left = self._retry_for - (now - self._first)
        return max(_fault(state).retry_after, min(self._jitter(state), self._left))

    def stop(self, state: tenacity.RetryCallState) -> bool:
        return self._left <= 0 or _fault(state).retry_after > self._left

    def narrate(self, state: tenacity.RetryCallState) -> None:
        level = logging.DEBUG if isinstance(_fault(state), HostUnresolved) else logging.INFO
        _logger.log(
            level,
            "%s: %s; trying again in %.1f s, for %.0f s at most",
            self._what,
            _fault(state),
            state.upcoming_sleep,
            self._left,
        )

    def give_up(self, fault: Transient) -> RegistryError:
        if fault.retry_after > self._left > 0:
            asked = math.ceil(fault.retry_after)
            longer = f"wait longer with --retry-for {asked}, or " if asked < _LONG else ""
            return RegistryError(
                f"{self._what}: {fault}, and asked to wait {asked} s", f"{longer}run it again later"
            )
        return RegistryError(
            f"{self._what}: {fault}, still after {self._retry_for:g} s", fault.hint or self._hint
        )


def _fault(state: tenacity.RetryCallState) -> Transient:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, Transient):
        raise TypeError("the policy was asked about what is not a fault")
    return error
