"""Resources as others spell them: gcloud's commands, Terraform's JSON, and files of policies.

A command is printed and run in the same words.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from steps.host.errors import InputError, Problem
from steps.host.gcloud import Call
from triggers.cloud_project.resources import (
    PRIVATE_PRIORITY,
    PUBLIC_PRIORITY,
    Binding,
    CleanupPolicies,
    EnabledApi,
    ProjectScope,
    RepositoryName,
    RepositoryResource,
    Resource,
    ScheduledJob,
    ServiceAccount,
    service_account,
)
from triggers.cloud_project.schedules import SCHEDULER, job_arguments, job_block
from triggers.rendering.formats import snake_case, terraform_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from triggers.cloud_project.resources import DesiredResource, Scope

REGISTRY_ADMIN = "roles/artifactregistry.admin"
ACCOUNT_ADMIN = "roles/iam.serviceAccountAdmin"
PROJECT_ADMIN = "roles/resourcemanager.projectIamAdmin"
API_ADMIN = "roles/serviceusage.serviceUsageAdmin"
SCHEDULE_ADMIN = "roles/cloudscheduler.admin"
_UPSTREAMS = "--upstream-policy-file=-"
_API = "google_project_service"
_API_DOMAIN = ".googleapis.com"
_REPOSITORY = "google_artifact_registry_repository"
_ACCOUNT = "google_service_account"
_JOB = "google_cloud_scheduler_job"
_Block = dict[str, Any]
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(?P<count>\d+)(?:\.0+)?(?P<unit>[smhdw])")
_DOCUMENTS = "https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy"


def steps(needs: Iterable[DesiredResource]) -> Iterator[tuple[tuple[DesiredResource, ...], Call]]:
    """Yield the commands that create *needs*, each with what it creates: one for all APIs."""

    def project_of_api(need: DesiredResource) -> str:
        return need.resource.project if isinstance(need.resource, EnabledApi) else ""

    for project, group in groupby(needs, project_of_api):
        together = tuple(group)
        if project:
            yield together, _enable(project, [need.resource for need in together])
        else:
            yield from (((need,), create(need.resource)) for need in together)


def script(needs: Iterable[DesiredResource]) -> str:
    """Return the commands for a shell, each below a line of why."""
    return "\n".join(
        f"# {', '.join(need.why for need in together)}.\n{call.line}\n"
        for together, call in steps(needs)
    )


def create(resource: Resource) -> Call:
    """Return the command that creates, or grants, *resource*."""
    match resource:
        case EnabledApi():
            return _enable(resource.project, [resource])
        case RepositoryResource():
            return _create_repository(resource)
        case CleanupPolicies():
            file = f"--policy={resource.file}"
            return _on_repository("set-cleanup-policies", resource.place, file, "--no-dry-run")
        case ServiceAccount():
            verb = "iam service-accounts create"
            return _call(verb, resource.name, project=resource.project)
        case Binding():
            return _policy_call("add", resource, "--condition=None")
        case ScheduledJob():
            return schedule("create", resource)


def schedule(verb: str, job: ScheduledJob) -> Call:
    """Return the command that creates *job*, or that updates it."""
    return _call(f"scheduler jobs {verb} http", *job_arguments(job), project=job.project)


def revoke(extra: Binding | ScheduledJob) -> Call:
    """Return the command that takes a role away, whatever its condition, or deletes a job."""
    if isinstance(extra, ScheduledJob):
        where = f"--location={extra.location}"
        return _call("scheduler jobs delete", extra.name, where, project=extra.project)
    return _policy_call("remove", extra, "--all")


def set_upstreams(repository: RepositoryResource) -> Call:
    """Return the command that gives a virtual repository its upstreams, and no others."""
    text = json.dumps(upstream_policies(repository))
    return _on_repository("update", repository.place, _UPSTREAMS, text=text)


def enable_account(account: ServiceAccount) -> Call:
    """Return the command that ends the disabling of *account*."""
    return _call("iam service-accounts enable", account.email, project=account.project)


def _enable(project: str, resources: Sequence[Resource]) -> Call:
    names = [resource.name for resource in resources if isinstance(resource, EnabledApi)]
    return _call("services enable", *names, project=project)


def _create_repository(repository: RepositoryResource) -> Call:
    options = [f"--repository-format={repository.format}", f"--mode={repository.mode}-repository"]
    text = ""
    if repository.mode == "remote":
        options.append("--remote-python-repo=PYPI")
    if repository.mode == "virtual":
        options.append(_UPSTREAMS)
        text = json.dumps(upstream_policies(repository))
    return _on_repository("create", repository.place, *options, text=text)


def upstream_policies(repository: RepositoryResource) -> list[dict[str, Any]]:
    """Return the upstreams of a virtual repository as policies, the private one first."""
    ranked = zip(repository.upstreams, (PRIVATE_PRIORITY, PUBLIC_PRIORITY), strict=True)
    return [
        {"id": place.name, "repository": place.resource, "priority": priority}
        for place, priority in ranked
    ]


def _policy_call(verb: str, binding: Binding, condition: str) -> Call:
    """Return a change of a policy: gcloud reads it, changes it, and writes it with its etag."""
    group, *where = policy_of(binding.scope)
    options = (f"--member={binding.member}", f"--role={binding.role}", condition)
    words = f"{group} {verb}-iam-policy-binding"
    return _call(words, *where, *options, project=binding.scope.project)


def policy_of(scope: Scope) -> tuple[str, ...]:
    """Return gcloud's words for what has a policy, and those that name *scope*."""
    match scope:
        case RepositoryName():
            return "artifacts repositories", scope.name, f"--location={scope.location}"
        case ServiceAccount():
            return "iam service-accounts", scope.email
        case ProjectScope():
            return "projects", scope.name


def _on_repository(verb: str, place: RepositoryName, *options: str, text: str = "") -> Call:
    where = (place.name, f"--location={place.location}")
    return _call(
        f"artifacts repositories {verb}", *where, *options, project=place.project, text=text
    )


def _call(verb: str, *arguments: str, project: str, text: str = "") -> Call:
    role = {
        "artifacts": REGISTRY_ADMIN,
        "iam": ACCOUNT_ADMIN,
        "projects": PROJECT_ADMIN,
        "scheduler": SCHEDULE_ADMIN,
        "services": API_ADMIN,
    }[verb.split(maxsplit=1)[0]]
    return Call(
        verb=verb,
        arguments=(*arguments, f"--project={project}"),
        text=text,
        takes=f"it takes {role} in the project {project!r}: ask its owner to grant that, or"
        " to run what `shipwheel setup` prints",
    )


def terraform_setup(
    needs: Sequence[DesiredResource], project: str, place: RepositoryName
) -> dict[str, Any]:
    """Return the contents of a `.tf.json` file with *needs* as resources, each with its why.

    The names of resources have no *project*, and no location of *place*, which most share.
    """
    terraform = _Terraform(project, place)
    created = [need.resource for need in needs]
    cleanup = {it.place: it.policies for it in created if isinstance(it, CleanupPolicies)}
    by_kind: dict[str, dict[str, _Block]] = {}
    for need in needs:
        resource = need.resource
        if isinstance(resource, CleanupPolicies):
            continue
        kind, name, block = terraform.block(resource)
        if isinstance(resource, RepositoryResource) and resource.place in cleanup:
            block |= _cleanup_block(cleanup[resource.place])
        first = [".".join(terraform.block(it)[:2]) for it in _before(resource, created)]
        whole = {"//": f"{need.why}.", "provider": "google", **block}
        blocks = by_kind.setdefault(kind, {})
        while name in blocks:  # of members that only their punctuation tells apart
            name += "_"
        blocks[name] = {**whole, **({"depends_on": first} if first else {})}
    return {"resource": by_kind}


@dataclass(frozen=True)
class _Terraform:
    """Resources in Terraform's words; what is in *project* is named without it."""

    project: str
    place: RepositoryName

    def block(self, resource: Resource) -> tuple[str, str, _Block]:
        """Return the type, the name and the arguments of a resource."""
        match resource:
            case EnabledApi(project, service):
                # Destroying the setup leaves APIs on, since others may use them.
                block = {"project": project, "service": service, "disable_on_destroy": False}
                return _API, self._name(project, service.removesuffix(_API_DOMAIN)), block
            case RepositoryResource(place):
                return _REPOSITORY, self._repository(place), _repository_block(resource)
            case ServiceAccount(project):
                block = {"project": project, "account_id": resource.name}
                return _ACCOUNT, self._name(project, resource.name), block
            case ScheduledJob():
                return _JOB, self._name(resource.project, resource.name), job_block(resource)
            case Binding(scope, member, role):
                kind, where, block = self._scope(scope)
                block = {**block, "role": role, "member": member}
                parts = (where, role.removeprefix("roles/"), self._member(member))
                return f"{kind}_iam_member", terraform_name(*filter(None, parts)), block
        raise TypeError(resource)

    def _scope(
        self, scope: RepositoryName | ServiceAccount | ProjectScope
    ) -> tuple[str, str, _Block]:
        match scope:
            case RepositoryName(project, location, name):
                block = {"project": project, "location": location, "repository": name}
                return _REPOSITORY, self._repository(scope), block
            case ServiceAccount(project, email):
                resource = f"projects/{project}/serviceAccounts/{email}"
                return _ACCOUNT, self._name(project, scope.name), {"service_account_id": resource}
            case ProjectScope(name):
                where = "" if name == self.project else name
                return "google_project", where, {"project": name}

    def _repository(self, place: RepositoryName) -> str:
        same = (place.project, place.location) == (self.place.project, self.place.location)
        parts = [] if same else [place.location]
        return self._name(self.project if same else place.project, *parts, place.name)

    def _name(self, project: str, *names: str) -> str:
        return terraform_name(*([] if project == self.project else [project]), *names)

    def _member(self, member: str) -> str:
        kind, _, address = member.partition(":")
        name = address.partition("@")[0]
        is_own = kind == "serviceAccount" and service_account(name, self.project).email == address
        return name if is_own else member


def _repository_block(repository: RepositoryResource) -> _Block:
    place = repository.place
    block: _Block = {
        "project": place.project,
        "location": place.location,
        "repository_id": place.name,
        "format": repository.format.upper(),
        "mode": f"{repository.mode.upper()}_REPOSITORY",
    }
    if repository.mode == "remote":
        public = {"python_repository": {"public_repository": "PYPI"}}
        block["remote_repository_config"] = public
    if repository.mode == "virtual":
        policies = {"upstream_policies": upstream_policies(repository)}
        block["virtual_repository_config"] = policies
    return block


def _cleanup_block(policies: Mapping[str, Any]) -> _Block:
    blocks = [
        {"id": name, **{snake_case(key): _converted(value) for key, value in policy.items()}}
        for name, policy in policies.items()
    ]
    return {"cleanup_policy_dry_run": False, "cleanup_policies": blocks}


def _converted(value: Any) -> Any:
    if isinstance(value, dict):
        return {snake_case(key): each for key, each in value.items()}
    return value


def _before(resource: Resource, created: Sequence[Resource]) -> Iterator[Resource]:
    """Yield those of *created* that have to be there before *resource*."""
    first: list[object] = []
    match resource:
        case RepositoryResource(place):
            first = [
                EnabledApi(place.project, "artifactregistry.googleapis.com"),
                *resource.upstreams,
            ]
        case ServiceAccount(project):
            first = [EnabledApi(project, "iam.googleapis.com")]
        case ScheduledJob(project):
            first = [EnabledApi(project, SCHEDULER), resource.account]
        case Binding(ProjectScope(project), member):
            first = [EnabledApi(project, "cloudresourcemanager.googleapis.com"), member]
        case Binding(scope, member):
            first = [scope, member]
    for other in created:
        keys = [other, getattr(other, "place", None), getattr(other, "member", None)]
        if not isinstance(other, Binding | CleanupPolicies) and any(key in first for key in keys):
            yield other


def read_cleanup_policies(file: Path, place: RepositoryName) -> CleanupPolicies:
    """Return the policies in *file* for the repository at *place*; raise InputError for others."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{str(file)!r} is not a file of cleanup policies: {error}", _DOCUMENTS
        ) from None
    InputError.raise_all(
        Problem(f"{file}: {what}", _DOCUMENTS) for what in _policy_problems(document)
    )
    policies = {policy["name"]: _policy(policy) for policy in document}
    return CleanupPolicies(place, str(file), policies)


def normal_policies(live: dict[str, Any]) -> dict[str, Any]:
    """Return the policies of a repository, as Artifact Registry answers them, to be compared."""
    return {name: _policy(policy) for name, policy in live.items()}


def _policy_problems(document: object) -> Iterator[str]:
    if not isinstance(document, list) or not document:
        yield "it has to be a list of policies"
        return
    for number, policy in enumerate(document):
        where = f"[{number}]"
        if not isinstance(policy, dict) or not isinstance(policy.get("name"), str):
            yield f"{where} has no name"
            continue
        action = policy.get("action")
        kind = action.get("type") if isinstance(action, dict) else None
        if str(kind).upper() not in {"DELETE", "KEEP"}:
            yield f"{where}.action.type is {kind!r}: Delete or Keep"
        if len({"condition", "mostRecentVersions"} & policy.keys()) != 1:
            yield f"{where} takes one of condition and mostRecentVersions"
        for key in ("condition", "mostRecentVersions"):
            yield from _bad_rule(policy.get(key, {}), f"{where}.{key}")
    names = [policy.get("name") for policy in document if isinstance(policy, dict)]
    if len(set(map(str, names))) < len(names):
        yield "two policies have one name"


def _bad_rule(rule: object, where: str) -> Iterator[str]:
    if not isinstance(rule, dict):
        yield f"{where} has to be a mapping"
        return
    for key in ("olderThan", "newerThan"):
        if key in rule and not _DURATION.fullmatch(str(rule[key])):
            yield f"{where}.{key} is {rule[key]!r}: write a number and s, m, h, d or w"


def _policy(policy: dict[str, Any]) -> dict[str, Any]:
    """Return *policy* with its action, times and tag state in one spelling."""
    action = policy.get("action", "")
    normal: dict[str, Any] = {
        "action": str(action["type"] if isinstance(action, dict) else action).upper()
    }
    for key in ("condition", "mostRecentVersions"):
        if key in policy:
            normal[key] = {name: _value(name, value) for name, value in policy[key].items()}
    if normal.get("condition", {}).get("tagState") in {"ANY", "TAG_STATE_UNSPECIFIED"}:
        del normal["condition"]["tagState"]
    return normal


def _value(name: str, value: Any) -> Any:
    if name == "tagState":
        return str(value).upper()
    if name in {"olderThan", "newerThan"} and (match := _DURATION.fullmatch(str(value))):
        return f"{int(match['count']) * _SECONDS[match['unit']]}s"
    return value
