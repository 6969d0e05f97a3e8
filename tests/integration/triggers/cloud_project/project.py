"""A loopback project that is set up, or partly, and what was changed in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.__main__ import main
from triggers.cloud_project.desired import SetupOptions, desired_state
from triggers.cloud_project.forms import upstream_policies
from triggers.cloud_project.resources import (
    Binding,
    EnabledApi,
    ProjectScope,
    RepositoryName,
    RepositoryResource,
    ServiceAccount,
)
from triggers.rendering.repository import open_repository

if TYPE_CHECKING:
    from tests.integration.servers.project_api import ProjectApi
    from triggers.cloud_project.resources import Scope

SAMPLE = Path(__file__).parents[3] / "example"
PYPI = "projects/demo/locations/us-central1/repositories/pypi"
CHECKER = "serviceAccount:shipwheel-check@demo.iam.gserviceaccount.com"
PUBLISHER = "serviceAccount:shipwheel-publish@demo.iam.gserviceaccount.com"
WRITER = "roles/artifactregistry.writer"


def run(root: Path, *options: str) -> int:
    return main(["setup", "--manifest", str(root / "shipwheel.yaml"), *options])


def writes(api: ProjectApi) -> list[str]:
    """Return what was changed since the last time, by the paths of the requests."""
    changing = [it for it in api.requests if it.method != "GET" and "getIamPolicy" not in it.path]
    api.requests.clear()
    return [request.path for request in changing]


def seed(api: ProjectApi, root: Path) -> None:
    """Hold what the repository asks for, without asking gcloud."""
    repository = open_repository(root / "shipwheel.yaml")
    for need in desired_state(repository.manifest, repository.inventory, SetupOptions()):
        match need.resource:
            case EnabledApi(_, name):
                api.apis.add(name)
            case RepositoryResource() as it:
                api.repositories[it.place.resource] = repository_body(it)
            case ServiceAccount(_, email):
                api.accounts[email] = {"email": email}
            case Binding(scope, member, role):
                grant(api, scope, member, role)


def repository_body(repository: RepositoryResource) -> dict[str, Any]:
    body = {
        "name": repository.place.resource,
        "format": repository.format.upper(),
        "mode": f"{repository.mode.upper()}_REPOSITORY",
    }
    if repository.mode != "virtual":
        return body
    upstreams = upstream_policies(repository)
    return {**body, "virtualRepositoryConfig": {"upstreamPolicies": upstreams}}


def grant(api: ProjectApi, scope: Scope | str, member: str, role: str, **more: Any) -> None:
    match scope:
        case ProjectScope(name):
            resource = f"projects/{name}"
        case ServiceAccount(project, email):
            resource = f"projects/{project}/serviceAccounts/{email}"
        case RepositoryName():
            resource = scope.resource
        case _:
            resource = scope
    bindings = api.policies.setdefault(resource, [])
    bindings.append({"role": role, "members": [member], **more})
