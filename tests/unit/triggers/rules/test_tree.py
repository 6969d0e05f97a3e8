"""Which files lint knows of, and for whose repository triggers are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tree import git, write
from triggers.rules.linter import github_repository, repository_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_repository_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


def test_without_git_hidden_and_installed_directories_are_passed_over(tmp_path: Path) -> None:
    files = [f"{letter}/x" for letter in "hbgdface"]
    write(
        tmp_path,
        dict.fromkeys([*files, ".y", ".hidden/x", "node_modules/x", "a/__pycache__/x"], ""),
    )

    assert repository_files(tmp_path) == (".y", *sorted(files))


def test_what_git_knows_and_what_is_gone_is_not_a_file(tmp_path: Path) -> None:
    files = [f"{letter}/x" for letter in "hbgdface"]
    write(tmp_path, dict.fromkeys([*files, "gone", ".hidden/x"], ""))
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "gone", "a")
    (tmp_path / "gone").unlink()

    assert repository_files(tmp_path) == (".hidden/x", *sorted(files))


def test_the_address_on_github_is_in_small_letters(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert github_repository(tmp_path) is None

    git(tmp_path, "remote", "add", "origin", "git@github.com:Acme/Mono.git")
    assert github_repository(tmp_path) == ("acme", "mono")
