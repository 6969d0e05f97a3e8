"""What a setup still takes, what is wrong in it, and which roles were not asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from steps.host.errors import Problem
from tests.unit.triggers.cloud_project.setup_needs import PACKAGE, PYPI, WRITER, email, needs
from tests.unit.triggers.cloud_project.test_setup import complete
from triggers.cloud_project.desired import SetupOptions
from triggers.cloud_project.live import Live, LiveRepository, compare
from triggers.cloud_project.resources import (
    Binding,
    CleanupPolicies,
    ProjectScope,
    RepositoryName,
    RepositoryResource,
)

if TYPE_CHECKING:
    from triggers.cloud_project.resources import DesiredResource

VIRTUAL = RepositoryName("my-project", "us-central1", "pypi-all")
PUBLIC = RepositoryName("my-project", "us-central1", "pypi-public")
POLICIES = {"old": {"action": "DELETE", "condition": {"olderThan": "86400s"}}}
NEEDS = needs(
    PACKAGE, options=SetupOptions(cleanup=CleanupPolicies(PYPI, "policies.json", POLICIES))
)
ANN = "user:ann@example.com"


def live(
    place: RepositoryName | None = None, found: LiveRepository | None = None, **changes: Any
) -> Live:
    """Return what is there when all is done, but for *changes*, and for what is at *place*."""
    done = complete(NEEDS)
    repositories = {**done.repositories, PYPI: replace(done.repositories[PYPI], cleanup=POLICIES)}
    if place and found:
        repositories[place] = found
    elif place:
        del repositories[place]
    return replace(done, repositories=repositories, **changes)


def missing(there: Live) -> list[str]:
    result = compare(NEEDS, there)
    assert result.there == tuple(need for need in NEEDS if need not in result.missing)
    return [str(need.resource) for need in result.missing]


def names(found: tuple[DesiredResource, ...], kind: type) -> list[str]:
    return [str(need.resource) for need in found if isinstance(need.resource, kind)]


def test_where_there_is_nothing_everything_is_missing() -> None:
    result = compare(NEEDS, Live())

    assert (result.missing, result.there) == (NEEDS, ())
    assert (result.wrong, result.extra, result.foreign) == ((), (), ())


def test_what_is_done_misses_nothing() -> None:
    assert missing(live()) == []


def test_each_sort_of_resource_can_be_missing() -> None:
    done = live()
    api = min(done.apis, key=str)
    binding = min(done.bindings, key=str)
    account, *others = done.accounts

    assert missing(replace(done, apis=done.apis - {api})) == [str(api)]
    assert missing(replace(done, bindings=done.bindings - {binding})) == [str(binding)]
    assert missing(replace(done, accounts=dict.fromkeys(others, False))) == [
        f"the service account {account}"
    ]
    assert missing(live(PUBLIC)) == names(NEEDS, RepositoryResource)[1:2]


@pytest.mark.parametrize(
    "found",
    [
        LiveRepository(format="python", mode="standard"),
        LiveRepository(format="python", mode="standard", cleanup={"old": {"action": "KEEP"}}),
        LiveRepository(format="python", mode="standard", cleanup=POLICIES, cleanup_dry_run=True),
    ],
)
def test_cleanup_policies_are_missing_until_they_delete(found: LiveRepository) -> None:
    assert missing(live(PYPI, found)) == [f"cleanup policies old of {PYPI}"]


def test_a_disabled_account_is_there_and_wrong() -> None:
    address = email("shipwheel-check").partition(":")[2]
    accounts = {**live().accounts, address: True}

    assert compare(NEEDS, live(accounts=accounts)).wrong == (
        Problem(
            f"There is the service account {address}, and it is disabled",
            f"gcloud iam service-accounts enable {address} --project=my-project",
        ),
    )


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (LiveRepository(format="docker", mode="standard", cleanup=POLICIES), "docker, standard"),
        (LiveRepository(format="python", mode="remote", cleanup=POLICIES), "python, remote"),
    ],
)
def test_a_repository_of_another_kind_is_wrong(found: LiveRepository, kind: str) -> None:
    assert compare(NEEDS, live(PYPI, found)).wrong == (
        Problem(
            f"There is {PYPI}, and it is {kind}, not python, standard",
            "name another one in the manifest: a repository's kind cannot be changed",
        ),
    )


@pytest.mark.parametrize(
    "priorities",
    [
        {PYPI.resource: 100, PUBLIC.resource: 100},
        {PYPI.resource: 100, PUBLIC.resource: 200},
        {PYPI.resource: 200},
        {PUBLIC.resource: 100},
        {PYPI.resource: 200, PUBLIC.resource: 100, "projects/p/other": 200},
    ],
)
def test_upstreams_that_do_not_put_own_packages_first_are_wrong(
    priorities: dict[str, int],
) -> None:
    found = LiveRepository(format="python", mode="virtual", priorities=priorities)

    [problem] = compare(NEEDS, live(VIRTUAL, found)).wrong
    assert problem.message == (
        f"There is {VIRTUAL}, and it does not have your own packages first and the public ones"
        f" behind: {priorities}"
    )
    assert problem.hint == (
        "give it these upstreams, and no others: echo '"
        f'[{{"id": "pypi", "repository": "{PYPI.resource}", "priority": 200}},'
        f' {{"id": "pypi-public", "repository": "{PUBLIC.resource}", "priority": 100}}]'
        "' | gcloud artifacts repositories update pypi-all --location=us-central1"
        " --upstream-policy-file=- --project=my-project"
    )


def test_another_upstream_behind_ones_own_is_not_wrong() -> None:
    priorities = {PYPI.resource: 200, PUBLIC.resource: 100, "projects/p/other": 199}
    found = LiveRepository(format="python", mode="virtual", priorities=priorities)

    assert compare(NEEDS, live(VIRTUAL, found)).wrong == ()


def test_roles_of_our_accounts_that_are_not_wanted_are_extra_on_a_condition_too() -> None:
    project = ProjectScope("my-project")
    owner = Binding(project, email("Shipwheel-Check"), "roles/owner")
    admin = Binding(PYPI, email("shipwheel-check"), "roles/artifactregistry.repoAdmin")
    done = live()

    result = compare(
        NEEDS, replace(done, bindings=done.bindings | {owner}, conditional=frozenset({admin}))
    )

    assert (result.extra, result.foreign) == ((admin, owner), ())


def test_others_are_foreign_on_repositories_and_accounts_and_not_on_the_project() -> None:
    done = live()
    others = {
        Binding(PYPI, "user:bob@example.com", WRITER),
        Binding(PYPI, ANN, WRITER),
        Binding(PYPI, "deleted:user:old@example.com?uid=1", WRITER),
        Binding(ProjectScope("my-project"), ANN, "roles/owner"),
    }

    result = compare(NEEDS, replace(done, bindings=done.bindings | others))

    assert result.foreign == (
        Binding(PYPI, ANN, WRITER),
        Binding(PYPI, "user:bob@example.com", WRITER),
    )
    assert result.extra == ()
