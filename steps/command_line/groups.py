"""Commands, and groups that import the module of a command when it is called.

Start-up pays for click and for one command, never for all of them. Every command takes the options
about narration, and its help has the options in sections.
"""

from __future__ import annotations

import difflib
import importlib
import logging
import os
import signal
from typing import TYPE_CHECKING, Any

import click

from steps import __version__
from steps.host.errors import InputError
from steps.host.progress import PROGRESS_VARIABLE, narration

if TYPE_CHECKING:
    from collections.abc import Mapping

# In the `meta` of click's context: seconds that a command needs to clean up after a SIGTERM.
GRACE = "shipwheel.grace_seconds"

# What a shell reports of a program that SIGPIPE ended; Windows has no such signal.
OUTPUT_CLOSED = 128 + getattr(signal, "SIGPIPE", 13)

# The sections of a help after its "Options", and the parameters that are shown there.
_SECTIONS = {
    "Registry": ("registry", "section", "retry_for", "standard", "virtual", "wait"),
    "Versions": ("policy", "allow_local", "allow_epoch", "first_release"),
    "Names": ("public_names", "strict_names", "public_index"),
    "Builds": (
        "kinds",
        "strict",
        "timeout",
        "cache",
        "unshallow",
        "workers",
        "python",
        "settings",
    ),
    "Credentials": ("json_key", "netrc", "shell"),
    "Files": ("scope", "file", "write", "diff", "write_ignores"),
    "Deletion": ("gone", "delete_package", "yes", "asynchronous"),
    "Output": ("as_json", "verbose", "quiet", "color", "no_progress"),
}


def chosen_colour() -> bool | None:
    """Return whether colours are shown; None leaves it to whether they go to a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def _choose_level(context: click.Context, parameter: click.Parameter, given: bool) -> None:
    if given and not context.resilient_parsing:
        level = logging.DEBUG if parameter.name == "verbose" else logging.WARNING
        logging.getLogger("shipwheel").setLevel(level)


def _choose_colour(context: click.Context, _parameter: click.Parameter, when: str | None) -> None:
    if when and not context.resilient_parsing:
        chosen = {"always": "FORCE_COLOR", "never": "NO_COLOR"}.get(when)
        for variable in ("NO_COLOR", "FORCE_COLOR"):
            os.environ.pop(variable, None)
        if chosen:
            os.environ[chosen] = "1"
    context.color = chosen_colour()


def _choose_progress(context: click.Context, _parameter: click.Parameter, without: bool) -> None:
    if without and not context.resilient_parsing:
        os.environ[PROGRESS_VARIABLE] = "1"


_OUTPUT_OPTIONS = (
    click.Option(
        ["-v", "--verbose"],
        is_flag=True,
        expose_value=False,
        callback=_choose_level,
        help="Show more detail.",
    ),
    click.Option(
        ["-q", "--quiet"],
        is_flag=True,
        expose_value=False,
        callback=_choose_level,
        help="Show only warnings and errors.",
    ),
    click.Option(
        ["--color"],
        type=click.Choice(["auto", "always", "never"]),
        expose_value=False,
        callback=_choose_colour,
        help="When to use colors.  [env: NO_COLOR, FORCE_COLOR]",
    ),
    click.Option(
        ["--no-progress"],
        is_flag=True,
        expose_value=False,
        callback=_choose_progress,
        help=f"Show no progress on a terminal.  [env: {PROGRESS_VARIABLE}]",
    ),
)


class ShipwheelCommand(click.Command):
    """A command with the options about its output, and a help with sections."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters and those of every command, --help last."""
        *own, last = super().get_params(ctx)
        return [*own, *_OUTPUT_OPTIONS, last]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse *args*; an error names this command, also one that click's parser raises."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def sections(self, ctx: click.Context) -> dict[str, list[click.Option]]:
        """Return the options by the section of the help, --help last."""
        section_of = {name: title for title, names in _SECTIONS.items() for name in names}
        found: dict[str, list[click.Option]] = {title: [] for title in ("Options", *_SECTIONS)}
        *options, last = (it for it in self.get_params(ctx) if isinstance(it, click.Option))
        for option in options:
            found[section_of.get(option.name or "", "Options")].append(option)
        found["Output"].append(last)
        return {title: options for title, options in found.items() if options}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those that several commands share in sections below the others."""
        for title, options in self.sections(ctx).items():
            if records := [it for option in options if (it := option.get_help_record(ctx))]:
                with formatter.section(title):
                    formatter.write_dl(records)


class CommandGroup(ShipwheelCommand, click.Group):
    """A group of commands, each in a module named after it, which is imported on demand.

    *index* maps modules to the sentence that the help has for their command, in its order.
    """

    def __init__(self, *args: Any, index: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.modules = {module.rpartition(".")[2]: module for module in index}
        self.index = dict(zip(self.modules, index.values(), strict=True))

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse *args*; begin to narrate first, in the way that they may change."""
        if parent is None:
            narration.begin()
        return super().make_context(info_name, args, parent, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return [*dict.fromkeys((*self.index, *self.commands))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command that was added, or import the module that has it."""
        if cmd_name in self.commands or cmd_name not in self.index:
            return self.commands.get(cmd_name)
        module = importlib.import_module(self.modules[cmd_name])
        command: click.Command = module.command
        command.short_help = self.index[cmd_name]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the near miss of an unknown command."""
        names = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in names:
            near = difflib.get_close_matches(args[0], names, n=1)
            meant = self._find_inside(ctx, args[0]) or "".join(near)
            ctx.fail(f"No such command {args[0]!r}.{f' Did you mean {meant!r}?' if meant else ''}")
        return super().resolve_command(ctx, args)

    def _find_inside(self, ctx: click.Context, name: str) -> str:
        group = self.get_command(ctx, "triggers")
        return f"triggers {name}" if isinstance(group, CommandGroup) and name in group.index else ""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; when its output is closed, end as a signal would end it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Left to click the exit code would be 1, which says that a gate refused.
            return OUTPUT_CLOSED

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, and the commands without importing a single one."""
        super().format_options(ctx, formatter)
        added = {name: it.get_short_help_str() for name, it in self.commands.items()}
        with formatter.section("Commands"):
            formatter.write_dl([*{**self.index, **added, **self.index}.items()])


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
        "-V",
        "--version",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_print_version,
        help="Print the version and exit.",
    )
    def shipwheel() -> None:
        """Ship Python packages to Google Artifact Registry from Cloud Build.

        \b
        Example:
          shipwheel publish --all \\
            --registry us-central1/my-project/pypi
        """
        _require_working_directory()

    return shipwheel
