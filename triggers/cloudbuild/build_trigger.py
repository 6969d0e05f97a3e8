"""A build trigger, written or live: every field that `gcloud builds triggers import` knows.

It is the Cloud Build API's `BuildTrigger` message; what this project itself renders is in `model`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from pydantic.alias_generators import to_snake

from triggers.cloudbuild.messages import Int64, Message, Strings

# The fields that hold `push` or `pullRequest`, one per kind of repository.
EVENT_SOURCES = (
    "github",
    "repositoryEventConfig",
    "developerConnectEventConfig",
    "bitbucketServerTriggerConfig",
    "gitlabEnterpriseEventsConfig",
)


class PushFilter(Message):
    """Which pushes start a build: exactly one of *branch* and *tag*."""

    branch: str = ""
    tag: str = ""
    invert_regex: bool = False


class PullRequestFilter(Message):
    """Which pull requests start a build, by their base branch."""

    branch: str = ""
    comment_control: (
        Literal[
            "COMMENTS_DISABLED",
            "COMMENTS_ENABLED",
            "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY",
        ]
        | None
    ) = None
    invert_regex: bool = False


class Events(Message):
    """A connected repository, and what has to happen there: exactly one of the two."""

    push: PushFilter | None = None
    pull_request: PullRequestFilter | None = None


class GithubEvents(Events):
    """A repository of the 1st generation on GitHub."""

    owner: str = ""
    name: str = ""
    installation_id: Int64 | None = None
    enterprise_config_resource_name: str = ""
    enterprise_config: dict[str, Any] | None = None


class RepositoryEvents(Events):
    """A repository of the 2nd generation."""

    repository: str = ""
    repository_type: str = ""


class DeveloperConnectEvents(Events):
    """A repository that Developer Connect links."""

    git_repository_link: str = ""
    git_repository_link_type: str = ""


class BitbucketServerEvents(Events):
    """A repository on a Bitbucket server, 1st generation."""

    repo_slug: str = ""
    project_key: str = ""
    bitbucket_server_config_resource: str = ""
    bitbucket_server_config: dict[str, Any] | None = None


class GitlabEnterpriseEvents(Events):
    """A repository on a GitLab server, 1st generation."""

    project_namespace: str = ""
    gitlab_config_resource: str = ""
    gitlab_config: dict[str, Any] | None = None


class TriggerTemplate(Message):
    """A Cloud Source repository, and which branch, tag or commit of it."""

    project_id: str = ""
    repo_name: str = ""
    branch_name: str = ""
    tag_name: str = ""
    commit_sha: str = ""
    dir: str = ""
    invert_regex: bool = False
    substitutions: dict[str, str] = Field(default_factory=dict)


class PubsubConfig(Message):
    """A Pub/Sub topic whose messages start builds."""

    topic: str = ""
    service_account_email: str = ""
    subscription: str = ""
    state: str = ""


class WebhookConfig(Message):
    """A secret that callers of the trigger's URL have to know."""

    secret: str = ""
    state: str = ""


RepositoryType = Literal[
    "UNKNOWN", "CLOUD_SOURCE_REPOSITORIES", "GITHUB", "BITBUCKET_SERVER", "GITLAB",
    "BITBUCKET_CLOUD",
]  # fmt: skip


class GitFileSource(Message):
    """A build config in a repository that did not start the build."""

    path: str = ""
    uri: str = ""
    repository: str = ""
    revision: str = ""
    repo_type: RepositoryType | None = None
    github_enterprise_config: str = ""
    bitbucket_server_config: str = ""


class SourceToBuild(Message):
    """The repository to check out where none started the build."""

    uri: str = ""
    repository: str = ""
    ref: str = ""
    repo_type: RepositoryType | None = None
    github_enterprise_config: str = ""
    bitbucket_server_config: str = ""


class Cron(Message):
    """The times at which builds start."""

    schedule: str = ""
    time_zone: str = ""
    enterprise_config_resource: str = ""


class ApprovalConfig(Message):
    """Whether each build has to be approved."""

    approval_required: bool = False


class BuildTrigger(Message):
    """A build trigger, whole; *build* is judged as a build config of its own."""

    name: str = ""
    description: str = ""
    tags: Strings = ()
    disabled: bool = False
    id: str = ""
    create_time: str = ""
    resource_name: str = ""
    github: GithubEvents | None = None
    repository_event_config: RepositoryEvents | None = None
    developer_connect_event_config: DeveloperConnectEvents | None = None
    bitbucket_server_trigger_config: BitbucketServerEvents | None = None
    gitlab_enterprise_events_config: GitlabEnterpriseEvents | None = None
    trigger_template: TriggerTemplate | None = None
    pubsub_config: PubsubConfig | None = None
    webhook_config: WebhookConfig | None = None
    cron: Cron | None = None
    source_to_build: SourceToBuild | None = None
    event_type: Literal["EVENT_TYPE_UNSPECIFIED", "REPO", "WEBHOOK", "PUBSUB", "MANUAL"] | None = (
        None
    )
    filename: str = ""
    build: dict[str, Any] | None = None
    git_file_source: GitFileSource | None = None
    autodetect: bool = False
    filter: str = ""
    included_files: Strings = ()
    ignored_files: Strings = ()
    substitutions: dict[str, str] = Field(default_factory=dict)
    service_account: str = ""
    approval_config: ApprovalConfig | None = None
    include_build_logs: (
        Literal["INCLUDE_BUILD_LOGS_UNSPECIFIED", "INCLUDE_BUILD_LOGS_WITH_STATUS"] | None
    ) = None

    @property
    def repositories(self) -> dict[str, Events]:
        """The connected repositories that it listens to, by their fields; there should be one."""
        events = {field: getattr(self, to_snake(field)) for field in EVENT_SOURCES}
        return {field: event for field, event in events.items() if event is not None}

    @property
    def is_pull_request(self) -> bool:
        """Whether pull requests start it."""
        return any(event.pull_request for event in self.repositories.values())
