"""A resource as the gcloud command that creates it: the same that is printed and that is run."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

from steps.host.gcloud import Call
from triggers.cloud_project.resources import (
    PRIVATE_PRIORITY,
    PUBLIC_PRIORITY,
    Api,
    Binding,
    CleanupPolicies,
    Project,
    Repository,
    RepositoryName,
    Resource,
    ServiceAccount,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from triggers.cloud_project.resources import DesiredResource

REGISTRY_ADMIN = "roles/artifactregistry.admin"
ACCOUNT_ADMIN = "roles/iam.serviceAccountAdmin"
PROJECT_ADMIN = "roles/resourcemanager.projectIamAdmin"
API_ADMIN = "roles/serviceusage.serviceUsageAdmin"


def steps(needs: Iterable[DesiredResource]) -> Iterator[tuple[tuple[DesiredResource, ...], Call]]:
    """Yield the commands that create *needs*, each with what it creates: one for all APIs."""
    for project, group in groupby(needs, lambda need: _project_of_api(need.resource)):
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
        case Api():
            return _enable(resource.project, [resource])
        case Repository():
            return _create_repository(resource)
        case CleanupPolicies():
            file = f"--policy={resource.file}"
            return _on_repository("set-cleanup-policies", resource.place, file, "--no-dry-run")
        case ServiceAccount():
            verb = "iam service-accounts create"
            return _call(verb, resource.name, project=resource.project)
        case Binding():
            return _policy_call("add", resource, "--condition=None")


def revoke(binding: Binding) -> Call:
    """Return the command that takes a role away, whatever the condition it was granted on."""
    return _policy_call("remove", binding, "--all")


def set_upstreams(repository: Repository) -> Call:
    """Return the command that gives a virtual repository its upstreams, and no others."""
    option = "--upstream-policy-file=-"
    return _on_repository("update", repository.place, option, text=upstream_policies(repository))


def enable_account(account: ServiceAccount) -> Call:
    """Return the command that ends the disabling of *account*."""
    return _call("iam service-accounts enable", account.email, project=account.project)


def _enable(project: str, resources: Sequence[Resource]) -> Call:
    names = [resource.name for resource in resources if isinstance(resource, Api)]
    return _call("services enable", *names, project=project)


def _create_repository(repository: Repository) -> Call:
    options = [f"--repository-format={repository.format}", f"--mode={repository.mode}-repository"]
    text = ""
    if repository.mode == "remote":
        options.append("--remote-python-repo=PYPI")
    if repository.mode == "virtual":
        options.append("--upstream-policy-file=-")
        text = upstream_policies(repository)
    return _on_repository("create", repository.place, *options, text=text)


def upstream_policies(repository: Repository) -> str:
    """Return the upstreams of a virtual repository as gcloud's file has them."""
    policies: list[dict[str, Any]] = [
        {"id": place.name, "repository": place.resource, "priority": priority}
        for place, priority in priorities(repository)
    ]
    return json.dumps(policies)


def priorities(repository: Repository) -> Iterator[tuple[RepositoryName, int]]:
    """Yield the upstreams of a virtual repository with their priorities, the private one first."""
    return zip(repository.upstreams, (PRIVATE_PRIORITY, PUBLIC_PRIORITY), strict=True)


def _policy_call(verb: str, binding: Binding, condition: str) -> Call:
    """Return a change of a policy: gcloud reads it, changes it, and writes it with its etag."""
    words = f"{verb}-iam-policy-binding"
    options = (f"--member={binding.member}", f"--role={binding.role}", condition)
    match binding.scope:
        case RepositoryName() as place:
            return _on_repository(words, place, *options)
        case ServiceAccount() as account:
            words = f"iam service-accounts {words}"
            return _call(words, account.email, *options, project=account.project)
        case Project() as project:
            return _call(f"projects {words}", project.name, *options, project=project.name)


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
        "services": API_ADMIN,
    }[verb.split(maxsplit=1)[0]]
    return Call(
        verb=verb,
        arguments=(*arguments, f"--project={project}"),
        text=text,
        takes=f"it takes {role} in the project {project!r}: ask whoever owns it to grant that, or"
        " to run what `shipwheel setup` prints",
    )


def _project_of_api(resource: Resource) -> str:
    return resource.project if isinstance(resource, Api) else ""
