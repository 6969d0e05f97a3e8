"""What a manifest needs of a project, as the tests of `shipwheel setup` ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.unit.triggers.manifest.test_manifest import SMALLEST
from triggers.cloud_project.desired import SetupOptions, desired_state
from triggers.cloud_project.resources import Binding, RepositoryName
from triggers.discovery.inventory import Component, Inventory
from triggers.manifest.manifest import parse_manifest

if TYPE_CHECKING:
    from triggers.cloud_project.resources import DesiredResource

PACKAGE = Component(kind="package", path="a", name="a")
FUNCTION = Component(kind="function", path="f", name="f")
ACCOUNTS = {"serviceAccount": "shipwheel-function", "buildServiceAccount": "shipwheel-build"}
PYPI = RepositoryName("my-project", "us-central1", "pypi")
WRITER = "roles/artifactregistry.writer"


def needs(
    *targets: Component, options: SetupOptions | None = None, **changes: Any
) -> tuple[DesiredResource, ...]:
    manifest = parse_manifest({**SMALLEST, "deploy": {"function": ACCOUNTS}, **changes})
    return desired_state(manifest, Inventory(components=targets), options or SetupOptions())


def granted(found: tuple[DesiredResource, ...]) -> set[tuple[str, str, str]]:
    bindings = [need.resource for need in found if isinstance(need.resource, Binding)]
    return {(it.member, it.role, str(it.scope)) for it in bindings}


def email(name: str) -> str:
    return f"serviceAccount:{name}@my-project.iam.gserviceaccount.com"
