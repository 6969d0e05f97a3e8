"""What a manifest needs of a project, as the tests of `shipwheel setup` ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.unit.triggers.manifest.test_manifest import SMALLEST
from triggers.cloud_project.resources import Binding, Place
from triggers.cloud_project.wanted import Extras, wanted
from triggers.discovery.inventory import Inventory, Target
from triggers.manifest.file import parse_manifest

if TYPE_CHECKING:
    from triggers.cloud_project.resources import Need

PACKAGE = Target(kind="package", path="a", name="a")
FUNCTION = Target(kind="function", path="f", name="f")
ACCOUNTS = {"serviceAccount": "shipwheel-function", "buildServiceAccount": "shipwheel-build"}
PYPI = Place("my-project", "us-central1", "pypi")
WRITER = "roles/artifactregistry.writer"


def needs(*targets: Target, extras: Extras | None = None, **changes: Any) -> tuple[Need, ...]:
    manifest = parse_manifest({**SMALLEST, "deploy": {"function": ACCOUNTS}, **changes})
    return wanted(manifest, Inventory(targets=targets), extras or Extras())


def granted(found: tuple[Need, ...]) -> set[tuple[str, str, str]]:
    bindings = [need.resource for need in found if isinstance(need.resource, Binding)]
    return {(it.member, it.role, str(it.scope)) for it in bindings}


def email(name: str) -> str:
    return f"serviceAccount:{name}@my-project.iam.gserviceaccount.com"
