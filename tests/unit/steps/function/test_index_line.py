from __future__ import annotations

import pytest

from steps.function.index_line import foreign_indexes, with_index_line
from steps.project.requirements_file import parse_requirements
from steps.registry.address import parse_registry

REAL = parse_registry("us-east4/demo/pypi", {})
EMULATED = parse_registry(
    "us-east4/demo/pypi", {"ARTIFACT_REGISTRY_EMULATOR_HOST": "127.0.0.1:8080"}
)
VIRTUAL = parse_registry("us-east4/demo/virtual", {})
URL = "https://us-east4-python.pkg.dev/demo/pypi/simple/"
INDEX = f"--index-url {URL}"


def planned(text: str, *, extra: bool = False) -> str:
    file = parse_requirements(text)
    once = with_index_line(file, REAL, [REAL, VIRTUAL], extra=extra, at=0)
    assert with_index_line(once, REAL, [REAL, VIRTUAL], extra=extra, at=0) == once
    return once.text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\n", f"{INDEX}\na\n"),
        ("# why\r\na", f"{INDEX}\r\n# why\r\na"),
        ("", f"{INDEX}\n"),
        (f"a\n{INDEX}", f"a\n{INDEX}"),
        (f"a\n{INDEX}  # ours\n", f"a\n{INDEX}  # ours\n"),
        (f"--extra-index-url {URL}\na\n", f"{INDEX}\na\n"),
        (f"--index-url {URL[:-8]}  # ours\n", f"{INDEX}  # ours\n"),
        ("-i https://oauth2accesstoken@us-east4-python.pkg.dev/demo/pypi\na\n", f"{INDEX}\na\n"),
        ("--index-url https://us-east4-python.pkg.dev/demo/virtual/simple/\n", f"{INDEX}\n"),
        (f"{INDEX}\n--extra-index-url {URL}\na\n", f"{INDEX}\na\n"),
        (f"--extra-index-url {URL} --pre\na\n", f"{INDEX} --pre\na\n"),
        (
            "--extra-index-url https://b.example/\n",
            f"{INDEX}\n--extra-index-url https://b.example/\n",
        ),
        (
            "--extra-index-url https://o:{{ACCESS_TOKEN}}@us-east4-python.pkg.dev/demo/pypi/simple/\n",
            "--extra-index-url https://o:{{ACCESS_TOKEN}}@us-east4-python.pkg.dev/demo/pypi/simple/\n",
        ),
    ],
)
def test_there_is_one_line_for_the_registry(before: str, after: str) -> None:
    assert planned(before) == after


def test_an_extra_index_is_only_written_when_asked_for() -> None:
    assert planned(f"{INDEX}\na\n", extra=True) == f"--extra-index-url {URL}\na\n"


def test_the_emulator_takes_the_place_of_what_it_emulates() -> None:
    file = parse_requirements(f"{INDEX}\na\n")

    found = with_index_line(file, EMULATED, [EMULATED], extra=False, at=0)

    assert found.text == "--index-url http://127.0.0.1:8080/demo/pypi/simple/\na\n"


def test_another_main_index_is_told_without_its_credentials() -> None:
    file = parse_requirements(f"{INDEX}\n-i https://u:secret@b.example/simple\n")

    (found,) = foreign_indexes(file, [REAL])

    assert (found[0].number, found[1]) == (2, "https://b.example/simple")
