"""What the local builder cannot do, refused by name, and what means nothing on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic.alias_generators import to_camel

from triggers.cloudbuild.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triggers.cloudbuild.build_config import Build

# They choose the service's machines, logs and records; a laptop has one machine and one log.
_ONLY_THE_SERVICE = (
    "cluster", "anthos_cluster", "default_logs_bucket_behavior", "disk_size_gb",
    "enable_structured_logging", "log_streaming_option", "logging", "machine_type", "pool",
    "pubsub_topic", "requested_verify_option", "source_provenance_hash", "worker_pool",
)  # fmt: skip
_BEYOND = "run it in Cloud Build, or take it out of a copy of the config"


def beyond_this_machine(build: Build, *, docker: bool, emulator: bool) -> list[Finding]:
    """Return the fields of *build* that ask for what the local builder cannot do.

    *docker* and *emulator* say whether there are a Docker engine and a registry emulator.
    """
    artifacts = build.artifacts
    asked = {
        ("artifacts", "objects"): artifacts.objects,
        ("artifacts", "mavenArtifacts"): artifacts.maven_artifacts,
        ("artifacts", "npmPackages"): artifacts.npm_packages,
        ("artifacts", "goModules"): artifacts.go_modules,
        ("dependencies",): build.dependencies,
        ("gitConfig",): build.git_config,
    }
    found = [
        Finding(path, f"`{'.'.join(path)}` cannot be done on this machine", _BEYOND)
        for path, value in asked.items()
        if value
    ]
    if artifacts.python_packages and not emulator:
        message = "`artifacts.pythonPackages` is only uploaded to a registry emulator"
        found.append(Finding(("artifacts", "pythonPackages"), message, "use --emulator"))
    if (build.images or artifacts.images) and not docker:
        found.append(Finding(("images",), "`images` needs a Docker engine", "use --docker"))
    return [*found, *_unpassable(build)]


def _unpassable(build: Build) -> Iterator[Finding]:
    """Yield what no program can be given: a system ends every argument and variable with a NUL."""
    fields: list[tuple[tuple[str | int, ...], object]] = [
        (("steps", index, to_camel(name)), value)
        for index, step in enumerate(build.steps)
        for name, value in step.model_dump(exclude={"script"}).items()
    ]
    fields += [(("options", name), build.options.model_dump()[name]) for name in ("env", "volumes")]
    for path, value in fields:
        if any("\0" in text for text in _texts(value)):
            message = f"`{path[-1]}` holds a NUL character, which no program can be given"
            yield Finding(path, message, "take it out: in a double-quoted text of YAML it is `\\0`")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def without_meaning_here(build: Build) -> Iterator[str]:
    """Yield the names of the fields of *build* that only the service can honour."""
    for name in ("service_account", "logs_bucket", "queue_ttl", "tags"):
        if getattr(build, name):
            yield to_camel(name)
    for name in _ONLY_THE_SERVICE:
        if getattr(build.options, name):
            yield f"options.{to_camel(name)}"
    if build.options.docker_daemon:
        yield "options.dockerDaemon"
