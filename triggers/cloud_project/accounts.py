"""Which account may do what, and why: the only list of grants there is.

A role is granted on the narrowest thing that it is needed on. Google's page on deploying functions
from Cloud Build also lists storage.admin and artifactregistry.writer on the whole project: with
these the account that deploys could publish packages, and neither `gcloud functions deploy`, which
uploads by a signed address, nor the build, which has an account of its own, takes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.registry.roles import READER, WRITER
from triggers.cloud_project.resources import Binding, Need, Project, Scope, ServiceAccount

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from triggers.cloud_project.resources import Place
    from triggers.discovery.functions import FunctionSettings
    from triggers.manifest.settings import Kind

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


def check(account: ServiceAccount, project: Project, python: Place) -> Iterator[Need]:
    """Yield what the account of pull requests may do."""
    yield _need(python, account, READER, "compares the version with what is published")
    yield _need(project, account, LOG_WRITER, _LOGS)


def publish(account: ServiceAccount, project: Project, python: Place) -> Iterator[Need]:
    """Yield what the account that publishes may do."""
    yield _need(python, account, WRITER, "uploads to this repository, and to no other")
    yield _need(project, account, LOG_WRITER, _LOGS)


def start_deployments(
    account: ServiceAccount, project: Project, deploying: Iterable[ServiceAccount]
) -> Iterator[Need]:
    """Yield what starting the triggers that deploy takes, once packages are published."""
    yield _need(project, account, TRIGGERS, "starts triggers that deploy what it published")
    for other in deploying:
        yield _need(other, account, ACT_AS, f"has these triggers run as {other.name}")


def deploy(
    account: ServiceAccount,
    project: Project,
    sources: Iterable[Place],
    functions: Sequence[FunctionSettings],
) -> Iterator[Need]:
    """Yield what the account that deploys functions may do; *sources* hold their requirements."""
    for tool in sorted({function.tool for function in functions}):
        for role in _DEPLOYERS[tool]:
            yield _need(project, account, role, "creates and updates functions")
    if any(function.given.allow_unauthenticated is not None for function in functions):
        role = "roles/run.admin"
        yield _need(project, account, role, "says whether anybody may call a function")
    for place in sources:
        yield _need(place, account, READER, "looks up what a function requires before the deploy")
    yield _need(project, account, LOG_WRITER, _LOGS)


def act_as(account: ServiceAccount, others: Iterable[ServiceAccount]) -> Iterator[Need]:
    """Yield the right of the account that deploys to hand functions to *others*, and no more."""
    for other in others:
        yield _need(other, account, ACT_AS, f"lets functions be run, or built, as {other.name}")


def pull(account: ServiceAccount, image: Place) -> Iterator[Need]:
    """Yield the right to run our image."""
    yield _need(image, account, READER, _IMAGE)


def build_image(account: ServiceAccount, project: Project, image: Place) -> Iterator[Need]:
    """Yield what `gcloud builds submit` takes to build our image as *account*.

    The account that it takes otherwise, Compute Engine's, may do too much in an old project and
    nothing in a new one.
    https://docs.cloud.google.com/build/docs/securing-builds/configure-user-specified-service-accounts
    """
    yield _need(image, account, WRITER, "pushes the image to this repository, and to no other")
    yield _need(project, account, OBJECT_VIEWER, "fetches the source from the bucket of submit")
    yield _need(project, account, LOG_WRITER, _LOGS)


def build_functions(
    account: ServiceAccount, project: Project, sources: Iterable[Place], images: Iterable[Place]
) -> Iterator[Need]:
    """Yield what the account that builds functions may do, as Google documents it.

    https://docs.cloud.google.com/run/docs/configuring/services/build-service-account
    """
    for place in sources:
        yield _need(place, account, READER, "installs the private packages of functions")
    for place in images:
        yield _need(place, account, WRITER, "stores the images of functions, and nothing elsewhere")
    yield _need(project, account, OBJECT_VIEWER, "fetches the source of functions from its bucket")
    yield _need(project, account, LOG_WRITER, _LOGS)


def call_functions(account: ServiceAccount, project: Project) -> Iterator[Need]:
    """Yield what the account that events call functions as may do.

    https://docs.cloud.google.com/eventarc/docs/roles-permissions
    """
    yield _need(project, account, "roles/eventarc.eventReceiver", "receives events for functions")
    yield _need(project, account, "roles/run.invoker", "calls functions with events")


def work(member: str, project: Project, roles: Mapping[str, str]) -> Iterator[Need]:
    """Yield what a person, or a group, has to have on the whole project."""
    for role, why in roles.items():
        yield Need(Binding(project, member, role), f"Somebody {why}")


def run_as(member: str, accounts: Iterable[ServiceAccount]) -> Iterator[Need]:
    """Yield the right of a person, or a group, to have builds run as *accounts*."""
    for account in accounts:
        yield Need(Binding(account, member, ACT_AS), f"Somebody has builds run as {account.name}")


def read(member: str, repositories: Iterable[Place]) -> Iterator[Need]:
    """Yield the right of a person, or a group, to read *repositories*."""
    for place in repositories:
        yield Need(Binding(place, member, READER), f"Somebody reads what {place.name} holds")


def _need(scope: Scope, account: ServiceAccount, role: str, why: str) -> Need:
    return Need(Binding(scope, account.member, role), f"{account.name} {why}")
