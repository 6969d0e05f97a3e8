"""What `shipwheel triggers render` prints, read by the real gcloud and by Google's own types."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from google.cloud.devtools.cloudbuild_v1.types import Build, BuildTrigger

from builder.__main__ import main
from tests.integration.machine import needs_gcloud, needs_terraform
from tests.integration.selection import sample
from tests.unit.triggers.rendering.rendering import KINDS

if TYPE_CHECKING:
    from tests.integration.servers.cloud_build_api import CloudBuildApi


pytestmark = needs_gcloud

SAMPLE = Path(__file__).parents[3] / "example"
REGION = "us-central1"
CONNECTION = "projects/demo/locations/us-central1/connections/hub"
SOURCES: dict[str, dict[str, Any]] = {
    "github": {"github": {"owner": "harbour-office", "name": "harbour"}},
    "2nd generation": {"repository": f"{CONNECTION}/repositories/harbour"},
    "Developer Connect": {"gitRepositoryLink": f"{CONNECTION}/gitRepositoryLinks/harbour"},
}


@pytest.fixture(name="repository", params=SOURCES)
def _repository(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a copy of the sample repository whose source is of the kind that is asked for."""
    root = tmp_path / "harbour"
    shutil.copytree(SAMPLE, root)
    manifest = yaml.safe_load((root / "shipwheel.yaml").read_text())
    manifest["source"] = SOURCES[request.param]
    manifest["publish"] = {"approval": True, "ignoredFiles": ["**/*.md"]}
    if "gitRepositoryLink" not in manifest["source"]:
        manifest["kinds"] = KINDS
    manifest["substitutions"] = {"_YES": "y", "_PYTHON": "3.10", "_MODE": "012", "_FLOAT": "1e3"}
    (root / "shipwheel.yaml").write_text(json.dumps(manifest))
    return root


def render(root: Path, capsys: pytest.CaptureFixture[str], *options: str) -> Path:
    """Render the triggers of *root* into a file, and return it."""
    assert main(["triggers", "render", "--manifest", str(root / "shipwheel.yaml"), *options]) == 0
    file = root / "triggers.yaml"
    file.write_text(capsys.readouterr().out)
    return file


def import_file(api: CloudBuildApi, file: Path) -> None:
    done = api.gcloud("builds", "triggers", "import", f"--source={file}", f"--region={REGION}")
    assert (done.returncode, done.stderr) == (0, "")


@sample("options", [[], ["--inline"]], [])
def test_gcloud_imports_every_document_without_changing_it(
    api: CloudBuildApi,
    repository: Path,
    options: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = render(repository, capsys, *options)

    import_file(api, file)

    documents = [*yaml.safe_load_all(file.read_text())]
    kinds = yaml.safe_load((repository / "shipwheel.yaml").read_text()).get("kinds", {})
    assert len(documents) == 9 + len(kinds)
    created = [request.body for request in api.requests if request.method == "POST"]
    for body in created:
        del body["resourceName"]  # gcloud puts it in
    assert created == documents
    manifest = str(repository / "shipwheel.yaml")
    assert main(["triggers", "diff", "--manifest", manifest, *options]) == 0


@pytest.mark.parametrize("repository", ["github"], indirect=True)
def test_a_second_import_updates_by_name_and_keeps_the_ids(
    api: CloudBuildApi, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = render(repository, capsys)
    import_file(api, file)
    before = json.dumps(api.triggers, sort_keys=True)
    api.requests.clear()

    import_file(api, file)

    assert {request.method for request in api.requests} == {"PATCH"}
    assert json.dumps(api.triggers, sort_keys=True) == before


# Google's types, as they are published, do not know Developer Connect yet.
@pytest.mark.parametrize("repository", ["github", "2nd generation"], indirect=True)
@pytest.mark.parametrize("options", [[], ["--inline"]])
def test_googles_own_types_parse_every_document_strictly(
    repository: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for document in yaml.safe_load_all(render(repository, capsys, *options).read_text()):
        document.pop("includeBuildLogs", None)  # as little as this
        parsed = BuildTrigger.from_json(json.dumps(document), ignore_unknown_fields=False)

        assert parsed.name == document["name"]
        assert parsed.substitutions["_PYTHON"] == "3.10"


SHARED = sorted(path.name for path in (SAMPLE / "cloudbuild").iterdir())


def substitutions(
    repository: Path, capsys: pytest.CaptureFixture[str], name: str
) -> dict[str, str]:
    """Return those of the trigger that runs the shared build config *name*."""
    documents = [*yaml.safe_load_all(render(repository, capsys).read_text())]
    configs = {it["filename"]: it["substitutions"] for it in documents if "filename" in it}
    package = configs["cloudbuild/publish-package.yaml"]
    then = package | {"_THEN_DEPLOY": "f-deploy g-deploy", "COMMIT_SHA": "0" * 40}
    page = {key: package[key] for key in ("_DIRECTORY", "_IMAGE", "_PROJECT", "_REGION", "_REPO")}
    configs |= {
        "cloudbuild/publish-package-native.yaml": package,
        "cloudbuild/publish-directory.yaml": package,
        "cloudbuild/publish-package-then-deploy.yaml": then,
        "cloudbuild/publish-directory-then-deploy.yaml": then,
        "cloudbuild/check-directory.yaml": package | {"_BASE_BRANCH": "main"},
        "cloudbuild/status.yaml": page | {"_BUCKET": "harbour-pages"},
    }
    assert {*configs} == {f"cloudbuild/{it}" for it in SHARED}
    found: dict[str, str] = configs[f"cloudbuild/{name}"]
    return found


@pytest.mark.parametrize("repository", ["github"], indirect=True)
@sample("name", SHARED, "publish-package-then-deploy.yaml", "check-package.yaml")
def test_gcloud_submits_a_shared_build_config_with_its_triggers_substitutions(
    api: CloudBuildApi, repository: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    given = [f"{key}={value}" for key, value in substitutions(repository, capsys, name).items()]

    done = api.gcloud(
        "builds",
        "submit",
        "--no-source",
        "--async",
        f"--config={repository / 'cloudbuild' / name}",
        f"--region={REGION}",
        f"--substitutions=^;^{';'.join(given)}",
    )

    assert done.returncode == 0, done.stderr
    [build] = api.builds
    sent = {key: build[key] for key in ("steps", "options", "timeout")}
    Build.from_json(json.dumps(sent), ignore_unknown_fields=False)


def test_the_loopback_api_lists_runs_and_deletes(api: CloudBuildApi) -> None:
    for name in ("a", "b", "c"):
        api.add(REGION, {"name": name, "filename": "cloudbuild.yaml"})

    listed = api.gcloud("builds", "triggers", "list", f"--region={REGION}", "--format=value(name)")
    assert listed.stdout.split() == ["a", "b", "c"]
    ran = api.gcloud("builds", "triggers", "run", "a", f"--region={REGION}", "--branch=main")
    assert ran.returncode == 0, ran.stderr
    assert [build["source"] for build in api.builds] == [{"repoSource": {"branchName": "main"}}]
    deleted = api.gcloud("builds", "triggers", "delete", "b", f"--region={REGION}")
    assert deleted.returncode == 0, deleted.stderr
    assert [*api.by_name(REGION)] == ["a", "c"]
    missing = api.gcloud("builds", "triggers", "describe", "b", f"--region={REGION}")
    assert missing.returncode == 1
    assert "Requested entity was not found." in missing.stderr


def test_gcloud_lists_the_first_page_of_triggers_only(api: CloudBuildApi) -> None:
    api.page_size = 2
    for name in ("a", "b", "c"):
        api.add(REGION, {"name": name, "filename": "cloudbuild.yaml"})

    listed = api.gcloud("builds", "triggers", "list", f"--region={REGION}", "--format=value(name)")

    assert listed.stdout.split() == ["a", "b"]


@needs_terraform
@pytest.mark.parametrize("repository", ["github"], indirect=True)
def test_terraform_reads_every_text_as_it_is(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No provider can be had here, so the resources are read as values instead."""
    inline = [*yaml.safe_load_all(render(repository, capsys, "--inline").read_text())]
    options = ("--inline", "--format", "terraform", "--without-setup")
    file = render(repository, capsys, *options)
    [resources] = json.loads(file.read_text())["resource"].values()
    (repository / "values.tf.json").write_text(json.dumps({"locals": {"all": resources}}))

    done = subprocess.run(
        ["terraform", f"-chdir={repository}", "console"],
        input="jsonencode(local.all)\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    read = json.loads(json.loads(done.stdout))
    assert [*read] == sorted(document["name"] for document in inline)
    for document in inline:
        steps = read[document["name"]]["build"]["step"]
        assert [step["name"] for step in steps] == [
            step["name"] for step in document["build"]["steps"]
        ]
        assert read[document["name"]]["substitutions"] == document["substitutions"]
