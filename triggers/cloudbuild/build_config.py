"""The build config and the build trigger as frozen values: the fields that this project reads.

They are the Cloud Build API's messages `Build` and `BuildTrigger`. `messages` knows all of their
fields; what is not named here is kept beside, as it was read.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

DEFAULT_TIMEOUT = 3600.0  # seconds; the API's text of 2026, it was 600 before
_JSON_DURATION = re.compile(r"-?[0-9]+(?:\.[0-9]{1,9})?s")
_GO_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|ms|s|m|h)")
_GO_DURATION = re.compile(rf"([-+]?)((?:{_GO_PART.pattern})+)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}

# The fields of a trigger that hold `push` or `pullRequest`, one per kind of repository.
EVENT_SOURCES = {
    "github": "github",
    "repositoryEventConfig": "repository_event_config",
    "developerConnectEventConfig": "developer_connect_event_config",
    "bitbucketServerTriggerConfig": "bitbucket_server_trigger_config",
    "gitlabEnterpriseEventsConfig": "gitlab_enterprise_events_config",
}


class Message(BaseModel):
    """A message of the API, by the *api_name* that it has there."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )
    api_name: ClassVar[str] = ""


class Volume(Message):
    """A named directory that lives as long as the build."""

    name: str = ""
    path: str = ""


class Step(Message):
    """One container of the build."""

    name: str
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    dir: str = ""
    id: str = ""
    wait_for: tuple[str, ...] = ()
    entrypoint: str = ""
    secret_env: tuple[str, ...] = ()
    volumes: tuple[Volume, ...] = ()
    timeout: str = ""
    script: str = ""
    automap_substitutions: bool | None = None
    allow_failure: bool = False
    allow_exit_codes: tuple[int, ...] = ()

    def label(self, index: int) -> str:
        """Return the step as Cloud Build's log calls it: `Step #1 - "id"`."""
        return f'Step #{index} - "{self.id}"' if self.id else f"Step #{index}"


class Objects(Message):
    """Files that are copied to Cloud Storage."""

    location: str = ""
    paths: tuple[str, ...] = ()


class PythonPackage(Message):
    """Distributions that are uploaded to Artifact Registry after the last step."""

    repository: str = ""
    paths: tuple[str, ...] = ()


class Artifacts(Message):
    """What the build leaves behind."""

    images: tuple[str, ...] = ()
    objects: Objects | None = None
    python_packages: tuple[PythonPackage, ...] = ()
    maven_artifacts: tuple[dict[str, Any], ...] = ()
    npm_packages: tuple[dict[str, Any], ...] = ()
    go_modules: tuple[dict[str, Any], ...] = ()
    generic_artifacts: tuple[dict[str, Any], ...] = ()
    oci: tuple[dict[str, Any], ...] = ()


class Secret(Message):
    """Variables whose values are encrypted with a key of Cloud KMS, in the config itself."""

    kms_key_name: str = ""
    secret_env: dict[str, str] = Field(default_factory=dict)


class SecretManagerSecret(Message):
    """A variable whose value is a version of a secret in Secret Manager."""

    version_name: str = ""
    env: str = ""


class InlineSecret(Message):
    """Encrypted variables, the newer form of `Secret`."""

    env_map: dict[str, str] = Field(default_factory=dict)


class AvailableSecrets(Message):
    """The secrets that steps may name in `secretEnv`."""

    secret_manager: tuple[SecretManagerSecret, ...] = ()
    inline: tuple[InlineSecret, ...] = ()


class Pool(Message):
    """The worker pool that runs the build."""

    name: str = ""


class Options(Message):
    """How the service runs the build."""

    pool: Pool | None = None
    worker_pool: str = ""
    logging: str = ""
    default_logs_bucket_behavior: str = ""
    requested_verify_option: str = ""
    substitution_option: str = ""
    dynamic_substitutions: bool = False
    automap_substitutions: bool = False
    env: tuple[str, ...] = ()
    secret_env: tuple[str, ...] = ()
    volumes: tuple[Volume, ...] = ()
    disk_size_gb: int | None = None
    docker_daemon: str = ""
    machine_type: str = ""
    log_streaming_option: str = ""
    source_provenance_hash: tuple[str, ...] = ()
    pubsub_topic: str = ""
    enable_structured_logging: bool = False
    cluster: dict[str, Any] | None = None
    anthos_cluster: dict[str, Any] | None = None


class Build(Message):
    """A build config, whole."""

    api_name: ClassVar[str] = "Build"

    steps: tuple[Step, ...] = ()
    timeout: str = ""
    queue_ttl: str = ""
    substitutions: dict[str, str] = Field(default_factory=dict)
    images: tuple[str, ...] = ()
    artifacts: Artifacts = Artifacts()
    options: Options = Options()
    tags: tuple[str, ...] = ()
    logs_bucket: str = ""
    service_account: str = ""
    secrets: tuple[Secret, ...] = ()
    available_secrets: AvailableSecrets = AvailableSecrets()
    dependencies: tuple[dict[str, Any], ...] = ()
    git_config: dict[str, Any] | None = None


class PushFilter(Message):
    """Which pushes start a build: exactly one of *branch* and *tag*."""

    branch: str = ""
    tag: str = ""
    invert_regex: bool = False


class PullRequestFilter(Message):
    """Which pull requests start a build, by their base branch."""

    branch: str = ""
    comment_control: str = ""
    invert_regex: bool = False


class Events(Message):
    """A connected repository, and what has to happen there: exactly one of the two.

    One of the 1st generation on GitHub has *owner* and *name*.
    """

    owner: str = ""
    name: str = ""
    push: PushFilter | None = None
    pull_request: PullRequestFilter | None = None


class TriggerTemplate(Message):
    """A Cloud Source repository, and which branch or tag of it."""

    branch_name: str = ""
    tag_name: str = ""
    invert_regex: bool = False


class ApprovalConfig(Message):
    """Whether each build has to be approved."""

    approval_required: bool = False


class BuildTrigger(Message):
    """A build trigger, written or live; *build* is judged as a build config of its own."""

    api_name: ClassVar[str] = "BuildTrigger"

    name: str = ""
    disabled: bool = False
    github: Events | None = None
    repository_event_config: Events | None = None
    developer_connect_event_config: Events | None = None
    bitbucket_server_trigger_config: Events | None = None
    gitlab_enterprise_events_config: Events | None = None
    trigger_template: TriggerTemplate | None = None
    event_type: str = ""
    filename: str = ""
    build: dict[str, Any] | None = None
    included_files: tuple[str, ...] = ()
    ignored_files: tuple[str, ...] = ()
    substitutions: dict[str, str] = Field(default_factory=dict)
    service_account: str = ""
    approval_config: ApprovalConfig = ApprovalConfig()

    @property
    def repositories(self) -> dict[str, Events]:
        """The connected repositories that it listens to, by their fields; there should be one."""
        events = {field: getattr(self, name) for field, name in EVENT_SOURCES.items()}
        return {field: event for field, event in events.items() if event is not None}

    @property
    def is_pull_request(self) -> bool:
        """Whether pull requests start it."""
        return any(event.pull_request for event in self.repositories.values())


def seconds(duration: str) -> float | None:
    """Return the seconds of a duration such as `600s` or `1h30m`, None when it is not one.

    Other units than seconds are Go's: see `is_portable`.
    """
    match = _GO_DURATION.fullmatch(duration)
    if not match:
        return None
    found = sum(float(number) * _UNITS[unit] for number, unit in _GO_PART.findall(match[2]))
    return -found if match[1] == "-" else found


def is_portable(duration: str) -> bool:
    """Return whether all readers take *duration*: protobuf's JSON knows seconds only.

    What reads a trigger's config file is written in Go and takes Go's units; the API, which
    `gcloud builds submit` and triggers with a build inside go through, answers "Illegal duration
    format; duration must end with 's'" (skaffold's pull request 1040, cloud-build-local's 106).
    """
    return bool(_JSON_DURATION.fullmatch(duration))


def shortest(duration: str) -> str:
    """Return *duration* in the shortest spelling in seconds, or as it is when it has none."""
    if not is_portable(duration):
        return duration
    whole, _, fraction = duration.removesuffix("s").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}s" if fraction else f"{whole}s"
