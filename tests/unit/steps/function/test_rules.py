"""Every code: a sound function has none, and one change to it brings that code and no other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from steps.function.function import parsed
from steps.function.rules import CODES, judge
from tests.unit.steps.function.function_context import REQUIREMENTS, context, published, requires
from tests.unit.steps.function.rule_cases import CASES
from tests.unit.steps.function.sound_cases import SOUND

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("case", SOUND)
def test_a_sound_function_has_no_finding(tmp_path: Path, case: str) -> None:
    found = judge(context(tmp_path, **SOUND[case]))

    assert [each.code for each in found] == (["SW821"] if "extra one" in case else [])


@pytest.mark.parametrize("case", CASES)
def test_one_change_brings_one_finding(tmp_path: Path, case: str) -> None:
    code, change, file, line, message = CASES[case]

    (found,) = judge(context(tmp_path, **change))

    assert (found.code, found.file, found.line) == (code, file, line)
    assert message in found.message
    assert found.hint
    assert "planted" not in f"{found.message} {found.hint}".lower()


def test_a_pyproject_beside_or_instead(tmp_path: Path) -> None:
    def codes(pyproject: str, **settings: Any) -> list[tuple[str, str, int]]:
        known = context(tmp_path, {"pyproject.toml": pyproject}, settings)
        return [(each.code, each.file, each.line) for each in judge(known)]

    assert codes("[tool.black]") == []
    assert codes("[") == []
    assert codes("[project]") == [("SW833", "pyproject.toml", 0)]
    assert codes("[tool.poetry]") == [("SW833", "pyproject.toml", 0)]
    lock = f"# Pinned by shipwheel requirements from pyproject.toml\n{REQUIREMENTS}"
    assert judge(context(tmp_path, {"pyproject.toml": "[project]", "requirements.txt": lock})) == ()
    written = "# Written by shipwheel requirements from pyproject.toml\n"
    known = context(tmp_path, {"pyproject.toml": "[project]", "requirements.txt": written})
    known = replace(known, files={"pyproject.toml": parsed(REQUIREMENTS, "pyproject.toml")})
    assert [(each.code, each.line) for each in judge(known)] == [("SW832", 0)]
    settings = replace(known.settings, package_manager="pip")
    assert judge(replace(known, settings=settings)) == ()


@pytest.mark.parametrize("manager", ["", "pip"])
@pytest.mark.parametrize(
    "files",
    [{"pyproject.toml": "[tool.poetry]"}, {"pyproject.toml": "[project]", "poetry.lock": ""}],
    ids=["its table", "its lock"],
)
def test_poetry_is_taken_whatever_package_manager_is_named(
    tmp_path: Path, files: dict[str, str], manager: str
) -> None:
    header = "# Written by shipwheel requirements from pyproject.toml\n"
    (tmp_path / "requirements.txt").write_text(header)
    known = context(tmp_path, {**files, "requirements.txt": header}, {"package_manager": manager})
    known = replace(known, files={"pyproject.toml": parsed(REQUIREMENTS, "pyproject.toml")})

    (found,) = judge(known)

    assert found.code == "SW832"
    assert "is built with Poetry" in found.message
    assert "GOOGLE_PYTHON_PACKAGE_MANAGER" not in found.hint
    assert judge(replace(known, settings=replace(known.settings, vendor="vendor"))) == ()


@pytest.mark.parametrize(
    ("line", "example"),
    [
        ("berths", "berths==1.0"),
        ("berths<1", "berths==0.9"),
        ("berths>1", "berths==2.0rc1"),
    ],
)
def test_the_version_to_pin_is_the_one_that_pip_would_take(
    tmp_path: Path, line: str, example: str
) -> None:
    versions = published(berths="0.9 1.0 2.0rc1")
    files = {"requirements.txt": f"functions-framework\n{line}\n"}

    (found,) = judge(context(tmp_path, files, in_registry=versions))

    assert found.hint == f"write {example}, or have everything pinned with --pin"


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ("fnd", "did you mean 'find'?"),
        ("serve", "define it at the top of main.py, or name another: `entryPoint` in the manifest"),
    ],
)
def test_an_entry_point_that_is_nearly_there_is_named(
    tmp_path: Path, wanted: str, hint: str
) -> None:
    (found,) = judge(context(tmp_path, settings={"entry_point": wanted}))

    assert found.hint == hint


def test_the_command_that_publishes_what_is_missing_is_whole(tmp_path: Path) -> None:
    unpublished = context(tmp_path, **CASES["unpublished"][1])

    (found,) = [it for it in judge(unpublished) if it.code == "SW811"]

    assert f" --registry {unpublished.settings.registry}; or put " in found.hint


def test_every_code_has_a_case() -> None:
    cases = {code for code, *_ in CASES.values()}

    assert cases | {"SW832", "SW833"} == set(CODES)


def test_findings_come_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    known = context(tmp_path, requires("keyring", "./gone.whl"), {"entry_point": "fnd"})

    assert [(each.file, each.line) for each in judge(known)] == [
        ("main.py", 0),
        ("requirements.txt", 3),
        ("requirements.txt", 4),
    ]
