"""The table of steps/ASSUMPTIONS.md: a row for each assumption about Google."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[2]
# In the image the code is that of the installed wheel, and not beside the tests.
CODE = Path(steps.__file__).parents[1]
PAGE = ROOT / "steps/ASSUMPTIONS.md"
_ROW = re.compile(r"\| `(?P<id>[a-z0-9-]+)`(?P<star>\*?) \|(.*)\|(.*)\|(.*)\|(.*)\|")


@dataclass(frozen=True, kw_only=True)
class Row:
    """An assumption; *used_in* names modules with a function, *tests* are pytest's ids.

    *is_asked* says that the program in this folder asks the service about it.
    """

    id: str
    assumed: str
    evidence: str
    used_in: tuple[str, ...]
    tests: tuple[str, ...]
    is_asked: bool


def read_table(page: str) -> tuple[Row, ...]:
    """Return the rows of all tables on *page*."""
    return tuple(_row(match) for match in map(_ROW.fullmatch, page.splitlines()) if match)


def problems_of(rows: Sequence[Row], root: Path = ROOT) -> list[str]:
    """Say what the *rows* name that is not there below *root*."""
    ids = [row.id for row in rows]
    found = [f"{it} comes twice" for it in sorted({it for it in ids if ids.count(it) > 1})]
    return [*found, *(f"{row.id}: {problem}" for row in rows for problem in _problems(row, root))]


def _row(match: re.Match[str]) -> Row:
    assumed, evidence, used_in, tests = (cell.strip() for cell in match.groups()[2:])
    return Row(
        id=match["id"],
        assumed=assumed,
        evidence=evidence,
        used_in=tuple(re.findall("`(.+?)`", used_in)),
        tests=tuple(re.findall("`(.+?)`", tests)),
        is_asked=bool(match["star"]),
    )


def _problems(row: Row, root: Path) -> Iterator[str]:
    if not re.match("log|doc|source|none|follows", row.evidence):
        yield f"its evidence is none of those that the page explains: {row.evidence!r}"
    if not (row.used_in and row.tests):
        yield "it names no code, or no test"
    for place in row.used_in:
        module, _, names = place.partition(":")
        is_file = "/" in module
        code = CODE if root == ROOT and not is_file else root
        file = code / (module if is_file else f"{module.replace('.', '/')}.py")
        if not file.is_file() or not (is_file or _defines(file, tuple(names.split(".")))):
            yield f"there is no {place}"
    for test in row.tests:
        path, *parts = test.split("::")
        collected = path.startswith(("tests/unit/", "tests/integration/")) and "/test_" in path
        is_test = bool(parts) and parts[-1].startswith("test_")
        if not (collected and is_test and _defines(root / path, tuple(parts))):
            yield f"there is no test {test}"


def _defines(file: Path, names: tuple[str, ...]) -> bool:
    """Return whether the module *file* has a function, class or constant of that qualified name."""
    return names in _names(file)


@cache
def _names(file: Path) -> frozenset[tuple[str, ...]]:
    return frozenset(_found(ast.parse(file.read_bytes()), ())) if file.is_file() else frozenset()


def _found(node: ast.AST, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef(name=name):
                yield (*above, name)
            case ast.ClassDef(name=name):
                yield (*above, name)
                yield from _found(child, (*above, name))
            case ast.Assign(targets=[*targets]):
                found = (
                    it.id
                    for target in targets
                    for it in ast.walk(target)
                    if isinstance(it, ast.Name)
                )
                yield from ((*above, name) for name in found)
