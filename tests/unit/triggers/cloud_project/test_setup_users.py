"""Who runs what: accounts that cannot be, or are left to Google Cloud, are reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.host.errors import InputError
from tests.unit.triggers.cloud_project.setup_needs import ACCOUNTS, FUNCTION, PACKAGE, needs
from tests.unit.triggers.manifest.test_manifest import SMALLEST
from triggers.cloud_project.desired import SetupOptions, desired_state
from triggers.cloud_project.resources import (
    ServiceAccount,
    find_service_accounts,
    service_account,
    unnamed_accounts,
)
from triggers.discovery.inventory import Inventory
from triggers.manifest.manifest import parse_manifest

# Its own build config decides who builds it, so the manifest may name no account.
OWN = replace(FUNCTION, has_own_config=True)


def test_functions_without_accounts_of_their_own_are_named() -> None:
    manifest = parse_manifest({**SMALLEST, "deploy": {"function": {"serviceAccount": "functions"}}})
    inventory = Inventory(components=(OWN,))

    [problem] = unnamed_accounts(find_service_accounts(manifest, inventory))

    assert problem.message.startswith("The function in 'f' has no buildServiceAccount: it takes")
    created = [it.resource for it in desired_state(manifest, inventory, SetupOptions())]
    assert [it.name for it in created if isinstance(it, ServiceAccount)] == [
        "shipwheel-deploy",
        "functions",
        "shipwheel-image",
    ]


def test_functions_with_both_accounts_are_not_named_and_those_without_are() -> None:
    def said(**accounts: str) -> list[str]:
        manifest = parse_manifest({**SMALLEST, "deploy": {"function": accounts}})
        users = find_service_accounts(manifest, Inventory(components=(OWN,)))
        return [problem.message.partition(":")[0] for problem in unnamed_accounts(users)]

    assert said(**ACCOUNTS) == []
    assert said() == ["The function in 'f' has no serviceAccount and no buildServiceAccount"]


def test_an_account_of_functions_that_cannot_be_created_is_one_problem() -> None:
    accounts = {"serviceAccount": "ab", "buildServiceAccount": "ab"}
    with pytest.raises(InputError) as caught:
        needs(FUNCTION, deploy={"function": accounts})

    assert [problem.message for problem in caught.value.problems] == [
        "No service account can be named 'ab'"
    ]


@pytest.mark.parametrize("account", ["ann@example.com", f"projects/p/serviceAccounts/{1:021}"])
def test_what_is_not_an_address_of_a_service_account_is_refused(account: str) -> None:
    with pytest.raises(InputError, match="No address of a service account: "):
        needs(PACKAGE, publish={"serviceAccount": account})


def test_an_address_that_goes_on_after_google_s_domain_is_only_no_address() -> None:
    account = "ci@my-project.iam.gserviceaccount.com.example"

    with pytest.raises(InputError) as caught:
        needs(PACKAGE, check={"serviceAccount": account})

    assert [problem.message for problem in caught.value.problems] == [
        f"No address of a service account: {account!r}"
    ]


@pytest.mark.parametrize(
    ("text", "project"),
    [
        ("builder", "example.com:ours"),
        ("builder@theirs.iam.gserviceaccount.com", "theirs"),
        ("builder@theirs.example.org.iam.gserviceaccount.com", "example.org:theirs"),
        ("projects/-/serviceAccounts/builder@theirs.iam.gserviceaccount.com", "theirs"),
        ("builder@theirs.iam.gserviceaccount.com.example", "example.com:ours"),
    ],
)
def test_an_address_says_whose_account_it_is(text: str, project: str) -> None:
    assert service_account(text, "example.com:ours").project == project


def test_an_account_of_triggers_and_of_functions_is_named_once() -> None:
    of_functions = dict.fromkeys(ACCOUNTS, "ci")

    with pytest.raises(InputError) as caught:
        needs(PACKAGE, FUNCTION, deploy={"serviceAccount": "ci", "function": of_functions})

    assert [problem.message for problem in caught.value.problems] == [
        "No service account can be named 'ci'"
    ]


def test_an_account_that_cannot_be_created_and_a_member_that_is_none_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        needs(PACKAGE, options=SetupOptions(members=("allUsers",)), check={"serviceAccount": "ci"})

    assert [problem.message for problem in caught.value.problems] == [
        "No member of a policy: 'allUsers'",
        "No service account can be named 'ci'",
    ]
