"""What publishing one project would do: the states that the README lists."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from steps.distribution.contents import Difference
from steps.host.errors import InputError, RegistryError
from steps.release.gate import Policy, Rules
from steps.release.judgement import Candidate, Judgement, Outcome, judge, refusals
from tests.tiny import make_distributions, make_project
from tests.unit.steps.registry.published_tides import TIDES, build, published
from tests.unit.steps.release.judging import Fetch, decide
from tests.unit.steps.release.test_judge_files import repack

if TYPE_CHECKING:
    from pathlib import Path


def test_an_absent_version_that_is_greater_is_new(tmp_path: Path, fetch: Fetch) -> None:
    ours = build(tmp_path, "1.1")

    found = decide(ours, published(*build(tmp_path / "old", "1.0")), fetch, "1.1")

    assert found == Judgement(
        project=TIDES,
        version=Version("1.1"),
        outcome=Outcome.NEW,
        reason="greater than 1.0",
        to_upload=ours,
        published=(Version("1.0"),),
        source=ours[1],
    )
    assert found.allowed


def test_an_absent_version_that_is_not_greater_is_refused(tmp_path: Path, fetch: Fetch) -> None:
    theirs = published(*build(tmp_path / "old", "2.0"))

    ours = build(tmp_path, "1.1")

    found = decide(ours, theirs, fetch, "1.1")

    assert found == Judgement(
        project=TIDES,
        version=Version("1.1"),
        outcome=Outcome.NOT_BUMPED,
        reason="1.1 is not greater than 2.0, the highest published release",
        hint="set the version to one of: 2.0.1, 2.1, 3.0, 2.0.1rc1",
        published=(Version("2.0"),),
        suggestions=tuple(map(Version, ("2.0.1", "2.1", "3.0", "2.0.1rc1"))),
        source=ours[1],
    )
    assert not found.allowed


def test_a_version_that_a_backend_invented_is_marked(tmp_path: Path, fetch: Fetch) -> None:
    found = decide(build(tmp_path, "0.0.0"), published(), fetch, "0.0.0")

    assert (found.outcome, found.invented) == (Outcome.NOT_BUMPED, True)


@pytest.mark.parametrize("hashes", [True, False])
def test_the_same_bytes_are_identical(hashes: bool, tmp_path: Path, fetch: Fetch) -> None:
    ours = build(tmp_path)

    found = decide(ours, published(*ours, hashes=hashes), fetch)

    assert (found.outcome, found.to_upload, found.allowed) == (Outcome.IDENTICAL, (), True)
    assert found.reason == "1.0 is published, all files, with the same contents"
    assert bool(fetch.fetched) != hashes


def test_a_rebuild_by_a_newer_backend_is_identical(tmp_path: Path, fetch: Fetch) -> None:
    ours, theirs = build(tmp_path), build(tmp_path / "old")
    repacked = [repack(it) for it in theirs]

    found = decide(ours, published(*repacked), fetch)

    assert found.outcome is Outcome.IDENTICAL
    assert fetch.fetched == [it.filename for it in ours]
    assert [*fetch.folder.iterdir()] == []


def test_a_missing_file_is_partial(tmp_path: Path, fetch: Fetch) -> None:
    wheel, sdist = build(tmp_path)

    found = decide((wheel, sdist), published(wheel), fetch)

    assert found == Judgement(
        project=TIDES,
        version=Version("1.0"),
        outcome=Outcome.PARTIAL,
        reason="1.0 is published, 1 of 2 files, with the same contents",
        to_upload=(sdist,),
        published=(Version("1.0"),),
        source=sdist,
    )
    assert found.allowed


@pytest.mark.parametrize("version", ["0.9", "1.0", "1.1"])
def test_published_file_names_that_tell_no_version_are_reported_whatever_the_outcome(
    version: str, tmp_path: Path, fetch: Fetch
) -> None:
    theirs = replace(published(*build(tmp_path / "old")), unreadable=("tides-odd.tar.gz",))

    found = decide(build(tmp_path, version), theirs, fetch, version)

    assert found.unreadable == ("tides-odd.tar.gz",)


def test_a_published_file_that_cannot_be_read_is_the_registrys_fault(
    tmp_path: Path, fetch: Fetch
) -> None:
    wheel, _ = build(tmp_path)
    broken = tmp_path / wheel.filename
    broken.write_bytes(b"no wheel")

    with pytest.raises(RegistryError) as caught:
        decide((wheel,), published(replace(wheel, path=broken, sha256="0" * 64)), fetch)

    assert str(caught.value.problems[0]) == (
        "The registry holds a file that cannot be compared: 'tides-1.0-py3-none-any.whl' cannot be"
        " read as a wheel: File is not a zip file\n"
        "  hint: look at how it came there; a new version does not need it"
    )
    assert [*fetch.folder.iterdir()] == []


def test_a_published_file_that_was_not_built_here_is_reported_and_is_not_a_difference(
    tmp_path: Path, fetch: Fetch
) -> None:
    wheel, sdist = build(tmp_path)
    egg = replace(sdist, path=sdist.path.with_suffix("").with_suffix(".zip"))

    found = decide((wheel,), published(wheel, sdist, egg), fetch)

    assert found.outcome is Outcome.IDENTICAL
    assert found.reason == (
        "1.0 is published, all files, with the same contents;"
        " the registry also holds, not built here: tides-1.0.tar.gz, tides-1.0.zip"
    )


def test_an_edited_line_is_changed_even_where_a_file_is_missing(
    tmp_path: Path, fetch: Fetch
) -> None:
    wheel, _ = build(tmp_path / "old", text="before")
    ours = build(tmp_path, text="after")

    found = decide(ours, published(wheel), fetch)

    assert found == Judgement(
        project=TIDES,
        version=Version("1.0"),
        outcome=Outcome.CHANGED,
        reason="1.0 is already published with different contents: file changed: tides/__init__.py",
        hint="set the version to one of: 1.0.1, 1.1, 2.0, 1.0.1rc1",
        published=(Version("1.0"),),
        suggestions=tuple(map(Version, ("1.0.1", "1.1", "2.0", "1.0.1rc1"))),
        source=ours[1],
        differences=(
            Difference(
                filename="tides-1.0-py3-none-any.whl",
                change="changed",
                kind="file",
                name="tides/__init__.py",
            ),
        ),
    )
    assert not found.allowed


@pytest.mark.parametrize(
    ("edited", "ending"), [(2, "b.py"), (5, "e.py"), (6, "e.py; and 1 more"), (7, "and 2 more")]
)
def test_the_first_five_differences_are_named(
    edited: int, ending: str, tmp_path: Path, fetch: Fetch
) -> None:
    old, new = make_project(tmp_path / "old", "tides"), make_project(tmp_path, "tides")
    for letter in "abcdefg"[:edited]:
        (new / "tides" / f"{letter}.py").write_text("")

    found = decide(make_distributions(new), published(*make_distributions(old)), fetch)

    named = "; ".join(f"file added: tides/{letter}.py" for letter in "abcde"[:edited])
    assert found.reason.startswith(f"1.0 is already published with different contents: {named}")
    assert found.reason.endswith(ending)


def test_a_local_version_that_is_published_already_needs_no_permission(
    tmp_path: Path, fetch: Fetch
) -> None:
    ours = build(tmp_path, "1.0+here")

    assert decide(ours, published(*ours), fetch, "1.0+here").outcome is Outcome.IDENTICAL


def test_two_sources_of_a_version_that_disagree_are_an_error(tmp_path: Path, fetch: Fetch) -> None:
    with pytest.raises(InputError, match="Two sources disagree") as caught:
        decide(build(tmp_path, "1.1"), published(), fetch, "1.0")

    assert [str(it) for it in caught.value.problems] == [
        f"Two sources disagree: the project says tides 1.0, and {filename!r} is tides 1.1\n"
        "  hint: keep the version in one place, or remove what was built before"
        for filename in ("tides-1.1-py3-none-any.whl", "tides-1.1.tar.gz")
    ]


def test_refusals_are_the_problems_of_what_is_not_allowed(tmp_path: Path, fetch: Fetch) -> None:
    theirs = published(*build(tmp_path / "old", "1.1"))
    good = decide(build(tmp_path, "1.2"), theirs, fetch, "1.2")
    bad = decide(build(tmp_path, "1.0"), theirs, fetch)

    (problem,) = refusals([good, bad])

    assert str(problem) == (
        "tides 1.0 is not greater than 1.1, the highest published release\n"
        "  hint: set the version to one of: 1.1.1, 1.2, 2.0, 1.1.1rc1"
    )


def test_the_policy_of_the_rules_counts(tmp_path: Path, fetch: Fetch) -> None:
    theirs = published(*build(tmp_path / "old", "2.0"))

    candidate = Candidate(name=TIDES, version=Version("1.1"), distributions=(), static=True)
    found = judge(candidate, theirs, Rules(policy=Policy.SERIES), fetch)

    assert (found.outcome, found.reason) == (Outcome.NEW, "the first release of its series 1.1")
