"""A repository whose triggers are live, and what was asked of the service about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from builder.__main__ import main
from triggers.rendering.repository import open_repository, render_repository

if TYPE_CHECKING:
    from tests.integration.servers.cloud_build_api import CloudBuildApi

SAMPLE = Path(__file__).parents[3] / "example"
REGION = "us-central1"


def run(root: Path, verb: str, *options: str) -> int:
    return main(["triggers", verb, "--manifest", str(root / "shipwheel.yaml"), *options])


def seed(api: CloudBuildApi, root: Path) -> None:
    """Hold the rendered triggers as an apply would have left them, without asking gcloud."""
    rendering = render_repository(open_repository(root / "shipwheel.yaml"))
    for trigger in rendering.triggers:
        api.add(REGION, json.loads(json.dumps(trigger.document())))


def sent(api: CloudBuildApi) -> list[tuple[str, str]]:
    """Return what was asked of the server since the last time: method, and a trigger's name."""
    asked = [(it.method, it.path.split("?")[0].rpartition("/")[2]) for it in api.requests]
    api.requests.clear()
    return asked


def edit_manifest(root: Path, **different: Any) -> None:
    manifest = yaml.safe_load((root / "shipwheel.yaml").read_text())
    (root / "shipwheel.yaml").write_text(yaml.safe_dump(manifest | different))
