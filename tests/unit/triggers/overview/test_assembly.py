"""An overview out of what was gathered."""

from __future__ import annotations

from typing import Any

import pytest
from packaging.version import Version

from steps.registry.artifact_registry import StoredFile
from steps.registry.page import PublishedFile, PublishedProject
from steps.release.judgement import Judgement, Outcome
from tests.unit.triggers.rendering.rendering import function, package
from triggers.overview.assembly import Gathered, assemble
from triggers.overview.consumers import Mention
from triggers.overview.model import (
    STATES,
    ComponentStatus,
    Consumer,
    TriggerStatus,
)


def published(name: str, *versions: str) -> PublishedProject:
    files = tuple(
        PublishedFile(
            filename=f"{name}-{it}.tar.gz", url="", kind="sdist", version=Version(it), sha256="ab"
        )
        for it in versions
    )
    return PublishedProject(name=name, files=files)  # type: ignore[arg-type]  # as written


def judgement(name: str, outcome: Outcome, *versions: str) -> Judgement:
    return Judgement(
        project=name,  # type: ignore[arg-type]  # as written
        version=Version("1.0"),
        outcome=outcome,
        reason="a reason",
        published=tuple(map(Version, versions)),
    )


def status(**gathered: Any) -> ComponentStatus:
    """Return the status of the package `p/a`."""
    given = {
        "components": [package("p/a")],
        "published": {"a": published("a")},
        "judgements": {},
        **gathered,
    }
    return assemble(Gathered(**given), title="", registry="", time="").components[0]


@pytest.mark.parametrize(
    ("judgements", "state", "waits"),
    [
        ({}, "unknown", False),
        ({"p/a": judgement("a", Outcome.NEW)}, "never-published", True),
        ({"p/a": judgement("a", Outcome.NEW, "0.9")}, "new", True),
        ({"p/a": judgement("a", Outcome.NOT_BUMPED, "2.0")}, "not-bumped", True),
        ({"p/a": judgement("a", Outcome.IDENTICAL, "1.0")}, "identical", False),
        ({"p/a": judgement("a", Outcome.PUBLISHED, "1.0")}, "published", False),
    ],
)
def test_the_state_is_the_outcome_of_a_publish(
    judgements: dict[str, Judgement], state: str, waits: bool
) -> None:
    found = status(judgements=judgements)

    assert (found.state, found.waits) == (state, waits)
    assert found.state in STATES


def test_every_outcome_is_a_state() -> None:
    assert {*Outcome} < {*STATES}


def test_sizes_and_times_are_those_of_the_service_and_the_highest_version_comes_first() -> None:
    project = published("a", "1.9", "1.10")
    stored = {"a-1.10.tar.gz": StoredFile(filename="", size=7, created="2026-01-01T00:00:00Z")}

    found = status(published={"a": project}, stored=stored)

    assert [it.version for it in found.versions] == ["1.10", "1.9"]
    assert [it.uploaded for it in found.versions] == ["2026-01-01T00:00:00Z", None]
    assert [it.files[0].size for it in found.versions] == [7, None]
    assert found.highest == "1.10"


def test_what_is_taken_by_its_files_alone_is_a_consumer_too() -> None:
    components = [package("p/a"), package("p/b", "p/a"), function("f", "p/a", "elsewhere")]
    mention = Mention(kind="function", name="f", path="f", package="a", requirement="==1")
    everything = {"a": published("a"), "b": published("b")}

    found = status(components=components, published=everything, mentions=[mention])

    assert [(it.path, it.requirement) for it in found.consumers] == [
        ("f", "==1"),
        ("p/b", "its files"),
    ]


@pytest.mark.parametrize(
    "waiting",
    [
        {"triggers": (TriggerStatus(name="t", kind="publish", starts_on="", live="update"),)},
        {"consumers": (Consumer(kind="package", name="", path="", requirement="", fit="older"),)},
    ],
    ids=["trigger", "consumer"],
)
def test_a_trigger_that_differs_and_an_older_consumer_wait(waiting: dict[str, Any]) -> None:
    settled = ComponentStatus(kind="package", name="a", path="p/a", state="identical")

    assert not settled.waits
    assert ComponentStatus(kind="package", name="a", path="p/a", **waiting).waits


def test_triggers_of_a_group_are_those_of_its_packages_and_the_others_are_the_repositorys() -> None:
    triggers = {
        it: (TriggerStatus(name=it, kind="publish", starts_on="a push", live="update"),)
        for it in ("p", "p/a", ".")
    }
    gathered = Gathered(
        components=[package("p/a"), function("f")],
        published={"a": published("a")},
        judgements={},
        triggers=triggers,
        grouped=True,
    )

    found = assemble(gathered, title="", registry="", time="")

    assert [[it.name for it in each.triggers] for each in found.components] == [["p/a", "p"], []]
    assert [(it.name, it.waits) for it in found.triggers] == [(".", True)]
