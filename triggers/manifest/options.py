"""What the commands about triggers share: options, and the report of warnings."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steps.host.errors import Problem

_logger = logging.getLogger("shipwheel")

manifest_option = click.option(
    "--manifest",
    "manifest_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    default="shipwheel.yaml",
    show_default=True,
    help="The manifest; its directory is the repository's root.",
)


def report_warnings(warnings: Iterable[Problem]) -> None:
    """Narrate what does not stop a rendering, and should be known."""
    for warning in warnings:
        _logger.warning("warning: %s", warning)
