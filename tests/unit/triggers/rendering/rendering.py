"""What the tests of rendered triggers render: packages and functions of the smallest manifest."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from steps.host.documents import dump
from steps.host.errors import InputError
from tests.unit.triggers.manifest.test_manifest import SMALLEST
from triggers.discovery.dependencies import Dependencies
from triggers.discovery.inventory import Component, Inventory
from triggers.manifest.manifest import parse_manifest
from triggers.rendering.rendering import Rendering, render

CHECK_ACCOUNT = (
    "projects/my-project/serviceAccounts/shipwheel-check@my-project.iam.gserviceaccount.com"
)

_NIGHTLY = "cloudbuild/check-package.yaml"
# One of the manifest's own kinds for each thing that may start a trigger.
KINDS: dict[str, dict[str, Any]] = {
    "nightly": {"schedule": "0 3 * * *", "buildConfig": _NIGHTLY},
    "by-hand": {"manual": True, "buildConfig": _NIGHTLY, "branch": "^dev$"},
    "message": {"topic": "t-1", "buildConfig": _NIGHTLY, "trigger": {"filter": "_A == 'b'"}},
    "request": {"webhook": "projects/p/secrets/s/versions/1", "buildConfig": _NIGHTLY},
    "pushed": {
        "push": True,
        "tag": "v.*",
        "buildConfig": _NIGHTLY,
        "trigger": {"includeBuildLogs": "INCLUDE_BUILD_LOGS_WITH_STATUS"},
    },
}


def package(
    path: str,
    *dependencies: str,
    own: bool = False,
    files: tuple[str, ...] = (),
    unversioned: tuple[str, ...] = (),
) -> Component:
    local = Dependencies(dependencies, dependencies, files)
    name = path.rsplit("/", 1)[-1]
    return Component(
        kind="package",
        path=path,
        name=name,
        has_own_config=own,
        dependencies=local,
        unversioned=unversioned,
    )


def function(path: str, *dependencies: str) -> Component:
    local = Dependencies(dependencies, dependencies)
    return Component(kind="function", path=path, name=path, dependencies=local)


def rendered(*targets: Component, **manifest: Any) -> Rendering:
    """Render *targets*; functions are built as `builder` unless *manifest* says otherwise."""
    deploy = manifest.get("deploy", {})
    named = {**deploy, "function": {"buildServiceAccount": "builder", **deploy.get("function", {})}}
    data = {**SMALLEST, **manifest, "deploy": named}
    return render(parse_manifest(data), Inventory(components=targets))


def documents(*targets: Component, **manifest: Any) -> list[dict[str, Any]]:
    text = dump([trigger.document() for trigger in rendered(*targets, **manifest).triggers])
    return [*yaml.safe_load_all(text)]


def problems(*targets: Component, **manifest: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        rendered(*targets, **manifest)
    return [str(problem) for problem in caught.value.problems]
