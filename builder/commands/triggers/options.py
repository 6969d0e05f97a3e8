"""Options that the commands about triggers share, each declared once."""

from __future__ import annotations

from pathlib import Path

import click

manifest_option = click.option(
    "--manifest",
    "manifest_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    default="shipwheel.yaml",
    show_default=True,
    help="The manifest; its directory is the repository's root.",
)
