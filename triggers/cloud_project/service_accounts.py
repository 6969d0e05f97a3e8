"""Who runs what, from the manifest, and what each may do: the only list of grants there is.

A role is granted on the narrowest thing that it is needed on. Google's page on deploying functions
from Cloud Build also lists storage.admin and artifactregistry.writer on the whole project: with
these the account that deploys could publish packages, and neither `gcloud functions deploy`, which
uploads by a signed address, nor the build, which has an account of its own, takes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.host.errors import Problem
from steps.registry.artifact_registry import READER, WRITER
from triggers.cloud_project.resources import (
    Binding,
    DesiredResource,
    Project,
    Scope,
    ServiceAccount,
)
from triggers.cloudbuild.conditions import DOWNSTREAM_KEY
from triggers.manifest.settings import (
    KINDS,
    Kind,
    resolve,
    resolve_function,
    service_account_resource,
)
from triggers.rendering.rendering import render
from triggers.rendering.repository import build_config_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from triggers.cloud_project.resources import RepositoryName
    from triggers.discovery.inventory import Inventory
    from triggers.manifest.manifest import Manifest
    from triggers.manifest.settings import FunctionSettings

_ACCOUNT_NAME = re.compile("[a-z](?:[a-z0-9-]{4,28}[a-z0-9])")
_ADDRESS = re.compile(r"[^@]+@(?P<domain>.+)\.iam\.gserviceaccount\.com")
# What whoever runs triggers does, as the guide has it: `builds.editor` sees no log.
WORKS = {
    "roles/cloudbuild.builds.editor": "creates, changes and runs triggers",
    "roles/logging.viewer": "reads the logs of builds",
}
# Besides, for the 2nd generation: whether Google asks for it is not known, and it only reads.
CONNECTED = {"roles/cloudbuild.connectionViewer": "sees the connection of triggers"}
APPROVES = {"roles/cloudbuild.builds.approver": "approves builds that wait for it"}
# What `gcloud builds submit` asks for as its caller. Of the bucket: storage.buckets.get, then
# .list, to see whose it is, then storage.objects.create (gcloud 528: builds/submit_util.py and
# api_lib/storage/storage_api.py). Of the project, serviceusage.services.use:
# https://cloud.google.com/build/docs/securing-builds/configure-access-control
SUBMITS = {
    "roles/serviceusage.serviceUsageConsumer": "has gcloud count requests to this project",
    "roles/storage.bucketViewer": "finds the bucket of submit",
    "roles/storage.objectCreator": "uploads the source of the image with submit",
}
LOG_WRITER = "roles/logging.logWriter"
ACT_AS = "roles/iam.serviceAccountUser"
TRIGGERS = "roles/cloudbuild.builds.editor"
OBJECT_VIEWER = "roles/storage.objectViewer"
_DEPLOYERS = {
    "functions": ("roles/cloudfunctions.developer",),
    "run": ("roles/run.sourceDeveloper", "roles/serviceusage.serviceUsageConsumer"),
}
_LOGS = "writes the log of its build, which goes to Cloud Logging alone"
_IMAGE = "pulls the image of Shipwheel, which its build runs"
TITLES: dict[Kind, str] = {
    "check": "Checks pull requests: it reads, since a pull request decides what its check runs",
    "publish": "Publishes packages: the only account that can",
    "deploy": "Deploys functions",
}
RUNTIME = "What functions run as: grant it what they need, since it has nothing yet"
BUILD = "What builds of functions run as, which a deploy starts"
CALLER = "What events call functions as"
IMAGE = "Builds the image of Shipwheel, which it may write, and packages it may not"


@dataclass(frozen=True, kw_only=True)
class ServiceAccounts:
    """The service accounts: of triggers by kind, and those that functions name.

    *callers* call functions on events. *publish_then_deploy* says that builds which publish start
    triggers that deploy, *approval* that some builds wait for somebody.
    """

    functions: tuple[FunctionSettings, ...]
    triggers: dict[Kind, tuple[ServiceAccount, ...]]
    runtime: tuple[ServiceAccount, ...]
    builds: tuple[ServiceAccount, ...]
    callers: tuple[ServiceAccount, ...]
    publish_then_deploy: bool = False
    approval: bool = False
    build_configs: tuple[str, ...] = ()

    def of(self, kind: Kind) -> tuple[ServiceAccount, ...]:
        """Return who the triggers of *kind* run as."""
        return self.triggers.get(kind, ())

    @property
    def of_triggers(self) -> tuple[ServiceAccount, ...]:
        """Who triggers run as, of each kind."""
        return tuple(each for kind in KINDS for each in self.of(kind))

    @property
    def of_functions(self) -> tuple[ServiceAccount, ...]:
        """Whom functions are handed over to, for each purpose."""
        return (*self.runtime, *self.builds, *self.callers)


def find_service_accounts(manifest: Manifest, inventory: Inventory) -> ServiceAccounts:
    """Return who is who; in an empty repository, who would be for a package.

    Raises InputError for what triggers cannot be rendered from.
    """
    triggers = render(manifest, inventory).triggers if inventory.components else ()
    named = {kind: [it.service_account for it in triggers if it.kind == kind] for kind in KINDS}
    if not inventory.components:
        named = {kind: [resolve(manifest, ".", kind).service_account] for kind in KINDS[:2]}
    deployed = [trigger.target for trigger in triggers if trigger.kind == "deploy"]
    functions = [resolve_function(manifest, path) for path in deployed]
    called = [function for function in functions if not function.trigger.http]
    return ServiceAccounts(
        functions=tuple(functions),
        triggers={kind: _unique(resources, manifest) for kind, resources in named.items()},
        runtime=_unique((it.given.service_account for it in functions), manifest),
        builds=_unique((it.given.build_service_account for it in functions), manifest),
        callers=_unique(
            (it.trigger.service_account or it.given.service_account for it in called), manifest
        ),
        publish_then_deploy=any(DOWNSTREAM_KEY in trigger.substitutions for trigger in triggers),
        approval=any(trigger.approval_required for trigger in triggers),
        build_configs=tuple(build_config_paths(triggers)),
    )


def in_manifest_project(account: ServiceAccount, manifest: Manifest) -> bool:
    """Return whether *account* is one that people create, in the manifest's project."""
    return account.project == manifest.project and bool(_ADDRESS.fullmatch(account.email))


def unnamed_accounts(users: ServiceAccounts) -> Iterator[Problem]:
    """Yield a problem per function that leaves its accounts to Google Cloud."""
    for function in users.functions:
        given = function.given
        keys = {
            "serviceAccount": given.service_account,
            "buildServiceAccount": given.build_service_account,
        }
        missing = [key for key, value in keys.items() if value is None]
        if missing:
            yield Problem(
                f"The function in {function.path!r} has no {' and no '.join(missing)}: it takes an"
                " account of Google's, which may often do anything in the project, and which this"
                " gives no right to use",
                "name one in `deploy.function`, such as shipwheel-function and shipwheel-build",
            )


def bad_names(manifest: Manifest, users: ServiceAccounts) -> Iterator[Problem]:
    """Yield a problem per account that cannot be created, or that no policy can name."""
    for account in dict.fromkeys((*users.of_triggers, *users.of_functions)):
        if not account.email.endswith("gserviceaccount.com"):
            yield Problem(
                f"No address of a service account: {account.email!r}",
                "write its name, or NAME@PROJECT.iam.gserviceaccount.com, as policies do",
            )
        if in_manifest_project(account, manifest) and not _ACCOUNT_NAME.fullmatch(account.name):
            yield Problem(
                f"No service account can be named {account.name!r}",
                "take 6 to 30 lower-case letters, digits and -, a letter first, no - at the end",
            )


def _unique(named: Iterable[str | None], manifest: Manifest) -> tuple[ServiceAccount, ...]:
    return tuple(dict.fromkeys(service_account(it, manifest.project) for it in named if it))


def service_account(text: str, project: str) -> ServiceAccount:
    """Return the account that *text* names in a manifest of *project*, in any of its forms."""
    _, project, _, email = service_account_resource(text, project).split("/")
    # The address says whose account it is, whatever project the resource names.
    if match := _ADDRESS.fullmatch(email):
        project = ":".join(reversed(match["domain"].split(".", 1)))
    return ServiceAccount(project, email)


def check(
    account: ServiceAccount, project: Project, python: RepositoryName
) -> Iterator[DesiredResource]:
    """Yield what the account of pull requests may do."""
    yield _role(python, account, READER, "compares the version with what is published")
    yield _role(project, account, LOG_WRITER, _LOGS)


def publish(
    account: ServiceAccount, project: Project, python: RepositoryName
) -> Iterator[DesiredResource]:
    """Yield what the account that publishes may do."""
    yield _role(python, account, WRITER, "uploads to this repository, and to no other")
    yield _role(project, account, LOG_WRITER, _LOGS)


def start_deployments(
    account: ServiceAccount, project: Project, deploying: Iterable[ServiceAccount]
) -> Iterator[DesiredResource]:
    """Yield what starting the triggers that deploy takes, once packages are published."""
    yield _role(project, account, TRIGGERS, "starts triggers that deploy what it published")
    for other in deploying:
        yield _role(other, account, ACT_AS, f"has these triggers run as {other.name}")


def deploy(
    account: ServiceAccount,
    project: Project,
    sources: Iterable[RepositoryName],
    functions: Sequence[FunctionSettings],
) -> Iterator[DesiredResource]:
    """Yield what the account that deploys functions may do; *sources* hold their requirements."""
    for tool in sorted({function.tool for function in functions}):
        for role in _DEPLOYERS[tool]:
            yield _role(project, account, role, "creates and updates functions")
    if any(function.given.allow_unauthenticated is not None for function in functions):
        role = "roles/run.admin"
        yield _role(project, account, role, "says whether anybody may call a function")
    for place in sources:
        yield _role(place, account, READER, "looks up what a function requires before the deploy")
    role = "roles/cloudbuild.builds.viewer"
    yield _role(project, account, role, "sees which other builds deploy a function")
    yield _role(project, account, LOG_WRITER, _LOGS)


def act_as(account: ServiceAccount, others: Iterable[ServiceAccount]) -> Iterator[DesiredResource]:
    """Yield the right of the account that deploys to hand functions to *others*, and no more."""
    for other in others:
        yield _role(other, account, ACT_AS, f"lets functions be run, or built, as {other.name}")


def pull(account: ServiceAccount, image: RepositoryName) -> Iterator[DesiredResource]:
    """Yield the right to run our image."""
    yield _role(image, account, READER, _IMAGE)


def build_image(
    account: ServiceAccount, project: Project, image: RepositoryName
) -> Iterator[DesiredResource]:
    """Yield what `gcloud builds submit` takes to build our image as *account*.

    The account that it takes otherwise, Compute Engine's, may do too much in an old project and
    nothing in a new one.
    https://docs.cloud.google.com/build/docs/securing-builds/configure-user-specified-service-accounts
    """
    yield _role(image, account, WRITER, "pushes the image to this repository, and to no other")
    yield _role(project, account, OBJECT_VIEWER, "fetches the source from the bucket of submit")
    yield _role(project, account, LOG_WRITER, _LOGS)


def build_functions(
    account: ServiceAccount,
    project: Project,
    sources: Iterable[RepositoryName],
    images: Iterable[RepositoryName],
) -> Iterator[DesiredResource]:
    """Yield what the account that builds functions may do, as Google documents it.

    https://docs.cloud.google.com/run/docs/configuring/services/build-service-account
    """
    for place in sources:
        yield _role(place, account, READER, "installs the private packages of functions")
    for place in images:
        yield _role(place, account, WRITER, "stores the images of functions, and nothing elsewhere")
    yield _role(project, account, OBJECT_VIEWER, "fetches the source of functions from its bucket")
    yield _role(project, account, LOG_WRITER, _LOGS)


def call_functions(account: ServiceAccount, project: Project) -> Iterator[DesiredResource]:
    """Yield what the account that events call functions as may do.

    https://docs.cloud.google.com/eventarc/docs/roles-permissions
    """
    yield _role(project, account, "roles/eventarc.eventReceiver", "receives events for functions")
    yield _role(project, account, "roles/run.invoker", "calls functions with events")


def work(member: str, project: Project, roles: Mapping[str, str]) -> Iterator[DesiredResource]:
    """Yield what a person, or a group, has to have on the whole project."""
    for role, why in roles.items():
        yield DesiredResource(Binding(project, member, role), f"Somebody {why}")


def run_as(member: str, accounts: Iterable[ServiceAccount]) -> Iterator[DesiredResource]:
    """Yield the right of a person, or a group, to have builds run as *accounts*."""
    for account in accounts:
        yield DesiredResource(
            Binding(account, member, ACT_AS), f"Somebody has builds run as {account.name}"
        )


def read(member: str, repositories: Iterable[RepositoryName]) -> Iterator[DesiredResource]:
    """Yield the right of a person, or a group, to read *repositories*."""
    for place in repositories:
        yield DesiredResource(
            Binding(place, member, READER), f"Somebody reads what {place.name} holds"
        )


def _role(scope: Scope, account: ServiceAccount, role: str, why: str) -> DesiredResource:
    return DesiredResource(Binding(scope, account.member, role), f"{account.name} {why}")
