"""What a repository's manifest asks of Google Cloud: a pure function, in the order of creation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.host.errors import InputError, Problem
from triggers.cloud_project import service_accounts as accounts
from triggers.cloud_project.resources import (
    Api,
    CleanupPolicies,
    DesiredResource,
    Project,
    Repositories,
    Repository,
    find_repositories,
)
from triggers.cloud_project.service_accounts import (
    ServiceAccounts,
    bad_names,
    find_service_accounts,
    in_manifest_project,
    service_account,
)
from triggers.manifest.settings import IMAGE_ACCOUNT, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from triggers.cloud_project.resources import RepositoryName, ServiceAccount
    from triggers.discovery.inventory import Inventory
    from triggers.manifest.manifest import Manifest
    from triggers.manifest.settings import FunctionSettings

_MEMBER = re.compile(r"(?:user|group|serviceAccount|domain):[^\s:]+|principal(?:Set)?://\S+")
_APIS = {
    "artifactregistry": "keeps the packages and the image",
    "cloudbuild": "runs the builds",
    "iam": "keeps the service accounts",
    "cloudresourcemanager": "shows and grants roles on the project",
}
_EVENT_APIS = {"eventarc": "calls functions on events", "pubsub": "carries the events"}
_CLEANUP = (
    "Deletes old packages: the highest version, which the version gate compares with, can go down"
    " by it, so let it keep the latest"
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is asked for besides the manifest.

    *members* run triggers, *readers* only install packages; with *provenance*, a build config fails
    where Cloud Build cannot keep its provenance.
    """

    members: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    provenance: bool = False
    cleanup: CleanupPolicies | None = None


def desired_state(
    manifest: Manifest, inventory: Inventory, options: Options
) -> tuple[DesiredResource, ...]:
    """Return everything that the builds of the repository need, each once.

    Raises InputError for what triggers cannot be rendered from, for accounts that cannot be
    created, and for members that are none.
    """
    users = find_service_accounts(manifest, inventory)
    places = find_repositories(manifest, users.functions)
    InputError.raise_all(
        [
            *_bad_members((*options.members, *options.readers)),
            *bad_names(manifest, users),
            *_doubled(places),
            *_writing_checks(manifest, places, users),
        ]
    )
    needs = [
        *_apis(manifest, places, users.functions, provenance=options.provenance),
        *_repositories(places),
        *([DesiredResource(options.cleanup, _CLEANUP)] if options.cleanup else []),
        *_accounts(manifest, places, users),
        *_bindings(manifest, places, users),
        *_members(manifest, places, users, options),
    ]
    unique: dict[str, DesiredResource] = {}
    for need in needs:
        unique.setdefault(str(need.resource), need)
    return tuple(unique.values())


def _apis(
    manifest: Manifest,
    places: Repositories,
    functions: Sequence[FunctionSettings],
    *,
    provenance: bool,
) -> Iterator[DesiredResource]:
    names = dict(_APIS)
    if manifest.source.repository:
        names["secretmanager"] = "keeps the token of the connection to GitHub"
    if provenance:
        names["containeranalysis"] = "keeps the provenance that native builds fail without"
    if manifest.source.git_repository_link:
        names["developerconnect"] = "connects to the repository"
    if any(function.tool == "functions" for function in functions):
        names["cloudfunctions"] = "deploys functions"
    if functions:
        names["run"] = "runs functions"
    if not all(function.trigger.http for function in functions):
        names |= _EVENT_APIS
    if any(function.given.secrets for function in functions):
        names.setdefault("secretmanager", "keeps the secrets of functions")
    for name, why in names.items():
        yield DesiredResource(Api(manifest.project, f"{name}.googleapis.com"), f"{name} {why}")
    for place in places.all:
        why = f"artifactregistry {_APIS['artifactregistry']}"
        yield DesiredResource(Api(place.project, "artifactregistry.googleapis.com"), why)


def _repositories(places: Repositories) -> Iterator[DesiredResource]:
    python, public = places.python, places.public
    yield DesiredResource(
        Repository(python, "python"), "Your own packages: here, and only here, is published"
    )
    yield DesiredResource(
        Repository(public, "python", "remote"),
        "Public packages: a cache of the public index that only reads",
    )
    yield DesiredResource(
        Repository(places.virtual, "python", "virtual", (python, public)),
        "Both behind one address, which clients read instead of two: where both have a version,"
        " yours wins",
    )
    if places.image:
        yield DesiredResource(
            Repository(places.image, "docker"), "The image of Shipwheel, which builds run"
        )
    for place in places.function_images:
        yield DesiredResource(
            Repository(place, "docker"),
            "Where the build of a function stores the image: made now, since its account may write"
            " nowhere else",
        )


def _doubled(places: Repositories) -> Iterator[Problem]:
    """Yield a problem per repository of packages that is to be one of images, too."""
    for place in (places.python, places.public, places.virtual):
        if place in (places.image, *places.function_images):
            yield Problem(
                f"For packages and for images: {place}",
                "a repository has one format: change `registry` or `image`",
            )


def _writing_checks(
    manifest: Manifest, places: Repositories, users: ServiceAccounts
) -> Iterator[Problem]:
    """Yield a problem per account that checks pull requests and may write images, too."""
    writing = (*users.builds, *(account for account, _ in _image_builds(manifest, places)))
    for account in users.of("check"):
        if account in writing:
            yield Problem(
                f"Checks of pull requests would run as {account.email!r}, which writes images",
                "give `check.serviceAccount` an account that can only read: a pull request decides"
                " what its check runs",
            )


def _accounts(
    manifest: Manifest, places: Repositories, users: ServiceAccounts
) -> Iterator[DesiredResource]:
    titled = [
        *((account, accounts.TITLES[kind]) for kind in KINDS for account in users.of(kind)),
        *((account, accounts.RUNTIME) for account in users.runtime),
        *((account, accounts.BUILD) for account in users.builds),
        *((account, accounts.CALLER) for account in users.callers),
    ]
    for account, why in titled:
        if in_manifest_project(account, manifest):
            yield DesiredResource(account, why)
    for account, _ in _image_builds(manifest, places):
        yield DesiredResource(account, accounts.IMAGE)


def _bindings(
    manifest: Manifest, places: Repositories, users: ServiceAccounts
) -> Iterator[DesiredResource]:
    project = Project(manifest.project)
    # Whether the remote repository behind a virtual one is asked, too, is not known.
    behind = [places.public] if places.virtual in places.indexes else []
    sources = tuple(dict.fromkeys((*places.indexes, *behind, places.python)))
    for account in users.of("check"):
        yield from accounts.check(account, project, places.python)
    for account in users.of("publish"):
        yield from accounts.publish(account, project, places.python)
        if users.publish_then_deploy:
            yield from accounts.start_deployments(account, project, users.of("deploy"))
    for account in users.of("deploy"):
        yield from accounts.deploy(account, project, sources, users.functions)
        yield from accounts.act_as(account, users.of_functions)
    for account in users.builds:
        yield from accounts.build_functions(account, project, sources, places.function_images)
    for account in users.callers:
        yield from accounts.call_functions(account, project)
    for account in users.of_triggers:
        if places.image:
            yield from accounts.pull(account, places.image)
    for account, image in _image_builds(manifest, places):
        yield from accounts.build_image(account, project, image)


def _image_builds(
    manifest: Manifest, places: Repositories
) -> Iterator[tuple[ServiceAccount, RepositoryName]]:
    """Yield who builds our image, and for where; what lies elsewhere is built by others."""
    if places.image and places.image.project == manifest.project:
        yield service_account(IMAGE_ACCOUNT, manifest.project), places.image


def _members(
    manifest: Manifest, places: Repositories, users: ServiceAccounts, options: Options
) -> Iterator[DesiredResource]:
    packages = (places.python, places.public, places.virtual)
    images = tuple(_image_builds(manifest, places))
    roles = dict(accounts.WORKS)
    if manifest.source.repository:
        roles |= accounts.CONNECTED
    if users.approval:
        roles |= accounts.APPROVES
    if images:
        roles |= accounts.SUBMITS
    for member in options.members:
        yield from accounts.work(member, Project(manifest.project), roles)
        yield from accounts.run_as(member, (*users.of_triggers, *(it for it, _ in images)))
        yield from accounts.read(member, (*packages, *(it for _, it in images)))
    for reader in options.readers:
        yield from accounts.read(reader, packages)


def _bad_members(members: Iterable[str]) -> Iterator[Problem]:
    for member in members:
        if not _MEMBER.fullmatch(member):
            yield Problem(
                f"No member of a policy: {member!r}",
                "write user:ADDRESS, group:ADDRESS, serviceAccount:ADDRESS or domain:NAME",
            )
