"""What every command does alike: its options, its help, its colours, and how it counts."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from builder.__main__ import main, shipwheel
from steps.command_line.groups import ShipwheelCommand
from steps.command_line.options import registry_option
from steps.host.errors import counted, readable_size, readable_time
from steps.host.progress import PROGRESS_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

NARROW = 60
# What Windows has not, of what Shipwheel's modules name.
POSIX = """
import os
os.supports_dir_fd.clear()  # which modules ask when they are imported
import signal, subprocess, sys, tempfile
sys.modules["fcntl"] = None
for module, names in (
    (os, "fork killpg geteuid getuid pread memfd_create O_CLOEXEC O_NOFOLLOW O_NONBLOCK fchmod"),
    (signal, "SIGKILL SIGPIPE SIGHUP"),
):
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
from builder.__main__ import run
sys.argv[0] = "shipwheel"
run()
"""


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


def run(*arguments: str, **environ: str) -> Result:
    """Run a command that narrates at each level, shows a colour, and fails."""
    group = type(shipwheel)(name="shipwheel", index={})

    @group.command(cls=ShipwheelCommand)
    @registry_option
    def tell(registry: str | None) -> None:
        logger = logging.getLogger("shipwheel")
        for level in (logging.DEBUG, logging.INFO, logging.WARNING):
            logger.log(level, logging.getLevelName(level))
        click.echo(click.style(registry or "none", fg="red"))

    return CliRunner().invoke(group, arguments, env={"FORCE_COLOR": None, **environ})


@pytest.fixture
def kept_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NO_COLOR", "FORCE_COLOR", PROGRESS_VARIABLE):
        monkeypatch.setenv(variable, "")


@pytest.mark.parametrize(
    ("option", "narrated"),
    [("", "INFO\nWARNING\n"), ("-v", "DEBUG\nINFO\nWARNING\n"), ("--quiet", "WARNING\n")],
)
def test_detail_is_chosen_before_the_command_and_after_it(option: str, narrated: str) -> None:
    words = [option] if option else []

    assert run(*words, "tell").stderr == narrated
    assert run("tell", *words).stderr == narrated


@pytest.mark.usefixtures("kept_environment")
@pytest.mark.parametrize(
    ("options", "environ", "coloured"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color=always"], {"NO_COLOR": "1"}, True),
        (["--color=never"], {"FORCE_COLOR": "1"}, False),
        (["--color=auto"], {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colours_are_chosen_by_the_option_or_by_variables(
    options: list[str], environ: dict[str, str], coloured: bool
) -> None:
    for arguments in ([*options, "tell"], ["tell", *options]):
        assert ("\x1b[31m" in run(*arguments, **environ).stdout) is coloured


@pytest.mark.usefixtures("kept_environment")
def test_errors_have_the_chosen_colour(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["versions", "--color", "always"]) == 2
    assert capsys.readouterr().err.startswith("\x1b[31m\x1b[1merror: ")


@pytest.mark.usefixtures("kept_environment")
@pytest.mark.parametrize("arguments", [["--no-progress", "tell"], ["tell", "--no-progress"]])
def test_progress_is_switched_off(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 0
    assert os.environ[PROGRESS_VARIABLE] == "1"


def test_two_registries_are_an_error() -> None:
    ended = run("tell", "--registry", "us/a-project/one", "--registry", "us/a-project/two")

    assert ended.exit_code == 2
    assert "it is given 2 times: 'us/a-project/one', 'us/a-project/two'" in ended.stderr


def test_the_version_has_a_short_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-V"]) == main(["--version"]) == 0

    short, long = capsys.readouterr().out.splitlines()
    assert short == long


@pytest.mark.parametrize("path", [*commands(shipwheel)], ids=" ".join)
def test_help_names_the_command_or_follows_it(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["help", *path]) == main([*path, "--help"]) == 0

    shown = capsys.readouterr().out
    assert shown == shown[: len(shown) // 2] * 2


def test_the_help_of_what_is_not_a_command_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "pubish"]) == main(["help", "publish", "now"]) == 2

    assert capsys.readouterr().err == (
        "error: No such command 'pubish'. Did you mean 'publish'?\n"
        "  hint: see `shipwheel --help`\n"
        "error: 'shipwheel publish' has no commands.\n"
        "  hint: see `shipwheel publish --help`\n"
    )


@pytest.mark.parametrize("path", [*commands(shipwheel)], ids=" ".join)
def test_a_help_has_an_example_that_a_narrow_terminal_does_not_break(path: tuple[str, ...]) -> None:
    wide, narrow = (
        CliRunner().invoke(shipwheel, [*path, "--help"], terminal_width=width).output.splitlines()
        for width in (100, NARROW)
    )
    start = wide.index("  Example:")
    example = wide[start : wide.index("", start)]

    assert any(line.startswith("    shipwheel ") or "$(shipwheel " in line for line in example)
    start = narrow.index("  Example:")
    assert narrow[start : start + len(example)] == example
    assert max(map(len, narrow)) <= NARROW


@pytest.mark.parametrize("name", shipwheel.index)
def test_a_shell_completes_a_command_with_what_the_index_says_of_it(name: str) -> None:
    command = shipwheel.get_command(click.Context(shipwheel), name)

    assert command is not None
    assert command.short_help == shipwheel.index[name]


def test_a_help_has_its_options_in_sections() -> None:
    shown = CliRunner().invoke(shipwheel, ["publish", "--help"]).output

    headings = [line for line in shown.splitlines() if line.endswith(":") and line[0] != " "]
    assert headings == ["Options:", "Registry:", "Versions:", "Builds:", "Output:"]


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (readable_size(None), "-"),
        (readable_size(1), "1 byte"),
        (readable_size(999), "999 bytes"),
        (readable_size(1000), "1.0 kB"),
        (readable_size(12_345), "12 kB"),
        (readable_size(114_000_000), "114 MB"),
        (readable_size(2_500_000_000), "2.5 GB"),
        (readable_time(3.14), "3.1 s"),
        (readable_time(125), "2 min 5 s"),
        (readable_time(3780), "1 h 3 min"),
        (readable_time(200_000), "2 days"),
        (counted(1, "trigger"), "1 trigger"),
        (counted(2, "trigger"), "2 triggers"),
        (counted(0, "push", "pushes"), "0 pushes"),
        (counted(1.0, "second"), "1 second"),
        (counted(0.5, "second"), "0.5 seconds"),
    ],
)
def test_numbers_have_units_that_a_person_reads(shown: str, text: str) -> None:
    assert shown == text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["settings", "pip", "--write"], 0, "pip/pip.conf: written"),
        (["doctor", "--retry-for", "0"], 1, "found something wrong"),
        (["status", "--no-live"], 0, "0 packages, 0 functions"),
        (["publish"], 2, "Shipwheel does not build on Windows"),
    ],
    ids=lambda it: it[0] if isinstance(it, list) else "",
)
def test_what_builds_nothing_works_without_what_windows_lacks(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    # Where no file can be locked, another process would take its temporary folder for abandoned.
    home = dict.fromkeys(["HOME", "PATH", "TMPDIR", "XDG_CONFIG_HOME"], str(tmp_path))
    ended = subprocess.run(
        [sys.executable, "-c", POSIX, *arguments, "--registry", "https://127.0.0.1:1/"],
        env={**home, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert said in ended.stderr
    assert ended.returncode == code, ended.stderr
