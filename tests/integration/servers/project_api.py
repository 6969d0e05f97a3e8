"""A project of Google Cloud on loopback for the real gcloud: APIs, repositories, accounts, roles.

It refuses what the service refuses: what is there already, what is not, what belongs to an API that
is off, a policy that was changed in between, and members that do not exist.
"""

from __future__ import annotations

import base64
import itertools
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.integration.servers.cloud_build_api import CloudBuildApi
from tests.integration.servers.google_api import STATUSES, Answer, Request, error_answer, not_found

_DONE = {"done": True, "response": {}}


@dataclass
class ProjectApi(CloudBuildApi):
    """The server; its attributes are its state, to be read and changed by a test.

    *policies* holds the bindings of every resource by its name. *newborn* counts for how many more
    times a service account is not known yet.
    """

    endpoints: ClassVar[tuple[str, ...]] = (
        *CloudBuildApi.endpoints,
        *("ARTIFACTREGISTRY", "CLOUDRESOURCEMANAGER", "CLOUDSCHEDULER", "IAM", "SERVICEUSAGE"),
    )
    service_usage: bool = True
    apis: set[str] = field(default_factory=set)
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    newborn: dict[str, int] = field(default_factory=dict)
    newborn_for: int = 0
    _etags: dict[str, str] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def state(self) -> tuple[object, ...]:
        """Return all that there is, to be compared; how grants are grouped makes no difference."""
        grants = {
            (resource, binding["role"], member)
            for resource, bindings in self.policies.items()
            for binding in bindings
            for member in binding["members"]
        }
        return (sorted(self.apis), self.repositories, self.accounts, grants)

    def roles(self, member: str) -> set[tuple[str, str]]:
        """Return the roles of *member*, each with the last part of what it is granted on."""
        return {
            (binding["role"], resource.rpartition("/")[2])
            for resource, bindings in self.policies.items()
            for binding in bindings
            if member in binding["members"]
        }

    def answer(self, request: Request) -> Answer:
        """Return the status and the body that *request* is answered with."""
        path = urlsplit(request.path).path.removeprefix("/v1/")
        resource, _, verb = path.partition(":")
        collections = {
            "projects/[^/]+/services(/[^/]+)?": self._services,
            "projects/[^/]+/locations/[^/]+/repositories(/[^/]+)?": self._repositories,
            "projects/[^/]+/serviceAccounts(/[^/]+)?": self._accounts,
            "projects/[^/]+/locations/[^/]+/jobs(/[^/]+)?": self._jobs,
            f"projects/{self.project}": self._policy,
        }
        found = [it for pattern, it in collections.items() if re.fullmatch(pattern, resource)]
        if not found:
            return super().answer(request)
        self.requests.append(request)
        if self.fault and (status := self.fault(request)):
            return error_answer(status, STATUSES.get(status, "UNAVAILABLE"), "Denied by the test.")
        return found[0](request, resource, verb)

    def _services(self, request: Request, resource: str, verb: str) -> Answer:
        if not self.service_usage:
            return self._api_is_off("serviceusage")
        if verb:
            self.apis |= set(request.body.get("serviceIds", [resource.rpartition("/")[2]]))
            return 200, {"name": "operations/enable", **_DONE}
        services = [{"config": {"name": name}, "state": "ENABLED"} for name in sorted(self.apis)]
        return 200, {"services": services}

    def _repositories(self, request: Request, resource: str, verb: str) -> Answer:
        if "artifactregistry.googleapis.com" not in self.apis:
            return self._api_is_off("artifactregistry")
        if verb:
            return self._policy(request, resource, verb)
        if resource.endswith("/repositories"):
            if request.method == "GET":
                inside = [
                    it for it in self.repositories.values() if it["name"].startswith(resource)
                ]
                return 200, {"repositories": inside}
            return self._create_repository(request, resource)
        if resource not in self.repositories:
            return not_found()
        if request.method == "PATCH":
            self.repositories[resource] |= request.body
        return 200, self.repositories[resource]

    def _create_repository(self, request: Request, parent: str) -> Answer:
        name = f"{parent}/{parse_qs(urlsplit(request.path).query)['repositoryId'][0]}"
        if name in self.repositories:
            return error_answer(409, "ALREADY_EXISTS", "the repository already exists")
        upstreams = request.body.get("virtualRepositoryConfig", {}).get("upstreamPolicies", [])
        if {it["repository"] for it in upstreams} - self.repositories.keys():
            return error_answer(404, "NOT_FOUND", "an upstream repository does not exist")
        self.repositories[name] = {**request.body, "name": name}
        location = parent.removesuffix("/repositories")
        return 200, {"name": f"{location}/operations/create", **_DONE}

    def _jobs(self, request: Request, resource: str, _verb: str) -> Answer:
        if "cloudscheduler.googleapis.com" not in self.apis:
            return self._api_is_off("cloudscheduler")
        if request.method == "GET":
            return 200, {
                "jobs": [it for it in self.jobs.values() if it["name"].startswith(resource)]
            }
        if request.method == "DELETE":
            return (200, {}) if self.jobs.pop(resource, None) else not_found()
        name = request.body.get("name", resource)
        if (request.method == "POST") is (name in self.jobs):
            return error_answer(409, "ALREADY_EXISTS", "Job already exists.")
        self.jobs[name] = {**self.jobs.get(name, {}), **request.body, "name": name}
        return 200, self.jobs[name]

    def _accounts(self, request: Request, resource: str, verb: str) -> Answer:
        if "iam.googleapis.com" not in self.apis:
            return self._api_is_off("iam")
        email = resource.rpartition("/")[2]
        if email == "serviceAccounts":
            if request.method == "GET":
                return 200, {"accounts": [*self.accounts.values()]}
            return self._create_account(request.body)
        if not self._is_known(email):
            return error_answer(404, "NOT_FOUND", "Unknown service account")
        if verb == "enable":
            self.accounts[email].pop("disabled", None)
            return 200, {}
        # `projects/-` is any project.
        return self._policy(request, f"projects/{self.project}/serviceAccounts/{email}", verb)

    def _create_account(self, body: dict[str, Any]) -> Answer:
        email = f"{body['accountId']}@{self.project}.iam.gserviceaccount.com"
        if email in self.accounts:
            return error_answer(409, "ALREADY_EXISTS", "Service account already exists")
        name = f"projects/{self.project}/serviceAccounts/{email}"
        self.accounts[email] = {"name": name, "email": email, **body.get("serviceAccount", {})}
        self.newborn[email] = self.newborn_for
        return 200, self.accounts[email]

    def _is_known(self, email: str) -> bool:
        if email not in self.accounts:
            return False
        left = self.newborn.get(email, 0)
        self.newborn[email] = max(left - 1, 0)
        return not left

    def _policy(self, request: Request, resource: str, verb: str) -> Answer:
        if verb == "getIamPolicy":
            return 200, self._held(resource)
        policy = request.body["policy"]
        if policy.get("etag") != self._held(resource)["etag"]:
            return error_answer(409, "ABORTED", "There were concurrent policy changes.")
        members = {member for binding in policy["bindings"] for member in binding["members"]}
        for member in sorted(members):
            kind, _, email = member.partition(":")
            if kind == "serviceAccount" and not self._is_known(email):
                text = f"Service account {email} does not exist."
                return error_answer(400, "INVALID_ARGUMENT", text)
        self.policies[resource] = policy["bindings"]
        self._etags[resource] = base64.b64encode(b"%06d" % next(self._numbers)).decode()
        return 200, self._held(resource)

    def _held(self, resource: str) -> dict[str, Any]:
        bindings = self.policies.get(resource, [])
        return {"bindings": bindings, "etag": self._etags.get(resource, "ACAB"), "version": 1}

    def _api_is_off(self, api: str) -> Answer:
        name = f"{api}.googleapis.com"
        text = (
            f"{api} API has not been used in project {self.project} before or it is disabled."
            f" Enable it by visiting https://console.developers.google.com/apis/api/{name}/overview"
            f"?project={self.project} then retry."
        )
        status, body = error_answer(403, "PERMISSION_DENIED", text)
        body["error"]["details"] = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "SERVICE_DISABLED",
                "domain": "googleapis.com",
                "metadata": {"service": name, "consumer": f"projects/{self.project}"},
            }
        ]
        return status, body
