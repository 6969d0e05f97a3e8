"""What a command says while it works: lines on standard error, and on a terminal a display below.

The display has one line for the whole and one for each thing in work, and goes when the whole is
done. Elsewhere, as in the log of a build, a line says what is done, and one every ten seconds what
takes long.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from steps.host.errors import printable, readable_time, shorten
from steps.host.progress import DONE, progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.text import Text

PROGRESS_VARIABLE = "SHIPWHEEL_NO_PROGRESS"

_logger = logging.getLogger("shipwheel")
_DELAY_SECONDS = 0.3  # most commands are done by then, and do not pay for the display
_REFRESH_SECONDS = 0.1
_BEAT_SECONDS = 10.0
_NAMED = 4


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
        ended = threading.Event()
        follow = self._display if _has_display() else _beat
        thread = threading.Thread(target=follow, args=[ended], name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

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
