"""`shipwheel setup`, with the real gcloud against a loopback project."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from typing import TYPE_CHECKING

from tests.integration.machine import needs_gcloud, needs_terraform
from tests.integration.selection import exhaustive
from tests.integration.triggers.cloud_project.project import (
    PUBLISHER,
    PYPI,
    SAMPLE,
    WRITER,
    run,
    writes,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.integration.servers.project_api import ProjectApi

pytestmark = needs_gcloud


ANN = "user:ann@example.com"
SUFFIXES = ("", "-public", "-all")
COMPANY = "domain:example.com"
CLEANUP = [
    {
        "name": "old-snapshots",
        "action": {"type": "Delete"},
        "condition": {"olderThan": "30d", "versionNamePrefixes": ["0.0.dev"]},
    },
    {"name": "latest", "action": {"type": "Keep"}, "mostRecentVersions": {"keepCount": 5}},
]


@exhaustive
def test_every_printed_command_runs_in_a_shell_and_then_nothing_is_missing(
    api: ProjectApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole sample with its function, a person, a domain that reads, and cleanup policies."""
    policy = tmp_path / "old packages.json"
    policy.write_text(json.dumps(CLEANUP))
    options = ["--member", ANN, "--reader", COMPANY, "--cleanup-policy", str(policy)]
    assert run(SAMPLE, *options) == 0
    script, _, time = capsys.readouterr().out.rpartition("\n\n")
    assert time.startswith("# Roles take effect after 2 minutes, typically")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **api.environ}

    shell = subprocess.run(
        ["bash", "-e"],
        input=script,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert shell.returncode == 0, shell.stderr
    assert len(writes(api)) == len(script.split("\n\n")) == 53
    before = copy.deepcopy(api.state())
    assert run(SAMPLE, *options, "--apply") == 0
    assert writes(api) == []
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("done: 0 created, 58 were there\n")
    assert run(SAMPLE, *options, "--check") == 0
    assert api.state() == before
    assert api.roles(PUBLISHER) == {
        (WRITER, "pypi"),
        ("roles/artifactregistry.reader", "docker"),
        ("roles/logging.logWriter", "demo"),
    }
    reads = {("roles/artifactregistry.reader", f"pypi{suffix}") for suffix in SUFFIXES}
    assert api.roles(COMPANY) == reads
    assert api.roles(ANN) > reads
    assert api.repositories[PYPI]["cleanupPolicies"].keys() == {"old-snapshots", "latest"}


def test_apply_waits_for_new_accounts_and_changes_nothing_the_second_time(
    api: ProjectApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another writer changes a policy meanwhile: gcloud reads it again."""
    api.newborn_for = 1

    assert run(root, "--apply") == 0

    captured = capsys.readouterr()
    assert captured.out.splitlines()[:2] == [
        "created   API artifactregistry.googleapis.com in demo",
        "created   API cloudbuild.googleapis.com in demo",
    ]
    assert captured.err.count("does not exist.; trying again in 1 s") == 3
    done, time = captured.err.splitlines()[-2:]
    assert done == "done: 20 created, 0 were there"
    assert time.startswith("Roles take effect after 2 minutes, typically, and sometimes 7 or more")
    before = copy.deepcopy(api.state())
    writes(api)
    assert run(root, "--apply", "--json") == 0
    assert writes(api) == []
    assert api.state() == before
    assert json.loads(capsys.readouterr().out)["created"] == []


@needs_terraform
def test_terraform_reads_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The provider is not at hand: this is Terraform's language, not the provider's arguments."""
    assert run(SAMPLE, "--format", "terraform") == 0
    (tmp_path / "setup.tf.json").write_text(capsys.readouterr().out)

    result = subprocess.run(
        ["terraform", "providers"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert "hashicorp/google]" in result.stdout
