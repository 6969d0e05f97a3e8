"""`shipwheel setup --check`: what is missing, too many or wrong, and the command that fixes it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from tests.integration.machine import needs_gcloud
from tests.integration.selection import exhaustive
from tests.integration.triggers.cloud_project.project import (
    CHECKER,
    PYPI,
    WRITER,
    grant,
    run,
    seed,
    writes,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.integration.servers.project_api import ProjectApi

pytestmark = needs_gcloud


@exhaustive
def test_check_names_a_role_that_is_missing_and_one_that_is_too_many(
    api: ProjectApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed(api, root)
    [reading] = [it for it in api.policies[PYPI] if it["members"] == [CHECKER]]
    api.policies[PYPI].remove(reading)
    grant(api, PYPI, CHECKER, WRITER, condition={"title": "at night", "expression": "true"})
    grant(api, PYPI, "user:bob@example.com", "roles/artifactregistry.admin")
    grant(api, PYPI, "deleted:serviceAccount:gone@demo.iam.gserviceaccount.com?uid=1", WRITER)
    grant(api, "projects/demo", CHECKER, "roles/editor")
    grant(api, "projects/demo", "user:bob@example.com", "roles/owner")

    assert run(root, "--check") == 1

    captured = capsys.readouterr()
    repository = "the repository us-central1/demo/pypi"
    assert captured.out.splitlines() == [
        (
            f"missing   roles/artifactregistry.reader on {repository} for {CHECKER}:"
            " shipwheel-check compares the version with what is published"
        ),
        f"too many  roles/artifactregistry.writer on {repository} for {CHECKER}",
        (
            "            gcloud artifacts repositories remove-iam-policy-binding pypi"
            f" --location=us-central1 --member={CHECKER} --role={WRITER} --all --project=demo"
        ),
        f"too many  roles/editor on the project demo for {CHECKER}",
        (
            f"            gcloud projects remove-iam-policy-binding demo --member={CHECKER}"
            " --role=roles/editor --all --project=demo"
        ),
        f"foreign   roles/artifactregistry.admin on {repository} for user:bob@example.com",
    ]
    assert captured.err.splitlines()[-2:] == [
        "error: The project 'demo' is not set up as the manifest asks: 1 missing, 2 too many",
        (
            "  hint: `shipwheel setup --apply` does what is missing; for the rest, the commands are"
            " above"
        ),
    ]
    for line in captured.out.splitlines():
        if line.strip().startswith("gcloud "):
            assert api.gcloud(*shlex.split(line)[1:]).returncode == 0
    writes(api)
    assert run(root, "--apply") == 0
    assert len(writes(api)) == 1
    assert run(root, "--check") == 0
    assert api.roles("user:bob@example.com") == {
        ("roles/artifactregistry.admin", "pypi"),
        ("roles/owner", "demo"),
    }


@exhaustive
def test_what_is_there_and_wrong_is_named_with_the_command_that_fixes_it(
    api: ProjectApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed(api, root)
    virtual = api.repositories[f"{PYPI}-all"]["virtualRepositoryConfig"]["upstreamPolicies"]
    virtual[0]["priority"] = 100
    api.accounts["shipwheel-check@demo.iam.gserviceaccount.com"]["disabled"] = True
    api.apis.remove("cloudbuild.googleapis.com")

    assert run(root, "--apply") == 1

    assert writes(api) == []
    hints = [line for line in capsys.readouterr().err.splitlines() if "hint: " in line]
    upstreams, enable = (hint.partition(": ")[2] for hint in hints)
    assert enable == (
        "gcloud iam service-accounts enable shipwheel-check@demo.iam.gserviceaccount.com"
        " --project=demo"
    )
    text, _, command = upstreams.partition(": ")[2].partition(" | ")
    (root / "policies.json").write_text(shlex.split(text)[1])
    words = shlex.split(command.replace("-file=-", f"-file={root / 'policies.json'}"))
    assert api.gcloud(*words[1:]).returncode == 0
    assert api.gcloud(*shlex.split(enable)[1:]).returncode == 0
    assert run(root, "--apply") == 0
    assert "cloudbuild.googleapis.com" in api.apis


def test_a_repository_of_another_kind_stops_everything(
    api: ProjectApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api.apis = {"artifactregistry.googleapis.com", "iam.googleapis.com"}
    api.repositories[PYPI] = {"name": PYPI, "format": "PYTHON", "mode": "REMOTE_REPOSITORY"}

    assert run(root, "--apply") == 1

    assert writes(api) == []
    assert capsys.readouterr().err.splitlines()[-2:] == [
        (
            "error: There is the repository us-central1/demo/pypi, and it is python, remote, not"
            " python, standard"
        ),
        "  hint: name another one in the manifest: a repository's kind cannot be changed",
    ]


@exhaustive
def test_a_login_to_another_project_is_said_and_the_manifests_project_is_set_up(
    api: ProjectApi,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seed(api, root)
    monkeypatch.setenv("CLOUDSDK_CORE_PROJECT", "elsewhere")

    assert run(root, "--check") == 0

    assert capsys.readouterr().err.splitlines()[0] == (
        "warning: gcloud's active configuration is for the project 'elsewhere'; every command here"
        " names the manifest's, 'demo'"
    )
    assert {"demo"} == {it.path.split("/")[3].partition(":")[0] for it in api.requests} - {"-"}
