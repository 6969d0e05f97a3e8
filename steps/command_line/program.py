"""Where the command line meets the process: errors become messages and exit codes.

All commands together run by `run`, and one on its own, as in `python -m steps.publish`, by
`run_alone`.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import signal
import sys
import threading
import traceback
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import click

from steps.command_line.groups import GRACE, chosen_colour, root_group
from steps.host.children import end_children, failed_imports
from steps.host.errors import (
    EXIT_BUG,
    OF_THE_MACHINE,
    InputError,
    Problem,
    ShipwheelError,
    printable,
)
from steps.host.files import Scratch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

ISSUES = "https://github.com/shipwheel/shipwheel/issues"

# A shell adds the number of the signal that ended a program.
_SIGNALLED = 128
# Cloud Build waits longer; a person should not have to.
_GRACE_SECONDS = 0.6
# What is not removed by then is removed by the next process; see steps.host.files.
_REMOVAL_SECONDS = 0.2
# With fewer not even one small project can be built.
_OPEN_FILES = 32


class _Terminated(BaseException):
    """SIGTERM arrived: Cloud Build cancels a build, or its time is over."""


def main(root: click.Group, arguments: Sequence[str] | None = None) -> int:
    """Run *arguments*, by default the process's, and return the exit code of steps.host.errors."""
    try:
        _require_open_files()
        result = root.main(args=arguments, prog_name="shipwheel", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        _tell(error.format_message())
        return InputError.exit_code
    except (ShipwheelError, click.ClickException) as error:
        return _report(error if isinstance(error, ShipwheelError) else _usage_error(error))
    except (click.Abort, KeyboardInterrupt, _Terminated) as error:
        return _report_signal(terminated=isinstance(error, _Terminated))
    except Exception as error:  # noqa: BLE001 - what is not the machine's doing is shown whole
        return _report_unexpected(error)
    return result if isinstance(result, int) else 0


def run_alone(command: click.Command, *names: str) -> NoReturn:
    """Run *command* as a program, as `shipwheel NAMES...` would: `python -m steps.publish`."""
    *groups, name = names
    for group in reversed(groups):
        outer = click.Group(group, commands={name: command})
        command, name = outer, group
    root = root_group({name: ""})
    root.add_command(command, name)
    run(root, [*names, *sys.argv[1:]])


def run(root: click.Group, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run *arguments*, by default the process's, as a program, and end it."""
    try:
        _open_standard_streams()
        scratch = _open_scratch()
        signal.signal(signal.SIGTERM, partial(_terminate, scratch))
    except KeyboardInterrupt:
        sys.exit(_SIGNALLED + signal.SIGINT)
    code = main(root, arguments)
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, signal.SIG_IGN)  # what is left does not take long
    end_children()
    _close(scratch, signalled=code > _SIGNALLED)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # It takes no output any more; keep the interpreter from complaining at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if code > _SIGNALLED:
        # The interpreter would wait for requests that are under way in other threads.
        os._exit(code)
    sys.exit(code)


def _open_scratch() -> Scratch | None:
    try:
        return Scratch()
    except OSError:
        return None  # a command that needs none is not kept from its work


def _close(scratch: Scratch | None, *, signalled: bool) -> None:
    if scratch:
        scratch.remove(_REMOVAL_SECONDS if signalled else None)


def _open_standard_streams() -> None:
    """Open what the caller closed, lest a file or a connection of ours takes its number.

    The output is UTF-8 in every locale: gcloud and Terraform read it as that. A name of a file that
    is not, is passed on as it is.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115 - open to the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")


def _terminate(scratch: Scratch | None, _signal: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_children()
    # Whatever cleans up on the way out has this long for it.
    context = click.get_current_context(silent=True)
    grace = context.meta.get(GRACE, _GRACE_SECONDS) if context else _GRACE_SECONDS
    watchdog = threading.Timer(grace, _leave, [scratch])
    watchdog.daemon = True
    watchdog.start()
    raise _Terminated


def _leave(scratch: Scratch | None) -> NoReturn:
    _close(scratch, signalled=True)
    os._exit(_report_signal(terminated=True))


def _usage_error(error: click.ClickException) -> InputError:
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "shipwheel"
    # click lists what can be chosen on lines of its own.
    message = " ".join(line.strip() for line in error.format_message().splitlines())
    return InputError(message, f"see `{path} --help`")


def _report(error: ShipwheelError) -> int:
    for problem in error.problems:
        _print_problem(problem)
    return error.exit_code


def _print_problem(problem: Problem) -> None:
    error, hint = click.style("error: ", fg="red", bold=True), click.style("  hint: ", fg="cyan")
    _tell(error + printable(problem.message))
    if problem.hint:
        _tell(hint + printable(problem.hint))


def _tell(text: str) -> None:
    """Print a line on standard error; where that takes none, the exit code still tells."""
    with suppress(OSError):
        click.echo(text, err=True, color=chosen_colour())


def _report_signal(*, terminated: bool) -> int:
    # Other threads may still narrate, and this is to be the last line.
    logging.getLogger("shipwheel").handlers[:] = [logging.NullHandler()]
    word, number = ("Terminated", signal.SIGTERM) if terminated else ("Interrupted", signal.SIGINT)
    _tell(f"{word}. Run the same command again to finish the job.")
    return _SIGNALLED + number


def _require_open_files() -> None:
    """Refuse to start where nothing could be done: what fails first then would be by chance."""
    try:
        import resource  # noqa: PLC0415 - Windows has no such limits
    except ImportError:
        return
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit != resource.RLIM_INFINITY and limit < _OPEN_FILES:
        raise InputError(
            f"This machine lets Shipwheel open {limit} files at a time, and it needs"
            f" {_OPEN_FILES} ({os.strerror(errno.EMFILE)})",
            OF_THE_MACHINE[errno.EMFILE],
        )


def _limit(error: Exception) -> int:
    """Return the number of the system's error behind *error*; 0 where there is none."""
    words = str(error)
    if isinstance(error, MemoryError) or "failed to map segment" in words:
        return errno.ENOMEM
    if isinstance(error, RuntimeError) and "start new thread" in words:
        return errno.EAGAIN  # as the system says it to Python, which does not pass it on
    return getattr(error, "errno", None) or 0


def _report_unexpected(error: Exception) -> int:
    errors = (error, *failed_imports) if isinstance(error, ImportError) else (error,)
    number = next(filter(None, map(_limit, errors)), 0)
    if number in OF_THE_MACHINE:
        name = getattr(error, "filename", None)
        where = f": {os.fspath(name)!r}" if name else ""
        return _report(
            InputError(
                f"This machine does not let Shipwheel write or open more{where}"
                f" ({os.strerror(number)})",
                OF_THE_MACHINE[number],
            )
        )
    if isinstance(error, FileNotFoundError) and "temporary directory" in (error.strerror or ""):
        return _report(
            InputError(
                f"No temporary file can be written: {error.strerror}",
                "name a folder with free space in TMPDIR, or raise the limit of the size of files,"
                " such as with `ulimit -f unlimited`",
            )
        )
    temporary = os.environ.get("TMPDIR", "")
    if isinstance(error, FileNotFoundError) and temporary and not os.path.isdir(temporary):  # noqa: PTH112 - it may be anything
        return _report(
            InputError(
                f"The temporary folder was removed while Shipwheel worked in it: {temporary!r}",
                "see that nothing cleans up TMPDIR meanwhile, and run the same command again",
            )
        )
    _tell(traceback.format_exc().rstrip())
    _tell(f"This is a bug in Shipwheel. Please report it: {ISSUES}")
    return EXIT_BUG
