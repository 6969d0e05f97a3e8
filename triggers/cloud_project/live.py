"""What is there, asked of gcloud and only of what a setup is about; what differs; and doing that.

Each command is a step that the next run can begin at.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from steps.host.errors import AccessError, Problem, Refused, ServiceError
from steps.host.gcloud import ApiOffError, Call, NotYetError, ask_gcloud, run_gcloud
from triggers.cloud_project.forms import (
    enable_account,
    normal_policies,
    policy_of,
    revoke,
    schedule,
    set_upstreams,
    steps,
)
from triggers.cloud_project.resources import (
    Binding,
    CleanupPolicies,
    EnabledApi,
    ProjectScope,
    RepositoryName,
    RepositoryResource,
    Resource,
    ScheduledJob,
    ServiceAccount,
)
from triggers.cloud_project.schedules import SCHEDULER, job_location, live_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from triggers.cloud_project.resources import DesiredResource, Scope
    from triggers.manifest.manifest import Manifest

_CALLS_AT_A_TIME = 4  # each takes a second, most of it gcloud's own start
_logger = logging.getLogger("shipwheel")
# Google says of new accounts that they are known everywhere within a minute or so.
RETRY_DELAYS = (1, 2, 4, 8, 15, 30, 30)


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

    *conditional* are the grants that hold on a condition only, *bindings* the others. *jobs* are by
    name those of Cloud Scheduler, None for one that the manifest did not make.
    """

    apis: frozenset[EnabledApi] = frozenset()
    repositories: Mapping[RepositoryName, LiveRepository] = field(default_factory=dict)
    accounts: Mapping[str, bool] = field(default_factory=dict)
    bindings: frozenset[Binding] = frozenset()
    conditional: frozenset[Binding] = frozenset()
    jobs: Mapping[str, ScheduledJob | None] = field(default_factory=dict)


def active_project(environ: Mapping[str, str]) -> str:
    """Return the project of gcloud's active configuration, or nothing."""
    call = Call(verb="config get", arguments=("project",), takes="")
    return ask_gcloud(call, environ) or ""


def read_live(
    needs: Iterable[DesiredResource], manifest: Manifest, environ: Mapping[str, str]
) -> Live:
    """Return what is there of *needs*, who has which role on it, and the jobs of *manifest*.

    What belongs to an API that is off counts as missing. Raises what `ask_gcloud` raises.
    """
    resources = [need.resource for need in needs]
    # First, since its error is clear where others of gcloud are not, such as without a login.
    projects = dict.fromkeys(it.project for it in resources if isinstance(it, EnabledApi))
    apis = frozenset(api for project in projects for api in _apis(project, environ))
    places = [it.place for it in resources if isinstance(it, RepositoryResource)]
    repositories: dict[RepositoryName, LiveRepository] = {}
    for project, location in dict.fromkeys((place.project, place.location) for place in places):
        repositories |= _repositories(project, location, environ)
    service_accounts = [it for it in resources if isinstance(it, ServiceAccount)]
    accounts: dict[str, bool] = {}
    for project in dict.fromkeys(account.project for account in service_accounts):
        found = _ask("iam service-accounts list", project=project, environ=environ)
        accounts |= {it["email"]: it.get("disabled", False) for it in found}
    missing: list[Scope] = [place for place in places if place not in repositories]
    missing += [account for account in service_accounts if account.email not in accounts]
    scopes = [scope for scope in _scopes(resources) if scope not in missing]
    with ThreadPoolExecutor(_CALLS_AT_A_TIME) as pool:
        policies = [*pool.map(lambda scope: _grants(scope, environ), scopes)]
    grants = [grant for policy in policies for grant in policy]
    schedules = EnabledApi(manifest.project, SCHEDULER) in apis
    return Live(
        apis=apis,
        repositories=repositories,
        accounts=accounts,
        bindings=frozenset(binding for binding, condition in grants if not condition),
        conditional=frozenset(binding for binding, condition in grants if condition),
        jobs=_jobs(manifest, resources, environ) if schedules else {},
    )


def _jobs(
    manifest: Manifest, wanted: Iterable[Resource], environ: Mapping[str, str]
) -> dict[str, ScheduledJob | None]:
    """Return the jobs with the names of those *wanted*, and all others of the manifest's."""
    names = {it.name for it in wanted if isinstance(it, ScheduledJob)}
    where = f"--location={job_location(manifest)}"
    try:
        found = _ask("scheduler jobs list", where, project=manifest.project, environ=environ)
    except (AccessError, ServiceError):  # such as a region where there is no Cloud Scheduler
        if names:
            raise
        return {}
    jobs = {it["name"].rpartition("/")[2]: live_job(it, manifest) for it in found}
    return {name: job for name, job in jobs.items() if name in names or job}


def _scopes(resources: Iterable[Resource]) -> dict[Scope, None]:
    """Return everything that a role may be granted on, each once."""
    scopes: dict[Scope, None] = {}
    for resource in resources:
        match resource:
            case RepositoryResource():
                scopes[resource.place] = None
            case ServiceAccount():
                scopes[resource] = None
            case Binding():
                scopes[resource.scope] = None
    return scopes


def _apis(project: str, environ: Mapping[str, str]) -> Iterator[EnabledApi]:
    for service in _ask("services list", "--enabled", project=project, environ=environ):
        yield EnabledApi(project, service["config"]["name"])


def _repositories(
    project: str, location: str, environ: Mapping[str, str]
) -> dict[RepositoryName, LiveRepository]:
    where = f"--location={location}"
    found = _ask("artifacts repositories list", where, project=project, environ=environ)
    return {
        RepositoryName(project, location, it["name"].rpartition("/")[2]): _live_repository(it)
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


def _grants(scope: Scope, environ: Mapping[str, str]) -> list[tuple[Binding, bool]]:
    """Return who has which role on *scope*, and whether on a condition only."""
    verb, *where = policy_of(scope)
    policy = _ask(f"{verb} get-iam-policy", *where, project=scope.project, environ=environ) or {}
    return [
        (Binding(scope, member, binding["role"]), "condition" in binding)
        for binding in policy.get("bindings", [])
        for member in binding.get("members", [])
    ]


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


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a setup still takes, in the order of creation, and what is there as it has to be.

    *wrong* is there, and not as it has to be. *extra* are roles of our accounts that they do not
    take, and jobs whose triggers the manifest no longer has; *foreign* are other members with roles
    on repositories and accounts of the setup.
    """

    missing: tuple[DesiredResource, ...]
    there: tuple[DesiredResource, ...]
    wrong: tuple[Problem, ...]
    extra: tuple[Binding | ScheduledJob, ...]
    foreign: tuple[Binding, ...]


def compare(needs: Sequence[DesiredResource], live: Live) -> Comparison:
    """Return what is to be done, and what is not as it should be."""
    missing = [need for need in needs if not _is_there(need.resource, live)]
    wrong = [(need, problem) for need in needs for problem in _wrong(need.resource, live)]
    not_there = [*missing, *(need for need, _ in wrong)]
    extra, foreign = _not_wanted(needs, live)
    return Comparison(
        missing=tuple(missing),
        there=tuple(need for need in needs if need not in not_there),
        wrong=tuple(problem for _, problem in wrong),
        extra=extra,
        foreign=foreign,
    )


def _is_there(resource: Resource, live: Live) -> bool:
    match resource:
        case EnabledApi():
            return resource in live.apis
        case RepositoryResource():
            return resource.place in live.repositories
        case CleanupPolicies():
            found = live.repositories.get(resource.place)
            in_force = found.cleanup if found and not found.cleanup_dry_run else None
            return in_force == resource.policies
        case ServiceAccount():
            return resource.email in live.accounts
        case Binding():
            return _key(resource) in {_key(binding) for binding in live.bindings}
        case ScheduledJob():
            return resource.name in live.jobs


def _wrong(resource: Resource, live: Live) -> Iterator[Problem]:
    match resource:
        case RepositoryResource():
            yield from _wrong_repository(resource, live)
        case ServiceAccount() if live.accounts.get(resource.email):
            yield Problem(f"There is {resource}, and it is disabled", enable_account(resource).line)
        case ScheduledJob() if live.jobs.get(resource.name, resource) != resource:
            yield Problem(
                f"There is {resource}, and it does something else than the manifest says",
                schedule("update", resource).line,
            )


def _wrong_repository(wanted: RepositoryResource, live: Live) -> Iterator[Problem]:
    found = live.repositories.get(wanted.place)
    if found is None:
        return
    if (found.format, found.mode) != (wanted.format, wanted.mode):
        yield Problem(
            f"There is {wanted.place}, and it is {found.format}, {found.mode},"
            f" not {wanted.format}, {wanted.mode}",
            "name another one in the manifest: a repository's kind cannot be changed",
        )
        return
    if wanted.mode != "virtual":
        return
    given = dict(found.priorities)
    private, public = (given.pop(upstream.resource, None) for upstream in wanted.upstreams)
    if private is None or public is None or private <= max([public, *given.values()]):
        yield Problem(
            f"There is {wanted.place}, and it does not have your own packages first and the public"
            f" ones behind: {dict(found.priorities)}",
            f"give it these upstreams, and no others: {set_upstreams(wanted).line}",
        )


def _not_wanted(
    needs: Sequence[DesiredResource], live: Live
) -> tuple[tuple[Binding | ScheduledJob, ...], tuple[Binding, ...]]:
    """Return the grants to the setup's accounts and the jobs that are not wanted, and other grants.

    Who else may do what in the whole project is not of our concern.
    """
    resources = [need.resource for need in needs]
    service_accounts = {it.member.lower() for it in resources if isinstance(it, ServiceAccount)}
    wanted = {_key(it) for it in resources if isinstance(it, Binding)}
    others = sorted(
        (it for it in live.bindings | live.conditional if _key(it) not in wanted), key=str
    )
    extra = tuple(it for it in others if it.member.lower() in service_accounts)
    foreign = tuple(
        it
        for it in others
        if it not in extra
        and not isinstance(it.scope, ProjectScope)
        and not it.member.startswith("deleted:")
    )
    jobs = {it.name for it in resources if isinstance(it, ScheduledJob)}
    return (*extra, *(job for name, job in live.jobs.items() if job and name not in jobs)), foreign


def _key(binding: Binding) -> tuple[object, str, str]:
    """Return what a grant is compared by: an address is the same in capitals."""
    return binding.scope, binding.member.lower(), binding.role


def apply(
    comparison: Comparison,
    environ: Mapping[str, str],
    *,
    prunes: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[str, Resource]]:
    """Create what is missing, and yield each when it is there; with *prunes* delete jobs, too.

    Raises Refused, and does nothing, when something is there and wrong; or what `run_gcloud`
    raises, at the command that failed.
    """
    Refused.raise_all(comparison.wrong)
    for together, call in steps(comparison.missing):
        _run_with_retries(call, environ, sleep)
        yield from (("created", need.resource) for need in together)
    for job in (it for it in comparison.extra if prunes and isinstance(it, ScheduledJob)):
        run_gcloud(revoke(job), environ)
        yield "deleted", job


def _run_with_retries(
    call: Call, environ: Mapping[str, str], sleep: Callable[[float], None]
) -> None:
    """Run *call*, again while what was created before it is not known everywhere."""
    for pause in RETRY_DELAYS:
        try:
            run_gcloud(call, environ)
        except (ApiOffError, NotYetError) as error:
            _logger.info("%s; trying again in %d s", error.problems[0].message, pause)
            sleep(pause)
        else:
            return
    run_gcloud(call, environ)
