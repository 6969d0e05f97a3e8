"""The build config: every field that `cloudbuild.yaml` has, as frozen values.

It is the Cloud Build API's `Build` message. What one field alone can get wrong is decided here, by
type; what fields get wrong together is in `build_rules`.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field

from triggers.cloudbuild.messages import Int64, Message, Repeated, Strings

DEFAULT_TIMEOUT = 3600.0  # seconds; the API's text of 2026, it was 600 before
_JSON_DURATION = re.compile(r"-?[0-9]+(?:\.[0-9]{1,9})?s")
_GO_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|ms|s|m|h)")
_GO_DURATION = re.compile(rf"([-+]?)((?:{_GO_PART.pattern})+)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class Volume(Message):
    """A named directory that lives as long as the build."""

    name: str = ""
    path: str = ""


class Step(Message):
    """One container of the build."""

    name: str
    args: Strings = ()
    env: Strings = ()
    dir: str = ""
    id: str = ""
    wait_for: Strings = ()
    entrypoint: str = ""
    secret_env: Strings = ()
    volumes: Repeated[Volume] = ()
    timeout: str = ""
    script: str = ""
    automap_substitutions: bool | None = None
    allow_failure: bool = False
    allow_exit_codes: Repeated[int] = ()

    def label(self, index: int) -> str:
        """Return the step as Cloud Build's log calls it: `Step #1 - "id"`."""
        return f'Step #{index} - "{self.id}"' if self.id else f"Step #{index}"


class Objects(Message):
    """Files that are copied to Cloud Storage."""

    location: str = ""
    paths: Strings = ()


class PythonPackage(Message):
    """Distributions that are uploaded to Artifact Registry after the last step."""

    repository: str = ""
    paths: Strings = ()


class MavenArtifact(Message):
    """A Java archive for Artifact Registry."""

    repository: str = ""
    path: str = ""
    artifact_id: str = ""
    group_id: str = ""
    version: str = ""
    deploy_folder: str = ""


class NpmPackage(Message):
    """A Node package for Artifact Registry."""

    repository: str = ""
    package_path: str = ""


class GoModule(Message):
    """A Go module for Artifact Registry."""

    repository_name: str = ""
    repository_location: str = ""
    repository_project_id: str = ""
    source_path: str = ""
    module_path: str = ""
    module_version: str = ""


class Artifacts(Message):
    """What the build leaves behind."""

    images: Strings = ()
    objects: Objects | None = None
    python_packages: Repeated[PythonPackage] = ()
    maven_artifacts: Repeated[MavenArtifact] = ()
    npm_packages: Repeated[NpmPackage] = ()
    go_modules: Repeated[GoModule] = ()


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

    kms_key_name: str = ""
    env_map: dict[str, str] = Field(default_factory=dict)


class AvailableSecrets(Message):
    """The secrets that steps may name in `secretEnv`."""

    secret_manager: Repeated[SecretManagerSecret] = ()
    inline: Repeated[InlineSecret] = ()


class Pool(Message):
    """The worker pool that runs the build."""

    name: str = ""
    worker_config: dict[str, Any] = Field(default_factory=dict)


class Options(Message):
    """How the service runs the build."""

    machine_type: (
        Literal[
            "UNSPECIFIED",
            "N1_HIGHCPU_8",
            "N1_HIGHCPU_32",
            "E2_HIGHCPU_8",
            "E2_HIGHCPU_32",
            "E2_MEDIUM",
        ]
        | None
    ) = None
    pool: Pool | None = None
    worker_pool: str = ""
    logging: (
        Literal[
            "LOGGING_UNSPECIFIED",
            "LEGACY",
            "GCS_ONLY",
            "STACKDRIVER_ONLY",
            "CLOUD_LOGGING_ONLY",
            "NONE",
        ]
        | None
    ) = None
    default_logs_bucket_behavior: (
        Literal[
            "DEFAULT_LOGS_BUCKET_BEHAVIOR_UNSPECIFIED",
            "REGIONAL_USER_OWNED_BUCKET",
            "LEGACY_BUCKET",
        ]
        | None
    ) = None
    log_streaming_option: Literal["STREAM_DEFAULT", "STREAM_ON", "STREAM_OFF"] | None = None
    requested_verify_option: Literal["NOT_VERIFIED", "VERIFIED"] | None = None
    source_provenance_hash: Repeated[
        Literal["NONE", "SHA256", "MD5", "GO_MODULE_H1", "SHA512"]
    ] = ()
    substitution_option: Literal["MUST_MATCH", "ALLOW_LOOSE"] | None = None
    dynamic_substitutions: bool = False
    automap_substitutions: bool = False
    env: Strings = ()
    secret_env: Strings = ()
    volumes: Repeated[Volume] = ()
    disk_size_gb: Int64 | None = None
    pubsub_topic: str = ""
    enable_structured_logging: bool = False
    docker_daemon: (
        Literal["DOCKER_DAEMON_UNSPECIFIED", "NO_DOCKER", "NON_PRIVILEGED", "PRIVILEGED"] | None
    ) = None
    cluster: dict[str, Any] | None = None
    anthos_cluster: dict[str, Any] | None = None


class Build(Message):
    """A build config, whole."""

    steps: Repeated[Step] = ()
    timeout: str = ""
    queue_ttl: str = ""
    substitutions: dict[str, str] = Field(default_factory=dict)
    images: Strings = ()
    artifacts: Artifacts = Artifacts()
    options: Options = Options()
    tags: Strings = ()
    logs_bucket: str = ""
    service_account: str = ""
    secrets: Repeated[Secret] = ()
    available_secrets: AvailableSecrets = AvailableSecrets()
    dependencies: Repeated[dict[str, Any]] = ()
    git_config: dict[str, Any] | None = None


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
