"""Cleanup policies: compared by what they mean, and refused with all that is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from steps.host.errors import InputError
from tests.unit.triggers.cloud_project.setup_needs import PYPI
from triggers.cloud_project.forms import normal_policies, read_cleanup_policies

if TYPE_CHECKING:
    from pathlib import Path


def test_cleanup_policies_are_compared_by_what_they_mean(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    document = [
        {
            "name": "old",
            "action": {"type": "Delete"},
            "condition": {"olderThan": "30d", "tagState": "any"},
        },
        {"name": "new", "action": {"type": "KEEP"}, "mostRecentVersions": {"keepCount": 5}},
    ]
    file.write_text(json.dumps(document))
    live = {
        "new": {"id": "new", "action": "KEEP", "mostRecentVersions": {"keepCount": 5}},
        "old": {
            "id": "old",
            "action": "DELETE",
            "condition": {"olderThan": "2592000s", "tagState": "ANY"},
        },
    }

    assert read_cleanup_policies(file, PYPI).policies == normal_policies(live)


def test_everything_wrong_in_cleanup_policies_comes_at_once(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    document: list[object] = [
        {"action": {"type": "Delete"}},
        {"name": "a", "action": "Delete", "condition": {"olderThan": "P30D"}},
        {"name": "b", "action": {"type": "Keep"}},
        {"name": "c", "action": {"type": "Keep"}, "condition": []},
        {"name": "c", "action": {"type": "Keep"}, "mostRecentVersions": 5},
        "d",
        {"name": "e", "action": {"type": "Keep"}, "condition": {"newerThan": "30days"}},
        {"name": "f", "action": {"type": "Keep"}, "condition": {"newerThan": 30}},
    ]
    file.write_text(json.dumps(document))

    with pytest.raises(InputError) as caught:
        read_cleanup_policies(file, PYPI)

    assert [problem.message.removeprefix(f"{file}: ") for problem in caught.value.problems] == [
        "[0] has no name",
        "[1].action.type is None: Delete or Keep",
        "[1].condition.olderThan is 'P30D': write a number and s, m, h, d or w",
        "[2] takes one of condition and mostRecentVersions",
        "[3].condition has to be a mapping",
        "[4].mostRecentVersions has to be a mapping",
        "[5] has no name",
        "[6].condition.newerThan is '30days': write a number and s, m, h, d or w",
        "[7].condition.newerThan is 30: write a number and s, m, h, d or w",
        "two policies have one name",
    ]


@pytest.mark.parametrize("text", ["", "{}", '{"name": "a"}', "[]", None])
def test_what_is_not_a_list_of_cleanup_policies_is_refused(
    tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "policy.json"
    if text is not None:
        file.write_text(text)

    with pytest.raises(InputError, match="policies"):
        read_cleanup_policies(file, PYPI)
