"""Which file of the registry is installed where a build requires one of its packages."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from packaging.specifiers import SpecifierSet
from packaging.tags import platform_tags
from packaging.utils import canonicalize_name

from steps.backend.private_requirements import PrivateRequirements, choose
from steps.registry.page import PublishedFile, PublishedProject, parse_page
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from steps.distribution.files import Distribution
    from steps.project.source import Project
    from steps.registry.index import Index

HERE = next(platform_tags())
NAMES = (
    "tool-1.0-py3-none-any.whl",
    "tool-1.0.tar.gz",
    f"tool-2.0-cp311-cp311-{HERE}.whl",
    "tool-2.0-odd-py3-none-any.whl",
    f"tool-2.0-cp312-cp312-{HERE}.whl",
    "tool-2.0-py3-none-any.whl",
    "tool-3.0-cp311-cp311-win32.whl",
    "tool-3.1.tar.gz",
    "tool-3.2.zip",
    "tool-4.0rc1-py3-none-any.whl",
    "tool-5.0-py3-none-any.whl",
)
YANKED = NAMES[-1]


def held(filename: str, *, yanked: bool = False) -> PublishedFile:
    page = f'<title>Links for tool</title><a href="/{filename}"{" data-yanked" * yanked}>x</a>'
    read = parse_page(page.encode(), name="tool", url="https://h/", content_type="text/html")
    return read.files[0]


@pytest.mark.parametrize(
    ("specifier", "python", "expected"),
    [
        ("", (3, 11), "tool-3.1.tar.gz"),
        ("<3.1", (3, 11), NAMES[2]),
        ("<3.1", (3, 12), NAMES[4]),
        ("<3.1", (3, 13), "tool-2.0-py3-none-any.whl"),
        ("<2", (3, 12), "tool-1.0-py3-none-any.whl"),
        (">=4.0rc1", (3, 12), "tool-4.0rc1-py3-none-any.whl"),
        ("==3.0", (3, 11), None),
        (">=5", (3, 11), None),
        ("==5.*", (3, 11), None),
        ("==5.0", (3, 11), YANKED),
        (">=6", (3, 11), None),
    ],
)
def test_the_best_file_of_the_newest_version_that_fits_is_chosen(
    specifier: str, python: tuple[int, int], expected: str | None
) -> None:
    files = [held(name, yanked=name == YANKED) for name in NAMES]

    chosen = choose(files, SpecifierSet(specifier), python)

    assert (chosen and chosen.filename) == expected


class _CountingIndex:
    """A registry that holds what is in the folder *dist*; it counts what it is asked for."""

    def __init__(self, dist: Path) -> None:
        self.dist = dist
        self.asked: list[str] = []

    def read(self, name: str) -> PublishedProject:
        self.asked.append(name)
        links = "".join(f'<a href="/{it.name}">x</a>' for it in self.dist.iterdir())
        page = f"<title>Links for {name}</title>{links}".encode()
        return parse_page(page, name=name, url="https://h/", content_type="text/html")

    def download(self, file: PublishedFile, folder: Path) -> Path:
        self.asked.append(file.filename)
        return Path(shutil.copy2(self.dist / file.filename, folder))


def test_a_file_that_builds_have_is_not_downloaded_over(tmp_path: Path) -> None:
    tool = make_project(tmp_path / "work", "tool")
    make_distributions(tool)
    index = _CountingIndex(tool / "dist")
    private = PrivateRequirements((), _never, cast("Index", index), tmp_path)

    found = [private.all([it], (3, 12)) for it in ("tool", "tool>=1", "Tool<2")]

    assert [it[canonicalize_name("tool")].filename for it in found] == [
        "tool-1.0-py3-none-any.whl"
    ] * 3
    assert index.asked == ["tool", "tool-1.0-py3-none-any.whl"]


def _never(_: Project) -> Distribution:
    raise AssertionError
