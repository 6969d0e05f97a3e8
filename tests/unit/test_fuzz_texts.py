"""Index pages, and the text files of a project, however broken: see `fuzzing`."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from packaging.specifiers import SpecifierSet

from steps.backend.private_requirements import choose, require_build_order
from steps.function.function import read_function
from steps.function.rules import judge
from steps.host.errors import ShipwheelError
from steps.project.manifest import MANIFEST
from steps.project.references import read_references
from steps.project.repository import find_packages
from steps.project.requirements_file import parse_requirements
from steps.project.source import read_project
from steps.registry.page import parse_page, parse_root
from steps.version.places import find_place
from steps.version.plan import current_version
from tests.unit.fuzzing import Input, damaged, failures, some_seeds
from tests.unit.steps.function.function_context import context
from tests.unit.test_fuzz import SOUND_YAML
from triggers.rendering.repository import open_repository, render_repository

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

LONG = "9" * 5000
TEXTS = [
    *("", " ", "\0", "\ud800", "\u202e", "\n", "a\r\nb", "%", "%00", "%ff", "::", "é", "#", "?"),
    *("../../x", "/", "//[::1/x", "http://[", "https://h:99999999/x", "file:///etc", "data:,x"),
    *(
        LONG,
        "1." * 3000,
        f"1!{LONG}",
        "1.0+local",
        "v1",
        "1.0.dev",
        "1e999",
        "*",
        ">=1,<2",
        "==1.*",
    ),
    *(
        "tides-1.0.tar.gz",
        "tides-1.0-py3-none-any.whl",
        "tides-1-x-py3-none-any.whl",
        "a" * 120_000,
    ),
    *(
        "-" * 3000,
        "tides-.whl",
        "tides--1.0-py3-none-any.whl",
        "tides-1.0.zip",
        "tides-1.0.tar.gz ",
    ),
]
HTML = """<!DOCTYPE html><html><head><base href="https://h/x/"><title>Links for tides</title>
<meta name="pypi:repository-version" content="1.0"></head><body>
<a href="tides-1.0-py3-none-any.whl#sha256=ab" data-requires-python="&gt;=3">tides-1.0.whl</a><br/>
<a href="../tides-1.0.tar.gz#sha256=cd" data-yanked="why">tides-1.0.tar.gz</a></body></html>"""
PAGE = {
    "meta": {"api-version": "1.1"},
    "name": "tides",
    "versions": ["1.0"],
    "projects": [{"name": "tides"}, {"name": "berths"}],
    "files": [
        {
            "filename": "tides-1.0.tar.gz",
            "url": "tides-1.0.tar.gz",
            "hashes": {"sha256": "ab"},
            "size": 7,
            "yanked": "why",
            "requires-python": ">=3",
        }
    ],
}
VALUES: list[object] = [None, True, -1, 10**400, 1.5, float("nan"), [], {}, [[]], {"a": 1}, *TEXTS]
MARKUP = [
    *(
        "<",
        ">",
        "<a",
        "<a href=",
        "</html>",
        "<!--",
        "<![CDATA[",
        "<?",
        "<script>",
        "<base>",
        "&#0;",
    ),
    *(
        "&#x110000;",
        "&#" + LONG + ";",
        "<" * 3000,
        "<a href='x'>" * 500,
        "<form>",
        "<title>",
        "<![x[",
        "\0",
    ),
]


def broken_html(dice: random.Random, _folder: Path) -> bytes:
    text = HTML
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(text))
        text = text[:at] + dice.choice([*MARKUP, *TEXTS]) + text[at + dice.randrange(20) :]
    content = text.encode(errors="replace")
    return damaged(dice, content) if dice.random() < 0.3 else content


def broken_json(dice: random.Random, _folder: Path) -> bytes:
    page = json.loads(json.dumps(PAGE))
    for _ in range(dice.randint(1, 4)):
        place: Any = page
        while (inner := [it for it in _children(place) if isinstance(place[it], dict | list)]) and (
            dice.random() < 0.7
        ):
            place = place[dice.choice(inner)]
        if children := _children(place):
            place[dice.choice(children)] = dice.choice(VALUES)
    content = json.dumps(page).encode()
    if dice.random() < 0.2:
        content = content.replace(b'"1.0"', dice.choice([b"[" * 99_000, b"1" * 9000, b'"\\ud800"']))
    return damaged(dice, content) if dice.random() < 0.2 else content


def _children(place: Any) -> list[Any]:
    return [*place] if isinstance(place, dict) else [*range(len(place))]


def read_page(content_type: str, _folder: Path, content: bytes) -> None:
    url = "https://h/simple/tides/"
    with suppress(ShipwheelError):
        parse_root(content, url=url, content_type=content_type)
    page = parse_page(content, name="tides", url=url, content_type=content_type)
    choose(page.files, SpecifierSet(">=0"), (3, 12))
    for version in page.versions:
        page.files_of(version)


SOUND = {
    "pyproject.toml": """[build-system]
requires = ["setuptools>=77", "tool @ file:///x"]
build-backend = "setuptools.build_meta"
backend-path = ["."]
[project]
name = "tides"
version = "1.0"
dynamic = ["readme"]
dependencies = ["berths>=1; python_version>'3'"]
optional-dependencies = {extra = ["charts"]}
[dependency-groups]
dev = ["pytest", {include-group = "x"}]
[tool.uv]
sources = {berths = {path = "../berths"}}
workspace = {members = ["*"], exclude = ["x"]}
[tool.setuptools]
dynamic = {version = {attr = "tides.__version__"}, dependencies = {file = ["requirements.txt"]}}
packages = {find = {where = ["src"]}}
[tool.poetry]
name = "tides"
version = "1.0"
dependencies = {python = "^3.11", berths = {path = "../berths", extras = ["x"]}}
group = {dev = {dependencies = {x = "*"}}}
[tool.hatch]
version = {path = "x.py", pattern = "(.*)", source = "regex"}
metadata = {hooks = {requirements_txt = {files = ["requirements.txt"]}}}
[tool.pdm]
version = {source = "file", path = "x.py"}
[tool.shipwheel]
environment = ["A"]
""",
    "setup.cfg": """[metadata]
name = tides
version = attr: tides.__version__
[options]
install_requires =
    berths>=1
    charts; python_version > "3"
setup_requires = tool
packages = find:
[options.packages.find]
where = src
""",
    "setup.py": """from setuptools import setup
setup(name="tides", version="1.0", install_requires=["berths>=1"], setup_requires=["tool"])
""",
    "requirements.txt": """--index-url https://h/simple
--extra-index-url https://user@h/simple
-r other.txt
-c constraints.txt
-e ../berths
berths==1.0 \\
    --hash=sha256:abcd
charts[extra]>=1,<2 ; python_version > "3"
./wheels/tides-1.0-py3-none-any.whl
tides @ https://h/tides-1.0.tar.gz#egg=tides
""",
}
WORDS = {
    "pyproject.toml": [
        "[]", "{}", "1", "-1", "true", "1.5", "nan", "1979-05-27", "99:99:99", '""', "'''", LONG,
        '"\\u0000"', "[[]]", "[{}]", "{a = 1}", f'"{LONG}"', "[" * 900, '["é", 1]', '"../../.."',
        '"*"', '"["', '"\\ud800"', "= =", "[project]", "[[project]]", "{path = 1}", '["("]',
        '"^1,~2"', '"**/**"',
    ],
    "setup.cfg": [
        "=", "[", "[x]", "%(x)s", "%", "\n\n", "\t", ":", "attr:", "file: ../x", LONG,
        "\0", "find:",
    ],
    "setup.py": [
        "(", ")", "'", "**{}", "[]", "None", "f''", "b'x'", "...", "(" * 900, LONG, "\0",
        "é", "lambda: 1",
    ],
    "requirements.txt": [
        "\\", "-", "--", "-r", "--hash=x", "'", "@", "[", ";", "${X}", LONG, "\0",
        "-e", "é", "/" * 999,
    ],
}  # fmt: skip


def broken_text(name: str, dice: random.Random, _folder: Path) -> bytes:
    text = SOUND[name]
    if dice.random() < 0.2:
        return damaged(dice, text.encode())
    for _ in range(dice.randint(1, 4)):
        words = [*re.finditer(r"\"[^\"\n]*\"|\[[^\[\]\n]*\]|\{[^{}\n]*\}|[\w.>=<:/-]+", text)]
        word = dice.choice(words)
        odd = dice.choice([*WORDS[name], *WORDS[name], *TEXTS])
        text = text[: word.start()] + odd + text[word.end() :]
    return text.encode(errors="replace")


def read_files(name: str, folder: Path, content: bytes) -> None:
    """Read the project that has the file, as every command does."""
    project = folder / name
    project.mkdir(exist_ok=True)
    (folder / MANIFEST).write_text(SOUND_YAML["manifest"])
    (project / "requirements.txt").write_text("a\n")
    if name != "pyproject.toml":
        (project / "setup.py").write_text("import setuptools\nsetuptools.setup()\n")
    (project / name).write_bytes(content)
    readers: list[Callable[[], object]] = [
        lambda: find_packages(folder),
        lambda: render_repository(open_repository(folder / MANIFEST)),
        lambda: read_references(project),
        lambda: judge(context(project, {"requirements.txt": content.decode("utf-8", "replace")})),
        lambda: read_function(project, pin=True),
        lambda: parse_requirements(content.decode("utf-8", "replace")),
    ]
    for read in readers:
        with suppress(ShipwheelError):
            read()
    found = read_project(project)
    require_build_order(found, {found.name: found} if found.name else {})
    current_version(found, find_place(found))


INPUTS = {
    "index page in HTML": Input(broken_html, partial(read_page, "text/html")),
    "index page in JSON": Input(
        broken_json, partial(read_page, "application/vnd.pypi.simple.v1+json")
    ),
    **{name: Input(partial(broken_text, name), partial(read_files, name)) for name in SOUND},
}


@some_seeds
@pytest.mark.parametrize("kind", INPUTS)
def test_a_broken_text_is_an_error_that_is_expected(
    kind: str, seeds: range, tmp_path: Path
) -> None:
    assert failures(kind, INPUTS[kind], tmp_path, seeds) == {}
