"""Errors become messages and exit codes in one place."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

import steps
from builder.__main__ import main, shipwheel
from steps.command_line import program
from steps.host import errors
from steps.host.errors import Problem, ShipwheelError, printable, quoted

if TYPE_CHECKING:
    from pathlib import Path

CODES = {
    "Refused": 1,
    "InputError": 2,
    "BuildFailed": 3,
    "RegistryError": 4,
    "ServiceError": 4,
    "AccessError": 5,
}


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    @click.command
    def command() -> None:
        raise error

    monkeypatch.setattr(shipwheel, "resolve_command", lambda *_: ("command", command, []))


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"shipwheel {steps.__version__}\n"


def test_the_version_pays_for_click_and_for_next_to_nothing_else() -> None:
    code = (
        "import sys, click; before = {*sys.modules}; from builder.__main__ import main;"
        " main(['--version']);"
        " print(*sorted(name for name in sys.modules.keys() - before"
        " if name.partition('.')[0] not in sys.stdlib_module_names))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.splitlines()[1].split() == [
        "builder",
        "builder.__main__",
        "click.shell_completion",
        "steps",
        "steps.command_line",
        "steps.command_line.groups",
        "steps.command_line.program",
        "steps.host",
        "steps.host.children",
        "steps.host.errors",
        "steps.host.files",
        "steps.host.placement",
        "steps.host.progress",
    ]


def test_every_error_class_has_its_exit_code() -> None:
    assert {it.__name__: it.exit_code for it in ShipwheelError.__subclasses__()} == CODES


@pytest.mark.parametrize("name", CODES)
def test_an_expected_error_is_a_paragraph_per_problem(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, getattr(errors, name)("first", "fix it", more=[Problem("second")]))

    assert main(["command"]) == CODES[name]

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "error: first\n  hint: fix it\nerror: second\n"


def test_a_bug_shows_its_traceback_and_where_to_report_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, ZeroDivisionError("oops"))

    assert main(["command"]) == 70

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2] == "ZeroDivisionError: oops"
    assert lines[-1].startswith("This is a bug in Shipwheel. Please report it: https://")


def test_an_interrupt_says_that_the_job_can_be_run_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, KeyboardInterrupt())

    assert main(["command"]) == 130
    assert capsys.readouterr().err.strip().startswith("Interrupted.")


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("errno", ""),
        ("click", ""),
        ("steps.command_line.program", ""),
        ("steps.host.files", ""),
        (
            "steps.build",
            "\nInterrupted. Run the same command again to finish the job.\n",
        ),
    ],
)
def test_an_interrupt_while_modules_are_imported_is_no_traceback(module: str, told: str) -> None:
    code = (
        "import runpy, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name == {module!r}: signal.raise_signal(signal.SIGINT)\n"
        f"sys.modules.pop({module!r}, None)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "sys.argv = ['shipwheel', 'build', '--help']\n"
        "runpy.run_module('builder', run_name='__main__', alter_sys=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (130, "", told)


def test_what_a_thread_tells_after_an_interrupt_does_not_follow_the_last_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, KeyboardInterrupt())

    main(["command"])
    logging.getLogger("shipwheel").warning("trying again")

    last = "Interrupted. Run the same command again to finish the job."
    assert capsys.readouterr().err.splitlines()[-1] == last


def test_output_that_is_not_read_any_more_is_not_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, BrokenPipeError(errno.EPIPE, "Broken pipe"))

    assert main(["command"]) == 141


def test_a_full_disk_is_not_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/there"))

    assert main(["command"]) == 2
    assert capsys.readouterr().err == (
        "error: This machine does not let Shipwheel write or open more: '/there'"
        " (No space left on device)\n"
        "  hint: make room where the output, the project and TMPDIR are, and run it again\n"
    )


def test_a_name_that_is_too_long_is_not_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["triggers", "lint", "--manifest", "a" * 300]) == 2
    assert "(File name too long)\n  hint: give it a shorter name\n" in capsys.readouterr().err


def test_a_temporary_folder_that_was_removed_is_not_a_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    monkeypatch.setenv("TMPDIR", str(gone))
    raising(monkeypatch, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{gone}/x"))

    assert main(["command"]) == 2
    assert capsys.readouterr().err == (
        f"error: The temporary folder was removed while Shipwheel worked in it: '{gone}'\n"
        "  hint: see that nothing cleans up TMPDIR meanwhile, and run the same command again\n"
    )


@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        (">&-", 0, ""),
        (">&- 2>&- <&-", 0, ""),
        (">/dev/full", 2, "error: This machine does not let Shipwheel write or open more "),
    ],
)
def test_standard_streams_may_be_closed_or_full(redirection: str, code: int, said: str) -> None:
    command = f'exec "$0" -m builder build --help {redirection}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(said)
    assert bool(done.stderr) == bool(said)


@pytest.mark.attack("limits of the machine")
@pytest.mark.parametrize(("arguments", "code"), [("--version", 0), ("run nowhere", 2), ("", 2)])
@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
def test_a_standard_error_that_takes_nothing_does_not_change_the_exit_code(
    arguments: str, code: int, redirection: str
) -> None:
    command = f'exec "$0" -m builder {arguments} {redirection}'
    done = subprocess.run(["sh", "-c", command, sys.executable], timeout=60, check=False)

    assert done.returncode == code


@pytest.mark.attack("limits of the machine")
def test_a_limit_of_the_machine_is_reported_with_what_raises_it(tmp_path: Path) -> None:
    config = tmp_path / "cloudbuild.yaml"
    config.write_text("steps: [{name: bash}]")
    (tmp_path / "large").write_bytes(bytes(5000))
    command = f'exec "$0" -m builder run {config} --source {tmp_path} --host-tools'
    for limit, said in (
        ("-n 7", "Too many open files"),
        ("-n 31", "lets Shipwheel open 31 files at a time, and it needs 32"),
        ("-f 4", "File too large"),
        ("-f 0", "No temporary file can be written: No usable temporary directory found in"),
    ):
        done = subprocess.run(
            ["bash", "-c", f"ulimit {limit}; {command}", sys.executable],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        assert said in done.stderr
        assert f"`ulimit {limit[:2]} " in done.stderr


@pytest.mark.attack("limits of the machine")
@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (RuntimeError("can't start new thread"), "end other programs, or raise their limit"),
        (MemoryError(), "end other programs, or take a larger machine"),
        (OSError(errno.EMFILE, "x", "y"), "raise the limit of open files"),
        (ImportError("x.so: failed to map segment from shared object"), "end other programs"),
        (ImportError("cannot import name 'x' from 'y'"), "raise the limit of open files"),
    ],
)
def test_a_limit_is_the_machines_however_python_puts_it(
    error: Exception, hint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = [ImportError("another"), OSError(errno.EMFILE, "met by another thread")]
    monkeypatch.setattr(program, "failed_imports", failed)
    raising(monkeypatch, error)

    assert main(["command"]) == 2
    assert f"hint: {hint}" in capsys.readouterr().err


@pytest.mark.attack("terminal and log")
def test_a_name_of_others_is_short_and_stays_on_its_line_in_quotes() -> None:
    assert quoted("a\n\x1b[2J\u202e\ud800 ::error::" + "z" * 80_000) == (
        r"'a\n\x1b[2J\u202e\ud800 :\x3aerror:\x3a" + "z" * 82 + "… and 79918 more characters'"
    )


@pytest.mark.attack("terminal and log")
def test_what_others_wrote_is_shown_and_never_obeyed() -> None:
    text = "a\x1b]0;t\x07\u202eb \x1b[31mred\x1b[0m\r\n  ::error::x\n##[warning]y\n" + "z" * 4001

    assert printable(text).splitlines() == [
        r"a\x1b]0;t\x07\u202eb red",
        r"  \x3a:error::x",
        r"#\x23[warning]y",
        "z" * 4000 + "… and 1 more characters",
    ]
    assert printable("https://me:a:b@c@host/x@y me@host") == "https://me:***@host/x@y me@host"
    assert printable("Zoë: naïve 東京\t✓ a::b ## [x]") == "Zoë: naïve 東京\t✓ a::b ## [x]"


def test_the_output_is_utf_8_in_every_locale() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "builder", "run", "--help"],
        env={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert "K=V,…" in done.stdout.decode("utf-8")


def test_a_current_directory_that_is_gone_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert main(["build"]) == 2
    assert capsys.readouterr().err == (
        "error: The current directory does not exist any more\n  hint: change to one that does\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message", "command"),
    [
        (["pubish"], "No such command 'pubish'. Did you mean 'publish'?", "shipwheel"),
        (["zzz"], "No such command 'zzz'.", "shipwheel"),
        (["lint"], "No such command 'lint'. Did you mean 'triggers lint'?", "shipwheel"),
        (
            ["settings"],
            (
                "Missing argument '{pip|uv|poetry|pdm|twine}'."
                " Choose from: pip, uv, poetry, pdm, twine"
            ),
            "shipwheel settings",
        ),
        (
            ["publish", "--registri", "x"],
            "No such option '--registri'. (Did you mean one of: '--registry', '--strict'?)",
            "shipwheel publish",
        ),
        (
            ["triggers", "lint", "--explain"],
            "Option '--explain' requires an argument.",
            "shipwheel triggers lint",
        ),
    ],
)
def test_what_is_unknown_is_reported_with_its_near_miss(
    arguments: list[str], message: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"error: {message}\n  hint: see `{command} --help`\n"


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2

    assert capsys.readouterr().err.startswith("Usage: shipwheel [OPTIONS] COMMAND [ARGS]...")
