from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from steps.client.edits import edit_toml, set_entry, table_at
from steps.host.errors import InputError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

PYPROJECT = """\
# Ours.
[project]
name = "tides"   # the name
dependencies = [
  "packaging",  # public
]

[tool.uv]
# why
index = [ { name = "other", url = "https://other/simple/" } ]

[build-system]
requires = ["flit_core"]

[[tool.pdm.source]]
name = "other"      # theirs
url = "https://other/simple/"
verify_ssl = true
"""
ENTRY = {"name": "private", "url": "https://host/p/r/simple/"}


def add_pdm_source(document: MutableMapping[str, Any]) -> None:
    set_entry(table_at(document, "tool", "pdm"), "source", ENTRY)


def test_an_entry_is_added_behind_the_others() -> None:
    changed = edit_toml(PYPROJECT, add_pdm_source, "pyproject.toml")

    assert changed == PYPROJECT + (
        '\n[[tool.pdm.source]]\nname = "private"\nurl = "https://host/p/r/simple/"\n'
    )
    assert edit_toml(changed, add_pdm_source, "pyproject.toml") == changed


def test_an_entry_is_added_to_an_array_on_one_line() -> None:
    def change(document: MutableMapping[str, Any]) -> None:
        set_entry(table_at(document, "tool", "uv"), "index", ENTRY)

    changed = edit_toml(PYPROJECT, change, "pyproject.toml")

    theirs = {"name": "other", "url": "https://other/simple/"}
    assert tomllib.loads(changed)["tool"]["uv"]["index"] == [theirs, ENTRY]
    kept = [line for line in PYPROJECT.splitlines() if not line.startswith("index")]
    assert [line for line in changed.splitlines() if not line.startswith("index")] == kept


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "other", "url": "https://new/simple/"},
        {"name": "new", "url": "https://user@other/simple"},
    ],
)
def test_an_entry_of_the_same_name_or_address_is_changed_with_its_comments(
    entry: dict[str, str],
) -> None:
    def change(document: MutableMapping[str, Any]) -> None:
        set_entry(table_at(document, "tool", "pdm"), "source", entry)

    changed = edit_toml(PYPROJECT, change, "pyproject.toml")

    (source,) = tomllib.loads(changed)["tool"]["pdm"]["source"]
    assert source == {**entry, "verify_ssl": True}
    assert "# theirs" in changed


@pytest.mark.parametrize(
    ("before", "between", "after"),
    [
        ("[tool.pdm]\ndistribution = false\n", "\n", "[tool.ruff]\nline-length = 100\n"),
        ("[tool.pdm]\ndistribution = false\n", "\n", "# Our linter,\n# strict.\n[tool.ruff]\n"),
        ("[tool.pdm]\ndistribution = false\n", "", "# Close.\n[tool.ruff]\n"),
        ('[[tool.pdm.source]]\nname = "a"\nurl = "https://a/"\n', "\n", "# Own.\n[tool.a]\n"),
        ('[project]\nd = """\n# no\n[tool.a]\n"""\n\n# Own.\n[tool.pdm]\n', "\n", "[tool.a]\n"),
    ],
)  # fmt: skip
def test_comments_stay_above_their_table_and_an_empty_line_above_those(
    before: str, between: str, after: str
) -> None:
    changed = edit_toml(f"{before}{between}{after}", add_pdm_source, "pyproject.toml")

    new = '[[tool.pdm.source]]\nname = "private"\nurl = "https://host/p/r/simple/"\n'
    assert changed == f"{before}\n{new}\n{after}"


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
@pytest.mark.parametrize("end", [True, False])
def test_line_endings_stay_and_so_does_a_missing_last_one(newline: str, end: bool) -> None:
    text = f'[project]{newline}name = "a"{newline if end else ""}'

    changed = edit_toml(text, lambda it: table_at(it, "x").update(y=1), "pyproject.toml")

    lines = ["[project]", 'name = "a"', "", "[x]", "y = 1"]
    assert changed == newline.join(lines) + (newline if end else "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('key = "secret', "it is not valid TOML"),
        ('a = 1\na = "secret"', "it is not valid TOML (at "),
        ("tool = 1", "its client needs other tables there"),
        ("[tool]\npdm = []", "its client needs other tables there"),
        ("[tool.pdm]\nsource = 'secret'", "its client needs other tables there"),
        ("[tool.pdm]\nsource = [1]", "its client needs other tables there"),
        ("[tool.pdm.source]\nname = 'secret'", "its client needs other tables there"),
        ("[tool]\npdm.name = 'secret'", "its tables have no headers of their own"),
    ],
)
def test_a_file_that_cannot_be_edited_is_named_and_not_repeated(text: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        edit_toml(text, add_pdm_source, "pyproject.toml")

    message = str(caught.value)
    assert message.startswith(f"This file cannot be edited: 'pyproject.toml': {why}")
    assert "secret" not in message
