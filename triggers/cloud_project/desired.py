"""What a repository's manifest asks of Google Cloud, in the order of creation: a pure function.

Every grant is here, on the narrowest thing that it is needed on. Google's page on deploying
functions from Cloud Build also lists storage.admin and artifactregistry.writer on the project: with
these the account that deploys could publish packages, and neither `gcloud functions deploy`, which
uploads by a signed address, nor the build, which has an account of its own, takes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.host.errors import InputError, Problem
from steps.registry.artifact_registry import READER, WRITER
from triggers.cloud_project.resources import (
    Binding,
    CleanupPolicies,
    DesiredResource,
    EnabledApi,
    ProjectScope,
    Repositories,
    RepositoryResource,
    ServiceAccounts,
    bad_names,
    find_repositories,
    find_service_accounts,
    grant,
    in_manifest_project,
    service_account,
)
from triggers.cloud_project.schedules import (
    ACTS_AS,
    STARTS_TRIGGERS,
    schedule_bindings,
    scheduled_jobs,
    schedulers,
    starter_apis,
)
from triggers.manifest.settings import IMAGE_ACCOUNT, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from triggers.cloud_project.resources import RepositoryName, Scope, ServiceAccount
    from triggers.discovery.inventory import Inventory
    from triggers.manifest.manifest import Manifest
    from triggers.rendering.functions import FunctionSettings

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
# What a person who runs triggers does, as the guide has it: `builds.editor` sees no log.
WORKS = {
    "roles/cloudbuild.builds.editor": "creates, changes and runs triggers",
    "roles/logging.viewer": "reads the logs of builds",
}
# Besides, for the 2nd generation: whether Google asks for it is not known, and it only reads.
_CONNECTED = {"roles/cloudbuild.connectionViewer": "sees the connection of triggers"}
_APPROVES = {"roles/cloudbuild.builds.approver": "approves builds that wait for it"}
# What `gcloud builds submit` asks for as its caller. Of the bucket: storage.buckets.get, then
# .list, to see whose it is, then storage.objects.create (gcloud 528: builds/submit_util.py and
# api_lib/storage/storage_api.py). Of the project, serviceusage.services.use:
# https://cloud.google.com/build/docs/securing-builds/configure-access-control
SUBMITS = {
    "roles/serviceusage.serviceUsageConsumer": "has gcloud count requests to this project",
    "roles/storage.bucketViewer": "finds the bucket of submit",
    "roles/storage.objectCreator": "uploads the source of the image with submit",
}
_LOG_WRITER = "roles/logging.logWriter"
_OBJECT_VIEWER = "roles/storage.objectViewer"
_DEPLOYERS = {
    "functions": ("roles/cloudfunctions.developer",),
    "run": ("roles/run.sourceDeveloper", "roles/serviceusage.serviceUsageConsumer"),
}
_LOGS = "writes the log of its build, which goes to Cloud Logging alone"
_IMAGE = "pulls the image of Shipwheel, which its build runs"
_RUNTIME = "What functions run as: grant it what they need, since it has nothing yet"
_BUILD = "What builds of functions run as, which a deploy starts"
_IMAGE_BUILDER = "Builds the image of Shipwheel, which it may write, and packages it may not"
_TITLES = {
    "check": "Checks pull requests: it reads, since a pull request decides what its check runs",
    "publish": "Publishes packages: the only account that can",
    "deploy": "Deploys functions",
}


@dataclass(frozen=True, kw_only=True)
class SetupOptions:
    """What is asked for besides the manifest.

    *members* run triggers, *readers* only install packages; with *provenance*, a build config fails
    where Cloud Build cannot keep its provenance.
    """

    members: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    provenance: bool = False
    cleanup: CleanupPolicies | None = None


def desired_state(
    manifest: Manifest, inventory: Inventory, options: SetupOptions
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
        *starter_apis(manifest),
        *_apis(manifest, places, users.functions, provenance=options.provenance),
        *_repositories(places),
        *([DesiredResource(options.cleanup, _CLEANUP)] if options.cleanup else []),
        *_accounts(manifest, places, users),
        *_bindings(manifest, places, users),
        *_members(manifest, places, users, options),
        *scheduled_jobs(manifest, users),
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
        yield DesiredResource(
            EnabledApi(manifest.project, f"{name}.googleapis.com"), f"{name} {why}"
        )
    for place in places.all:
        why = f"artifactregistry {_APIS['artifactregistry']}"
        yield DesiredResource(EnabledApi(place.project, "artifactregistry.googleapis.com"), why)


def _repositories(places: Repositories) -> Iterator[DesiredResource]:
    python, public = places.python, places.public
    why = "Your own packages: here, and only here, is published"
    yield DesiredResource(RepositoryResource(python, "python"), why)
    why = "Public packages: a cache of the public index that only reads"
    yield DesiredResource(RepositoryResource(public, "python", "remote"), why)
    why = (
        "Both behind one address, which clients read instead of two: where both have a version,"
        " yours wins"
    )
    yield DesiredResource(
        RepositoryResource(places.virtual, "python", "virtual", (python, public)), why
    )
    if places.image:
        why = "The image of Shipwheel, which builds run"
        yield DesiredResource(RepositoryResource(places.image, "docker"), why)
    why = (
        "Where the build of a function stores the image: made now, since its account may write"
        " nowhere else"
    )
    for place in places.function_images:
        yield DesiredResource(RepositoryResource(place, "docker"), why)


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
        *((account, _TITLES[kind]) for kind in KINDS for account in users.of(kind)),
        *schedulers(manifest, users),
        *((account, _RUNTIME) for account in users.runtime),
        *((account, _BUILD) for account in users.builds),
        *((account, "What events call functions as") for account in users.callers),
    ]
    for account, why in titled:
        if in_manifest_project(account, manifest):
            yield DesiredResource(account, why)
    for account, _ in _image_builds(manifest, places):
        yield DesiredResource(account, _IMAGE_BUILDER)
    for kind in manifest.kinds:
        for account in users.of(kind):
            if in_manifest_project(account, manifest):
                why = f"Runs the builds of {kind}: grant it what these need besides"
                yield DesiredResource(account, why)


def _bindings(
    manifest: Manifest, places: Repositories, users: ServiceAccounts
) -> Iterator[DesiredResource]:
    project, python = ProjectScope(manifest.project), places.python
    logs = (project, _LOG_WRITER, _LOGS)
    # Whether the remote repository behind a virtual one is asked, too, is not known.
    behind = [places.public] if places.virtual in places.indexes else []
    sources = tuple(dict.fromkeys((*places.indexes, *behind, python)))
    for account in users.of("check"):
        yield grant(account, python, READER, "compares the version with what is published")
        yield grant(account, *logs)
    for account in users.of("publish"):
        yield grant(account, python, WRITER, "uploads to this repository, and to no other")
        yield grant(account, *logs)
        yield from _start_deployments(account, project, users)
    for account in users.of("deploy"):
        yield from _deploy(account, project, sources, users)
        yield grant(account, *logs)
        for other in users.of_functions:
            why = f"lets functions be run, or built, as {other.name}"
            yield grant(account, other, ACTS_AS, why)
    for kind in manifest.kinds:
        for account in users.of(kind):
            yield grant(account, python, READER, f"reads packages in builds of {kind}")
            yield grant(account, *logs)
    yield from schedule_bindings(manifest, users)
    yield from _function_bindings(project, sources, places, users)
    for image in [places.image] if places.image else []:
        for account in users.of_triggers:
            yield grant(account, image, READER, _IMAGE)
    # The account that submit takes otherwise, Compute Engine's, may do too much in an old project
    # and nothing in a new one.
    # https://docs.cloud.google.com/build/docs/securing-builds/configure-user-specified-service-accounts
    for account, image in _image_builds(manifest, places):
        yield grant(account, image, WRITER, "pushes the image to this repository, and to no other")
        why = "fetches the source from the bucket of submit"
        yield grant(account, project, _OBJECT_VIEWER, why)
        yield grant(account, *logs)


def _start_deployments(
    account: ServiceAccount, project: ProjectScope, users: ServiceAccounts
) -> Iterator[DesiredResource]:
    """Yield what starting the triggers that deploy takes, once packages are published."""
    if users.publish_then_deploy:
        why = "starts triggers that deploy what it published"
        yield grant(account, project, STARTS_TRIGGERS, why)
        for other in users.of("deploy"):
            yield grant(account, other, ACTS_AS, f"has these triggers run as {other.name}")


def _function_bindings(
    project: ProjectScope,
    sources: Iterable[RepositoryName],
    places: Repositories,
    users: ServiceAccounts,
) -> Iterator[DesiredResource]:
    """Yield what the accounts that build and call functions may do, as Google documents it.

    https://docs.cloud.google.com/run/docs/configuring/services/build-service-account
    https://docs.cloud.google.com/eventarc/docs/roles-permissions
    """
    for account in users.builds:
        for place in sources:
            yield grant(account, place, READER, "installs the private packages of functions")
        for place in places.function_images:
            why = "stores the images of functions, and nothing elsewhere"
            yield grant(account, place, WRITER, why)
        why = "fetches the source of functions from its bucket"
        yield grant(account, project, _OBJECT_VIEWER, why)
        yield grant(account, project, _LOG_WRITER, _LOGS)
    for account in users.callers:
        receiver = "roles/eventarc.eventReceiver"
        yield grant(account, project, receiver, "receives events for functions")
        yield grant(account, project, "roles/run.invoker", "calls functions with events")


def _deploy(
    account: ServiceAccount,
    project: ProjectScope,
    sources: Iterable[RepositoryName],
    users: ServiceAccounts,
) -> Iterator[DesiredResource]:
    """Yield what the account that deploys functions may do; *sources* hold their requirements."""
    for tool in sorted({function.tool for function in users.functions}):
        for role in _DEPLOYERS[tool]:
            yield grant(account, project, role, "creates and updates functions")
    if any(function.given.allow_unauthenticated is not None for function in users.functions):
        why = "decides who may call a function without credentials"
        yield grant(account, project, "roles/run.admin", why)
    for place in sources:
        yield grant(account, place, READER, "looks up what a function requires before the deploy")
    why = "sees which other builds deploy a function"
    yield grant(account, project, "roles/cloudbuild.builds.viewer", why)


def _image_builds(
    manifest: Manifest, places: Repositories
) -> Iterator[tuple[ServiceAccount, RepositoryName]]:
    """Yield who builds our image, and for where; what lies elsewhere is built by others."""
    if places.image and places.image.project == manifest.project:
        yield service_account(IMAGE_ACCOUNT, manifest.project), places.image


def _members(
    manifest: Manifest, places: Repositories, users: ServiceAccounts, options: SetupOptions
) -> Iterator[DesiredResource]:
    project = ProjectScope(manifest.project)
    packages = (places.python, places.public, places.virtual)
    images = tuple(_image_builds(manifest, places))
    roles = dict(WORKS)
    if manifest.source.repository:
        roles |= _CONNECTED
    if users.approval:
        roles |= _APPROVES
    if images:
        roles |= SUBMITS
    for member in options.members:
        for role, why in roles.items():
            yield _somebody(member, project, role, why)
        for account in (*users.of_triggers, *(it for it, _ in images)):
            yield _somebody(member, account, ACTS_AS, f"has builds run as {account.name}")
        yield from _reads(member, (*packages, *(it for _, it in images)))
    for reader in options.readers:
        yield from _reads(reader, packages)


def _reads(member: str, places: Iterable[RepositoryName]) -> Iterator[DesiredResource]:
    for place in places:
        yield _somebody(member, place, READER, f"reads what {place.name} holds")


def _somebody(member: str, scope: Scope, role: str, why: str) -> DesiredResource:
    return DesiredResource(Binding(scope, member, role), f"Somebody {why}")


def _bad_members(members: Iterable[str]) -> Iterator[Problem]:
    for member in members:
        if not _MEMBER.fullmatch(member):
            yield Problem(
                f"No member of a policy: {member!r}",
                "write user:ADDRESS, group:ADDRESS, serviceAccount:ADDRESS or domain:NAME",
            )
