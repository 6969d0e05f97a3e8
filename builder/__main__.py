"""The command line: the modules of all commands, and what the help says of each."""

from __future__ import annotations

try:
    from typing import TYPE_CHECKING, NoReturn

    import click
    from click.shell_completion import get_completion_class

    from steps.command_line import program
    from steps.command_line.groups import CommandGroup, ShipwheelCommand, root_group
except KeyboardInterrupt:  # there is nothing yet to end, or to tell
    raise SystemExit(130) from None

if TYPE_CHECKING:
    from collections.abc import Sequence

# The order is the order of the help: inside a build first, then on a laptop.
COMMANDS: dict[str, str] = {
    "steps.build": "Build sdists, and wheels from them, into PROJECT/dist/.",
    "steps.check": "Tell what publishing would do, and whether it is allowed.",
    "steps.bump": "Write a project's next version, and what has to follow it.",
    "steps.upload": "Upload built files through twine, and confirm them in the index.",
    "steps.publish": "Build, check, upload and confirm, dependencies first.",
    "steps.requirements": "Judge a function's requirements, and make them ready for its build.",
    "steps.versions": "List published versions and their files, or delete them.",
    "steps.settings": "Tell pip, uv, poetry, pdm or twine about the registry.",
    "steps.doctor": "Tell what is wrong with tools, credentials and settings here.",
    "triggers.init": "Write the manifest and the build configs that triggers name.",
    "triggers.setup": "Print, or do, what a project needs: repositories, accounts, roles.",
    "triggers.status": "Show packages, functions, their releases, consumers and triggers.",
    "builder.triggers": "Render, lint, explain, compare and apply build triggers.",
    "builder.run": "Run a build config on this machine, as Cloud Build would.",
    "builder.emulator": "Serve the registry emulator in the foreground.",
}
TRIGGER_COMMANDS: dict[str, str] = {
    "triggers.render": "Print the triggers for gcloud's import, or for Terraform.",
    "triggers.lint": "Find faults in triggers, build configs and the manifest.",
    "triggers.explain": "Show which triggers a change would start, and why.",
    "triggers.diff": "Compare the live triggers with the rendered ones.",
    "triggers.apply": "Make the live triggers match the rendered ones.",
    "triggers.graph": "Print packages, functions, dependencies and triggers as Mermaid.",
}

shipwheel = root_group(COMMANDS)


@shipwheel.group(cls=CommandGroup, index=TRIGGER_COMMANDS, short_help=COMMANDS["builder.triggers"])
def triggers() -> None:
    """Render, lint, explain, compare and apply build triggers.

    All of them read the manifest shipwheel.yaml, which `shipwheel init` writes.

    \b
    Example:
      shipwheel triggers render > triggers.yaml
      gcloud builds triggers import --region=us-central1 \\
        --source=triggers.yaml
    """


@shipwheel.command("help", cls=ShipwheelCommand, short_help="Show the help of a command.")
@click.argument("names", metavar="[COMMAND]...", nargs=-1)
@click.pass_context
def show_help(context: click.Context, names: tuple[str, ...]) -> None:
    """Show the help of a command, as its --help does.

    \b
    Example:
      shipwheel help triggers render
    """
    context = context.find_root()
    for name in names:
        if not isinstance(context.command, click.Group):
            raise click.UsageError(f"{context.command_path!r} has no commands.", context)
        _, command, _ = context.command.resolve_command(context, [name])
        context = click.Context(command or shipwheel, info_name=name, parent=context)
    click.echo(context.get_help())


@shipwheel.command(
    "completion", cls=ShipwheelCommand, short_help="Print the script that completes words."
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def print_completion(shell: str) -> None:
    """Print the script with which a shell completes commands, options and choices.

    For bash and zsh put the line of the example into ~/.bashrc or ~/.zshrc; for fish write the
    script to ~/.config/fish/completions/shipwheel.fish.

    \b
    Example:
      eval "$(shipwheel completion bash)"
    """
    completion = get_completion_class(shell)
    if completion is not None:  # click knows all three
        click.echo(completion(shipwheel, {}, "shipwheel", "_SHIPWHEEL_COMPLETE").source())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line *arguments* and return the exit code."""
    return program.main(shipwheel, arguments)


def run() -> NoReturn:
    """Run as a program: `shipwheel` and `python -I -m builder` both come here."""
    program.run(shipwheel)


if __name__ == "__main__":
    run()
