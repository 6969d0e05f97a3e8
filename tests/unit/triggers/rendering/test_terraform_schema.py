"""The Terraform output against the schema of the provider's resource.

`google_cloudbuild_trigger.json` has the blocks and attributes of version 6.50.0 of the provider, as
the bindings of Terraform's CDK that were generated from its schema list them; the block of
Developer Connect, which came later, is from the bindings that Pulumi generates. An attribute has
its type, with `!` where it is required; `several` blocks are a list.
"""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.unit.triggers.manifest.test_manifest import CONNECTION, SMALLEST
from tests.unit.triggers.rendering.rendering import function, package
from triggers.discovery.inventory import Inventory
from triggers.manifest.manifest import parse_manifest
from triggers.rendering import formats
from triggers.rendering.rendering import render
from triggers.rendering.repository import put_inline

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "data" / "google_cloudbuild_trigger.json").read_text()
)
TYPES = {"text": str, "bool": bool, "list": list, "map": dict, "number": int}
CONFIGS = {
    f"cloudbuild/{file.name}": yaml.safe_load(file.read_text())
    for file in (resources.files("triggers") / "build_configs").iterdir()
}


def faults(block: dict[str, Any], schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield what the provider would refuse of *block*."""
    for name, rule in schema.items():
        required = rule.endswith("!") if isinstance(rule, str) else rule.get("required")
        if required and name not in block:
            yield f"{path}{name} is missing"
    for name, value in block.items():
        rule = schema.get(name)
        if rule is None:
            yield f"{path}{name} is unknown"
        elif isinstance(rule, str):
            if type(value) is not TYPES[rule.rstrip("!")]:
                yield f"{path}{name} is {value!r}"
        elif isinstance(value, list) and not rule.get("several"):
            yield f"{path}{name} comes once"
        else:
            for each in value if isinstance(value, list) else [value]:
                yield from faults(each, rule["block"], f"{path}{name}.")


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("grouping", ["target", "directory"])
@pytest.mark.parametrize(
    "source",
    [
        SMALLEST["source"],
        {"repository": f"{CONNECTION}/repositories/r"},
        {"gitRepositoryLink": f"{CONNECTION}/gitRepositoryLinks/r"},
    ],
)
def test_the_provider_knows_every_block_and_attribute_of_every_trigger(
    source: dict[str, Any], grouping: str, inline: bool
) -> None:
    settings = {
        "source": source,
        "grouping": grouping,
        "publish": {"approval": True, "ignoredFiles": ["**/*.md"]},
        "overrides": {"q": {"publish": {"tag": "v.*"}}},
        "deploy": {
            "afterPublish": True,
            "function": {"buildServiceAccount": "builder", "environment": {"A": "$"}},
        },
    }
    manifest = parse_manifest({**SMALLEST, **settings})
    targets = (package("p/a"), package("q"), function("f", "p/a"))
    triggers = render(manifest, Inventory(components=targets)).triggers
    if inline:
        triggers = put_inline(triggers, CONFIGS)

    document = formats.terraform_document(triggers, manifest)

    found = document["resource"]["google_cloudbuild_trigger"]
    assert len(found) == 5
    assert {
        name: problems for name, it in found.items() if (problems := [*faults(it, SCHEMA)])
    } == {}


def test_every_field_that_is_translated_is_one_of_the_providers() -> None:
    def unknown(fields: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
        for name, inner in fields.items():
            there = {"steps": "step", "secrets": "secret"}.get(name)
            rule = schema.get(there or re.sub("([A-Z])", r"_\1", name).lower())
            if rule is None or isinstance(rule, dict) != (inner is not None):
                yield name
            elif isinstance(rule, dict):
                yield from unknown(inner, rule["block"])

    assert [*unknown(formats.TRIGGER_FIELDS, SCHEMA)] == []


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"github": {"push": {"brunch": "main"}}}, "github.push.brunch is unknown"),
        ({"github": [{}]}, "github comes once"),
        ({"build": {"step": [{"id": "a"}]}}, "build.step.name is missing"),
        ({"tags": "a"}, "tags is 'a'"),
    ],
)
def test_a_fault_is_seen(block: dict[str, Any], said: str) -> None:
    assert [*faults(block, SCHEMA)] == [said]
