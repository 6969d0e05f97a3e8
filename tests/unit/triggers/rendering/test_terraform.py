from __future__ import annotations

from typing import Any

import pytest

from steps.host.errors import InputError
from tests.unit.triggers.manifest.test_manifest import CONNECTION, SMALLEST
from triggers.discovery.inventory import Component, Inventory
from triggers.manifest.manifest import parse_manifest
from triggers.rendering.formats import terraform_document
from triggers.rendering.rendering import render
from triggers.rendering.repository import put_inline

CHECK, PUBLISH = "cloudbuild/check-package.yaml", "cloudbuild/publish-package.yaml"


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
            "_REGION": "us-central1",
            "_REPO": "pypi",
        },
        "service_account": "projects/my-project/serviceAccounts/"
        "shipwheel-publish@my-project.iam.gserviceaccount.com",
        "approval_config": {"approval_required": True},
    }


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
