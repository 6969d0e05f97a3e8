"""The errors that Google's APIs answer with: a message for people, and reasons for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import requests

_NOT_ENABLED = "has not been used in project"
_POLICY = "organization's policy"


@dataclass(frozen=True, kw_only=True)
class GoogleError:
    """An error; *consumers* are the projects whose state is the reason, where that is told."""

    message: str
    reasons: frozenset[str] = frozenset()
    consumers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, response: requests.Response) -> Self | None:
        """Return the error that *response* holds; None for any other body."""
        try:
            error = response.json()["error"]
            details = [it for it in error.get("details", ()) if isinstance(it, dict)]
            consumers = (it.get("metadata", {}).get("consumer", "") for it in details)
            return cls(
                message=str(error["message"]),
                reasons=frozenset(str(it["reason"]) for it in details if "reason" in it),
                consumers=frozenset(it.rpartition("/")[2] for it in consumers if it),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    @property
    def is_api_off(self) -> bool:
        """Whether the API is not enabled in the project that the request counts for."""
        return "SERVICE_DISABLED" in self.reasons or _NOT_ENABLED in self.message

    @property
    def is_permission(self) -> bool:
        """Whether of all that is 403 it is a missing role, and no policy, scope or project."""
        return self.reasons <= {"IAM_PERMISSION_DENIED"} and _POLICY not in self.message
