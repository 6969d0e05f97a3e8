"""Everything that a setup can have, as commands and as Terraform's JSON, word for word."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.unit.triggers.cloud_project.setup_needs import ACCOUNTS, FUNCTION, PACKAGE, PYPI, needs
from tests.unit.triggers.manifest.test_manifest import CONNECTION
from triggers.cloud_project.desired import SetupOptions
from triggers.cloud_project.forms import script, terraform_setup
from triggers.cloud_project.resources import CleanupPolicies
from triggers.discovery.dependencies import Dependencies
from triggers.discovery.inventory import Component

if TYPE_CHECKING:
    from triggers.cloud_project.resources import DesiredResource

DATA = Path(__file__).parents[2] / "data"
POLICIES = {
    "old": {"action": "DELETE", "condition": {"olderThan": "86400s", "tagState": "ANY"}},
    "new": {"action": "KEEP", "mostRecentVersions": {"keepCount": 5}},
}


def everything() -> tuple[DesiredResource, ...]:
    """Return the needs of two functions, one of them called by events and deployed by Cloud Run."""
    return needs(
        PACKAGE,
        replace(FUNCTION, dependencies=Dependencies(folders=("a",))),
        Component(kind="function", path="g", name="g"),
        source={"repository": f"{CONNECTION}/repositories/r"},
        deploy={"afterPublish": True, "function": {**ACCOUNTS, "secrets": {"KEY": "key:1"}}},
        overrides={
            "f": {
                "deploy": {"function": {"trigger": {"topic": "news", "serviceAccount": "caller"}}}
            },
            "g": {"deploy": {"function": {"tool": "run"}}},
        },
        options=SetupOptions(
            members=("group:all@example.com",),
            cleanup=CleanupPolicies(PYPI, "policies.json", POLICIES),
        ),
    )


def test_a_whole_setup_is_these_commands() -> None:
    assert script(everything()) == (DATA / "setup.txt").read_text(encoding="utf-8")


def test_a_whole_setup_is_these_resources_of_terraform() -> None:
    assert terraform_setup(everything(), "my-project", PYPI) == json.loads(
        (DATA / "setup.tf.json").read_text(encoding="utf-8")
    )
