"""What may lie in `dist/` when it is uploaded."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from steps.host.errors import InputError
from steps.project.source import read_project
from steps.release.collect import collect
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path


def messages(error: InputError, folder: Path) -> list[str]:
    return [problem.message.replace(str(folder), "…") for problem in error.problems]


def test_wheels_come_before_the_sdist_and_hidden_files_do_not_count(tmp_path: Path) -> None:
    directory = make_project(tmp_path, "berths")
    files = make_distributions(directory)
    (directory / "dist/.gitignore").write_text("*\n")

    assert collect(read_project(directory)) == files


@pytest.mark.parametrize("state", ["is empty", "does not exist", "is a file, not a folder"])
def test_nothing_to_upload_is_not_a_success(tmp_path: Path, state: str) -> None:
    directory = make_project(tmp_path, "berths")
    if state == "is empty":
        (directory / "dist").mkdir()
    elif state != "does not exist":
        (directory / "dist").touch()

    with pytest.raises(InputError) as caught:
        collect(read_project(directory))

    assert messages(caught.value, tmp_path) == [f"'…/berths/dist' {state}"]
    assert "shipwheel build" in caught.value.problems[0].hint


def test_all_that_does_not_belong_there_is_named_at_once(tmp_path: Path) -> None:
    directory = make_project(tmp_path, "berths", "0.9")
    make_distributions(directory)
    make_project(tmp_path, "berths", "1.0")
    make_distributions(directory)
    for file in make_distributions(make_project(tmp_path, "charts")):
        file.path.rename(directory / "dist" / file.filename)
    (directory / "dist/notes.txt").write_text("")
    (directory / "dist/berths-1.0-py2-none-any.whl").write_text("not a zip")

    with pytest.raises(InputError) as caught:
        collect(read_project(directory))

    assert [message.partition(" is ")[0] for message in messages(caught.value, tmp_path)[1:]] == [
        "'notes.txt'",
        "'…/berths/dist/berths-0.9-py3-none-any.whl'",
        "'…/berths/dist/berths-0.9.tar.gz'",
        "'…/berths/dist/charts-1.0-py3-none-any.whl'",
        "'…/berths/dist/charts-1.0.tar.gz'",
    ]
    assert "berths-1.0-py2-none-any.whl" in messages(caught.value, tmp_path)[0]


def test_what_is_named_like_a_distribution_and_is_no_file_is_told(tmp_path: Path) -> None:
    directory = make_project(tmp_path, "berths")
    (directory / "dist").mkdir()
    (directory / "dist/berths-1.0.tar.gz").symlink_to("nowhere")
    (directory / "dist/berths-1.0-py3-none-any.whl").mkdir()

    with pytest.raises(InputError) as caught:
        collect(read_project(directory))

    assert messages(caught.value, tmp_path) == [
        "'berths-1.0-py3-none-any.whl' is not a file",
        "'berths-1.0.tar.gz' is not a file",
    ]


def test_the_newest_version_is_the_projects_where_its_files_do_not_say(tmp_path: Path) -> None:
    directory = make_project(tmp_path, "berths", "0.9")
    make_distributions(directory)
    make_project(tmp_path, "berths", "1.0")
    make_distributions(directory)
    project = dataclasses.replace(read_project(directory), name=None, version=None)

    with pytest.raises(InputError) as caught:
        collect(project)

    assert messages(caught.value, tmp_path) == [
        "'…/berths/dist/berths-0.9-py3-none-any.whl' is version 0.9, and the project is at 1.0",
        "'…/berths/dist/berths-0.9.tar.gz' is version 0.9, and the project is at 1.0",
    ]
