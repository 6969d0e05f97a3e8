"""What is in work, and what a command says meanwhile.

Whatever works says so to `progress`, the one of this process, without knowing who looks. A command
writes lines on standard error, and on a terminal a display below. That has one line for the whole
and one for each thing in work, and goes when the whole is done. Elsewhere, as in the log of a
build, a line says what is done, and one every ten seconds what takes long.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from steps.host.children import beside
from steps.host.errors import counted, printable, readable_size, readable_time, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.text import Text

_logger = logging.getLogger("shipwheel")

DONE = "shipwheel_done"
"""The attribute of a log record that says what is done, and that a display has shown before."""
# A smaller file is sent before a person could read how far it is.
_SHOWN_BYTES = 1_000_000
PROGRESS_VARIABLE = "SHIPWHEEL_NO_PROGRESS"

_DELAY_SECONDS = 0.3  # most commands are done by then, and do not pay for the display
_REFRESH_SECONDS = 0.1
_BEAT_SECONDS = 10.0
_NAMED = 4


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


class Narration(logging.Handler):
    """Writes log records to the standard error of the moment, and shows the progress there."""

    def __init__(self) -> None:
        super().__init__()
        self._console: Console | None = None

    def begin(self) -> None:
        """Be what the command that begins now says, as much as it says by default."""
        _logger.handlers[:] = [self]
        _logger.setLevel(logging.INFO)
        progress.began, progress.show = time.monotonic(), self.show

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message of *record* on a line, unless a display has shown that it is done."""
        if hasattr(record, DONE) and _has_display() and not _logger.isEnabledFor(logging.DEBUG):
            return
        with suppress(OSError):  # a message that cannot be shown does not end the run
            self.write(f"{printable(record.getMessage())}\n", sys.stderr)

    def write(self, text: str, stream: TextIO) -> None:
        """Write *text*, which ends in a line break, to *stream*; above the display if there is one.

        Raises OSError where *stream* takes no more.
        """
        console = self._console
        if console and stream.isatty():
            console.out(text, end="", highlight=False)
        else:
            stream.write(text)
            stream.flush()

    @contextmanager
    def show(self) -> Iterator[None]:
        """Show the progress meanwhile."""
        with beside(self._display if _has_display() else _beat, name="progress"):
            yield

    def _display(self, ended: threading.Event) -> None:
        if ended.wait(_DELAY_SECONDS):
            return
        from rich.console import Console  # noqa: PLC0415 - 0.15 s, which only a terminal pays
        from rich.live import Live  # noqa: PLC0415 - the same

        console = Console(file=sys.stderr)  # which honours NO_COLOR
        live = Live(
            console=console,
            get_renderable=lambda: display(console.width),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with suppress(OSError), live:  # the terminal may have gone
            self._console = console
            while not ended.wait(_REFRESH_SECONDS):
                live.refresh()
        self._console = None


narration = Narration()


def _has_display() -> bool:
    """Return whether standard error is a terminal that shows more than lines, and may."""
    dumb = os.environ.get("TERM", "") in {"", "dumb"}
    wanted = not os.environ.get(PROGRESS_VARIABLE) and _logger.isEnabledFor(logging.INFO)
    return wanted and not dumb and sys.stderr.isatty()


def display(width: int) -> Text:
    """Return the lines of the display as they are now, *width* columns wide at most."""
    from rich.text import Text  # noqa: PLC0415 - as above

    whole = f"{progress.doing}  {readable_time(time.monotonic() - progress.began)}"
    shown = Text(_counted(progress.finished) + whole, "bold", no_wrap=True, overflow="ellipsis")
    for work in progress.working:
        state = f"  {work.doing}  {work.measure}"
        label = f"  {_counted(work.number) if work.number else ''}{printable(work.label)}"
        room = max(width - len(state), 0)  # what may be cut is the name
        cut = label if len(label) <= room else f"{label[: room - 1]}…"
        shown.append(f"\n{cut}{state}", "not bold")
    return shown


def _counted(number: int) -> str:
    return f"[{number}/{progress.total}] " if progress.total else ""


def _beat(ended: threading.Event) -> None:
    while not ended.wait(_BEAT_SECONDS):
        long = [it for it in progress.working if it.seconds >= _BEAT_SECONDS / 2]
        if long:
            said = [f"{it.label} ({it.doing}, {it.measure})" for it in long]
            _logger.info("In work: %s", shorten(said, _NAMED))
