"""A setup as Terraform's JSON: resources of the provider `google` in the place of commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from triggers.cloud_project.commands import priorities
from triggers.cloud_project.resources import (
    Api,
    Binding,
    CleanupPolicies,
    Project,
    Repository,
    RepositoryName,
    Resource,
    ServiceAccount,
)
from triggers.rendering.formats import snake_case

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from triggers.cloud_project.resources import DesiredResource

_API = "google_project_service"
_REPOSITORY = "google_artifact_registry_repository"
_ACCOUNT = "google_service_account"
_Block = dict[str, Any]


def terraform_setup(needs: Sequence[DesiredResource]) -> dict[str, Any]:
    """Return the contents of a `.tf.json` file with *needs* as resources, each with its why."""
    created = [need.resource for need in needs]
    cleanup = {it.place: it.policies for it in created if isinstance(it, CleanupPolicies)}
    by_kind: dict[str, dict[str, _Block]] = {}
    for need in needs:
        resource = need.resource
        if isinstance(resource, CleanupPolicies):
            continue
        kind, name, block = _block(resource)
        if isinstance(resource, Repository) and resource.place in cleanup:
            block |= _cleanup_block(cleanup[resource.place])
        first = [".".join(_block(it)[:2]) for it in _before(resource, created)]
        whole = {"//": f"{need.why}.", **block, **({"depends_on": first} if first else {})}
        by_kind.setdefault(kind, {})[name] = whole
    return {"resource": by_kind}


def _block(resource: Resource) -> tuple[str, str, _Block]:
    """Return the type, the name and the arguments of a resource."""
    match resource:
        case Api(project, service):
            # Whoever destroys the setup leaves APIs on that others may use.
            block = {"project": project, "service": service, "disable_on_destroy": False}
            return _API, _name(project, service), block
        case Repository(place):
            name = _name(place.project, place.location, place.name)
            return _REPOSITORY, name, _repository_block(resource)
        case ServiceAccount(project):
            block = {"project": project, "account_id": resource.name}
            return _ACCOUNT, _name(project, resource.name), block
        case Binding(scope, member, role):
            kind, where, block = _scope_block(scope)
            block = {**block, "role": role, "member": member}
            return f"{kind}_iam_member", _name(where, role, member), block
    raise TypeError(resource)


def _scope_block(scope: RepositoryName | ServiceAccount | Project) -> tuple[str, str, _Block]:
    match scope:
        case RepositoryName(project, location, name):
            block = {"project": project, "location": location, "repository": name}
            return _REPOSITORY, _name(project, location, name), block
        case ServiceAccount(project, email):
            resource = f"projects/{project}/serviceAccounts/{email}"
            return _ACCOUNT, _name(project, scope.name), {"service_account_id": resource}
        case Project(name):
            return "google_project", _name(name), {"project": name}


def _repository_block(repository: Repository) -> _Block:
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
        upstreams = [
            {"id": upstream.name, "repository": upstream.resource, "priority": priority}
            for upstream, priority in priorities(repository)
        ]
        block["virtual_repository_config"] = {"upstream_policies": upstreams}
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
        case Repository(place):
            first = [Api(place.project, "artifactregistry.googleapis.com"), *resource.upstreams]
        case ServiceAccount(project):
            first = [Api(project, "iam.googleapis.com")]
        case Binding(Project(project), member):
            first = [Api(project, "cloudresourcemanager.googleapis.com"), member]
        case Binding(scope, member):
            first = [scope, member]
    for other in created:
        keys = [other, getattr(other, "place", None), getattr(other, "member", None)]
        if not isinstance(other, Binding | CleanupPolicies) and any(key in first for key in keys):
            yield other


def _name(*parts: str) -> str:
    """Return an identifier of Terraform's."""
    text = re.sub("[^A-Za-z0-9_-]+", "-", "-".join(parts))
    return text if text[0].isalpha() else f"_{text}"
