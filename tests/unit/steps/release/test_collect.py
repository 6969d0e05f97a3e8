"""What may lie in `dist/` when it is uploaded."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from steps.host.errors import InputError
from steps.project.source import read_project
from steps.release.collect import by_version, collect, collect_files
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path


def messages(error: InputError, folder: Path) -> list[str]:
    return [problem.message.replace(str(folder), "…") for problem in error.problems]


def make_two_versions(folder: Path, *, other: str = "") -> Path:
    """Write berths 1.0 with its files and those of 0.9, and of *other*, in its `dist/`."""
    for version in ("0.9", "1.0"):
        directory = make_project(folder, "berths", version)
        make_distributions(directory)
    for file in make_distributions(make_project(folder, other)) if other else ():
        file.path.rename(folder / "berths" / "dist" / file.filename)
    return folder / "berths"


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
    directory = make_two_versions(tmp_path, other="charts")
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


def test_what_is_named_like_a_distribution_and_is_not_a_file_is_reported(tmp_path: Path) -> None:
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
    directory = make_two_versions(tmp_path)
    project = dataclasses.replace(read_project(directory), name=None, version=None)

    with pytest.raises(InputError) as caught:
        collect(project)

    assert messages(caught.value, tmp_path) == [
        "'…/berths/dist/berths-0.9-py3-none-any.whl' is version 0.9, and the project is at 1.0",
        "'…/berths/dist/berths-0.9.tar.gz' is version 0.9, and the project is at 1.0",
    ]


def test_no_hint_takes_a_good_file_away(tmp_path: Path) -> None:
    directory = make_two_versions(tmp_path, other="charts")

    with pytest.raises(InputError) as caught:
        collect(read_project(directory))

    hints = [problem.hint for problem in caught.value.problems]
    assert [hint.partition(": ")[0] for hint in hints] == [
        "name the files to upload", "name the files to upload",
        "upload the folder, and all packages in it", "upload the folder, and all packages in it",
    ]  # fmt: skip
    assert "remove" not in "".join(hints)


SIGNATURES = (
    *("berths-1.0.tar.gz.asc", "berths-1.0.tar.gz.sigstore.json", "berths-1.0.tar.gz.sha256"),
    *("berths-1.0-py3-none-any.whl.publish.attestation", "SHA256SUMS", "checksums.txt"),
    *("berths-1.0-py3-none-any.whl.metadata", "multiple.intoto.jsonl", "berths.cdx.json"),
)


def test_files_and_folders_of_many_packages_are_collected_by_version(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    wheelhouse = tmp_path / "wheelhouse"
    wheelhouse.mkdir()
    for name, version in (("charts", "1.0"), ("berths", "1.10"), ("berths", "1.9")):
        for file in make_distributions(make_project(tmp_path, name, version)):
            file.path.rename(wheelhouse / file.filename)
    for name in (*SIGNATURES, ".gitignore"):
        (wheelhouse / name).touch()
    single = make_distributions(make_project(tmp_path, "tides"))[1].path

    files = collect_files([wheelhouse, single, wheelhouse / "charts-1.0.tar.gz"], workers=4)

    assert [[it.filename for it in group] for group in by_version(files)] == [
        ["berths-1.9-py3-none-any.whl", "berths-1.9.tar.gz"],
        ["berths-1.10-py3-none-any.whl", "berths-1.10.tar.gz"],
        ["charts-1.0-py3-none-any.whl", "charts-1.0.tar.gz"],
        ["tides-1.0.tar.gz"],
    ]
    [said] = caplog.messages
    assert said == f"Passed over, not being distributions: {', '.join(sorted(SIGNATURES))}"


@pytest.mark.parametrize("content", [["notes.asc"], []])
def test_a_folder_without_distributions_is_not_a_success(
    tmp_path: Path, content: list[str]
) -> None:
    for name in content:
        (tmp_path / name).touch()

    with pytest.raises(InputError, match="There is no distribution in "):
        collect_files([tmp_path])


def test_what_else_is_in_a_folder_is_one_problem_and_a_missing_path_another(tmp_path: Path) -> None:
    for name in (*"abcdefgh", "notes.txt", "a-1.0.zip"):
        (tmp_path / name).touch()

    with pytest.raises(InputError) as caught:
        collect_files([tmp_path, tmp_path / "gone"])

    assert messages(caught.value, tmp_path) == [
        "'…' holds what is not a distribution: a, a-1.0.zip, b, c, d and 5 more",
        "There is no such file or folder: '…/gone'",
    ]
    assert "/*.whl" in caught.value.problems[0].hint


def test_what_is_not_a_distribution_is_named_and_a_file_may_only_differ_by_its_name(
    tmp_path: Path,
) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"'notes\.txt' is not the name of a distribution"):
        collect_files([tmp_path / "notes.txt", tmp_path / "no-1.0.tar.gz"])

    one = make_distributions(make_project(tmp_path / "a", "berths", text="one"))
    same = make_distributions(make_project(tmp_path / "b", "berths", text="one"))
    other = make_distributions(make_project(tmp_path / "c", "berths", text="other"))
    assert len(by_version([*one, *same])[0]) == len(one)
    with pytest.raises(InputError, match="Two different files have one name"):
        by_version([*one, *other])
