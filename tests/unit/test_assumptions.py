"""The table of assumptions about Google names code and tests that exist."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.live.questions import QUESTIONS
from tests.live.table import PAGE, problems_of, read_table
from tests.tree import write

if TYPE_CHECKING:
    from pathlib import Path

ROWS = read_table(PAGE.read_text())


def test_every_row_names_code_that_exists_and_a_test_that_is_collected() -> None:
    assert problems_of(ROWS) == []
    tables = PAGE.read_text().partition("\n## Ask")[0]
    assert len(ROWS) == tables.count("\n| `")


def test_every_question_that_the_service_is_asked_has_its_row_and_the_other_way_round() -> None:
    assert {row.id for row in ROWS if row.is_asked} == {*QUESTIONS}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"used_in": ("steps.registry.index:Index.guess",)}, "there is no steps.registry.index:"),
        ({"used_in": ("steps.registry.root:ask",)}, "there is no steps.registry.root:ask"),
        ({"used_in": ()}, "it names no code, or no test"),
        ({"tests": ("tests/unit/test_assumptions.py::test_gone",)}, "there is no test tests/unit"),
        ({"tests": ("tests/unit/test_gone.py::test_gone",)}, "there is no test tests/unit"),
        ({"tests": ("tests/live/table.py::read_table",)}, "there is no test tests/live"),
        ({"evidence": "rumour: a colleague"}, "its evidence is none of those"),
    ],
)
def test_a_row_that_names_what_is_not_there_is_found(
    change: dict[str, str | tuple[str, ...]], problem: str
) -> None:
    [found] = problems_of([replace(ROWS[0], **change)])  # type: ignore[arg-type]  # one of each type

    assert found.startswith(f"{ROWS[0].id}: {problem}")


@pytest.mark.parametrize(("name", "missing"), [("test_it", []), ("test_other", ["test_it"])])
def test_a_row_whose_test_is_removed_is_found(
    tmp_path: Path, name: str, missing: list[str]
) -> None:
    test = "tests/unit/test_a.py"
    write(tmp_path, {"a/b.py": "c = 1\n", test: f"def {name}(): ...\n"})
    row = replace(ROWS[0], used_in=("a.b:c",), tests=(f"{test}::test_it",))

    assert problems_of([row], tmp_path) == [
        f"{row.id}: there is no test {test}::{it}" for it in missing
    ]
    assert f"{row.id} comes twice" in problems_of([row, row], tmp_path)
