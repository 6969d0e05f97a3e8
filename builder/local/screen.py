"""Where the log of a build is shown: a stream, or a terminal with a live table below the log."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.console import Console
    from rich.table import Table

    from builder.local.execution import Execution

_REFRESH = 4  # times a second
_STYLES = {"SUCCESS": "green", "FAILURE": "red", "TIMEOUT": "red", "WORKING": "cyan"}


class Screen(Protocol):
    """Shows lines, and a build while it runs."""

    def write(self, text: str) -> None:
        """Show *text*, which ends in a line break."""
        ...

    def watch(self, execution: Execution) -> AbstractContextManager[object]:
        """Return a context in which the state of *execution* is shown."""
        ...


@dataclass(frozen=True)
class Stream:
    """A file or a pipe: lines, and nothing that moves."""

    stream: TextIO

    def write(self, text: str) -> None:
        """Show *text* at once: whoever reads the pipe follows the build."""
        self.stream.write(text)
        self.stream.flush()

    def watch(self, execution: Execution) -> AbstractContextManager[object]:
        """Return a context that shows nothing."""
        return contextlib.nullcontext(execution)


class Terminal:
    """A terminal: the log scrolls above a table of the steps, which goes when the build ends."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> None:
        """Show *text* above the table, as it is."""
        self._console.out(text, end="", highlight=False)

    def watch(self, execution: Execution) -> AbstractContextManager[object]:
        """Return a context in which the table follows *execution*."""
        from rich.live import Live  # noqa: PLC0415 - only a terminal pays for it

        return Live(
            get_renderable=lambda: table(execution),
            console=self._console,
            refresh_per_second=_REFRESH,
            transient=True,
        )


def open_screen(stream: TextIO) -> Screen:
    """Return the screen for *stream*; a dumb terminal is a stream."""
    if not stream.isatty():
        return Stream(stream)
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it

    console = Console(file=stream)  # NO_COLOR is honoured by the console
    return (
        Terminal(console)
        if console.is_terminal and not console.is_dumb_terminal
        else Stream(stream)
    )


def table(execution: Execution) -> Table:
    """Return the table of the steps as they are now."""
    from rich.table import Table  # noqa: PLC0415 - only a terminal pays for it

    result = Table.grid(padding=(0, 2))
    now = execution.now()
    for index, run in execution.runs.items():
        label = execution.build.steps[index].label(index)
        spent = (run.ended or now) - run.began if run.began or run.ended else 0.0
        result.add_row(label, run.status, f"{spent:.1f} s", style=_STYLES.get(run.status, "dim"))
    return result
