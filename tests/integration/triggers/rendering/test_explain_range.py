from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from builder.__main__ import main
from steps.host.errors import InputError
from tests import tree
from tests.tree import git, write
from triggers.rendering.explanation import ChangedFiles
from triggers.rendering.git_range import read_change, read_pushes

SAMPLE = Path(__file__).parents[3] / "example"
NOBODY = "0" * 40


def commit(directory: Path, message: str, **files: str) -> str:
    """Commit *files*, whose names are written with _ for the slash, and return the commit."""
    write(directory, {name.replace("_", "/"): text for name, text in files.items()})
    return tree.commit(directory, message)


@pytest.fixture(name="repository")
def _repository(tmp_path: Path) -> Path:
    """Two commits on main, and one on a branch that left after the first."""
    directory = tmp_path / "repository"
    commit(directory, "One", a="one line\n" * 9, src_b="b\n")
    git(directory, "branch", "side")
    commit(directory, "Two", a="another line\n")
    git(directory, "checkout", "--quiet", "side")
    commit(directory, "Side", src_c="c\n")
    git(directory, "checkout", "--quiet", "main")
    return directory


def files(revisions: str, directory: Path) -> tuple[str, ...]:
    return read_change(revisions, directory).files


def test_a_push_is_what_differs_between_two_commits(repository: Path) -> None:
    (repository / "uncommitted").touch()

    assert read_change("main~1..main", repository) == ChangedFiles(files=("a",))
    assert files("main~1..", repository / "src") == ("a",)
    assert files("main..main", repository) == ()


def test_a_pull_request_is_what_changed_since_it_left_its_base(repository: Path) -> None:
    assert files("main...side", repository) == ("src/c",)
    assert read_change("main..side", repository).files == ("a", "src/c")


def test_a_renamed_file_counts_under_both_names_whatever_the_user_configured(
    repository: Path,
) -> None:
    git(repository, "config", "diff.renames", "copies")
    git(repository, "config", "diff.relative", "true")
    git(repository, "mv", "src/b", "src/new name é")
    commit(repository, "Rename")

    assert files("HEAD~1..HEAD", repository / "src") == ("src/b", "src/new name é")


def test_a_merge_counts_with_all_that_it_brought_and_says_so(repository: Path) -> None:
    git(repository, "merge", "--quiet", "--no-edit", "side")

    assert read_change("HEAD~1..HEAD", repository) == ChangedFiles(
        files=("src/c",),
        notes=("Merge commits: 1. All that they brought counts as changed",),
    )


def test_a_forced_push_is_undocumented_and_says_so(repository: Path) -> None:
    old, new = git(repository, "rev-parse", "main", "side").split()

    assert read_change("main..side", repository).notes == (
        (
            f"{new[:12]} does not follow {old[:12]}: a forced push. The files are those that"
            " differ; Google does not document which ones Cloud Build takes"
        ),
    )


@pytest.mark.parametrize("revisions", ["side", f"{NOBODY}..side"])
def test_of_a_new_branch_every_file_counts_and_is_not_documented_everywhere(
    repository: Path, revisions: str
) -> None:
    change = read_change(revisions, repository / "src")

    assert change.files == ("a", "src/b", "src/c")
    assert change.notes == (
        (
            "A new branch or tag: every file counts as changed. Google documents this for Cloud"
            " Source Repositories only"
        ),
    )


def test_a_deleted_branch_starts_no_push(repository: Path) -> None:
    assert read_change(f"main..{NOBODY}", repository) == ChangedFiles(
        files=(), silent="a branch that is deleted starts no build"
    )


@pytest.mark.parametrize("words", ["[skip ci]", "[ci skip]"])
def test_the_last_message_may_keep_a_push_from_starting_anything(
    repository: Path, words: str
) -> None:
    head = commit(repository, f"Three\n\nLater {words}", a="three\n")

    assert read_change("HEAD~1..HEAD", repository).silent == (
        f"the message of {head[:12]} has {words}"
    )


def test_a_shallow_clone_says_what_it_cannot_know(repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth", "2", f"file://{repository}", str(clone))
    git(clone, "fetch", "--quiet", "--depth", "1", "origin", "side:side")

    assert read_change("HEAD~1..HEAD", clone) == ChangedFiles(
        files=("a",),
        notes=(
            (
                "The clone is shallow: the files are those between the two commits, but merges and"
                " forced pushes cannot be seen; `git fetch --unshallow` completes it"
            ),
        ),
    )
    with pytest.raises(InputError) as absent:
        read_change("HEAD~2..HEAD", clone)
    assert str(absent.value) == (
        "Commit 'HEAD~2' not found: the clone is shallow\n"
        "  hint: complete it with `git fetch --unshallow`"
    )
    with pytest.raises(InputError, match="have no commit in common: the clone is shallow"):
        read_change("HEAD...side", clone)


@pytest.mark.parametrize("revision", ["none", "--output=x", "-h", "main:a"])
def test_what_is_not_a_commit_is_refused(repository: Path, revision: str) -> None:
    with pytest.raises(InputError) as refused:
        read_change(f"{revision}..main", repository)

    assert str(refused.value) == f"Commit {revision!r} not found\n  hint: `git fetch` may bring it"
    assert not (repository / "x").exists()


def test_outside_of_a_repository_git_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="git cannot tell what changed: not a git repository"):
        read_change("a..b", tmp_path)


def test_the_command_explains_a_range_of_the_samples_history(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(SAMPLE, repository, dirs_exist_ok=True)
    commit(repository, "Sample")
    (repository / "packages/dues/README.md").write_text("changed\n")
    # A name that is not text.
    (repository / "install.sh").rename(os.fsdecode(os.fsencode(repository) + b"/inst\xff.sh"))
    commit(repository, "Change")

    arguments = ["--manifest", str(repository / "shipwheel.yaml"), "--event", "push"]
    assert main(["triggers", "explain", *arguments, "HEAD~1..HEAD"]) == 0

    captured = capsys.readouterr()
    assert captured.out.splitlines()[:2] == [
        "fires    packages-dues-publish, on a push to a branch that matches '^main$'",
        "           packages/dues/** includes packages/dues/README.md",
    ]
    assert captured.out.splitlines()[-2:] == [
        "no trigger for install.sh",
        "no trigger for inst\\udcff.sh",
    ]
    assert captured.err == "3 changed files start 1 of 9 triggers\n"


def test_each_commit_of_the_first_parent_line_is_a_push(repository: Path) -> None:
    """A merge brings all of its side at once; its commits are no pushes of their own."""
    message = "Merge\n\nof \x1e1\x1e[skip ci]"
    git(repository, "merge", "--quiet", "--no-edit", "-m", message, "side")
    commit(repository, "Odd", **{"é\nx\x1ea": "1"})

    odd, merge, two, one = read_pushes("", repository, None)
    assert (odd.files, odd.silent) == (("é\nx\x1ea",), "")
    assert merge.files == ("src/c",)
    assert merge.silent == f"the message of {merge.commit} has [skip ci]"
    assert (two.files, one.files) == (("a",), ("a", "src/b"))
    assert [it.commit for it in read_pushes("HEAD~2..HEAD", repository, None)] == [
        odd.commit,
        merge.commit,
    ]
    assert read_pushes("HEAD", repository, 1) == [odd]
    git(repository, "commit", "--quiet", "--allow-empty", "--allow-empty-message", "-m", "")
    assert [it.files for it in read_pushes("HEAD", repository, 2)] == [(), odd.files]


def test_history_counts_the_builds_of_each_push(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(SAMPLE, tmp_path / "repository")
    directory = tmp_path / "repository"
    tree.commit(directory, "All")
    write(directory, {"packages/tides/NEW": ""})
    tree.commit(directory, "Tides")
    write(directory, {"packages/berths/NEW": ""})
    last = tree.commit(directory, "Berths")
    monkeypatch.chdir(directory)

    assert main(["triggers", "explain", "--history", "2"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "     2 builds functions-berth-finder-deploy",
        "     1 builds packages-berths-publish",
        "     1 builds packages-tides-publish",
        "     2 builds through packages/berths/NEW",
        "     2 builds through packages/tides/NEW",
    ]
    assert "2 pushes start 4 builds: 2.0 a push, at most 2 (" in printed.err
    assert main(["triggers", "explain", "HEAD~1..HEAD", "--each", "--json"]) == 0
    [(pushed, names)] = json.loads(capsys.readouterr().out)["pushes"].items()
    assert last.startswith(pushed)
    assert names == ["packages-berths-publish", "functions-berth-finder-deploy"]
    assert main(["triggers", "explain"]) == 2
    assert main(["triggers", "explain", "--each", "--files", "a"]) == 2
    assert main(["triggers", "explain", "--history", "1", "gone"]) == 2
