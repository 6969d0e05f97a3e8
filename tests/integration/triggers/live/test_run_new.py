"""`shipwheel triggers apply --run-new`: what was created is started once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.machine import needs_gcloud
from tests.integration.selection import exhaustive
from tests.integration.triggers.live.repository import REGION, edit_manifest, run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.integration.servers.cloud_build_api import CloudBuildApi
    from tests.integration.servers.google_api import Request

pytestmark = needs_gcloud


def test_run_new_starts_each_created_trigger_of_a_push_once(
    api: CloudBuildApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    account = {"buildServiceAccount": "shipwheel-build"}
    edit_manifest(root, deploy={"branch": "release/.*", "function": account})

    assert run(root, "apply", "--run-new", "--branch", "release/1") == 0

    ids = {trigger["id"]: name for name, trigger in api.by_name(REGION).items()}
    started = [(ids[it["buildTriggerId"]], it["source"]["repoSource"]) for it in api.builds]
    assert started == [
        ("packages-dues-publish", {"branchName": "main"}),
        ("functions-berth-finder-deploy", {"branchName": "release/1"}),
    ]
    assert "not started: packages-dues-check: it waits for a pull request" in (
        capsys.readouterr().err
    )
    assert run(root, "apply", "--run-new") == 0
    assert len(api.builds) == 2


@exhaustive
def test_run_new_starts_what_an_import_created_before_it_failed(
    api: CloudBuildApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail_at_the_last(request: Request) -> int | None:
        is_last = request.method == "POST" and request.body.get("name", "").startswith("functions")
        return 400 if is_last else None

    api.fault = fail_at_the_last
    assert run(root, "apply", "--run-new") == 4
    assert len(api.builds) == 1

    api.fault = None
    assert run(root, "apply", "--run-new") == 0
    assert len(api.builds) == 2
    assert "error: `gcloud builds triggers import` failed" in capsys.readouterr().err
