from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from steps.function.function import (
    defines_function,
    entry_points,
    is_function,
    parse_main,
    parsed,
    read_function,
)
from steps.host.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "# Written by shipwheel requirements from {}\n"
LOCK = "# Pinned by shipwheel requirements from {}\n"
PYPROJECT = '[project]\nname = "f"\nversion = "1"\ndependencies = ["a==1", "b"]\n'


@pytest.mark.parametrize(
    ("files", "pin", "source"),
    [
        ({"requirements.txt": "a"}, False, "requirements.txt"),
        ({"requirements.in": "a"}, False, "requirements.in"),
        ({"pyproject.toml": PYPROJECT}, False, "pyproject.toml"),
        ({"requirements.txt.tmpl": "a", "requirements.txt": "b"}, False, "requirements.txt.tmpl"),
        # What another tool compiled is what counts, until it is compiled by this one.
        ({"requirements.in": "a", "requirements.txt": "b"}, False, "requirements.txt"),
        ({"requirements.in": "a", "requirements.txt": "b"}, True, "requirements.in"),
        (
            {"requirements.in": "a", "requirements.txt": HEADER.format("requirements.in")},
            False,
            "requirements.in",
        ),
        ({"pyproject.toml": PYPROJECT, "requirements.txt": "b"}, False, "requirements.txt"),
        ({"pyproject.toml": "tool = 5", "requirements.txt": "b"}, False, "requirements.txt"),
        (
            {"pyproject.toml": PYPROJECT, "requirements.txt": HEADER.format("pyproject.toml")},
            False,
            "pyproject.toml",
        ),
        # A lock is not thrown away by a run that does not pin.
        (
            {"requirements.in": "a", "requirements.txt": LOCK.format("requirements.in")},
            False,
            "requirements.txt",
        ),
        (
            {"pyproject.toml": PYPROJECT, "requirements.txt": LOCK.format("pyproject.toml")},
            False,
            "requirements.txt",
        ),
        (
            {"pyproject.toml": PYPROJECT, "requirements.txt": LOCK.format("pyproject.toml")},
            True,
            "pyproject.toml",
        ),
        # Its source is gone, so the file is its own source.
        ({"requirements.txt": HEADER.format("requirements.in")}, False, "requirements.txt"),
    ],
)
def test_where_the_requirements_come_from(
    tmp_path: Path, files: dict[str, str], pin: bool, source: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    function = read_function(tmp_path, pin=pin)

    assert function.source == source
    assert function.is_generated == (source != "requirements.txt")
    assert function.text == ("a==1\nb\n" if source == "pyproject.toml" else files[source])


def test_what_is_not_a_function_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    messages = []
    for path in (tmp_path / "none", tmp_path / "file", tmp_path):
        with pytest.raises(InputError) as caught:
            read_function(path)
        messages.append(caught.value.problems[0].message)

    assert messages == [
        f"The function's directory does not exist: '{tmp_path}/none'",
        f"The function's directory is a file: '{tmp_path}/file'",
        f"The function has no requirements: '{tmp_path}'",
    ]


def test_a_link_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "other.txt").touch()
    (tmp_path / "requirements.txt").symlink_to("other.txt")

    with pytest.raises(InputError, match="is a symbolic link, and would be replaced"):
        read_function(tmp_path)


def test_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"a\xff")

    with pytest.raises(InputError, match="is not UTF-8: invalid start byte at byte 1"):
        read_function(tmp_path)


def test_every_line_that_is_not_a_requirement_is_named() -> None:
    with pytest.raises(InputError) as caught:
        parsed("a\nb = 1\n\nc==\n--indx-url=https://u:pw@b.example/\n", "requirements.txt")

    assert [problem.message.partition(" (")[0] for problem in caught.value.problems] == [
        "requirements.txt:2: not a valid requirement: 'b = 1'",
        "requirements.txt:4: not a valid requirement: 'c=='",
        "requirements.txt:5: not a valid requirement: '--indx-url'",
    ]


def test_entry_points_are_found_by_parsing() -> None:
    main = b"""\
raise SystemExit("this is never run")
import functions_framework
from harbour import serve as harbour_serve
try:
    from fast import find
except ImportError:
    async def slow_find(request): ...
@functions_framework.http
def hello(request):
    def inner(): ...
handler = wrap(hello)
first, second = hello, hello
typed: object = hello
class App: ...
"""
    names = "functions_framework harbour_serve find slow_find hello handler first second typed App"
    assert entry_points(parse_main(main)) == frozenset(names.split())
    assert entry_points(parse_main(b"from harbour import *")) is None
    assert defines_function(parse_main(b"if True:\n    def f(): ..."))
    assert not defines_function(parse_main(b"import os"))


@pytest.mark.parametrize(
    "main",
    [
        "match 1:\n    case 1:\n        def find(request): ...",
        "for one in ones:\n    def find(request): ...",
        "for find in [one]: ...",
        "while True:\n    find = one\n    break",
        "try:\n    from fast import find\nexcept* ImportError: ...",
        "with opened() as find: ...",
        "print(find := one)",
        "class find: ...",
    ],
)
def test_an_entry_point_is_found_wherever_the_module_binds_it(main: str) -> None:
    assert "find" in (entry_points(parse_main(main.encode())) or ())


@pytest.mark.parametrize(
    "main",
    [
        "globals()['find'] = one",
        "exec(text)",
        "def __getattr__(name): ...",
        "from lazy import __getattr__",
    ],
)
def test_names_that_no_parser_sees_are_left_to_the_deploy(main: str) -> None:
    assert entry_points(parse_main(main.encode())) is None
    assert defines_function(parse_main(main.encode()))


def test_what_a_function_binds_inside_is_not_an_entry_point() -> None:
    main = "def one():\n    globals()\n    find = 1\nuse(lambda: (find := 1))"
    assert entry_points(parse_main(main.encode())) == frozenset({"one"})


def test_a_module_is_read_as_python_reads_it() -> None:
    main = "# -*- coding: latin-1 -*-\nWORD = 'b\xf8ye \\d'\ndef find(request): ...\n"

    names = entry_points(parse_main(main.encode("latin-1")))
    assert names == frozenset({"WORD", "find"})
    with pytest.raises(SyntaxError):
        parse_main(b"x = " + b"(" * 5000 + b")" * 5000)


@pytest.mark.parametrize(
    ("main", "required", "entry_point", "found"),
    [
        ("", ["flask", "functions-framework"], "", True),
        ("import functions_framework as ff", [], "", True),
        ("import os, functions_framework", [], "", True),
        ("from functions_framework import http", [], "", True),
        ("def main():\n    import functions_framework\nx = (:", [], "", True),
        ("def find(request): ...", ["flask"], "find", True),
        ("def find(request): ...", ["flask"], "", False),
        ("def find(request): ...", ["flask"], "serve", False),
        ("import functions_frameworks", [], "", False),
        ("# import functions_framework", [], "", False),
        ("x = (:", [], "find", False),
        ("from lazy import *", [], "find", False),
    ],
)
def test_a_directory_is_a_function_only_with_evidence(
    main: str, required: list[str], entry_point: str, found: bool
) -> None:
    assert is_function(main.encode(), required, entry_point) == found
