"""The version gate, by examples, by properties, and against the versions of real projects."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from steps.release.gate import UNSHALLOW, Policy, Rules, decide, is_final, is_invented

if TYPE_CHECKING:
    from random import Random

V = Version
ANY = Rules(allow_local=True, allow_epoch=True)
NUMBERS = st.integers(0, 12)


def versions(texts: str) -> list[Version]:
    return [Version(text) for text in texts.split()]


def suggested(candidate: str, published: str, policy: Policy = Policy.GREATER) -> str:
    verdict = decide(V(candidate), versions(published), Rules(policy=policy))
    assert not verdict.allowed
    return " ".join(map(str, verdict.suggestions))


@pytest.mark.parametrize(
    ("candidate", "published", "reason"),
    [
        ("0.1", "", "the first release"),
        ("1.10", "1.9 1.2", "greater than 1.9"),
        ("1.0.post1", "1.0", "greater than 1.0"),
        ("1.1", "1.0 2.0rc1", "greater than 1.0"),
        ("2.0", "1.0 2.0rc1", "greater than 1.0"),
        ("2.0rc2", "1.0 2.0rc1", "greater than 2.0rc1"),
        ("2.0.dev1", "1.0", "greater than 1.0"),
        ("1.0", "1.0rc1", "the first release of its kind"),
    ],
)
def test_a_version_that_exceeds_what_it_must_is_let_through(
    candidate: str, published: str, reason: str
) -> None:
    verdict = decide(V(candidate), versions(published), Rules())

    assert (verdict.allowed, verdict.reason, verdict.hint) == (True, reason, "")


@pytest.mark.parametrize(
    ("candidate", "published", "reason"),
    [
        ("1.9", "1.10 1.2", "1.9 is not greater than 1.10, the highest published release"),
        ("1.5", "2.0 1.4", "1.5 is not greater than 2.0, the highest published release"),
        ("1.0", "1.0.post1", "1.0 is not greater than 1.0.post1, the highest published release"),
        ("2.0rc1", "2.0rc2", "2.0rc1 is not greater than 2.0rc2, the highest published version"),
        ("2.0.dev9", "2.0a1", "2.0.dev9 is not greater than 2.0a1, the highest published version"),
        ("1.5rc1", "2.0", "1.5rc1 is not greater than 2.0, the highest published release"),
        (
            "1.0.post1.dev1",
            "1.1",
            "1.0.post1.dev1 is not greater than 1.1, the highest published release",
        ),
        ("1.0.0", "1", "1.0.0 is already published"),
        ("v1.0-RC.1", "1.0rc1", "1.0rc1 is already published"),
        ("01.02", "1.2.0", "1.2 is already published"),
        ("1.0+here", "", "1.0+here is a local version (+here)"),
        ("1!1.0", "", "1!1.0 has an epoch, which Artifact Registry stores but cannot serve"),
    ],
)
def test_a_version_that_does_not_is_refused_with_the_reason(
    candidate: str, published: str, reason: str
) -> None:
    verdict = decide(V(candidate), versions(published), Rules())

    assert (verdict.allowed, verdict.reason) == (False, reason)


def test_series_compares_within_major_and_minor() -> None:
    rules = Rules(policy=Policy.SERIES)
    published = versions("1.4.5 1.4.7rc1 1.10.0 2.0")

    assert decide(V("1.4.6"), published, rules).allowed
    assert decide(V("1.4.7rc2"), published, rules).allowed
    assert decide(V("1.3"), published, rules).reason == "the first release of its series 1.3"
    assert decide(V("1.4.4"), published, rules).reason == (
        "1.4.4 is not greater than 1.4.5, the highest published release of the series 1.4"
    )
    assert not decide(V("1.4.7.dev1"), published, rules).allowed


def test_unique_demands_a_new_version_only() -> None:
    rules = Rules(policy=Policy.UNIQUE)

    assert decide(V("0.5"), versions("1.0"), rules).reason == "0.5 is not published yet"
    assert decide(V("1.0.1"), versions("1.0.2"), rules).reason == "1.0.1 is not published yet"
    assert not decide(V("1.0.0"), versions("1.0"), rules).allowed


@pytest.mark.parametrize(
    ("candidate", "published", "expected"),
    [
        ("1.4.2", "1.4.2", "1.4.3 1.5.0 2.0.0 1.4.3rc1"),
        ("1.4", "1.4", "1.4.1 1.5 2.0 1.4.1rc1"),
        ("7", "8", "8.0.1 8.1 9 8.0.1rc1"),
        ("1.0", "1.0 2.0rc1", "1.0.1 1.1 2.0 2.0rc2"),
        ("2.0rc1", "1.0 2.0rc2", "2.0rc3 1.0.1 1.1 2.0"),
        ("2.0rc1", "2.0rc1", "2.0rc2 2.0 2.0.1 2.1 3.0"),
        ("1.1.dev3", "1.1.dev3", "1.1.dev4 1.1 1.1.1 1.2 2.0"),
        ("1.2.3.4", "1.2.3.4", "1.2.4.0 1.3.0.0 2.0.0.0 1.2.4rc1"),
        ("1.2+here", "1.0", "1.2 1.0.1 1.1 2.0 1.0.1rc1"),
        ("1!3.0", "2.0", "3.0 2.0.1 2.1 2.0.1rc1"),
        ("0.0.0", "", "0.0.1 0.1.0 1.0.0 0.0.1rc1"),
        ("0.1.dev1+g1234567", "1.4", "1.4.1 1.5.0 2.0.0 1.4.1rc1"),
        ("0.1.dev1+g1234567", "", "0.0.1 0.1.0 1.0.0 0.0.1rc1"),
        ("1.0.post1.dev2", "1.0.post1.dev2", "1.0.1rc1 1.0 1.0.1 1.1 2.0"),
    ],
)
def test_suggestions_are_the_next_micro_minor_major_and_pre_release(
    candidate: str, published: str, expected: str
) -> None:
    assert suggested(candidate, published) == expected


def test_in_a_series_its_own_next_version_is_suggested() -> None:
    assert suggested("1.4.4", "1.4.5 1.5.1 2.0", Policy.SERIES) == "1.4.6 1.4.6rc1"
    assert suggested("1.4.1", "1.4.1 1.4.3 2.0", Policy.UNIQUE) == "1.4.4 1.5.0 1.4.4rc1"
    assert suggested("1.0.post1", "1.0.post1", Policy.UNIQUE) == "1.0.1 1.1 2.0 1.0.1rc1"


def test_for_a_series_that_was_not_chosen_all_versions_count() -> None:
    assert suggested("0.1.dev1+g1234567", "1.4", Policy.SERIES) == "1.4.1 1.5.0 2.0.0 1.4.1rc1"


def test_where_epochs_are_allowed_that_of_the_version_is_kept() -> None:
    verdict = decide(V("1!1.0+here"), (), Rules(allow_epoch=True))

    assert " ".join(map(str, verdict.suggestions)) == "1!1.0 1.0 1!1.0.1 1!1.1 1!2.0 1!1.0.1rc1"


def test_nothing_is_suggested_that_an_epoch_makes_impossible() -> None:
    verdict = decide(V("2.0"), versions("1!1.0"), Rules())

    assert verdict.suggestions == ()
    assert verdict.hint == (
        "no version without an epoch exceeds those published; see --allow-epoch and --policy"
    )


@pytest.mark.parametrize(
    ("candidate", "ending"),
    [("1.1+here", "--allow-local"), ("1!1.1", "--allow-epoch"), ("0.1.dev4", UNSHALLOW)],
)
def test_the_hint_names_what_would_help(candidate: str, ending: str) -> None:
    hint = decide(V(candidate), versions("1.0"), Rules()).hint

    assert hint.startswith("set the version to one of: ")
    assert hint.endswith(ending)


@pytest.mark.parametrize("candidate", ["1.0+here", "1!1.0", "0.1", "0.2.dev4"])
def test_the_hint_names_nothing_that_would_not_help(candidate: str) -> None:
    published = versions("2.0 1!2.0")

    assert decide(V(candidate), published, ANY).hint == (
        "set the version to one of: 1!2.0.1, 1!2.1, 1!3.0, 1!2.0.1rc1"
        if candidate != "0.2.dev4"
        else "set the version to one of: 1!2.0.1rc1, 1!2.0.1, 1!2.1, 1!3.0"
    )


def test_local_versions_and_epochs_can_be_allowed() -> None:
    published = versions("1.0")

    assert decide(V("1.0+here"), published, Rules(allow_local=True)).allowed
    assert decide(V("1!0.5"), published, Rules(allow_epoch=True)).allowed


@pytest.mark.parametrize(
    "candidate",
    [
        "0.1.dev1+g1a2b3c4",  # setuptools-scm, hatch-vcs, pdm-backend
        "0.1.dev0+d20261122",  # setuptools-scm before the first commit
        "0.1.dev3+g1a2b3c4.d20261122",
        "0.1.dev3+g1a2b3c4.dirty",
        "0+unknown",  # versioneer
        "0+untagged.1.g1a2b3c4.dirty",
        "0.0.0",  # poetry-dynamic-versioning
        "0.0.0.post1.dev0+1a2b3c4",  # dunamai
    ],
)
def test_a_version_that_a_backend_invented_is_refused_and_the_clone_is_explained(
    candidate: str,
) -> None:
    verdict = decide(V(candidate), (), ANY)

    assert (verdict.allowed, verdict.invented) == (False, True)
    assert verdict.reason == f"{V(candidate)} is what a build backend invents when it sees no tag"
    assert "the clone is shallow" in verdict.hint
    assert UNSHALLOW in verdict.hint


@pytest.mark.parametrize("candidate", ["0.0.0", "0", "0.1.dev1+g1a2b3c4", "0+unknown"])
def test_a_version_that_is_written_in_a_file_was_not_invented(candidate: str) -> None:
    assert decide(V(candidate), (), ANY, static=True).reason == "the first release"
    assert decide(V(candidate), versions("1.0"), Rules(), static=True).hint.startswith(
        "set the version to one of: "
    )


@pytest.mark.parametrize(
    "text",
    [
        "0.1.dev1",
        "0.0.1",
        "0.1+gold",
        "0.1+g1a2b",
        "0.1.dev1+gfaceless",
        "0.0.0a1",
        "1!0",
        "0.2.dev1+g1a2b",
        "0.1.0.1.dev1+g1a2b",
    ],
)
def test_a_version_that_may_have_been_chosen_is_not_called_invented(text: str) -> None:
    assert not is_invented(V(text))


@st.composite
def spelled(draw: st.DrawFn) -> str:
    """Draw a version in its normal form."""
    epoch = draw(st.sampled_from(["", "", "", "1!"]))
    release = ".".join(map(str, draw(st.lists(NUMBERS, min_size=1, max_size=4))))
    pre = draw(st.sampled_from(["", "", "a{}", "b{}", "rc{}"])).format(draw(NUMBERS))
    post = draw(st.sampled_from(["", "", ".post{}"])).format(draw(NUMBERS))
    dev = draw(st.sampled_from(["", "", ".dev{}"])).format(draw(NUMBERS))
    local = draw(st.sampled_from(["", "", "", "+g1a2b", "+here.1"]))
    return f"{epoch}{release}{pre}{post}{dev}{local}"


VERSIONS = spelled().map(Version)
PUBLISHED = st.lists(VERSIONS, max_size=12)
RULES = st.builds(
    Rules, policy=st.sampled_from(Policy), allow_local=st.booleans(), allow_epoch=st.booleans()
)


@given(VERSIONS, PUBLISHED, RULES)
def test_every_suggestion_passes_the_gate_that_made_it(
    candidate: Version, published: list[Version], rules: Rules
) -> None:
    verdict = decide(candidate, published, rules)

    assert all(decide(it, published, rules).allowed for it in verdict.suggestions)
    assert verdict.allowed == (not verdict.hint)


@given(VERSIONS, PUBLISHED.map(lambda found: [it for it in found if not it.epoch]), RULES)
def test_there_is_always_a_suggestion_where_no_epoch_is_in_the_way(
    candidate: Version, published: list[Version], rules: Rules
) -> None:
    verdict = decide(candidate, published, rules)

    assert bool(verdict.suggestions) == (not verdict.allowed)


@given(VERSIONS, PUBLISHED, RULES)
def test_what_was_let_through_once_is_not_let_through_twice(
    candidate: Version, published: list[Version], rules: Rules
) -> None:
    assert not decide(candidate, [*published, candidate], rules).allowed


@given(VERSIONS, PUBLISHED)
def test_what_is_let_through_exceeds_all_that_it_must(
    candidate: Version, published: list[Version]
) -> None:
    others = [it for it in published if is_final(it) or candidate.is_prerelease]
    expected = candidate not in published and all(candidate > it for it in others)

    assert decide(candidate, published, ANY).allowed == (expected and not is_invented(candidate))


@given(VERSIONS, PUBLISHED, st.randoms(use_true_random=False))
def test_the_order_in_which_versions_were_uploaded_does_not_matter(
    candidate: Version, published: list[Version], random: Random
) -> None:
    shuffled = sorted(published, key=lambda _: random.random())

    assert decide(candidate, shuffled, ANY) == decide(candidate, published, ANY)


@given(VERSIONS, PUBLISHED)
def test_each_policy_lets_through_what_a_stricter_one_does(
    candidate: Version, published: list[Version]
) -> None:
    greater, series, unique = (
        decide(candidate, published, Rules(policy=policy, allow_local=True, allow_epoch=True))
        for policy in (Policy.GREATER, Policy.SERIES, Policy.UNIQUE)
    )

    assert greater.allowed <= series.allowed <= unique.allowed


@given(spelled(), PUBLISHED, RULES, st.sampled_from(["v{}", "{}", " {} ", "V{}"]), st.booleans())
def test_all_spellings_of_a_version_are_judged_alike(
    text: str, published: list[Version], rules: Rules, form: str, upper: bool
) -> None:
    variant = form.format(text.replace(".post", "-post_").replace("rc", "-c."))
    variant = variant.upper() if upper else variant
    one, other = decide(V(text), published, rules), decide(V(variant), published, rules)

    assert V(variant) == V(text)
    assert one == other


@given(st.lists(NUMBERS, min_size=1, max_size=3), PUBLISHED, RULES)
def test_trailing_zeros_change_nothing(
    release: list[int], published: list[Version], rules: Rules
) -> None:
    text = ".".join(map(str, release))
    one, other = decide(V(text), published, rules), decide(V(f"{text}.0"), published, rules)

    assert (one.allowed, one.suggestions) == (other.allowed, other.suggestions)


@cache
def real_projects() -> tuple[dict[str, list[Version]], dict[str, list[Version]], list[str]]:
    """Return the projects of which all versions are known, the others, and unreadable versions.

    A project has its readable versions, in order and each once.
    """
    path = Path(__file__).parents[2] / "data/versions.txt.gz"
    complete: dict[str, list[Version]] = {}
    others: dict[str, list[Version]] = {}
    refused: list[str] = []
    into = complete
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        if line.startswith("#"):
            into = others if ", not all: " in line else into
            continue
        name, *texts = line.split(" ")
        readable = set()
        for text in texts:
            try:
                readable.add(Version(text))
            except InvalidVersion:
                refused.append(text)
        into[name] = sorted(readable)
    return complete, others, refused


def test_there_are_enough_real_projects_and_odd_versions() -> None:
    complete, others, refused = real_projects()

    assert (len(complete), len(others)) == (550, 293)
    assert sum(map(len, (*complete.values(), *others.values()))) > 53_000
    assert len(refused) > 120


def test_real_projects_can_be_published_in_their_order_and_in_no_other() -> None:
    complete, others, _ = real_projects()
    wrong = []
    for name, ordered in (complete | others).items():
        # Each version of a project costs a look at all others: of long lists some must do.
        for at in range(0, len(ordered), 1 + len(ordered) // (10 if name in complete else 5)):
            version = ordered[at]
            if is_invented(version):
                continue
            forth = decide(version, ordered[:at], ANY)
            # Backwards: whatever is to be exceeded, if anything is, is published already.
            later = ordered[at + 1 :]
            back = decide(version, later, ANY)
            passed_over = all(it.is_prerelease for it in later) and is_final(version)
            if not forth.allowed or back.allowed != (not later or passed_over):
                wrong.append((name, version))

    assert wrong == []


def test_suggestions_for_real_projects_pass() -> None:
    complete, others, _ = real_projects()
    for ordered in (*complete.values(), *others.values()):
        for version in ordered[-1:]:
            for policy in Policy:
                rules = Rules(policy=policy)
                verdict = decide(version, ordered, rules)
                assert not verdict.allowed
                assert all(decide(it, ordered, rules).allowed for it in verdict.suggestions)
