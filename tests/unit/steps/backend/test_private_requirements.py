"""Which file of the registry is installed where a build requires one of its packages."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet
from packaging.tags import platform_tags

from steps.backend.private_requirements import choose
from steps.registry.page import PublishedFile, parse_page

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
