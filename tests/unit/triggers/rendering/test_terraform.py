"""Triggers as Terraform's JSON, by the provider's own schema.

`google_cloudbuild_trigger.json` has the blocks and attributes of version 6.50.0 of the provider, as
the bindings of Terraform's CDK that were generated from its schema list them; the block of
Developer Connect, which came later, is from the bindings that Pulumi generates. An attribute has
its type, with `!` where it is required; `several` blocks are a list.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from steps.host.errors import InputError
from tests.unit.triggers.manifest.test_manifest import CONNECTION, SMALLEST
from tests.unit.triggers.rendering.rendering import KINDS, function, package
from triggers.cloudbuild.messages import api
from triggers.discovery.inventory import Component, Inventory
from triggers.manifest.manifest import parse_manifest
from triggers.rendering.formats import SINGULAR, terraform_document
from triggers.rendering.rendering import render
from triggers.rendering.repository import put_inline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHECK, PUBLISH = "cloudbuild/check-package.yaml", "cloudbuild/publish-package.yaml"
SCHEMA = json.loads(
    (Path(__file__).parents[2] / "data" / "google_cloudbuild_trigger.json").read_text()
)
TYPES = {"text": str, "bool": bool, "list": list, "map": dict, "number": int}
META = {"provider", "depends_on"}  # Terraform's own, for every resource
CONFIGS = {
    f"cloudbuild/{file.name}": yaml.safe_load(file.read_text())
    for file in (files("triggers") / "build_configs").iterdir()
}


def resources(build: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return the resources of one package; *build* is what both of its triggers hold."""
    manifest = parse_manifest({**SMALLEST, **changes})
    target = Component(kind="package", path=changes.pop("path", "a"), name="a")
    triggers = render(manifest, Inventory(components=(target,))).triggers
    if build is not None:
        triggers = put_inline(triggers, {CHECK: build, PUBLISH: build})
    document = terraform_document(triggers, manifest)
    assert [*document] == ["resource"]
    assert [*document["resource"]] == ["google_cloudbuild_trigger"]
    found: dict[str, Any] = document["resource"]["google_cloudbuild_trigger"]
    return found


def test_a_trigger_is_a_resource_in_the_providers_words() -> None:
    assert resources(publish={"tag": "v.*", "approval": True, "ignoredFiles": ["**/*.md"]})[
        "a-publish"
    ] == {
        "provider": "google",
        "project": "my-project",
        "location": "us-central1",
        "name": "a-publish",
        "description": "Publish a (a)",
        "tags": ["shipwheel"],
        "github": {"owner": "acme", "name": "monorepo", "push": {"tag": "^v.*$"}},
        "filename": PUBLISH,
        "included_files": ["a/**", PUBLISH],
        "ignored_files": ["**/*.md"],
        "substitutions": {
            "_DIRECTORY": "a",
            "_IMAGE": SMALLEST["image"],
            "_PROJECT": "my-project",
            "_REGION": "us-central1",
            "_REPO": "pypi",
        },
        "service_account": "${google_service_account.shipwheel-publish.id}",
        "approval_config": {"approval_required": True},
        "depends_on": ["google_project_service.cloudbuild"],
    }


def test_an_account_that_a_setup_does_not_make_is_named_by_its_address() -> None:
    account = "projects/other/serviceAccounts/ci@other.iam.gserviceaccount.com"

    assert resources(publish={"serviceAccount": account})["a-publish"]["service_account"] == account


@pytest.mark.parametrize(
    ("source", "block", "field"),
    [
        ({"repository": f"{CONNECTION}/repositories/r"}, "repository_event_config", "repository"),
        (
            {"gitRepositoryLink": f"{CONNECTION}/gitRepositoryLinks/r"},
            "developer_connect_event_config",
            "git_repository_link",
        ),
    ],
)
def test_every_kind_of_source_has_its_block(source: dict[str, str], block: str, field: str) -> None:
    [resource] = source.values()
    assert resources(source=source)["a-check"][block] == {
        field: resource,
        "pull_request": {
            "branch": "^main$",
            "comment_control": "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY",
        },
    }


def test_an_inline_build_is_written_in_the_providers_words() -> None:
    build = {
        "steps": [
            {"name": "${_IMAGE}", "waitFor": ["-"], "volumes": [{"name": "v", "path": "/v"}]}
        ],
        "substitutions": {"_MY_KEY": "%{if}"},
        "secrets": [{"kmsKeyName": "k", "secretEnv": {"TOKEN": "x"}}],
        "availableSecrets": {"secretManager": [{"versionName": "v", "env": "MY_TOKEN"}]},
        "artifacts": {"pythonPackages": [{"repository": "r", "paths": ["dist/*"]}]},
        "options": {"logging": "CLOUD_LOGGING_ONLY", "requestedVerifyOption": "VERIFIED"},
        "timeout": "600s",
    }

    assert resources(build)["a-check"]["build"] == {
        "step": [
            {"name": "$${_IMAGE}", "wait_for": ["-"], "volumes": [{"name": "v", "path": "/v"}]}
        ],
        "substitutions": {"_MY_KEY": "%%{if}"},
        "secret": [{"kms_key_name": "k", "secret_env": {"TOKEN": "x"}}],
        "available_secrets": {"secret_manager": [{"version_name": "v", "env": "MY_TOKEN"}]},
        "artifacts": {"python_packages": [{"repository": "r", "paths": ["dist/*"]}]},
        "options": {"logging": "CLOUD_LOGGING_ONLY", "requested_verify_option": "VERIFIED"},
        "timeout": "600s",
    }


def test_what_terraform_has_no_word_for_is_an_error_and_not_left_out() -> None:
    build = {
        "steps": [{"name": "a"}, {"name": "b", "automapSubstitutions": True}],
        "options": {"defaultLogsBucketBehavior": "REGIONAL", "pool": {"name": "p"}},
        "dependencies": [{"empty": True}],
    }

    with pytest.raises(InputError) as caught:
        resources(build, check={"enabled": False})

    assert [problem.message for problem in caught.value.problems] == [
        f"Terraform cannot express `build.{path}` of the trigger 'a-publish'"
        for path in (
            "steps[1].automapSubstitutions",
            "options.defaultLogsBucketBehavior",
            "options.pool",
            "dependencies",
        )
    ]


def test_a_resource_is_not_named_with_a_digit_in_front() -> None:
    assert [*resources(namePrefix="2nd")] == ["_2nd-a-check", "_2nd-a-publish"]


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
    if "gitRepositoryLink" not in source:
        settings["kinds"] = KINDS
    manifest = parse_manifest({**SMALLEST, **settings})
    targets = (package("p/a"), package("q"), function("f", "p/a"))
    triggers = render(manifest, Inventory(components=targets)).triggers
    if inline:
        triggers = put_inline(triggers, CONFIGS)

    document = terraform_document(triggers, manifest)

    found = document["resource"]["google_cloudbuild_trigger"]
    assert len(found) == 5 + len(settings.get("kinds", ()))
    assert {
        name: problems
        for name, it in found.items()
        if (problems := [*faults({key: it[key] for key in it.keys() - META}, SCHEMA)])
    } == {}


def test_every_field_that_is_translated_is_one_of_the_providers() -> None:
    def unknown(fields: Mapping[str, Any], schema: dict[str, Any]) -> Iterator[str]:
        for name, inner in fields.items():
            rule = schema.get(SINGULAR.get(name) or re.sub("([A-Z])", r"_\1", name).lower())
            if rule is None or isinstance(rule, dict) != (inner is not None):
                yield name
            elif isinstance(rule, dict):
                yield from unknown(inner, rule["block"])

    assert {"build", "github", "pubsubConfig"} < api().terraform.keys()
    assert [*unknown(api().terraform, SCHEMA)] == []


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
