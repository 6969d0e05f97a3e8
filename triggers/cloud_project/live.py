"""What is there: asked of gcloud, and only of what a setup is about."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from steps.host.gcloud import ApiOffError, Call, ask_gcloud
from triggers.cloud_project.cleanup import normal_policies
from triggers.cloud_project.resources import (
    Api,
    Binding,
    Place,
    Project,
    Repository,
    ServiceAccount,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from triggers.cloud_project.resources import Need, Resource, Scope

_CALLS_AT_A_TIME = 4  # each takes a second, most of it gcloud's own start


@dataclass(frozen=True, kw_only=True)
class LiveRepository:
    """A repository that is there; *priorities* are a virtual one's, by resource names."""

    format: str
    mode: str
    priorities: Mapping[str, int] = field(default_factory=dict)
    cleanup: Mapping[str, Any] = field(default_factory=dict)
    cleanup_dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class Live:
    """What is there; *accounts* tells by address which are disabled.

    *conditional* are the grants that hold on a condition only, *bindings* the others.
    """

    apis: frozenset[Api] = frozenset()
    repositories: Mapping[Place, LiveRepository] = field(default_factory=dict)
    accounts: Mapping[str, bool] = field(default_factory=dict)
    bindings: frozenset[Binding] = frozenset()
    conditional: frozenset[Binding] = frozenset()


def active_project(environ: Mapping[str, str]) -> str:
    """Return the project of gcloud's active configuration, or nothing."""
    call = Call(verb="config get", arguments=("project",), takes="")
    return ask_gcloud(call, environ) or ""


def read_live(needs: Iterable[Need], environ: Mapping[str, str]) -> Live:
    """Return what is there of *needs*, and who has which role on it.

    What belongs to an API that is off is taken for missing. Raises what `ask_gcloud` raises.
    """
    resources = [need.resource for need in needs]
    # First, since its error is clear where others of gcloud are not, such as without a login.
    apis = frozenset(api for project in _projects(resources) for api in _apis(project, environ))
    places = [it.place for it in resources if isinstance(it, Repository)]
    repositories: dict[Place, LiveRepository] = {}
    for project, location in dict.fromkeys((place.project, place.location) for place in places):
        repositories |= _repositories(project, location, environ)
    ours = [it for it in resources if isinstance(it, ServiceAccount)]
    accounts: dict[str, bool] = {}
    for project in dict.fromkeys(account.project for account in ours):
        accounts |= _accounts(project, environ)
    missing: list[Scope] = [place for place in places if place not in repositories]
    missing += [account for account in ours if account.email not in accounts]
    scopes = [scope for scope in _scopes(resources) if scope not in missing]
    with ThreadPoolExecutor(_CALLS_AT_A_TIME) as pool:
        policies = [*pool.map(lambda scope: _grants(scope, environ), scopes)]
    grants = [grant for policy in policies for grant in policy]
    return Live(
        apis=apis,
        repositories=repositories,
        accounts=accounts,
        bindings=frozenset(binding for binding, condition in grants if not condition),
        conditional=frozenset(binding for binding, condition in grants if condition),
    )


def _projects(resources: Iterable[Resource]) -> list[str]:
    return [*dict.fromkeys(it.project for it in resources if isinstance(it, Api))]


def _scopes(resources: Iterable[Resource]) -> dict[Scope, None]:
    """Return everything that a role may be granted on, each once."""
    scopes: dict[Scope, None] = {}
    for resource in resources:
        match resource:
            case Repository():
                scopes[resource.place] = None
            case ServiceAccount():
                scopes[resource] = None
            case Binding():
                scopes[resource.scope] = None
    return scopes


def _apis(project: str, environ: Mapping[str, str]) -> Iterator[Api]:
    for service in _ask("services list", "--enabled", project=project, environ=environ):
        yield Api(project, service["config"]["name"])


def _repositories(
    project: str, location: str, environ: Mapping[str, str]
) -> dict[Place, LiveRepository]:
    where = f"--location={location}"
    found = _ask("artifacts repositories list", where, project=project, environ=environ)
    return {
        Place(project, location, it["name"].rpartition("/")[2]): _live_repository(it)
        for it in found
    }


def _live_repository(answer: Mapping[str, Any]) -> LiveRepository:
    mode = answer.get("mode", "").removesuffix("_REPOSITORY").lower()
    upstreams = answer.get("virtualRepositoryConfig", {}).get("upstreamPolicies", [])
    return LiveRepository(
        format=answer.get("format", "").lower(),
        # Repositories that are older than the modes have none.
        mode="standard" if mode in {"", "mode_unspecified"} else mode,
        priorities={it["repository"]: it.get("priority", 0) for it in upstreams},
        cleanup=normal_policies(answer.get("cleanupPolicies", {})),
        cleanup_dry_run=answer.get("cleanupPolicyDryRun", False),
    )


def _accounts(project: str, environ: Mapping[str, str]) -> dict[str, bool]:
    found = _ask("iam service-accounts list", project=project, environ=environ)
    return {it["email"]: it.get("disabled", False) for it in found}


def _grants(scope: Scope, environ: Mapping[str, str]) -> list[tuple[Binding, bool]]:
    """Return who has which role on *scope*, and whether on a condition only."""
    verb, *arguments = _policy_of(scope)
    project = scope.name if isinstance(scope, Project) else scope.project
    policy = _ask(f"{verb} get-iam-policy", *arguments, project=project, environ=environ) or {}
    return [
        (Binding(scope, member, binding["role"]), "condition" in binding)
        for binding in policy.get("bindings", [])
        for member in binding.get("members", [])
    ]


def _policy_of(scope: Scope) -> tuple[str, ...]:
    match scope:
        case Place():
            return "artifacts repositories", scope.name, f"--location={scope.location}"
        case ServiceAccount():
            return "iam service-accounts", scope.email
        case Project():
            return "projects", scope.name


def _ask(verb: str, *arguments: str, project: str, environ: Mapping[str, str]) -> Any:
    call = Call(
        verb=verb,
        arguments=(*arguments, f"--project={project}"),
        takes=f"it takes roles/viewer and roles/iam.securityReviewer in the project {project!r}",
    )
    try:
        return ask_gcloud(call, environ) or []
    except ApiOffError:
        if verb == "services list":
            raise
        return []
