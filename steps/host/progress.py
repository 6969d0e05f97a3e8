"""What is in work: the one progress of this process, as `logging` has one root.

Whatever works says so here, without knowing who looks. The command line shows it, see
steps.command_line.narration.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from steps.host.errors import counted, readable_size, readable_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_logger = logging.getLogger("shipwheel")

DONE = "shipwheel_done"
"""The attribute of a log record that says what is done, and that a display has shown before."""
# A smaller file is sent before a person could read how far it is.
_SHOWN_BYTES = 1_000_000


@dataclass(eq=False, kw_only=True)
class Work:
    """One thing in work: a project that is built, a file that is uploaded, a step that runs.

    *doing* is what happens to it at the moment, *result* the sentence that says that it is done;
    *number* is its place in the whole, 0 for a part of another work. Of a file that is sent, *size*
    and *sent* are in bytes.
    """

    label: str
    doing: str
    number: int = 0
    result: str = ""
    size: int = 0
    sent: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long it has been in work."""
        return time.monotonic() - self.began

    @property
    def measure(self) -> str:
        """How far it is: a time, or the bytes and the rate of a large file."""
        if self.size < _SHOWN_BYTES or not self.sent:
            return readable_time(self.seconds)
        rate = readable_size(round(self.sent / max(self.seconds, 0.001)))
        return f"{readable_size(min(self.sent, self.size))} of {readable_size(self.size)}, {rate}/s"


_of_this_thread: ContextVar[Work | None] = ContextVar("work", default=None)


class Progress:
    """The things in work, and how many of a whole are done; threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working: list[Work] = []
        self.began = time.monotonic()
        self.show: Callable[[], AbstractContextManager[None]] = nullcontext
        """Opens a display for as long as a whole is in work."""
        self._is_whole = False
        self._begin_whole("", 0)

    def _begin_whole(self, doing: str, total: int) -> None:
        self.doing, self.total, self.begun, self.finished = doing, total, 0, 0

    @property
    def working(self) -> tuple[Work, ...]:
        """The things in work, the oldest first."""
        with self._lock:
            return tuple(self._working)

    @contextmanager
    def whole(self, doing: str, total: int, noun: str = "package") -> Iterator[None]:
        """Show what is in work meanwhile as parts of one whole: of *total* packages, or others.

        A whole inside of another one is not shown by itself.
        """
        if self._is_whole:
            yield
            return
        self._begin_whole(f"{doing} {counted(total, noun)}", total)
        self._is_whole = True
        try:
            with self.show():
                yield
        finally:
            self._is_whole = False

    def begin(self, label: str, doing: str, *, size: int = 0, is_inner: bool = False) -> Work:
        """Enter a part of the whole, or one that *is_inner* to such a part; `end` takes it out."""
        with self._lock:
            self.begun += not is_inner
            number = 0 if is_inner else self.begun
            work = Work(label=label, doing=doing, number=number, size=size)
            self._working.append(work)
        if size >= _SHOWN_BYTES:
            said = f"{doing.capitalize()} {label} ({readable_size(size)})"
            _logger.info("%s", said, extra={DONE: True})
        return work

    def end(self, work: Work) -> None:
        """Take *work* out, and say its result, if it came to one."""
        with self._lock:
            self._working.remove(work)
            self.finished += bool(work.number)
        if work.result:
            said = f"{work.result} in {readable_time(work.seconds)}"
            _logger.info("%s", said, extra={DONE: True})

    @contextmanager
    def work(self, label: str, doing: str, *, size: int = 0) -> Iterator[Work]:
        """Enter what this thread works at; `note` and `sent` in the same thread are about it."""
        work = self.begin(label, doing, size=size, is_inner=bool(_of_this_thread.get()))
        token = _of_this_thread.set(work)
        try:
            yield work
        finally:
            _of_this_thread.reset(token)
            self.end(work)


progress = Progress()


def current_work() -> Work:
    """Return what this thread works at; something invisible where it has said nothing."""
    return _of_this_thread.get() or Work(label="", doing="")
