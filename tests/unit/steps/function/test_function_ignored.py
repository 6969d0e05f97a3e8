"""What git and gcloud do not see of a function: asked of git, and written into ignore files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from steps.function.ignored import InGit, ignore_files, see
from steps.host.errors import InputError
from tests.tree import git
from tests.unit.steps.function.function_facts import HIDDEN, SEEN, TRACKED

if TYPE_CHECKING:
    from pathlib import Path


def repository(folder: Path) -> Path:
    git(folder, "init", "--quiet")
    function = folder / "functions" / "f"
    function.mkdir(parents=True)
    return function


def test_git_tells_what_it_tracks_and_ignores(tmp_path: Path) -> None:
    function = repository(tmp_path)
    environ = {"PATH": os.environ["PATH"]}
    assert see(function, "requirements.txt", environ) == SEEN

    (function / "requirements.txt").touch()
    git(function, "add", ".")
    assert see(function, "requirements.txt", environ) == InGit(is_tracked=True, is_ignored=False)

    (tmp_path / ".gitignore").write_text("/functions/*/requirements.txt\n")
    assert see(function, "requirements.txt", environ) == TRACKED


def test_outside_of_git_nothing_is_kept(tmp_path: Path) -> None:
    assert see(tmp_path, "requirements.txt", {}) == HIDDEN


def test_git_that_does_not_answer_is_no_leave_to_write(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()

    for environ in ({"PATH": os.environ["PATH"]}, {"PATH": "/nowhere"}):
        with pytest.raises(InputError, match="git cannot tell whether it tracks"):
            see(tmp_path, "requirements.txt", environ)


def test_ignore_files_get_the_lines_that_they_lack(tmp_path: Path) -> None:
    assert ignore_files(tmp_path, hide=["requirements.txt"]) == {
        ".gitignore": "/requirements.txt\n",
        ".gcloudignore": ".gcloudignore\n.git\n.gitignore\n#!include:.gitignore\n"
        "!/requirements.txt\n",
    }
    (tmp_path / ".gitignore").write_text("*.pyc")
    (tmp_path / ".gcloudignore").write_text("*.txt\n")
    assert ignore_files(tmp_path, hide=["requirements.txt"]) == {
        ".gitignore": "*.pyc\n/requirements.txt\n",
    }
    assert ignore_files(tmp_path, upload=["requirements.txt", "vendor/"]) == {
        ".gcloudignore": "*.txt\n!/requirements.txt\n!/vendor/\n!/vendor/**\n",
    }
