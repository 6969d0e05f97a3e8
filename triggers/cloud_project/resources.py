"""What a project of Google Cloud has, or is to have, and how a manifest names it.

Each is its own key: two of them are the same thing when they are equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from steps.host.errors import Problem
from steps.registry.address import parse_registry
from triggers.cloudbuild.conditions import DOWNSTREAM_KEY
from triggers.manifest.settings import KINDS, resolve, service_account_resource
from triggers.rendering.functions import VIRTUAL_SUFFIX, resolve_function
from triggers.rendering.rendering import render
from triggers.rendering.repository import build_config_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from triggers.discovery.inventory import Inventory
    from triggers.manifest.manifest import Manifest
    from triggers.rendering.functions import FunctionSettings

Format = Literal["python", "docker"]
Mode = Literal["standard", "remote", "virtual"]

# Of a virtual repository's upstreams, the higher number wins.
PRIVATE_PRIORITY = 200
PUBLIC_PRIORITY = 100
# Where the two commands have images stored, in the region of each function.
_FUNCTION_IMAGES = {"functions": "gcf-artifacts", "run": "cloud-run-source-deploy"}
_IMAGE = re.compile(
    r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/"
    r"(?P<project>(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+/)?[a-z][a-z0-9-]*)/(?P<name>[a-z0-9-]+)/"
)
_ACCOUNT_NAME = re.compile("[a-z](?:[a-z0-9-]{4,28}[a-z0-9])")
_ADDRESS = re.compile(r"[^@]+@(?P<domain>.+)\.iam\.gserviceaccount\.com")


@dataclass(frozen=True)
class EnabledApi:
    """An API that is enabled in *project*; *name* is such as `iam.googleapis.com`."""

    project: str
    name: str

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"API {self.name} in {self.project}"


@dataclass(frozen=True)
class ProjectScope:
    """A project, as what a role is granted on."""

    name: str

    @property
    def project(self) -> str:
        """Itself."""
        return self.name

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"the project {self.name}"


@dataclass(frozen=True)
class RepositoryName:
    """Where a repository of Artifact Registry is."""

    project: str
    location: str
    name: str

    @property
    def resource(self) -> str:
        """The whole resource name."""
        return f"projects/{self.project}/locations/{self.location}/repositories/{self.name}"

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"the repository {self.location}/{self.project}/{self.name}"


@dataclass(frozen=True)
class RepositoryResource:
    """A repository at *place*; *upstreams* are a virtual one's, private before public."""

    place: RepositoryName
    format: Format
    mode: Mode = "standard"
    upstreams: tuple[RepositoryName, ...] = ()

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"{self.place} ({self.format}, {self.mode})"


@dataclass(frozen=True)
class CleanupPolicies:
    """What Artifact Registry deletes of a repository, by the ids of the policies; see `cleanup`."""

    place: RepositoryName
    file: str
    policies: Mapping[str, Any]

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"cleanup policies {', '.join(self.policies)} of {self.place}"


@dataclass(frozen=True)
class ServiceAccount:
    """A service account of *project* by its address."""

    project: str
    email: str

    @property
    def member(self) -> str:
        """How policies name it."""
        return f"serviceAccount:{self.email}"

    @property
    def name(self) -> str:
        """The address up to its @."""
        return self.email.partition("@")[0]

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"the service account {self.email}"


Scope = ProjectScope | RepositoryName | ServiceAccount


@dataclass(frozen=True)
class ScheduledJob:
    """A job of Cloud Scheduler that runs the trigger *name* of *project* as *account*.

    It has the trigger's name. *trigger_location* is where that is, *location* a region, and
    *repository* the one that the trigger is for.
    """

    project: str
    location: str
    name: str
    trigger_location: str
    schedule: str
    time_zone: str
    account: ServiceAccount
    repository: str

    @property
    def uri(self) -> str:
        """What the job calls; the service finds a trigger by its name, too."""
        place = f"projects/{self.project}/locations/{self.trigger_location}"
        return f"https://cloudbuild.googleapis.com/v1/{place}/triggers/{self.name}:run"

    @property
    def description(self) -> str:
        """What marks the job as Shipwheel's, and of which repository; see `live_job`."""
        return f"Shipwheel: starts the trigger {self.name} of {self.repository}"

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"the scheduled job {self.name} in {self.location}"


@dataclass(frozen=True)
class Binding:
    """*member* has *role* on *scope*."""

    scope: Scope
    member: str
    role: str

    def __str__(self) -> str:
        """Return what it is called in a report."""
        return f"{self.role} on {self.scope} for {self.member}"


Resource = (
    EnabledApi | RepositoryResource | CleanupPolicies | ServiceAccount | Binding | ScheduledJob
)


@dataclass(frozen=True)
class DesiredResource:
    """A resource that a project needs, and one line of why."""

    resource: Resource
    why: str


def grant(account: ServiceAccount, scope: Scope, role: str, why: str) -> DesiredResource:
    """Return that *account* has *role* on *scope*."""
    return DesiredResource(Binding(scope, account.member, role), f"{account.name} {why}")


@dataclass(frozen=True, kw_only=True)
class Repositories:
    """The repositories; *image* is None where our image lies outside Artifact Registry.

    *indexes* are what the requirements of functions name, whether a setup makes these or not.
    """

    python: RepositoryName
    public: RepositoryName
    virtual: RepositoryName
    image: RepositoryName | None
    function_images: tuple[RepositoryName, ...] = ()
    indexes: tuple[RepositoryName, ...] = ()

    @property
    def all(self) -> tuple[RepositoryName, ...]:
        """Every repository."""
        image = [self.image] if self.image else []
        return (self.python, self.public, self.virtual, *image, *self.function_images)


def find_repositories(
    manifest: Manifest, functions: Iterable[FunctionSettings] = ()
) -> Repositories:
    """Return where *manifest* puts the repositories; the image's name tells where that is."""
    functions = tuple(functions)
    python = _place(manifest.registry)
    at = (python.project, python.location)
    image = _IMAGE.match(manifest.image)
    return Repositories(
        python=python,
        public=RepositoryName(*at, f"{python.name}-public"),
        virtual=RepositoryName(*at, f"{python.name}{VIRTUAL_SUFFIX}"),
        image=RepositoryName(image["project"].replace("/", ":"), image["location"], image["name"])
        if image
        else None,
        function_images=tuple(
            dict.fromkeys(
                RepositoryName(function.project, function.region, _FUNCTION_IMAGES[function.tool])
                for function in functions
            )
        ),
        indexes=tuple(dict.fromkeys(_place(function.index) for function in functions)),
    )


def _place(repository: str) -> RepositoryName:
    registry = parse_registry(repository, {})
    return RepositoryName(registry.project, registry.location, registry.repository)


@dataclass(frozen=True, kw_only=True)
class ServiceAccounts:
    """The service accounts: of triggers by kind, and those that functions name.

    *callers* call functions on events. *publish_then_deploy* says that builds which publish start
    triggers that deploy, *approval* that some builds wait for an approval. *scheduled* are the
    names and the own kinds of the triggers that a schedule starts.
    """

    functions: tuple[FunctionSettings, ...]
    triggers: dict[str, tuple[ServiceAccount, ...]]
    runtime: tuple[ServiceAccount, ...]
    builds: tuple[ServiceAccount, ...]
    callers: tuple[ServiceAccount, ...]
    publish_then_deploy: bool = False
    approval: bool = False
    build_configs: tuple[str, ...] = ()
    scheduled: tuple[tuple[str, str], ...] = ()

    def of(self, kind: str) -> tuple[ServiceAccount, ...]:
        """Return who the triggers of *kind* run as."""
        return self.triggers.get(kind, ())

    @property
    def of_triggers(self) -> tuple[ServiceAccount, ...]:
        """Who triggers run as, of each kind."""
        return tuple(dict.fromkeys(each for named in self.triggers.values() for each in named))

    @property
    def of_functions(self) -> tuple[ServiceAccount, ...]:
        """Whom functions are handed over to, for each purpose."""
        return (*self.runtime, *self.builds, *self.callers)


def find_service_accounts(manifest: Manifest, inventory: Inventory) -> ServiceAccounts:
    """Return who is who; in an empty repository, who would be for a package.

    Raises InputError for what triggers cannot be rendered from.
    """
    is_empty = not (inventory.components or manifest.kinds)
    triggers = () if is_empty else render(manifest, inventory).triggers
    kinds = (*KINDS, *manifest.kinds)
    named = {kind: [it.service_account for it in triggers if it.kind == kind] for kind in kinds}
    if is_empty:
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
        scheduled=tuple(
            (it.name, it.kind)
            for it in triggers
            if it.kind in manifest.kinds and manifest.kinds[it.kind].schedule
        ),
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
