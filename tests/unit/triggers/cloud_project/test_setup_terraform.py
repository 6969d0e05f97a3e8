"""`shipwheel setup` as Terraform, and which manifests and options it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from builder.__main__ import main
from tests.unit.triggers.cloud_project.setup_needs import FUNCTION, PACKAGE, PYPI, WRITER, needs
from tests.unit.triggers.manifest.test_manifest import SMALLEST
from tests.unit.triggers.rendering.rendering import KINDS
from triggers.cloud_project.desired import SetupOptions
from triggers.cloud_project.forms import read_cleanup_policies, terraform_setup

if TYPE_CHECKING:
    from pathlib import Path


def test_terraform_has_a_resource_for_each_and_knows_what_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    policy = {"name": "old", "action": {"type": "Delete"}, "condition": {"olderThan": "1d"}}
    file.write_text(json.dumps([policy]))
    options = SetupOptions(
        members=("user:ann@example.com",), cleanup=read_cleanup_policies(file, PYPI)
    )
    found = needs(PACKAGE, FUNCTION, options=options)

    resources = terraform_setup(found, "my-project", PYPI)["resource"]

    assert sum(map(len, resources.values())) == len(found) - 1
    repositories = resources["google_artifact_registry_repository"]
    assert repositories["pypi"]["cleanup_policies"] == [
        {"id": "old", "action": "DELETE", "condition": {"older_than": "86400s"}}
    ]
    assert repositories["pypi-all"] == {
        "//": "Both behind one address, which clients read instead of two: where both have a"
        " version, yours wins.",
        "provider": "google",
        "project": "my-project",
        "location": "us-central1",
        "repository_id": "pypi-all",
        "format": "PYTHON",
        "mode": "VIRTUAL_REPOSITORY",
        "virtual_repository_config": {
            "upstream_policies": [
                {"id": name, "repository": f"{PYPI.resource}{suffix}", "priority": priority}
                for name, suffix, priority in (("pypi", "", 200), ("pypi-public", "-public", 100))
            ]
        },
        "depends_on": [
            "google_project_service.artifactregistry",
            "google_artifact_registry_repository.pypi",
            "google_artifact_registry_repository.pypi-public",
        ],
    }
    every = {f"{kind}.{name}" for kind, blocks in resources.items() for name in blocks}
    for blocks in resources.values():
        assert {it for block in blocks.values() for it in block.get("depends_on", [])} <= every
    publishers = resources["google_artifact_registry_repository_iam_member"]
    [binding] = [
        it for it in publishers.values() if it["role"] == WRITER and it["repository"] == "pypi"
    ]
    assert binding["depends_on"] == [
        "google_artifact_registry_repository.pypi",
        "google_service_account.shipwheel-publish",
    ]


def test_a_manifest_without_project_or_region_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shipwheel.yaml"
    file.write_text(
        json.dumps({k: v for k, v in SMALLEST.items() if k not in {"project", "region"}})
    )

    assert main(["setup", "--apply", "--manifest", str(file)]) == 2

    assert capsys.readouterr().err.splitlines() == [
        f"error: {file}: `project` is missing",
        "  hint: add it; `shipwheel init` shows where",
        f"error: {file}: `region` is missing",
        "  hint: add it; `shipwheel init` shows where",
    ]


@pytest.mark.parametrize("option", ["VERIFIED", "NOT_VERIFIED"])
def test_builds_that_fail_without_provenance_have_the_api_that_keeps_it(
    tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/pyproject.toml").write_text("[build-system]\nrequires = []\n")
    (tmp_path / "a/cloudbuild.yaml").write_text(f"options: {{requestedVerifyOption: {option}}}\n")
    (tmp_path / "shipwheel.yaml").write_text(json.dumps(SMALLEST))

    assert main(["setup", "--manifest", str(tmp_path / "shipwheel.yaml")]) == 0

    enabled = "containeranalysis.googleapis.com" in capsys.readouterr().out
    assert enabled is (option == "VERIFIED")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--check", "--apply"], "--check changes nothing, and --apply does: give one of them."),
        (["--apply", "--check"], "--check changes nothing, and --apply does: give one of them."),
        (
            ["--check", "--format", "terraform"],
            "--format is for what is printed; --apply and --check do the rest.",
        ),
    ],
)
def test_options_that_contradict_one_another_do_nothing(
    options: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["setup", *options]) == 2

    assert capsys.readouterr().err.splitlines() == [
        f"error: {error}",
        "  hint: see `shipwheel setup --help`",
    ]


def test_rendered_triggers_and_a_setup_are_one_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a trigger refers to, a resource of the setup is; alone, it refers to nothing."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/pyproject.toml").write_text("[build-system]\nrequires = []\n")
    (tmp_path / "a/cloudbuild.yaml").write_text("steps: []\n")
    (tmp_path / "cloudbuild").mkdir()
    (tmp_path / KINDS["nightly"]["buildConfig"]).write_text("steps: []\n")
    settings = {"check": {"enabled": False}, "packages": {"include": ["a"]}, "kinds": KINDS}
    (tmp_path / "shipwheel.yaml").write_text(json.dumps({**SMALLEST, **settings}))

    def printed(*arguments: str) -> str:
        options = ["--format", "terraform", "--manifest", str(tmp_path / "shipwheel.yaml")]
        assert main(["--quiet", *arguments, *options]) == 0
        return capsys.readouterr().out

    triggers, setup = printed("triggers", "render"), json.loads(printed("setup"))["resource"]
    rendered = json.loads(triggers)["resource"]["google_cloudbuild_trigger"].values()
    there = {f"{kind}.{name}" for kind, blocks in setup.items() for name in blocks}
    accounts = {it["service_account"].removeprefix("${").removesuffix(".id}") for it in rendered}
    names = ("publish", *KINDS)
    assert accounts == {f"google_service_account.shipwheel-{it}" for it in names} <= there
    every = [*rendered, *(block for blocks in setup.values() for block in blocks.values())]
    assert {name for block in every for name in block.get("depends_on", ())} <= there
    assert {block["provider"] for block in every} == {"google"}
    assert "google_service_account." not in printed("triggers", "render", "--without-setup")


def test_members_that_only_punctuation_tells_apart_are_two_resources() -> None:
    options = SetupOptions(readers=("user:a.b@example.com", "user:a-b@example.com"))

    found = terraform_setup(needs(PACKAGE, options=options), "my-project", PYPI)["resource"]

    readers = found["google_artifact_registry_repository_iam_member"].values()
    members = {it["member"] for it in readers if it["repository"] == "pypi"}
    assert members >= {*options.readers}


def test_no_name_of_terraforms_begins_with_a_digit() -> None:
    found = terraform_setup(needs(PACKAGE, project="3com.com:tools"), "my-project", PYPI)[
        "resource"
    ]

    assert "_3com-com-tools-shipwheel-check" in found["google_service_account"]
    assert "_3com-com-tools-iam" in found["google_project_service"]
