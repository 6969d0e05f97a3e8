"""Options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path

import click

from steps.registry import REGISTRY_VARIABLE

projects_argument = click.argument(
    "directories",
    metavar="[PROJECT]...",
    nargs=-1,
    type=click.Path(path_type=Path),
)
all_option = click.option(
    "--all",
    "every",
    is_flag=True,
    help="Take every package below PROJECT (by default, below the current directory).",
)
registry_option = click.option(
    "--registry",
    metavar="URL",
    help=f"REGION/PROJECT/REPO or the URL of the registry.  [env: {REGISTRY_VARIABLE}]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
