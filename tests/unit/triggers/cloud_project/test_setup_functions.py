"""What functions need of a project: roles, APIs and indexes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.triggers.cloud_project.setup_needs import (
    ACCOUNTS,
    FUNCTION,
    PACKAGE,
    email,
    granted,
    needs,
)
from triggers.cloud_project.resources import EnabledApi, ServiceAccount
from triggers.discovery.dependencies import Dependencies


def test_the_account_that_deploys_acts_as_those_of_functions_and_no_others() -> None:
    acting = {
        (member, scope)
        for member, role, scope in granted(needs(PACKAGE, FUNCTION))
        if role == "roles/iam.serviceAccountUser"
    }

    assert acting == {
        (
            email("shipwheel-deploy"),
            f"the service account {name}@my-project.iam.gserviceaccount.com",
        )
        for name in ("shipwheel-function", "shipwheel-build")
    }


@pytest.mark.parametrize(
    ("deploy", "added"),
    [
        ({"function": {"allowUnauthenticated": True}}, {("shipwheel-deploy", "run.admin")}),
        (
            {"function": {"tool": "run"}},
            {
                ("shipwheel-deploy", "run.sourceDeveloper"),
                ("shipwheel-deploy", "serviceusage.serviceUsageConsumer"),
                ("shipwheel-build", "artifactregistry.writer"),
            },
        ),
        (
            {"function": {"trigger": {"topic": "invoices"}}},
            {
                ("shipwheel-function", "eventarc.eventReceiver"),
                ("shipwheel-function", "run.invoker"),
            },
        ),
        (
            {"function": {"trigger": {"topic": "invoices", "serviceAccount": "invoices"}}},
            {
                ("invoices", "eventarc.eventReceiver"),
                ("invoices", "run.invoker"),
                ("shipwheel-deploy", "iam.serviceAccountUser"),
            },
        ),
        (
            {"afterPublish": True},
            {
                ("shipwheel-publish", "cloudbuild.builds.editor"),
                ("shipwheel-publish", "iam.serviceAccountUser"),
            },
        ),
    ],
)
def test_a_setting_of_a_function_has_its_roles(
    deploy: dict[str, Any], added: set[tuple[str, str]]
) -> None:
    uses = replace(FUNCTION, dependencies=Dependencies(folders=("a",)))
    settings = {**deploy, "function": {**ACCOUNTS, **deploy.get("function", {})}}

    found = granted(needs(PACKAGE, uses, deploy=settings)) - granted(needs(PACKAGE, uses))

    names = {(member.partition(":")[2].partition("@")[0], role) for member, role, _ in found}
    assert names == {(name, f"roles/{role}") for name, role in added}


def test_without_functions_there_is_nothing_for_them() -> None:
    found = needs(PACKAGE)

    assert [need.resource.name for need in found if isinstance(need.resource, ServiceAccount)] == [
        "shipwheel-check",
        "shipwheel-publish",
        "shipwheel-image",
    ]
    assert [need.resource.name for need in found if isinstance(need.resource, EnabledApi)] == [
        "artifactregistry.googleapis.com",
        "cloudbuild.googleapis.com",
        "iam.googleapis.com",
        "cloudresourcemanager.googleapis.com",
    ]


def test_secrets_of_functions_have_their_api() -> None:
    secrets = {"function": {**ACCOUNTS, "secrets": {"KEY": "key:1"}}}
    added = [it for it in needs(FUNCTION, deploy=secrets) if it not in needs(FUNCTION)]

    assert [(it.resource, it.why) for it in added] == [
        (
            EnabledApi("my-project", "secretmanager.googleapis.com"),
            "secretmanager keeps the secrets of functions",
        )
    ]


def test_what_functions_name_as_their_index_is_read_where_it_is_and_nothing_else() -> None:
    index = {"function": {**ACCOUNTS, "index": "us-central1/libraries/everything"}}

    found = granted(needs(PACKAGE, FUNCTION, deploy=index))

    reading = "roles/artifactregistry.reader"
    assert {scope for member, role, scope in found if role == reading and "build@" in member} == {
        "the repository us-central1/libraries/everything",
        "the repository us-central1/my-project/pypi",
    }
