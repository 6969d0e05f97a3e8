"""Which projects go before which."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from steps.distribution.files import Distribution
from steps.project.source import Project
from steps.release.dependents import dependency_order

if TYPE_CHECKING:
    import pytest


def built(name: str, *requires: str) -> Distribution:
    return Distribution(
        path=Path(f"{name}-1.0.tar.gz"),
        kind="sdist",
        name=canonicalize_name(name),
        version=Version("1.0"),
        size=1,
        sha256="0" * 64,
        requires=requires,
    )


def test_what_a_build_requires_goes_before_it() -> None:
    app = Project(
        directory=Path("app"),
        name=canonicalize_name("app"),
        build_requirements=(Requirement("Tool>=1"), Requirement("flit_core")),
    )

    needs = dependency_order([built("app", "berths"), built("tool"), built("berths")], [app])

    assert needs == {"app": {"berths", "tool"}, "tool": set(), "berths": set()}


def test_only_projects_of_the_same_call_are_waited_for() -> None:
    files = [
        built("tides", "Berths>=1", "requests", "tides[all]"),
        built("berths", 'charts; python_version<"3"'),
        built("charts"),
    ]

    assert dependency_order(files) == {"tides": {"berths"}, "berths": {"charts"}, "charts": set()}


def test_an_extra_counts() -> None:
    files = [built("tides", 'berths; extra == "all"'), built("berths")]

    assert dependency_order(files) == {"tides": {"berths"}, "berths": set()}


def test_an_extra_that_makes_a_cycle_does_not(caplog: pytest.LogCaptureFixture) -> None:
    files = [built("tides", 'berths; extra == "all"'), built("berths", "tides")]

    assert dependency_order(files) == {"tides": set(), "berths": {"tides"}}
    assert caplog.messages == []


def test_what_is_not_a_requirement_hides_none_behind_it() -> None:
    files = [built("tides", "not (valid", "berths"), built("berths")]

    assert dependency_order(files) == {"tides": {"berths"}, "berths": set()}


def test_a_real_cycle_is_reported_and_cut_in_one_place(caplog: pytest.LogCaptureFixture) -> None:
    files = [
        built("tides", "berths"),
        built("berths", 'tides; python_version>"3"'),
        built("charts", "tides"),
    ]

    assert dependency_order(files) == {"tides": {"berths"}, "berths": set(), "charts": {"tides"}}
    assert caplog.record_tuples == [
        (
            "shipwheel",
            logging.WARNING,
            "warning: 'tides' and 'berths' need one another; 'berths' goes first",
        )
    ]
