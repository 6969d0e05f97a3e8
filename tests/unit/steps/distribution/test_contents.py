"""Comparison by contents: a rebuild is not a change, one edited line is."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from steps.distribution.metadata import table_in_one_form
from steps.host.errors import InputError
from tests.unit.steps.distribution.pairs import (
    INFO,
    METADATA,
    SDIST,
    WHEEL,
    of_backend,
    said,
    sdists,
    wheels,
    with_metadata,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_how_a_wheel_was_packed_is_not_a_difference(tmp_path: Path) -> None:
    theirs = {
        **WHEEL,
        f"{INFO}/WHEEL": "Wheel-Version: 1.1\nGenerator: other 2\nTag: py2-none-any\n",
    }

    assert wheels(tmp_path, WHEEL, theirs) == ()


@pytest.mark.parametrize("spelling", ["Tide.Tables-1.0.0", "tide-tables-1.0"])
def test_the_spelling_of_a_wheels_folders_is_not_a_difference(
    spelling: str, tmp_path: Path
) -> None:
    ours = {**WHEEL, "tide_tables-1.0.data/scripts/tide": "#!python\n"}
    theirs = {
        name.replace("tide_tables-1.0.d", f"{spelling}.d"): text for name, text in ours.items()
    }

    assert wheels(tmp_path, ours, theirs) == ()


def test_where_a_backend_keeps_licence_files_is_not_a_difference(tmp_path: Path) -> None:
    ours = {**WHEEL, f"{INFO}/licenses/LICENSE": "Free\n"}

    assert wheels(tmp_path, ours, {**WHEEL, f"{INFO}/LICENSE": "Free\n"}) == ()
    assert said(wheels(tmp_path, ours, {**WHEEL, f"{INFO}/LICENSE": "Paid\n"})) == [
        "file changed: .dist-info/LICENSE"
    ]


def test_files_added_removed_and_changed_are_reported(tmp_path: Path) -> None:
    ours = {**WHEEL, "tide_tables/__init__.py": "HIGH = 2\n", "tide_tables/new.py": ""}
    theirs = {**WHEEL, "tide_tables/old.py": ""}

    assert said(wheels(tmp_path, ours, theirs)) == [
        "file changed: tide_tables/__init__.py",
        "file added: tide_tables/new.py",
        "file removed: tide_tables/old.py",
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tide_tables.data", "tide_tables.data"),
        ("tide_tables.libs/libsea.so", "tide_tables.libs/libsea.so"),
        ("other-1.0.data/RECORD", "other-1.0.data/RECORD"),
        ("tide_tables-1.0.data/RECORD", ".data/RECORD"),
        ("tide_tables-1.0.data/METADATA", ".data/METADATA"),
    ],
)
def test_files_of_the_users_that_are_only_named_like_a_wheels_own_count(
    name: str, told: str, tmp_path: Path
) -> None:
    assert said(wheels(tmp_path, {**WHEEL, name: "new"}, {**WHEEL, name: "old"})) == [
        f"file changed: {told}"
    ]


def test_entry_points_are_contents(tmp_path: Path) -> None:
    ours = {**WHEEL, f"{INFO}/entry_points.txt": "[console_scripts]\ntide = tide_tables:main\n"}

    assert said(wheels(tmp_path, ours, WHEEL)) == ["file added: .dist-info/entry_points.txt"]


@pytest.mark.attack("time and memory")
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("entry_points.txt", "[a]\nb" + " " * 100_000 + "c"),
        ("entry_points.txt", "[a]\n" + "".join(f"b{number}=c\n" for number in range(12_000))),
        ("METADATA", METADATA + "".join(f"X{number}: 1\n" for number in range(12_000))),
        ("METADATA", METADATA + "".join(f"Classifier: {number}\n" for number in range(12_000))),
    ],
    ids=["spaces", "entry points", "fields", "values"],
)
def test_no_file_of_a_published_wheel_takes_long_to_compare(
    ours: str, theirs: str, tmp_path: Path
) -> None:
    name = f"{INFO}/{ours}"
    begin = time.process_time()
    with suppress(InputError):  # or it is refused
        wheels(tmp_path, {**WHEEL, name: WHEEL.get(name, "[a]\nb=c\n")}, {**WHEEL, name: theirs})
    assert time.process_time() - begin < 1


@pytest.mark.attack("time and memory")
@pytest.mark.parametrize("text", [b"a" + b".a" * 100_000 + b" = 1", b"a = " + b"[" * 100_000])
def test_toml_that_takes_long_to_read_has_no_form(text: bytes) -> None:
    assert table_in_one_form(text) is None


def test_entry_points_in_another_form_are_no_difference(tmp_path: Path) -> None:
    name = f"{INFO}/entry_points.txt"
    ours = {**WHEEL, name: "[console_scripts]\nTide=tides:main\n\n[gui_scripts]\n\n"}

    assert wheels(tmp_path, ours, {**WHEEL, name: "[console_scripts]\nTide = tides:main\n"}) == ()
    assert wheels(tmp_path, {**WHEEL, name: "[console_scripts]\n\n"}, WHEEL) == ()
    assert said(wheels(tmp_path, ours, {**WHEEL, name: "[console_scripts]\ntide=tides:main"})) == [
        "file changed: .dist-info/entry_points.txt"
    ]
    assert said(wheels(tmp_path, ours, {**WHEEL, name: "Tide=tides:main"})) == [
        "file changed: .dist-info/entry_points.txt"
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("[a]\nb=c\nd=e\n[f]\ng=h\n", "[f]\ng=h\n[a]\nd=e\nb=c\n", True),
        ("[a]\nb=%(c)s\n", "[a]\nb = %(c)s\n", True),
        ("[a]\nb:c=d\n", "[a]\nb=c=d\n", False),
        ("[a]\nb=\udcff\n", "[a]\nb = \udcff\n", False),  # no UTF-8: only the bytes count
    ],
)
def test_entry_points_are_compared_by_what_they_say(
    ours: str, theirs: str, same: bool, tmp_path: Path
) -> None:
    name = f"{INFO}/entry_points.txt"

    found = said(wheels(tmp_path, {**WHEEL, name: ours}, {**WHEEL, name: theirs}))

    assert found == ([] if same else ["file changed: .dist-info/entry_points.txt"])


def test_the_classifiers_that_poetry_adds_are_no_difference(tmp_path: Path) -> None:
    python = "Classifier: Programming Language :: Python :: 3.15\n"
    by = {backend: f"Generator: {backend} 2\n" for backend in ("poetry-core", "flit")}

    def built(backend: str, fields: str) -> dict[str, str]:
        return {**with_metadata(METADATA + fields), f"{INFO}/WHEEL": by[backend]}

    assert wheels(tmp_path, built("poetry-core", python), built("poetry-core", "")) == ()
    assert said(wheels(tmp_path, built("flit", python), built("flit", ""))) == [
        "metadata field added: Classifier (+'Programming Language :: Python :: 3.15')"
    ]
    vendored = {"tide_tables/old-1.dist-info/WHEEL": by["poetry-core"]}
    assert said(wheels(tmp_path, {**vendored, **built("flit", python)}, built("flit", ""))) == [
        "file added: tide_tables/old-1.dist-info/WHEEL",
        "metadata field added: Classifier (+'Programming Language :: Python :: 3.15')",
    ]
    other = "Classifier: Topic :: Other\n"
    assert said(wheels(tmp_path, built("poetry-core", other), built("poetry-core", ""))) == [
        "metadata field added: Classifier (+'Topic :: Other')"
    ]


def test_the_file_that_uv_build_renders_and_its_original_count_together(tmp_path: Path) -> None:
    original, rendered = of_backend("uv_build", "  # as the user wrote it"), of_backend("uv_build")
    ours = {**SDIST, "pyproject.toml": rendered, "pyproject.toml.orig": original}
    reformatted = {**ours, "pyproject.toml": rendered.replace(" = ", "=")}
    earlier = {**SDIST, "pyproject.toml": original}

    assert said(sdists(tmp_path, ours, reformatted)) == []
    assert said(sdists(tmp_path, ours, earlier)) == []
    assert said(sdists(tmp_path, ours, {**ours, "pyproject.toml": of_backend("evil")})) == [
        "file changed: pyproject.toml"
    ]
    assert said(sdists(tmp_path, ours, {**ours, "pyproject.toml.orig": rendered})) == [
        "file changed: pyproject.toml.orig"
    ]
    assert said(sdists(tmp_path, ours, {**SDIST, "pyproject.toml": rendered})) == [
        "file changed: pyproject.toml"
    ]


def test_what_another_backend_packs_under_the_name_of_the_original_is_a_file(
    tmp_path: Path,
) -> None:
    original = of_backend("flit_core", "  # uv_build")
    ours = {**SDIST, "pyproject.toml": original}
    theirs = {**ours, "pyproject.toml": of_backend("uv_build"), "pyproject.toml.orig": original}

    assert said(sdists(tmp_path, ours, theirs)) == [
        "file changed: pyproject.toml",
        "file removed: pyproject.toml.orig",
    ]


def test_how_metadata_came_about_and_in_which_order_is_not_a_difference(tmp_path: Path) -> None:
    ours = (
        f"{METADATA}Dynamic: Version\nImport-Name: tide_tables\nLicense-File: LICENSE\n"
        "Import-Namespace: tide\n"
        "Classifier: A\nClassifier: B\n"
        "Requires-Dist: berths_api[Full_Set]>=1,<2\nRequires-Dist: moon; extra == 'Full'\n"
        "Provides-Extra: full_set\nRequires-Python: >=3.8,<4\nKeywords: sea,tide\n"
        "Project-URL: Home, https://example.com\n\nText  \nand more\n\n"
    )
    theirs = (
        "Metadata-Version: 2.1\nName: Tide_Tables\nVersion: v1.0.0\nClassifier: B\nClassifier: A\n"
        'Requires-Dist: moon ; extra == "full"\nRequires-Dist: Berths.API[full-set] (<2,>=1)\n'
        "Provides-Extra: full-set\nRequires-Python: <4, >=3.8\nKeywords: sea,tide\n"
        "Home-page: UNKNOWN\nAuthor: \nProject-URL: Home, https://example.com\n\nText\nand more\n"
    )

    assert wheels(tmp_path, with_metadata(ours), with_metadata(theirs)) == ()


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (
            "Requires-Dist: berths>=2\n",
            "Requires-Dist: berths>=1\n",
            "metadata field changed: Requires-Dist (-'berths>=1' +'berths>=2')",
        ),
        ("Summary: Tides\n", "", "metadata field added: Summary (+'Tides')"),
        ("", "Project-URL: A, b\n", "metadata field removed: Project-URL (-'A, b')"),
        (
            "\nNew\ntext\n",
            "\nText\n",
            "metadata field changed: Description (-'Text' +'New\\ntext')",
        ),
        (
            "Requires-Python: >=3.9\n",
            "Requires-Python: >=3.8\n",
            "metadata field changed: Requires-Python (-'>=3.8' +'>=3.9')",
        ),
        (f"Summary: {'x' * 57}\n", "", f"metadata field added: Summary (+'{'x' * 57}')"),
        (f"Summary: {'x' * 58}\n", "", "metadata field added: Summary"),
        ("Provides: a\n", "", "metadata field added: Provides (+'a')"),
        ("Requires: a\n", "", "metadata field added: Requires (+'a')"),
        ("Obsoletes: a\n", "", "metadata field added: Obsoletes (+'a')"),
        ("Keywords: a,b\n", "Keywords: a\n", "metadata field changed: Keywords (-'a' +'a,b')"),
        ("X-Own: a\n", "", "metadata field added: X-Own (+'a')"),
        ("Requires-Dist: not (valid\n", "", "metadata field added: Requires-Dist (+'not (valid')"),
    ],
)
def test_a_changed_metadata_field_is_named(
    ours: str, theirs: str, expected: str, tmp_path: Path
) -> None:
    found = wheels(tmp_path, with_metadata(METADATA + ours), with_metadata(METADATA + theirs))

    assert said(found) == [expected]


def test_what_setuptools_derives_is_not_a_difference_in_an_sdist(tmp_path: Path) -> None:
    derived = (
        "dependency_links.txt",
        "not-zip-safe",
        "requires.txt",
        "top_level.txt",
        "zip-safe",
    )
    theirs = {
        **SDIST,
        "PKG-INFO": METADATA.replace("2.4", "2.1"),
        **{f"src/tide_tables.egg-info/{name}": "other" for name in derived},
    }
    for name in [name for name in theirs if name.startswith("src/tide_tables.egg-info/")]:
        theirs[name.replace("tide_tables.egg", "Tide.Tables.egg")] = theirs.pop(name)

    assert sdists(tmp_path, SDIST, theirs) == ()


def test_what_users_say_in_the_folder_of_setuptools_counts(tmp_path: Path) -> None:
    name = "src/tide_tables.egg-info/entry_points.txt"

    assert said(sdists(tmp_path, {**SDIST, name: "[a]\n"}, SDIST)) == [
        "file added: src/.egg-info/entry_points.txt"
    ]


def test_which_members_setuptools_takes_for_sources_counts(tmp_path: Path) -> None:
    name = "src/tide_tables.egg-info/SOURCES.txt"
    ours = {**SDIST, name: "tide_tables/__init__.py\npyproject.toml\n"}
    other = {**SDIST, name: "setup.cfg\npyproject.toml\ntide_tables/__init__.py\nno/member\n"}

    assert said(sdists(tmp_path, ours, other)) == []
    assert said(sdists(tmp_path, ours, SDIST)) == ["file changed: src/.egg-info/SOURCES.txt"]


@pytest.mark.parametrize("name", [".gitignore", ".hgignore"])
def test_the_ignore_file_of_the_repository_is_not_a_difference_where_hatchling_takes_it_along(
    name: str, tmp_path: Path
) -> None:
    ours = {**SDIST, "pyproject.toml": of_backend("hatchling")}

    assert sdists(tmp_path, {**ours, name: "dist/\n"}, ours) == ()
    assert said(sdists(tmp_path, {**ours, f"tide_tables/{name}": "new"}, ours)) == [
        f"file added: tide_tables/{name}"
    ]
    assert said(sdists(tmp_path, {**SDIST, name: "dist/\n"}, SDIST)) == [f"file added: {name}"]


def test_an_edited_line_in_an_sdist_is_reported_and_metadata_only_once(tmp_path: Path) -> None:
    text = f"{METADATA}Summary: New\n"
    ours = {
        **SDIST,
        "pyproject.toml": "[project]\n# new\n",
        "PKG-INFO": text,
        "src/tide_tables.egg-info/PKG-INFO": text,
    }

    assert said(sdists(tmp_path, ours, SDIST)) == [
        "file changed: pyproject.toml",
        "metadata field added: Summary (+'New')",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "SOURCES.txt",
        "tests/other.egg-info/SOURCES.txt",
        "tide_tables.notes/SOURCES.txt",
        "RECORD",
    ],
)
def test_files_of_the_users_that_are_only_named_like_a_backends_count(
    name: str, tmp_path: Path
) -> None:
    assert said(sdists(tmp_path, {**SDIST, name: "new"}, {**SDIST, name: "old"})) == [
        f"file changed: {name}"
    ]
