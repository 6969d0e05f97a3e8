"""The output of a Cloud Build step."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.command_line.report import MAX_BYTES, fitting, write_build_output

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_outside_a_build_nothing_is_written(tmp_path: Path) -> None:
    write_build_output(["line"], {})
    write_build_output(["line"], {"BUILDER_OUTPUT": str(tmp_path / "missing")})

    assert [*tmp_path.iterdir()] == []


def test_what_others_wrote_is_kept_and_all_of_it_stays_within_the_limit(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("earlier\n")
    environ = {"BUILDER_OUTPUT": str(tmp_path)}

    write_build_output([f"line {number}" for number in range(1000)], environ)
    lines = (tmp_path / "output").read_text().splitlines()
    write_build_output(["late " * 20], environ)

    assert lines[:2] == ["earlier", "line 0"]
    assert lines[-1] == f"... and {1000 - len(lines) + 2} more lines"
    assert MAX_BYTES - 40 < (tmp_path / "output").stat().st_size <= MAX_BYTES


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda it: it.symlink_to("/dev/full")])
def test_an_output_that_is_not_a_file_is_neither_waited_for_nor_written(
    tmp_path: Path, make: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path / "output")

    write_build_output(["line"], {"BUILDER_OUTPUT": str(tmp_path)})

    assert caplog.messages[0].startswith(f"Cannot write the results to '{tmp_path}/output': ")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]))), st.integers(0, 99))
def test_lines_are_whole_or_not_there_and_the_rest_is_counted(lines: list[str], size: int) -> None:
    text = fitting(lines, size).decode()

    assert len(text.encode()) <= size
    kept = text.split("\n")[:-1]
    if kept and kept != lines:
        left_out = len(lines) - len(kept) + 1
        assert kept == [
            *lines[: len(kept) - 1],
            f"... and {left_out} more line{'' if left_out == 1 else 's'}",
        ]


@pytest.mark.parametrize("size", [0, 5])
def test_where_nothing_fits_nothing_is_written(size: int) -> None:
    assert fitting(["a long line"], size) == b""
