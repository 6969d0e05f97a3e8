from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builder.__main__ import main
from steps.host.errors import AccessError, InputError
from steps.project.history import complete_history
from tests.tree import AUTHOR, commit, git

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with three commits, the first of them tagged."""
    directory = tmp_path / "origin"
    directory.mkdir()
    for number in range(3):
        commit(directory, f"Commit {number}")
    git(directory, "tag", "v1.0", "HEAD~2")
    return directory


@pytest.fixture
def clone(origin: Path, tmp_path: Path) -> Path:
    """What a trigger's build gets: one commit, and no tag."""
    directory = tmp_path / "workspace"
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{origin}", str(directory))
    assert git(directory, "log", "--format=%s") == "Commit 2"
    return directory


def test_fetches_the_commits_and_the_tags_that_a_shallow_clone_lacks(clone: Path) -> None:
    (clone / "packages").mkdir()

    complete_history([clone / "packages", clone], AUTHOR)

    assert git(clone, "log", "--format=%s").splitlines() == ["Commit 2", "Commit 1", "Commit 0"]
    assert (
        git(clone, "describe", "--tags") == f"v1.0-2-g{git(clone, 'rev-parse', '--short', 'HEAD')}"
    )


def test_leaves_a_complete_history_alone(origin: Path) -> None:
    complete_history([origin], AUTHOR)  # it has no remote to ask

    assert git(origin, "rev-list", "--count", "HEAD") == "3"


def test_says_that_a_submitted_source_has_no_history(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        complete_history([tmp_path], {**AUTHOR, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})

    assert str(caught.value) == (
        f"There is no git history to complete in {str(tmp_path)!r}:"
        " fatal: not a git repository (or any of the parent directories): .git\n"
        "  hint: `gcloud builds submit` leaves .git out unless a .gcloudignore keeps it;"
        " a trigger brings it"
    )


def test_says_which_remote_is_missing(clone: Path) -> None:
    git(clone, "remote", "remove", "origin")

    with pytest.raises(InputError) as caught:
        complete_history([clone], AUTHOR)

    assert str(caught.value) == (
        f"The history in {str(clone)!r} is shallow, and no remote named 'origin' has the rest"
        " (remotes: none)\n  hint: `git remote add origin URL` before this step"
    )


def test_says_that_a_remote_wants_credentials(clone: Path, origin: Path) -> None:
    origin.rename(origin.with_name("elsewhere"))

    with pytest.raises(AccessError) as caught:
        complete_history([clone], AUTHOR)

    message, _, hint = str(caught.value).partition("\n  hint: ")
    assert message.startswith(f"The remote 'origin' did not give the history of {str(clone)!r}: ")
    assert "does not appear to be a git repository" in message
    assert hint == (
        "a private repository needs credentials in this step, which Cloud Build leaves to you:"
        " a deploy key or a token from Secret Manager"
    )


def test_the_option_comes_before_the_build(
    clone: Path, origin: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    origin.rename(origin.with_name("elsewhere"))

    code = main(["build", "--unshallow", str(clone)])

    lines = capfd.readouterr().err.splitlines()
    assert code == 5
    assert lines[0] == f"Fetching the whole git history in {str(clone)!r} from 'origin'"
    assert lines[1].startswith("error: The remote 'origin' did not give the history of ")
