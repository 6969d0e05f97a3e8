"""Which files need no release, and which changes of a description come from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from steps.project.globs import glob_problems
from steps.project.unversioned import Unversioned
from tests.tree import write

if TYPE_CHECKING:
    from pathlib import Path


def test_a_glob_that_is_longer_than_a_name_of_a_file_is_no_directory(tmp_path: Path) -> None:
    write(tmp_path, {"docs/a.md": ""})
    found = [it.message for it in glob_problems(["x" * 300, "docs"], "here", tmp_path)]
    assert found == ["here: 'docs' is a directory"]


@pytest.mark.attack("time and memory")
@pytest.mark.parametrize(
    ("old", "new", "explained"),
    [
        ("-\n" * 200 + "other", "-\n" * 40 + "end", False),
        ("was\n" + "-\n" * 200 + "end", "-\n" * 40 + "end", True),
        ("a\nold\nb\nold\nc", "a\n-\nb\n-\nc", True),
        ("a\nold\nc", "a\n-\nb\n-\nc", False),
        ("a\nold", "a\nold", False),
    ],
)
def test_a_text_that_a_description_has_many_times_is_compared_in_no_time(
    tmp_path: Path, old: str, new: str, *, explained: bool
) -> None:
    write(tmp_path, {"rule.txt": "-\n"})
    assert Unversioned(tmp_path, ("*.txt",)).explain(old, new) is explained
