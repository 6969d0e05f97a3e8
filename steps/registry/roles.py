"""The roles of Artifact Registry, and the commands that grant one, and create a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steps.registry.address import Registry

READER = "roles/artifactregistry.reader"
WRITER = "roles/artifactregistry.writer"
REPOSITORY_ADMIN = "roles/artifactregistry.repoAdmin"


def member(account: str) -> str:
    """Return how a policy names *account*, an e-mail address."""
    kind = "serviceAccount" if account.endswith(".gserviceaccount.com") else "user"
    return f"{kind}:{account}"


def grant_command(registry: Registry, role: str, to: str) -> str:
    """Return the gcloud command that grants *role* on *registry* *to* a member of a policy."""
    return (
        f"gcloud artifacts repositories add-iam-policy-binding {registry.repository}"
        f" --project={registry.project} --location={registry.location}"
        f" --role={role} --member={to}"
    )


def create_command(registry: Registry, name: str = "") -> str:
    """Return the gcloud command that creates *registry*, or *name* beside it."""
    return (
        f"gcloud artifacts repositories create {name or registry.repository}"
        f" --repository-format=python --project={registry.project} --location={registry.location}"
    )
