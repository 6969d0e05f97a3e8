"""Nothing that a published file holds replaces what it should hold."""

from __future__ import annotations

import tempfile
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies

from steps.distribution.contents import compare
from steps.distribution.files import read_distribution
from tests.unit.steps.distribution.pairs import (
    INFO,
    METADATA,
    SDIST,
    WHEEL,
    of_backend,
    said,
    sdists,
    wheels,
    write,
)

POINTS = "[console_scripts]\ntide = tide_tables:main\n"
EVIL = "[console_scripts]\ntide = os:abort\n"
DATA, EGG = "tide_tables-1.0.data", "src/tide_tables.egg-info"
OURS = {
    **WHEEL,
    f"{INFO}/entry_points.txt": POINTS,
    f"{INFO}/licenses/LICENSE": "Free\n",
    f"{INFO}/sboms/tides.json": "{}",
    f"{DATA}/scripts/tide": "#!python\n",
}
OUR_SDIST = {**SDIST, f"{EGG}/entry_points.txt": POINTS, f"{EGG}/SOURCES.txt": "pyproject.toml\n"}


def moved(members: dict[str, str], old: str, new: str) -> dict[str, str]:
    """Return *members* with *new* in the place of *old* at the beginning of every name."""
    return {
        new + name.removeprefix(old) if name.startswith(old) else name: text
        for name, text in members.items()
    }


WHEEL_TRICKS: dict[str, dict[str, str]] = {
    "entry points, and the original among the licences": {
        **OURS,
        f"{INFO}/entry_points.txt": EVIL,
        f"{INFO}/licenses/entry_points.txt": POINTS,
    },
    "the same in the older folder": {
        **OURS,
        f"{INFO}/entry_points.txt": EVIL,
        f"{INFO}/license_files/entry_points.txt": POINTS,
    },
    "entry points only among the licences": moved(
        OURS, f"{INFO}/entry_points.txt", f"{INFO}/licenses/entry_points.txt"
    ),
    "entry points of no section": {
        **OURS,
        f"{INFO}/entry_points.txt": POINTS.replace("[", "[DEFAULT]\n[").replace("tide =", "x ="),
    },
    "entry points of every section": {
        **OURS,
        f"{INFO}/entry_points.txt": "[DEFAULT]\ntide = tide_tables:main\n[console_scripts]\n",
    },
    "entry points that go on": {**OURS, f"{INFO}/entry_points.txt": f"{POINTS}  [extra]\n"},
    "a second licence": {**OURS, f"{INFO}/LICENSE": "Paid\n"},
    "a bill of materials among the licences": moved(OURS, f"{INFO}/sboms", f"{INFO}/licenses"),
    "data of another version": {**OURS, "tide_tables-0.data/scripts/tide": "#!evil\n"},
    "data of another version only": moved(OURS, DATA, "tide_tables-0.data"),
    "data spelled otherwise": {**OURS, "Tide.Tables-1.0.data/scripts/tide": "#!evil\n"},
    "data spelled otherwise only": moved(OURS, DATA, "Tide.Tables-1.0.data"),
    "a second folder of metadata": {**OURS, "tide_tables-0.dist-info/METADATA": METADATA},
    "the same spelled otherwise": {**OURS, "Tide.Tables-1.0.dist-info/METADATA": METADATA},
    "metadata in two folders": moved(
        OURS, f"{INFO}/entry_points.txt", "Tide.Tables-1.0.dist-info/entry_points.txt"
    ),
    "metadata of another version": moved(OURS, INFO, "tide_tables-2.dist-info"),
    "metadata of no one": moved(OURS, INFO, ".dist-info"),
    "data of no one": moved(OURS, DATA, ".data"),
    "a name that begins with a point": moved(OURS, "tide_tables/", "./tide_tables/"),
    "no WHEEL": {name: text for name, text in OURS.items() if not name.endswith("/WHEEL")},
    "no RECORD": {name: text for name, text in OURS.items() if not name.endswith("/RECORD")},
    "no METADATA": {name: text for name, text in OURS.items() if not name.endswith("METADATA")},
    "no entry points": {name: text for name, text in OURS.items() if "entry" not in name},
    "a RECORD that lists too much": {**OURS, f"{INFO}/RECORD": "/etc/passwd,,\n"},
    "a signature": {**OURS, f"{INFO}/RECORD.jws": "{}"},
    "another Root-Is-Purelib": {**OURS, f"{INFO}/WHEEL": "Root-Is-Purelib: false\n"},
    "two Root-Is-Purelib": {
        **OURS,
        f"{INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nRoot-Is-Purelib: false\n",
    },
    "a WHEEL of another major version": {**OURS, f"{INFO}/WHEEL": "Wheel-Version: 9.0\n"},
    "metadata that says it is poetry's": {
        **OURS,
        f"{INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: poetry-core 2\n",
        f"{INFO}/METADATA": f"{METADATA}Classifier: Programming Language :: Python :: 3.9\n",
    },
    "keywords in two fields": {
        **OURS,
        f"{INFO}/METADATA": f"{METADATA}Keywords: sea\nKeywords: tide\n",
    },
}

SDIST_TRICKS: dict[str, dict[str, str]] = {
    "settings, and the original as uv_build has it": {
        **OUR_SDIST,
        "pyproject.toml": f"{of_backend('evil')}# uv_build\n",
        "pyproject.toml.orig": OUR_SDIST["pyproject.toml"],
    },
    "an ignore file as hatchling has it": {
        **OUR_SDIST,
        "pyproject.toml": f"{OUR_SDIST['pyproject.toml']}# hatchling\n",
        ".gitignore": "*",
    },
    "an ignore file": {**OUR_SDIST, ".gitignore": "*"},
    "egg-info elsewhere": {**OUR_SDIST, "tide_tables.egg-info/entry_points.txt": EVIL},
    "egg-info elsewhere only": moved(OUR_SDIST, EGG, "tide_tables.egg-info"),
    "egg-info spelled otherwise beside it": {
        **OUR_SDIST,
        "src/Tide.Tables.egg-info/entry_points.txt": EVIL,
    },
    "egg-info in two folders": moved(
        OUR_SDIST, f"{EGG}/entry_points.txt", "src/Tide.Tables.egg-info/entry_points.txt"
    ),
    "egg-info of no one": moved(OUR_SDIST, EGG, "src/.egg-info"),
    "no egg-info": {name: text for name, text in OUR_SDIST.items() if EGG not in name},
    "other sources": {
        **OUR_SDIST,
        f"{EGG}/SOURCES.txt": "pyproject.toml\ntide_tables/__init__.py\n",
    },
    "a link to another member": {**OUR_SDIST, "tide_tables/__init__.py": "-> pyproject.toml"},
    "no PKG-INFO": {name: text for name, text in OUR_SDIST.items() if name != "PKG-INFO"},
}


@pytest.mark.attack("a published file that differs")
@pytest.mark.parametrize("trick", WHEEL_TRICKS)
def test_a_trick_with_the_members_of_a_wheel_is_a_difference(trick: str, tmp_path: Path) -> None:
    ours = OURS
    if trick == "keywords in two fields":
        ours = {**OURS, f"{INFO}/METADATA": f"{METADATA}Keywords: sea,tide\n"}

    assert wheels(tmp_path, ours, WHEEL_TRICKS[trick])


@pytest.mark.attack("a published file that differs")
@pytest.mark.parametrize("trick", SDIST_TRICKS)
def test_a_trick_with_the_members_of_an_sdist_is_a_difference(trick: str, tmp_path: Path) -> None:
    assert sdists(tmp_path, OUR_SDIST, SDIST_TRICKS[trick])


@pytest.mark.attack("a published file that differs")
def test_executable_bits_are_contents(tmp_path: Path) -> None:
    name = "tide_tables-1.0-py3-none-any.whl"
    ours = read_distribution(write(tmp_path / "ours" / name, OURS))
    theirs = write(tmp_path / "theirs" / name, OURS, executable={"tide_tables/__init__.py"})

    assert said(compare(ours, theirs)) == [
        "file changed: tide_tables/__init__.py (no longer executable)"
    ]

    name = "tide_tables-1.0.tar.gz"
    ours = read_distribution(write(tmp_path / "ours" / name, SDIST, executable={"pyproject.toml"}))
    theirs = write(tmp_path / "theirs" / name, SDIST)

    assert said(compare(ours, theirs)) == ["file changed: pyproject.toml (now executable)"]


def test_only_a_bill_of_materials_in_its_own_place_may_be_a_rebuild(tmp_path: Path) -> None:
    sbom, other = f"{INFO}/sboms/tides.json", "tide_tables/sboms/tides.json"

    def rebuilt(theirs: dict[str, str]) -> list[tuple[str, bool]]:
        found = wheels(tmp_path, {**OURS, other: "{}"}, {**OURS, other: "{}", **theirs})
        return [(it.name, it.rebuilt) for it in found]

    assert rebuilt({sbom: '{"built": "elsewhere"}'}) == [(".dist-info/sboms/tides.json", True)]
    assert rebuilt({f"{INFO}/sboms/more.json": "{}"}) == [(".dist-info/sboms/more.json", False)]
    assert rebuilt({other: '{"built": "elsewhere"}'}) == [(other, False)]


@pytest.mark.attack("a published file that differs")
def test_what_a_compiler_wrote_is_source_in_an_sdist(tmp_path: Path) -> None:
    found = sdists(tmp_path, {**SDIST, "_c.so": "\x7fELF 1"}, {**SDIST, "_c.so": "\x7fELF 2"})

    assert [(it.name, it.rebuilt) for it in found] == [("_c.so", False)]


@pytest.mark.attack("a published file that differs")
def test_two_members_of_one_name_each_need_their_partner(tmp_path: Path) -> None:
    ours = {**OURS, f"{INFO}/LICENSE": "Free\n"}
    swapped = {**ours, f"{INFO}/LICENSE": "Paid\n"}

    assert wheels(tmp_path, ours, ours) == ()
    assert said(wheels(tmp_path, ours, swapped)) == [f"file changed: {INFO}/LICENSE"]


# What the comparison gives another name, or takes for another member, or did so once.
PLACES = [
    f"{INFO}/entry_points.txt",
    f"{INFO}/licenses/entry_points.txt",
    f"{INFO}/LICENSE",
    f"{INFO}/licenses/LICENSE",
    f"{INFO}/license_files/LICENSE",
    f"{INFO}/sboms/tides.json",
    f"{DATA}/scripts/tide",
    "tide_tables-0.data/scripts/tide",
    "Tide.Tables-1.0.data/scripts/tide",
    "Tide.Tables-1.0.dist-info/entry_points.txt",
    ".dist-info/entry_points.txt",
    "tide_tables/tide.py",
    "METADATA",
]
SDIST_PLACES = [
    f"{EGG}/entry_points.txt",
    "src/Tide.Tables.egg-info/entry_points.txt",
    "tide_tables.egg-info/entry_points.txt",
    "src/.egg-info/entry_points.txt",
    "pyproject.toml.orig",
    "pyproject.toml",
    ".gitignore",
    "tide_tables/tide.py",
]
TEXTS = [POINTS, EVIL, "", "Free\n", of_backend("uv_build"), of_backend("hatchling")]
MEMBERS = strategies.fixed_dictionaries(
    {},
    optional={place: strategies.sampled_from(TEXTS) for place in PLACES},
)
SDIST_MEMBERS = strategies.fixed_dictionaries(
    {"pyproject.toml": strategies.sampled_from(TEXTS[-2:])},
    optional={it: strategies.sampled_from(TEXTS) for it in SDIST_PLACES if it != "pyproject.toml"},
)
# Each copies what is at one place to another.
MOVES = strategies.lists(strategies.tuples(strategies.integers(0, 20), strategies.integers(0, 20)))


@pytest.mark.attack("a published file that differs")
@hypothesis.given(ours=MEMBERS, moves=MOVES, data=strategies.data())
def test_no_rearrangement_of_a_wheel_hides_a_member_that_differs(
    ours: dict[str, str], moves: list[tuple[int, int]], data: strategies.DataObject
) -> None:
    hypothesis.assume(ours)
    place = data.draw(strategies.sampled_from(sorted(ours)))
    theirs = rearranged({**ours, place: "evil\n"}, ours, moves, PLACES, place)

    with tempfile.TemporaryDirectory() as folder:
        assert wheels(Path(folder), {**WHEEL, **ours}, {**WHEEL, **theirs})


@pytest.mark.attack("a published file that differs")
@hypothesis.given(ours=SDIST_MEMBERS, moves=MOVES, data=strategies.data())
def test_no_rearrangement_of_an_sdist_hides_a_member_that_differs(
    ours: dict[str, str], moves: list[tuple[int, int]], data: strategies.DataObject
) -> None:
    counts = [name for name in ours if name != ".gitignore"]
    place = data.draw(strategies.sampled_from(sorted(counts)))
    theirs = rearranged({**ours, place: "evil = 1\n"}, ours, moves, SDIST_PLACES, place)

    with tempfile.TemporaryDirectory() as folder:
        assert sdists(Path(folder), {**SDIST, **ours}, {**SDIST, **theirs})


def rearranged(
    theirs: dict[str, str],
    ours: dict[str, str],
    moves: list[tuple[int, int]],
    places: list[str],
    changed: str,
) -> dict[str, str]:
    """Return *theirs* with members of *ours* copied to other places, but for what *changed*."""
    for source, target in moves:
        name = places[source % len(places)]
        to = places[target % len(places)]
        if name in ours and to != changed:
            theirs = {**theirs, to: ours[name]}
    return theirs
