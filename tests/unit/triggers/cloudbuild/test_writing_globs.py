from __future__ import annotations

from steps.host.errors import Problem
from triggers.cloudbuild.conditions import unwritable, without_covered


def test_what_is_named_twice_has_one_glob() -> None:
    assert without_covered(["a", "b", "a"], ["c", "c"]) == ["a/**", "b/**", "c"]


def test_a_file_below_one_of_several_directories_has_no_glob_of_its_own() -> None:
    assert without_covered(["a", "b"], ["b/x", "bx", "c"]) == ["a/**", "b/**", "bx", "c"]


def test_a_path_that_no_glob_can_name_is_one_problem_however_often_it_is_met() -> None:
    assert [*unwritable(["a,b", "c", "a,b", "{d"])] == [
        Problem(
            f"The path {path!r} cannot be a glob: it has {special}",
            "rename the directory, or exclude it in the manifest",
        )
        for path, special in (("a,b", ","), ("{d", "{"))
    ]
