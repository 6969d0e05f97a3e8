"""What a deletion means, before anything is deleted."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from steps.host.errors import InputError
from steps.project.repository import Requirer
from steps.registry.address import parse_registry
from steps.registry.deletion import Deletion, plan_deletion, require_deletable
from steps.registry.page import PublishedFile, PublishedProject


def published(*versions: str) -> PublishedProject:
    return PublishedProject(
        name=canonicalize_name("tides"),
        files=tuple(
            PublishedFile(filename=f"tides-{it}.tar.gz", url="", kind="sdist", version=Version(it))
            for it in versions
        ),
    )


def project(name: str, *requirements: str) -> Requirer:
    return Requirer(name, tuple(map(Requirement, requirements)))


def plan(gone: str | None, *versions: str, checkout: tuple[Requirer, ...] = ()) -> Deletion:
    return plan_deletion(published(*versions), Version(gone) if gone else None, checkout)


def test_a_deletion_names_its_files_and_no_others() -> None:
    assert [it.filename for it in plan("1.0", "1.0", "1.1").files] == ["tides-1.0.tar.gz"]
    assert [it.filename for it in plan(None, "1.0", "1.1").files] == [
        "tides-1.0.tar.gz",
        "tides-1.1.tar.gz",
    ]


def test_those_who_require_the_package_are_named_with_what_stays_for_them() -> None:
    checkout = (
        project("tides", "tides[extra]"),
        project("berths", "Tides>=1.1", "dues"),
        project("harbour", "tides"),
        project("pilots", "dues"),
    )

    found = plan("1.1", "1.0", "1.1", "2.0rc1", checkout=checkout).dependents

    assert [str(it) for it in found] == [
        "berths requires 'Tides>=1.1', which 2.0rc1 satisfies",
        "harbour requires 'tides', which 1.0 satisfies",
    ]
    (left,) = plan(None, "1.0", checkout=checkout[2:]).dependents
    assert str(left) == "harbour requires 'tides', which nothing that stays satisfies"


TAKEN = "what is lower than {0}, or other contents under that number, will be taken for new"


@pytest.mark.parametrize(
    ("gone", "versions", "warnings"),
    [
        ("1.0", ("1.0", "1.1"), []),
        ("1.1", ("1.0", "1.1"), ["the highest version that the gate sees goes down from 1.1 to"
                                 " 1.0: " + TAKEN.format("1.1")]),
        ("1.1", ("1.0", "1.1", "2.0rc1"), ["the highest release that the gate sees goes down from"
                                           " 1.1 to 1.0: " + TAKEN.format("1.1")]),
        ("1.0", ("1.0", "1.1.dev0"), ["the highest release that the gate sees goes down from 1.0"
                                      " to none: " + TAKEN.format("1.0")]),
        ("2.0rc1", ("1.0", "2.0rc1"), ["the highest version that the gate sees goes down from"
                                       " 2.0rc1 to 1.0: " + TAKEN.format("2.0rc1")]),
        ("1.0", ("1.0",), ["the gate will take any version of tides for a new one"]),
        (None, ("1.0", "1.1"), ["the gate will take any version of tides for a new one"]),
    ],
)  # fmt: skip
def test_it_says_where_the_gate_will_see_less(
    gone: str | None, versions: tuple[str, ...], warnings: list[str]
) -> None:
    assert plan(gone, *versions).warnings == ("a deletion cannot be undone", *warnings)


def test_only_artifact_registry_and_its_emulator_are_asked_to_delete() -> None:
    emulator = {"ARTIFACT_REGISTRY_EMULATOR_HOST": "127.0.0.1:8080"}

    require_deletable(parse_registry("us-east4/demo/pypi", {}))
    require_deletable(parse_registry("us-east4/demo/pypi", emulator))
    with pytest.raises(InputError, match="Only Artifact Registry can be asked to delete"):
        require_deletable(parse_registry("https://example.com/team/", {}))
