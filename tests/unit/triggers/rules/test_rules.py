"""Each code of lint on the smallest files that have it, and on the nearest that have not."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tree import write
from tests.unit.triggers.rules.file_cases import CONFIG_CASES, TRIGGER_CASES
from tests.unit.triggers.rules.further_cases import FURTHER
from tests.unit.triggers.rules.near_cases import NEAR
from tests.unit.triggers.rules.recipe_cases import RECIPES
from tests.unit.triggers.rules.repository_cases import CASES, LOGGING, USES, Files
from triggers.cloudbuild.build_config import Build, BuildTrigger
from triggers.rules.codes import CODES, FAMILIES
from triggers.rules.linter import lint

if TYPE_CHECKING:
    from steps.host.errors import Finding

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
    **FURTHER,
    **RECIPES,
}
# What a reader sees, by case; a change of words is a change of this file.
TEXTS = json.loads((Path(__file__).parents[2] / "data/lint_texts.json").read_text(encoding="utf-8"))
Found = set[tuple[str, str, int]]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin in a folder that is no repository: git, which is slow to say so, is not on PATH."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))


def findings(files: Files) -> tuple[Finding, ...]:
    write(Path(), {**BASE, **files})
    given = [] if "shipwheel.yaml" in files else [Path(path) for path in files if _is_given(path)]
    return lint(Path("shipwheel.yaml"), given, frozenset(), lambda: "528.0.0").findings


def places(there: tuple[Finding, ...]) -> Found:
    return {(each.code, each.file, each.line) for each in there}


def found(files: Files) -> Found:
    return places(findings(files))


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
def test_a_fault_is_found_once_at_its_line_and_said_in_words_that_help(case: str) -> None:
    files, _good = ALL[case]
    there = findings(files)

    assert {code for code, _file, _line in expected(files)} == {case[:5]}
    assert places(there) == expected(files)
    assert [f"{each.message}\n  hint: {each.hint}" for each in there] == TEXTS[case]


@pytest.mark.parametrize("case", ALL)
def test_the_fixed_file_has_no_finding(case: str) -> None:
    _bad, files = ALL[case]

    assert found(files) == set()


@pytest.mark.parametrize("case", NEAR)
def test_what_comes_nearest_has_the_findings_written_there_and_no_others(case: str) -> None:
    files = NEAR[case]

    assert found(files) == expected(files)


@pytest.mark.attack("time and memory")
def test_a_step_as_long_as_cloud_build_takes_is_judged_in_no_time() -> None:
    words = "".join(f"\n  - {'x' * 10_000}" for _ in range(30))
    began = time.monotonic()
    assert found({"cloudbuild.yaml": f"steps:\n- name: bash\n  args:{words}\n"}) == set()
    assert time.monotonic() - began < 10


@pytest.mark.attack("time and memory")
@pytest.mark.parametrize(
    "part",
    ["cp a ", "tee -a" + " " * 9000, "setup.py ", "uv publish ", "pkg.dev ",
     "PIP_EXTRA_INDEX_URL= ", "oauth2accesstoken:", "${_A:", "for $_A "],
)  # fmt: skip
def test_no_step_takes_long_to_judge(part: str) -> None:
    text = "".join(part.replace("_A", f"_A{number}") for number in range(100_000 // len(part)))
    steps = [{"name": "bash", "args": ["-c", text]}, {"name": "bash", "script": text}]
    began = time.process_time()
    found({"cloudbuild.yaml": json.dumps({"steps": steps, "timeout": "1" * 50_000 + "s"})})
    assert time.process_time() - began < 2


def test_every_code_has_a_case_and_a_family() -> None:
    # SW606 needs a git repository: its case is in tests/unit/triggers/manifest/test_init_update.py.
    assert {case[:5] for case in ALL} == CODES.keys() - {"SW606"}
    assert {code[:3] for code in CODES} == FAMILIES.keys()


_VALUES = st.recursive(
    st.sampled_from(["", "a", "**", "[", "*", "${_A:-x}", "$_A", "^a|b", "-", 1, True, None, 1.5]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["_A", "name", "push", "branch"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_FIELDS = st.sampled_from(
    [str(field.alias) for model in (BuildTrigger, Build) for field in model.model_fields.values()]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(_FIELDS, _VALUES, max_size=6), max_size=3), st.booleans())
def test_whatever_the_values_are_every_finding_has_a_code_and_a_line(
    documents: list[dict[str, object]], as_config: bool
) -> None:
    name = "cloudbuild.yaml" if as_config else "triggers.yaml"
    text = yaml.dump_all(documents, Dumper=yaml.CSafeDumper)
    Path(name).write_text(text)

    for each in lint(Path("shipwheel.yaml"), [Path(name)], frozenset(), str).findings:
        assert each.code in CODES
        assert 1 <= each.line <= len(text.splitlines()) + 1
