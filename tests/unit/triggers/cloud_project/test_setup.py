"""The roles and resources that a manifest needs: each account gets no more than its own."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from steps.host.errors import InputError
from steps.registry.artifact_registry import READER
from tests.unit.triggers.cloud_project.setup_needs import (
    ACCOUNTS,
    FUNCTION,
    PACKAGE,
    WRITER,
    email,
    granted,
    needs,
)
from tests.unit.triggers.manifest.test_manifest import CONNECTION
from triggers.cloud_project.desired import SetupOptions
from triggers.cloud_project.forms import script, steps
from triggers.cloud_project.live import Live, LiveRepository, compare
from triggers.cloud_project.resources import Binding, EnabledApi, RepositoryResource, ServiceAccount

if TYPE_CHECKING:
    from triggers.cloud_project.resources import DesiredResource


def test_only_the_account_that_publishes_may_write_packages() -> None:
    everything = needs(PACKAGE, FUNCTION, options=SetupOptions(members=("group:all@example.com",)))

    writers = {it for it in granted(everything) if it[1] == WRITER}
    assert writers == {
        (email("shipwheel-publish"), WRITER, "the repository us-central1/my-project/pypi"),
        (email("shipwheel-build"), WRITER, "the repository us-central1/my-project/gcf-artifacts"),
        (email("shipwheel-image"), WRITER, "the repository us-central1/my-project/docker"),
    }
    on_the_project = {it[1] for it in granted(everything) if it[2] == "the project my-project"}
    assert on_the_project == {
        "roles/cloudbuild.builds.editor",
        "roles/cloudbuild.builds.viewer",
        "roles/cloudfunctions.developer",
        "roles/logging.logWriter",
        "roles/logging.viewer",
        "roles/serviceusage.serviceUsageConsumer",
        "roles/storage.bucketViewer",
        "roles/storage.objectCreator",
        "roles/storage.objectViewer",
    }


ALL = "group:all@example.com"


READABLE = {
    (ALL, "roles/artifactregistry.reader", f"the repository us-central1/my-project/{name}")
    for name in ("pypi", "pypi-public", "pypi-all")
}


def test_a_reader_installs_packages_and_does_nothing_else() -> None:
    found = granted(needs(PACKAGE, FUNCTION, options=SetupOptions(readers=(ALL,))))

    assert {it for it in found if it[0] == ALL} == READABLE


def test_a_member_does_what_the_guide_has_a_member_do_and_uploads_nothing() -> None:
    found = granted(needs(PACKAGE, options=SetupOptions(members=(ALL,), readers=(ALL,))))

    images = "the repository us-central1/my-project/docker"
    assert {it for it in found if it[0] == ALL and "the project" not in it[2]} == {
        *READABLE,
        (ALL, "roles/artifactregistry.reader", images),
        *(
            (
                ALL,
                "roles/iam.serviceAccountUser",
                f"the service account shipwheel-{name}@my-project.iam.gserviceaccount.com",
            )
            for name in ("check", "publish", "image")
        ),
    }
    on_the_project = {it[1] for it in found if it[0] == ALL and "the project" in it[2]}
    assert on_the_project == {
        "roles/cloudbuild.builds.editor",
        "roles/logging.viewer",
        "roles/serviceusage.serviceUsageConsumer",
        "roles/storage.bucketViewer",
        "roles/storage.objectCreator",
    }


@pytest.mark.parametrize(
    ("changes", "role"),
    [
        ({"publish": {"approval": True}}, "cloudbuild.builds.approver"),
        ({"overrides": {"a": {"check": {"approval": True}}}}, "cloudbuild.builds.approver"),
        (
            {"source": {"repository": f"{CONNECTION}/repositories/r"}},
            "cloudbuild.connectionViewer",
        ),
    ],
)
def test_a_member_may_do_what_the_manifest_asks_for_besides(
    changes: dict[str, Any], role: str
) -> None:
    options = SetupOptions(members=(ALL,))

    added = granted(needs(PACKAGE, options=options, **changes)) - granted(
        needs(PACKAGE, options=options)
    )

    assert added == {(ALL, f"roles/{role}", "the project my-project")}


def test_an_image_of_others_is_built_by_no_member() -> None:
    image = "ghcr.io/acme/shipwheel:1"

    roles = {
        role for _, role, _ in granted(needs(options=SetupOptions(members=(ALL,)), image=image))
    }

    assert not {it for it in roles if it.startswith(("roles/storage", "roles/serviceusage"))}


def test_who_reads_the_virtual_repository_reads_the_remote_one_behind_it() -> None:
    found = granted(needs(PACKAGE, FUNCTION))

    for account in ("shipwheel-build", "shipwheel-deploy"):
        reads = {it[2].rpartition("/")[2] for it in found if it[:2] == (email(account), READER)}
        assert reads >= {"pypi", "pypi-public", "pypi-all"}


def test_provenance_has_its_api() -> None:
    added = set(needs(PACKAGE, options=SetupOptions(provenance=True))) - set(needs(PACKAGE))

    assert [it.resource for it in added] == [
        EnabledApi("my-project", "containeranalysis.googleapis.com")
    ]


def test_a_repository_without_packages_is_set_up_for_its_first() -> None:
    assert needs() == needs(PACKAGE)


@pytest.mark.parametrize(
    ("changes", "api"),
    [
        ({"source": {"repository": f"{CONNECTION}/repositories/r"}}, "secretmanager"),
        (
            {"source": {"gitRepositoryLink": f"{CONNECTION}/gitRepositoryLinks/r"}},
            "developerconnect",
        ),
    ],
)
def test_a_source_has_its_api(changes: dict[str, Any], api: str) -> None:
    added = set(map(str, needs(PACKAGE, **changes))) - set(map(str, needs(PACKAGE)))

    assert len(added) == 1
    assert f"{api}.googleapis.com" in added.pop()


@pytest.mark.parametrize(("tool", "has_api"), [("functions", True), ("run", False)])
def test_a_tool_has_its_api(tool: str, has_api: bool) -> None:
    found = needs(FUNCTION, deploy={"function": {**ACCOUNTS, "tool": tool}})

    names = [need.resource.name for need in found if isinstance(need.resource, EnabledApi)]
    assert ("cloudfunctions.googleapis.com" in names) is has_api
    assert "run.googleapis.com" in names


def test_a_repository_in_another_project_has_its_api_there() -> None:
    found = needs(PACKAGE, registry="us-central1/libraries/pypi")

    apis = [need.resource for need in found if isinstance(need.resource, EnabledApi)]
    assert apis[-1] == EnabledApi("libraries", "artifactregistry.googleapis.com")
    assert len(apis) == 5


def test_accounts_and_images_of_others_are_used_and_not_created() -> None:
    found = needs(
        PACKAGE,
        image="ghcr.io/acme/shipwheel:1",
        check={"serviceAccount": "robot@other.iam.gserviceaccount.com"},
    )

    created = [it.resource.email for it in found if isinstance(it.resource, ServiceAccount)]
    assert created == ["shipwheel-publish@my-project.iam.gserviceaccount.com"]
    member = "serviceAccount:robot@other.iam.gserviceaccount.com"
    assert {it[1] for it in granted(found) if it[0] == member} == {
        "roles/artifactregistry.reader",
        "roles/logging.logWriter",
    }
    formats = [it.resource.format for it in found if isinstance(it.resource, RepositoryResource)]
    assert formats == ["python"] * 3
    assert {scope for _, _, scope in granted(found)} == {
        "the project my-project",
        "the repository us-central1/my-project/pypi",
    }


def test_the_image_is_built_by_an_account_that_writes_nothing_else() -> None:
    roles = {(role, scope) for member, role, scope in granted(needs()) if "image" in member}

    assert roles == {
        (WRITER, "the repository us-central1/my-project/docker"),
        ("roles/logging.logWriter", "the project my-project"),
        ("roles/storage.objectViewer", "the project my-project"),
    }


@pytest.mark.parametrize(
    "image", ["ghcr.io/acme/shipwheel:1", "us-docker.pkg.dev/tools/docker/shipwheel:1"]
)
def test_an_image_from_elsewhere_is_built_by_others(image: str) -> None:
    resources = [need.resource for need in needs(image=image)]

    assert [it.name for it in resources if isinstance(it, ServiceAccount)] == [
        "shipwheel-check",
        "shipwheel-publish",
    ]


@pytest.mark.parametrize("account", ["shipwheel-image", "shipwheel-build"])
def test_an_account_that_writes_images_checks_no_pull_request(account: str) -> None:
    with pytest.raises(InputError, match="Checks of pull requests would run as 'shipwheel-"):
        needs(PACKAGE, FUNCTION, check={"serviceAccount": account})


def test_a_repository_for_packages_and_for_images_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        needs(PACKAGE, image="us-central1-docker.pkg.dev/my-project/pypi/shipwheel:1")

    assert [problem.message for problem in caught.value.problems] == [
        "For packages and for images: the repository us-central1/my-project/pypi"
    ]


def test_each_command_has_one_line_of_why_that_no_shell_takes_for_something_else() -> None:
    """Interactive shells may run what begins with #: no quote, no semicolon, no glob."""
    found = needs(PACKAGE, FUNCTION, options=SetupOptions(members=("user:o'brien@example.com",)))

    lines = script(found).splitlines()

    assert len(lines) == 3 * len([*steps(found)]) - 1
    for why, command, blank in zip(lines[::3], lines[1::3], [*lines[2::3], ""], strict=True):
        assert re.fullmatch(r"# [A-Za-z][A-Za-z ,.:-]+\.", why)
        assert re.match(r"gcloud |echo '\[", command)
        assert blank == ""
    assert """'--member=user:o'"'"'brien@example.com'""" in script(found)


def complete(found: tuple[DesiredResource, ...]) -> Live:
    resources = [need.resource for need in found]
    repositories = {
        it.place: LiveRepository(
            format=it.format,
            mode=it.mode,
            priorities=dict(zip((up.resource for up in it.upstreams), (2, 1), strict=False)),
        )
        for it in resources
        if isinstance(it, RepositoryResource)
    }
    return Live(
        apis=frozenset(it for it in resources if isinstance(it, EnabledApi)),
        repositories=repositories,
        accounts={it.email: False for it in resources if isinstance(it, ServiceAccount)},
        bindings=frozenset(it for it in resources if isinstance(it, Binding)),
    )


def test_what_is_complete_misses_nothing_whatever_the_case_of_an_address() -> None:
    found = needs(PACKAGE, options=SetupOptions(members=("user:Ann@Example.com",)))
    live = complete(needs(PACKAGE, options=SetupOptions(members=("user:ann@example.com",))))

    result = compare(found, live)

    assert (result.missing, result.wrong, result.extra, result.foreign) == ((), (), (), ())
    assert result.there == found


def test_what_is_there_and_wrong_is_listed_once() -> None:
    found = needs(PACKAGE)
    live = complete(found)
    place, account = next(iter(live.repositories)), next(iter(live.accounts))
    other = replace(live.repositories[place], format="npm")
    live = replace(
        live,
        repositories={**live.repositories, place: other},
        accounts={**live.accounts, account: True},
    )

    result = compare(found, live)

    assert [problem.message for problem in result.wrong] == [
        f"There is {place}, and it is npm, standard, not python, standard",
        f"There is the service account {account}, and it is disabled",
    ]
    assert [it for it in found if it not in result.there] == [
        it
        for it in found
        if (isinstance(it.resource, RepositoryResource) and it.resource.place == place)
        or (isinstance(it.resource, ServiceAccount) and it.resource.email == account)
    ]
