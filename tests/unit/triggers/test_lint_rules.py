"""Each code of lint on the smallest files that have it, and on the nearest that have not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.triggers.lint_file_cases import CONFIG_CASES, TRIGGER_CASES
from tests.unit.triggers.lint_repository_cases import CASES, LOGGING, USES, Files
from triggers.lint.codes import CODES, FAMILIES
from triggers.lint.linter import lint

BASE = {
    "cloudbuild.yaml": f"{USES}{LOGGING}",
    "uses-region.yaml": f"{USES}  args: [$_REGION]\n{LOGGING}",
    "src/a.py": "",
}
ALL: dict[str, tuple[Files, Files]] = {
    **{
        f"{code} in a trigger": ({"triggers.yaml": bad}, {"triggers.yaml": good})
        for code, (bad, good) in TRIGGER_CASES.items()
    },
    **{
        f"{code} in a build config": ({"cloudbuild.yaml": bad}, {"cloudbuild.yaml": good})
        for code, (bad, good) in CONFIG_CASES.items()
    },
    **CASES,
}
Found = set[tuple[str, str, int]]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


def write(files: Files) -> None:
    for path, text in files.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)


def found(files: Files) -> Found:
    write({**BASE, **files})
    given = [] if "shipwheel.yaml" in files else [Path(path) for path in files if _is_given(path)]
    report = lint(Path("shipwheel.yaml"), given, frozenset())
    return {(each.code, each.file, each.line) for each in report.findings}


def _is_given(path: str) -> bool:
    return path in {"triggers.yaml", "cloudbuild.yaml"}


def expected(files: Files) -> Found:
    return {
        (code, path, number)
        for path, text in files.items()
        for number, line in enumerate(text.splitlines(), 1)
        for code in re.findall(r"SW\d{3}", line.partition("#")[2])
    }


@pytest.mark.parametrize("case", ALL)
def test_a_fault_is_found_once_at_its_line(case: str) -> None:
    files, _good = ALL[case]

    assert {code for code, _file, _line in expected(files)} == {case[:5]}
    assert found(files) == expected(files)


@pytest.mark.parametrize("case", ALL)
def test_the_mended_file_has_no_finding(case: str) -> None:
    _bad, files = ALL[case]

    assert found(files) == set()


def test_every_code_has_a_case_and_a_family() -> None:
    assert {case[:5] for case in ALL} == CODES.keys()
    assert {code[:3] for code in CODES} == FAMILIES.keys()
