"""Schedules of triggers: jobs of Cloud Scheduler, the account that they act as, and its roles."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from triggers.cloud_project.resources import (
    DesiredResource,
    EnabledApi,
    ProjectScope,
    ScheduledJob,
    find_repositories,
    grant,
    service_account,
)
from triggers.manifest.settings import SCHEDULE_ACCOUNT, owner_of
from triggers.manifest.starting import nearest_region

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from triggers.cloud_project.resources import ServiceAccount, ServiceAccounts
    from triggers.manifest.manifest import Manifest

STARTS_TRIGGERS = "roles/cloudbuild.builds.editor"
ACTS_AS = "roles/iam.serviceAccountUser"
SCHEDULER = "cloudscheduler.googleapis.com"
_STARTER_APIS = {
    "schedule": ("cloudscheduler", "starts triggers on a schedule"),
    "topic": ("pubsub", "starts triggers by messages"),
    "webhook": ("secretmanager", "keeps the secrets of webhooks"),
}
_UTC = "Etc/UTC"
_BODY = "{}"  # what the trigger builds is in the trigger


def starter_apis(manifest: Manifest) -> Iterator[DesiredResource]:
    """Yield the APIs that start triggers of own kinds."""
    starters = {own.starter for own in manifest.kinds.values()}
    for starter, (name, why) in _STARTER_APIS.items():
        if starter in starters:
            api = EnabledApi(manifest.project, f"{name}.googleapis.com")
            yield DesiredResource(api, f"{name} {why}")


def schedulers(manifest: Manifest, users: ServiceAccounts) -> Iterator[tuple[ServiceAccount, str]]:
    """Yield the account that starts what is scheduled, and what it is for."""
    if users.scheduled:
        account = service_account(SCHEDULE_ACCOUNT, manifest.project)
        yield account, "Starts the triggers that have a schedule"


def schedule_bindings(manifest: Manifest, users: ServiceAccounts) -> Iterator[DesiredResource]:
    """Yield what that account may do."""
    for account, _ in schedulers(manifest, users):
        yield grant(account, ProjectScope(manifest.project), STARTS_TRIGGERS, "starts triggers")
        for kind in dict.fromkeys(kind for _, kind in users.scheduled):
            for other in users.of(kind):
                why = f"has these triggers run as {other.name}"
                yield grant(account, other, ACTS_AS, why)


def scheduled_jobs(manifest: Manifest, users: ServiceAccounts) -> Iterator[DesiredResource]:
    """Yield the job of each trigger with a schedule."""
    for account, _ in schedulers(manifest, users):
        for name, kind in users.scheduled:
            own = manifest.kinds[kind]
            job = _job(manifest, name, own.schedule or "", own.time_zone or _UTC, account)
            yield DesiredResource(job, f"Starts the trigger {name}")


def _job(
    manifest: Manifest, name: str, schedule: str, time_zone: str, account: ServiceAccount
) -> ScheduledJob:
    return ScheduledJob(
        project=manifest.project,
        location=job_location(manifest),
        name=name,
        trigger_location=manifest.region,
        schedule=schedule,
        time_zone=time_zone,
        account=account,
        repository=owner_of(manifest).repository,
    )


def job_location(manifest: Manifest) -> str:
    """Return where the jobs are: Cloud Scheduler has neither `global` nor multi-regions."""
    if manifest.region != "global":
        return manifest.region
    return nearest_region(find_repositories(manifest).python.location)


def job_arguments(job: ScheduledJob) -> tuple[str, ...]:
    """Return the arguments of `gcloud scheduler jobs create http`, or `update http`."""
    return (
        job.name,
        f"--location={job.location}",
        f"--schedule={job.schedule}",
        f"--time-zone={job.time_zone}",
        f"--uri={job.uri}",
        "--http-method=post",
        f"--message-body={_BODY}",
        f"--description={job.description}",
        f"--oauth-service-account-email={job.account.email}",
    )


def job_block(job: ScheduledJob) -> dict[str, Any]:
    """Return the arguments of Terraform's resource."""
    return {
        "project": job.project,
        "region": job.location,
        "name": job.name,
        "description": job.description,
        "schedule": job.schedule,
        "time_zone": job.time_zone,
        "http_target": {
            "uri": job.uri,
            "http_method": "POST",
            "body": base64.b64encode(_BODY.encode()).decode(),
            "oauth_token": {"service_account_email": job.account.email},
        },
    }


def live_job(answer: Mapping[str, Any], manifest: Manifest) -> ScheduledJob | None:
    """Return the job that Cloud Scheduler answers with, None where *manifest* did not make it."""
    name, target = answer["name"].rpartition("/")[2], answer.get("httpTarget", {})
    email = target.get("oauthToken", {}).get("serviceAccountEmail", "")
    account = service_account(email, manifest.project)
    zone = answer.get("timeZone", _UTC)
    job = _job(manifest, name, answer.get("schedule", ""), zone, account)
    prefix = f"{manifest.name_prefix}-" if manifest.name_prefix else ""
    made = (target.get("uri"), answer.get("description")) == (job.uri, job.description)
    return job if made and name.startswith(prefix) else None
