"""Shell completion, as the shells ask for it; bash itself is asked, too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


def run(*command: str, **environ: str) -> str:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        command,
        env={**os.environ, "PATH": path, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stderr == ""
    return ended.stdout


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("shipwheel pub", "publish"),
        ("shipwheel triggers ex", "explain"),
        ("shipwheel publish --retry", "--retry-for"),
        ("shipwheel check --policy ser", "series"),
    ],
)
def test_bash_completes_commands_options_and_choices(words: str, completed: str) -> None:
    script = f"""
        eval "$(shipwheel completion bash)"
        COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
        _shipwheel_completion shipwheel
        echo "${{COMPREPLY[@]}}"
    """

    assert run("bash", "--norc", "-c", script) == f"{completed}\n"


@pytest.mark.parametrize(
    ("shell", "incomplete", "answer"),
    [
        ("zsh", "1", "plain\npublish\nBuild, check, upload and confirm, dependencies first.\n"),
        ("fish", "pub", "plain,publish\tBuild, check, upload and confirm, dependencies first.\n"),
    ],
)
def test_zsh_and_fish_get_what_their_scripts_read(shell: str, incomplete: str, answer: str) -> None:
    script = run("shipwheel", "completion", shell)
    asked = {"COMP_WORDS": "shipwheel pub", "COMP_CWORD": incomplete}

    assert f"_SHIPWHEEL_COMPLETE={shell}_complete" in script
    assert run("shipwheel", _SHIPWHEEL_COMPLETE=f"{shell}_complete", **asked) == answer
