"""git: run by this module alone, never with a prompt, and in the language that is read here."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from steps.host.children import Children
from steps.host.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SECONDS = 120.0
# No one can answer a prompt, neither git's nor ssh's.
_NO_PROMPT = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
# What git says decides which hint is given.
_LANGUAGE = {"LC_ALL": "C.UTF-8", "LANGUAGE": ""}
# Where another git runs this process, as for a hook, these tell of its repository.
_OF_ANOTHER = {
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE"),
}


def run_git(
    directory: Path,
    *arguments: str,
    hint: str,
    environ: Mapping[str, str] | None = None,
    seconds: float = _SECONDS,
    text: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run git in *directory* and return its answer, also when it is no.

    It reads *text*; *environ* is this process's by default. Raises InputError, with *hint*, where
    git cannot be started or takes longer than *seconds*. A file name that is not UTF-8 is kept as
    `os.fsdecode` does.
    """
    command = ["git", "-C", os.fspath(directory), *arguments]
    given = os.environ if environ is None else environ
    own = {name: value for name, value in given.items() if name not in _OF_ANOTHER}
    try:
        with Children(timeout=seconds) as children:
            return children.ask(
                command,
                environ={**_NO_PROMPT, **own, **_LANGUAGE},
                text=text,
                undecodable="surrogateescape",
            )
    except FileNotFoundError:
        raise InputError("git is not installed", hint) from None
    except OSError as error:
        raise InputError(f"git cannot be started: {error.strerror}", hint) from None
    except subprocess.TimeoutExpired:
        message = f"`git {arguments[0]}` took longer than {seconds:g} seconds"
        raise InputError(message, hint) from None


def read_git(directory: Path, *arguments: str, purpose: str, hint: str) -> str:
    """Return what git prints in *directory*.

    Raises InputError where it fails: it cannot tell *purpose*. Git's own advice, if it gives any,
    comes before *hint*.
    """
    answer = run_git(directory, *arguments, hint=hint)
    if answer.returncode:
        said = answer.stderr.strip()
        first = said.partition("\n")[0].removeprefix("fatal: ")
        raise InputError(f"git cannot tell {purpose}: {first}", _safe_directory_hint(said) or hint)
    return answer.stdout


def ask_git(
    directory: Path, *arguments: str, environ: Mapping[str, str] | None = None, text: str = ""
) -> str:
    """Return what git prints in *directory*, or nothing where it fails, or is not there."""
    with suppress(InputError):
        answer = run_git(directory, *arguments, hint="", environ=environ, text=text)
        return answer.stdout if answer.returncode == 0 else ""
    return ""


def _safe_directory_hint(said: str) -> str:
    """Return the hint for a repository of another user's, of which git *said* what to do; or ""."""
    commands = (line.strip() for line in said.splitlines() if "safe.directory" in line)
    command = next(commands, "")
    return f"if you trust what is in it, run `{command}`" if command else ""
