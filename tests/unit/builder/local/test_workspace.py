"""Which files a build gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.local.directories import copy_source
from steps.host.errors import InputError
from tests.tree import write


def copied(tmp_path: Path, *files: str, **contents: str) -> list[str]:
    """Write *files* and what *contents* names, copy them, and return what has arrived."""
    dotted = {f".{name}": text for name, text in contents.items()}
    source = write(tmp_path / "source", {**dict.fromkeys(files, "x"), **dotted})
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    count = copy_source(source, workspace)
    arrived = [path for path in workspace.rglob("*") if path.is_file() or path.is_symlink()]
    assert len(arrived) == count
    return sorted(path.relative_to(workspace).as_posix() for path in arrived)


def test_without_git_everything_is_copied(tmp_path: Path) -> None:
    assert copied(tmp_path, "a", ".b", "c/d") == [".b", "a", "c/d"]


def test_in_a_git_checkout_its_ignored_files_stay_behind(tmp_path: Path) -> None:
    files = ("a", "b.log", ".git/HEAD", "dist/x", "sub/dist/y", "keep/dist.py")

    assert copied(tmp_path, *files, gitignore="*.log\ndist/\n") == ["a", "keep/dist.py"]


def test_a_gcloudignore_decides_alone(tmp_path: Path) -> None:
    files = ("a", "b.log", ".git/HEAD", "c/secret")

    assert copied(tmp_path, *files, gitignore="*.log", gcloudignore="c/secret\n.gitignore") == [
        ".gcloudignore",
        ".git/HEAD",
        "a",
        "b.log",
    ]


def test_a_gcloudignore_can_include_the_gitignore_once(tmp_path: Path) -> None:
    ignore = "#!include:.gitignore\n# a comment\n.g*\n"
    nested = "*.log\n#!include:.other\n"

    assert copied(tmp_path, "a", "b.log", gcloudignore=ignore, gitignore=nested) == ["a"]


def test_a_negated_pattern_brings_a_file_back_but_not_below_an_ignored_folder(
    tmp_path: Path,
) -> None:
    ignore = "*.log\n!keep.log\ndist/\n!dist/keep\n.gcloudignore\n"

    assert copied(tmp_path, "a.log", "keep.log", "dist/keep", gcloudignore=ignore) == ["keep.log"]


@pytest.mark.parametrize("line", ["#!include:../.gitignore", "#!include:.missing"])
def test_an_ignore_file_that_cannot_be_included_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError):
        copied(tmp_path, "a", gcloudignore=line)


def test_modes_and_links_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "run").write_text("#!/bin/sh\n")
    (source / "run").chmod(0o755)
    (source / "link").symlink_to("run")
    (source / "dir").mkdir()
    (source / "dir" / "absolute").symlink_to(source / "run")
    (source / "folder").symlink_to("dir")
    (source / "dir" / "deep" / "empty").mkdir(parents=True)
    (source / "dir" / "deep" / "up").symlink_to(source / "run")
    (source / "outside").symlink_to("/nowhere/else")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    copy_source(source, workspace)

    assert (workspace / "run").stat().st_mode & 0o777 == 0o755
    assert (workspace / "link").readlink() == Path("run")
    assert (workspace / "folder").readlink() == Path("dir")
    # Written through, an absolute link would change the checkout.
    assert (workspace / "dir" / "absolute").resolve() == workspace / "run"
    assert (workspace / "dir" / "deep" / "up").resolve() == workspace / "run"
    assert (workspace / "outside").readlink() == Path("/nowhere/else")
    assert (workspace / "dir" / "deep" / "empty").is_dir()
