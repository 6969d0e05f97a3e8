from __future__ import annotations

import configparser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steps.client.edits import add_value, parse_ini, set_option
from steps.host.errors import InputError

CONF = """\
# Of the whole team.
[global]
timeout = 60
Index_URL : https://old/simple  ; not a comment
    # inside the value
trusted-host =
    a
    b

; the last section
[install]
index-url = https://other/simple
"""


def test_an_option_is_replaced_where_it_is_and_as_it_is_spelled() -> None:
    changed = set_option(CONF, "global", "index-url", "https://new/simple", "pip.conf")

    assert changed == CONF.replace("https://old/simple  ; not a comment", "https://new/simple")


def test_an_option_with_continued_lines_is_replaced_whole() -> None:
    changed = set_option(CONF, "global", "trusted-host", "c", "pip.conf")

    assert changed == CONF.replace("trusted-host =\n    a\n    b\n", "trusted-host = c\n")


def test_a_new_option_goes_to_the_end_of_its_section() -> None:
    changed = set_option(CONF, "global", "retries", "3", "pip.conf")

    assert changed == CONF.replace("    b\n", "    b\nretries = 3\n")


def test_a_new_section_goes_to_the_end() -> None:
    assert set_option("[a]\nx = 1\n", "b", "y", "2", "") == "[a]\nx = 1\n\n[b]\ny = 2\n"
    assert set_option("", "b", "y", "2", "", sign=":") == "[b]\ny: 2\n"


def test_a_value_is_added_to_those_that_are_there_once() -> None:
    once = add_value(CONF, "global", "trusted-host", ["b", "c"], "pip.conf")

    assert once == CONF.replace("    b\n", "    b\n    c\n")
    assert add_value(once, "global", "trusted-host", ["b", "c"], "pip.conf") == once


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
@pytest.mark.parametrize("end", [True, False])
def test_line_endings_stay_and_so_does_a_missing_last_one(newline: str, end: bool) -> None:
    text = f"[a]{newline}x = 1{newline if end else ''}"

    changed = set_option(text, "b", "y", "2", "")

    lines = ["[a]", "x = 1", "", "[b]", "y = 2"]
    assert changed == newline.join(lines) + (newline if end else "")


def test_a_header_that_continues_a_value_is_not_a_header() -> None:
    text = "[a]\nx = 1\n  [b]\n"

    assert set_option(text, "b", "y", "2", "") == "[a]\nx = 1\n  [b]\n\n[b]\ny = 2\n"


def test_an_indented_header_does_not_continue_what_is_put_before_it() -> None:
    text = "[b]\n  [a]\n  x = 1\n    2\n"

    assert set_option(text, "b", "y", "2\n3", "") == (
        "[b]\n  y = 2\n      3\n  [a]\n  x = 1\n    2\n"
    )
    assert add_value(text, "b", "y", ["2"], "") == "[b]\n  y =\n      2\n  [a]\n  x = 1\n    2\n"
    assert add_value(text, "a", "y", ["2"], "") == f"{text}  y =\n      2\n"


def test_the_lines_of_an_indented_option_are_deeper_than_it() -> None:
    text = "[a]\n      x = 1\n"

    assert set_option(text, "a", "x", "2\n3", "") == "[a]\n      x = 2\n          3\n"
    assert add_value(text, "a", "x", ["2"], "") == "[a]\n      x = 1\n          2\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("secret\n[a]\n", 1),
        ("[a]\nx = secret\nx = secret\n", 3),
        ("[a]\n[a]\n", 2),
        ("[a]\nno sign but secret\n", 2),
        ("[unclosed secret\nx = 1\n", 1),
    ],
)
def test_a_broken_file_is_named_with_its_line_and_not_repeated(text: str, line: int) -> None:
    with pytest.raises(InputError) as caught:
        set_option(text, "a", "x", "1", "/home/anne/.pypirc")

    assert str(caught.value) == (
        f"This file cannot be read: '/home/anne/.pypirc', line {line}\n"
        "  hint: fix it, and run this again; nothing was written"
    )


LINES = st.sampled_from(
    [
        "[a]",
        "[b]",
        "x = 1",
        "y: 2",
        "  z=3",
        "      y = 4",
        "\tdeeper",
        "    # note",
        "; note",
        "",
        "  [a]",
        "x",
    ]
)


@example(lines=["[b]", "  [a]"], newline="\n", section="b", key="x")
@given(
    st.lists(LINES, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from("ab"),
    st.sampled_from("xyzw"),
)
def test_only_the_one_option_changes_its_meaning(
    lines: list[str], newline: str, section: str, key: str
) -> None:
    text = newline.join(lines)
    try:
        before = parse_ini(text, "")
    except InputError:
        return
    changed = set_option(text, section, key, "new", "")
    added = add_value(text, section, key, ["new"], "")

    expected = {**before, section: {**before.get(section, {}), key: "new"}}
    assert parse_ini(changed, "") == expected
    assert set_option(changed, section, key, "new", "") == changed
    values = before.get(section, {}).get(key, "").split()
    assert parse_ini(added, "")[section][key].split() == [*values, "new"]
    comments = [line for line in lines if line.lstrip().startswith(("#", ";"))]
    assert [it for it in changed.splitlines() if it.lstrip().startswith(("#", ";"))] == comments


def test_the_library_agrees_that_keys_are_spelled_in_two_ways() -> None:
    parser = configparser.RawConfigParser()
    parser.read_string("[global]\nIndex_URL = x\n")

    assert parse_ini("[global]\nIndex_URL = x\n", "") == {"global": {"index-url": "x"}}
    assert parser.options("global") == ["index_url"]
