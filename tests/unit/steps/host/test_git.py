"""git is asked in one way: bounded in time, in one language, without a prompt."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from steps.host.errors import InputError, Problem
from steps.host.git import ask_git, read_git, run_git

if TYPE_CHECKING:
    from pathlib import Path


def git(folder: Path, script: str) -> dict[str, str]:
    """Write a git that does *script*, and return the environment in which it is found."""
    program = folder / "git"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_git_is_given_no_terminal_and_no_language_but_english(tmp_path: Path) -> None:
    script = 'printf "%s " "$GIT_TERMINAL_PROMPT" "$GIT_SSH_COMMAND" "$LC_ALL" "$LANGUAGE"; cat'

    assert ask_git(tmp_path, "x", environ={**git(tmp_path, script), "LANGUAGE": "de"}).split() == [
        "0", "ssh", "-oBatchMode=yes", "C.UTF-8",
    ]  # fmt: skip


def test_what_the_environment_says_of_ssh_goes_before(tmp_path: Path) -> None:
    environ = {**git(tmp_path, "echo $GIT_SSH_COMMAND"), "GIT_SSH_COMMAND": "ssh -i key"}

    assert ask_git(tmp_path, "fetch", environ=environ) == "ssh -i key\n"


def test_a_hook_of_another_repository_does_not_decide_which_one_is_asked(tmp_path: Path) -> None:
    environ = git(tmp_path, "env | grep ^GIT_ | sort")
    others = {"GIT_DIR": ".git", "GIT_INDEX_FILE": "/x", "GIT_WORK_TREE": "/", "GIT_TRACE": "0"}

    told = ask_git(tmp_path, "status", environ={**environ, **others}).split()

    assert [line.partition("=")[0] for line in told] == [
        *("GIT_SSH_COMMAND", "-oBatchMode", "GIT_TERMINAL_PROMPT", "GIT_TRACE"),
    ]


def test_a_file_name_that_is_not_utf_8_is_kept(tmp_path: Path) -> None:
    environ = git(tmp_path, r"printf 'caf\351\0'")

    assert os.fsencode(ask_git(tmp_path, "ls-files", environ=environ)) == b"caf\xe9\0"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exec sleep 30", "`git log` took longer than 0.2 seconds"),
        (None, "git is not installed"),
        ("", "git cannot be started: Permission denied"),
    ],
)
def test_a_git_that_cannot_answer_is_an_error_or_no_answer(
    tmp_path: Path, script: str | None, message: str
) -> None:
    environ = git(tmp_path, script) if script else {"PATH": str(tmp_path)}
    if script == "":
        (tmp_path / "git").touch(mode=0o644)

    with pytest.raises(InputError) as caught:
        run_git(tmp_path, "log", hint="do without", environ=environ, seconds=0.2)

    assert caught.value.problems == (Problem(message, "do without"),)
    if not script:  # the other one would take two minutes
        assert ask_git(tmp_path, "log", environ=environ) == ""


def test_a_failure_is_reported_by_the_first_line_of_what_git_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = git(tmp_path, "echo out; echo 'fatal: bad revision' >&2; echo more >&2; exit 128")
    monkeypatch.setenv("PATH", environ["PATH"])

    with pytest.raises(InputError) as caught:
        read_git(tmp_path, "log", purpose="what changed", hint="name another one")

    message = "git cannot tell what changed: bad revision"
    assert caught.value.problems == (Problem(message, "name another one"),)
    assert ask_git(tmp_path, "log") == ""
