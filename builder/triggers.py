"""`shipwheel triggers`: the index of its commands, each in a module of its own."""

from __future__ import annotations

import click

from builder.command_line import LazyGroup

COMMANDS: dict[str, str] = {
    "render": "Print the triggers for gcloud's import, or for Terraform.",
    "lint": "Tell what is wrong, or will go wrong, in triggers and build configs.",
    "explain": "Tell which triggers a change would start, and why.",
    "diff": "Compare the live triggers with the rendered ones.",
    "apply": "Make the live triggers the rendered ones.",
    "graph": "Print packages, functions, dependencies and triggers as Mermaid.",
}


@click.group(
    cls=LazyGroup,
    index=COMMANDS,
    modules={name: f"triggers.{name}" for name in COMMANDS},
    short_help="Render, lint, explain, compare and apply build triggers.",
)
def command() -> None:
    """Render, lint, explain, compare and apply build triggers.

    All of them read the manifest shipwheel.yaml, which `shipwheel init` writes.

    \b
    Example:
      shipwheel triggers render > triggers.yaml
      gcloud builds triggers import --source=triggers.yaml --region=us-east4
    """
