"""Groups of commands: each command lives in a module of its own, imported when it is called.

Start-up pays for click and for one command, never for all of them.
"""

from __future__ import annotations

import difflib
import importlib
import logging
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from steps import __version__
from steps.host.errors import InputError, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

# In the `meta` of click's context: seconds that a command needs to clean up after a SIGTERM.
GRACE = "shipwheel.grace_seconds"

# What a shell reports of a program that SIGPIPE ended.
OUTPUT_CLOSED = 128 + signal.SIGPIPE


class CommandGroup(click.Group):
    """A group of commands, each in a module named after it, which is imported on demand.

    *index* maps modules to the sentence that the help has for their command, in its order.
    """

    def __init__(self, *args: Any, index: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.modules = {module.rpartition(".")[2]: module for module in index}
        self.index = dict(zip(self.modules, index.values(), strict=True))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return [*self.index]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command that was added, or import the module that has it."""
        if cmd_name in self.commands or cmd_name not in self.index:
            return self.commands.get(cmd_name)
        module = importlib.import_module(self.modules[cmd_name])
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the near miss of an unknown command."""
        if args and not args[0].startswith("-") and args[0] not in self.index:
            near = difflib.get_close_matches(args[0], self.index, n=1)
            meant = self._find_inside(ctx, args[0]) or "".join(near)
            ctx.fail(f"No such command {args[0]!r}.{f' Did you mean {meant!r}?' if meant else ''}")
        return super().resolve_command(ctx, args)

    def _find_inside(self, ctx: click.Context, name: str) -> str:
        group = self.get_command(ctx, "triggers")
        return f"triggers {name}" if isinstance(group, CommandGroup) and name in group.index else ""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; when nobody reads its output any more, end as a signal would end it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Left to click the exit code would be 1, which says that a gate refused.
            return OUTPUT_CLOSED

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the index without importing a single command."""
        with formatter.section("Commands"):
            formatter.write_dl([*self.index.items()])


class _Narration(logging.Handler):
    """Writes what happens to the standard error of the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message of *record* on a line."""
        with suppress(OSError):  # what nobody can be told is no reason to end
            click.echo(printable(record.getMessage()), err=True)


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"shipwheel {__version__}")
        ctx.exit()


def _require_working_directory() -> None:
    try:
        os.getcwd()  # noqa: PTH109 - only to see whether there is one
    except FileNotFoundError:
        raise InputError(
            "The current directory does not exist any more", "change to one that does"
        ) from None


def root_group(index: Mapping[str, str]) -> CommandGroup:
    """Return the group `shipwheel` of the commands in *index*."""

    @click.group(
        cls=CommandGroup,
        index=index,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    @click.option(
        "--version",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_print_version,
        help="Print the version and exit.",
    )
    @click.option("-v", "--verbose", is_flag=True, help="Show more detail.")
    @click.option("-q", "--quiet", is_flag=True, help="Show only warnings and errors.")
    def shipwheel(verbose: bool, quiet: bool) -> None:
        """Ship Python packages to Google Artifact Registry from Cloud Build.

        \b
        Example:
          shipwheel publish --all --registry us-central1/my-project/pypi
        """
        _require_working_directory()
        level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
        logger = logging.getLogger("shipwheel")
        logger.handlers[:] = [_Narration()]
        logger.setLevel(level)

    return shipwheel
