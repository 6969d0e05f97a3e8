"""An Artifact Registry API on loopback for the real gcloud: repositories that can be described."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from tests.integration.servers.google_api import Answer, GoogleApi, Request, not_found

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCATION = "projects/demo/locations/us-central1/repositories/"


@dataclass
class RepositoriesApi(GoogleApi):
    """The server of *repositories*, by name, for a caller with a token."""

    endpoints: ClassVar[tuple[str, ...]] = ("ARTIFACTREGISTRY",)
    repositories: Mapping[str, Mapping[str, Any]]

    @property
    def environ(self) -> dict[str, str]:
        """What sends gcloud to this server, with a token: it prints settings for no one else."""
        token = Path(self.configuration) / "token"
        token.write_text("ya29.of-nobody")
        return super().environ | {
            "CLOUDSDK_CORE_ACCOUNT": "anne@example.com",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "false",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        }

    def answer(self, request: Request) -> Answer:
        """Return the status and the body that *request* is answered with."""
        resource = urlsplit(request.path).path.removeprefix("/v1/")
        found = self.repositories.get(resource.removeprefix(LOCATION))
        return (
            not_found() if found is None else (200, {"name": resource, "format": "PYTHON", **found})
        )
