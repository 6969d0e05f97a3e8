from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from builder.__main__ import shipwheel


@pytest.mark.parametrize("command", ["", *shipwheel.index])
def test_every_help_has_an_example_on_lines_of_its_own(command: str) -> None:
    result = CliRunner().invoke(shipwheel, [*command.split(), "--help"], terminal_width=100)

    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert "  Example:" in lines
    assert lines[lines.index("  Example:") + 1].startswith("    shipwheel ")


@pytest.mark.parametrize("name", shipwheel.index)
def test_the_index_says_of_a_command_what_the_command_says(name: str) -> None:
    command = shipwheel.get_command(click.Context(shipwheel), name)

    assert command is not None
    assert command.short_help == shipwheel.index[name]
