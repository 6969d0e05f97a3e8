from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from steps.host.errors import InputError
from steps.project.dependencies import poetry_specifier, runtime_lines

PROJECT = """\
[project]
name = "f"
version = "1"
dependencies = ["functions-framework==3.10.2", "harbour-berths[sea]>=0.4 ; python_version > '3'"]
"""


def lines(text: str) -> list[str]:
    return [*runtime_lines(Path("/r/f"), tomllib.loads(text))]


def test_the_standard_form() -> None:
    assert lines(PROJECT) == [
        "functions-framework==3.10.2",
        "harbour-berths[sea]>=0.4 ; python_version > '3'",
    ]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ('{ path = "../../packages/berths" }', "harbour-berths[sea]>=0.4 ; python_version > '3'"),
        ("{ workspace = true }", "harbour-berths[sea]>=0.4 ; python_version > '3'"),
        ('{ index = "private" }', "harbour-berths[sea]>=0.4 ; python_version > '3'"),
        ('{ path = "lib/berths" }', './lib/berths[sea] ; python_version > "3"'),
        (
            '{ git = "https://g.example/b.git", tag = "v1" }',
            'harbour-berths[sea] @ git+https://g.example/b.git@v1 ; python_version > "3"',
        ),
        (
            '{ url = "https://g.example/b.whl" }',
            'harbour-berths[sea] @ https://g.example/b.whl ; python_version > "3"',
        ),
    ],
)
def test_the_sources_of_uv(source: str, line: str) -> None:
    found = lines(f"{PROJECT}[tool.uv.sources]\nHarbour_Berths = {source}\n")

    assert found == ["functions-framework==3.10.2", line]


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("file:///${PROJECT_ROOT}/../../packages/berths", "harbour-berths"),
        ("file:///${PROJECT_ROOT}/lib/berths", "./lib/berths"),
        ("https://g.example/b.whl", "harbour-berths @ https://g.example/b.whl"),
    ],
)
def test_the_paths_of_pdm(url: str, line: str) -> None:
    text = f'[project]\ndependencies = ["harbour-berths @ {url}"]\n'

    assert lines(text) == [line]


def test_the_table_of_poetry() -> None:
    text = """\
[tool.poetry.dependencies]
python = "^3.11"
functions-framework = "3.10.2"
harbour-berths = { version = "^0.4", source = "private", extras = ["sea"] }
harbour-tides = { path = "../../packages/tides", develop = true }
rich = { version = "*", optional = true }
flask = [
  { version = "~3.0", python = "<3.13" },
  { version = ">=3.1,<4", python = ">=3.13", markers = "sys_platform == 'linux'" },
]
[tool.poetry.group.dev.dependencies]
pytest = "*"
"""

    assert lines(text) == [
        "functions-framework==3.10.2",
        "harbour-berths[sea]>=0.4,<0.5",
        "harbour-tides",
        "flask>=3.0,<3.1 ; python_version < '3.13'",
        "flask>=3.1,<4 ; (sys_platform == 'linux') and python_version >= '3.13'",
    ]


def test_poetry_2_enriches_what_the_standard_table_lists() -> None:
    assert lines(f'{PROJECT}[tool.poetry.dependencies]\nharbour-berths = {{ source = "x" }}\n') == (
        lines(PROJECT)
    )


@pytest.mark.parametrize(
    ("constraint", "specifier"),
    [
        ("*", ""),
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0.0", ">=0.0,<0.1"),
        ("^0", ">=0,<1"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("~=1.2", "~=1.2"),
        ("1.2.3", "==1.2.3"),
        ("1.2.*", "==1.2.*"),
        (">=1.2 <2", ">=1.2,<2"),
        (">= 1.2, != 1.3", ">=1.2,!=1.3"),
    ],
)
def test_constraints_of_poetry(constraint: str, specifier: str) -> None:
    assert poetry_specifier(constraint) == specifier


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[project]\ndependencies = ["a = 1"]',
            "A dependency in 'pyproject.toml' cannot be written as a requirement: a = 1 (",
        ),
        (
            '[tool.poetry.dependencies]\na = "^1 || ^2"\nb = "^x"',
            "A dependency in 'pyproject.toml' cannot be written as a requirement: a = '^1 || ^2' (",
        ),
        (
            "[tool.poetry.dependencies]\na = 1",
            "A dependency in 'pyproject.toml' cannot be written as a requirement: a = 1 (neither",
        ),
        (
            '[project]\ndynamic = ["dependencies"]',
            (
                "A dependency in 'pyproject.toml' cannot be written as a requirement:"
                " dynamic = ['dependencies'] (only its build backend knows them)"
            ),
        ),
    ],
)
def test_what_no_requirements_file_can_say_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        lines(text)

    assert caught.value.problems[0].message.startswith(message)
    assert len(caught.value.problems) == (2 if "||" in text else 1)
