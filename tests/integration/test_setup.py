"""`shipwheel setup`, with the real gcloud against a loopback project."""

from __future__ import annotations

import copy
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from builder.__main__ import main
from tests.integration.project_api import ProjectApi
from tests.integration.termination import terminate_at
from triggers.repository import open_repository
from triggers.setup.commands import upstream_policies
from triggers.setup.resources import Api, Binding, Place, Project, Repository, ServiceAccount
from triggers.setup.wanted import Extras, wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.google_api import Request
    from triggers.setup.resources import Scope

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")

SAMPLE = Path(__file__).parents[1] / "example"
ANN = "user:ann@example.com"
PYPI = "projects/demo/locations/us-east4/repositories/pypi"
CHECKER = "serviceAccount:shipwheel-check@demo.iam.gserviceaccount.com"
PUBLISHER = "serviceAccount:shipwheel-publish@demo.iam.gserviceaccount.com"
WRITER = "roles/artifactregistry.writer"
CLEANUP = [
    {
        "name": "old-snapshots",
        "action": {"type": "Delete"},
        "condition": {"olderThan": "30d", "versionNamePrefixes": ["0.0.dev"]},
    },
    {"name": "latest", "action": {"type": "Keep"}, "mostRecentVersions": {"keepCount": 5}},
]


@pytest.fixture(name="api")
def _api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProjectApi]:
    with ProjectApi() as api:
        api.send_gcloud_here(monkeypatch)
        yield api


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    """Return a copy of the sample repository without its function: fewer calls of gcloud."""
    root = tmp_path / "harbour"
    shutil.copytree(SAMPLE, root)
    manifest = yaml.safe_load((root / "shipwheel.yaml").read_text())
    del manifest["overrides"]
    (root / "shipwheel.yaml").write_text(yaml.safe_dump({**manifest, "functions": {"include": []}}))
    return root


def run(root: Path, *options: str) -> int:
    return main(["setup", "--manifest", str(root / "shipwheel.yaml"), *options])


def writes(api: ProjectApi) -> list[str]:
    """Return what was changed since the last time, by the paths of the requests."""
    changing = [it for it in api.requests if it.method != "GET" and "getIamPolicy" not in it.path]
    api.requests.clear()
    return [request.path for request in changing]


def seed(api: ProjectApi, root: Path) -> None:
    """Hold what the repository asks for, without asking gcloud."""
    repository = open_repository(root / "shipwheel.yaml")
    for need in wanted(repository.manifest, repository.inventory, Extras()):
        match need.resource:
            case Api(_, name):
                api.apis.add(name)
            case Repository() as it:
                api.repositories[it.place.resource] = repository_body(it)
            case ServiceAccount(_, email):
                api.accounts[email] = {"email": email}
            case Binding(scope, member, role):
                grant(api, scope, member, role)


def repository_body(repository: Repository) -> dict[str, Any]:
    body = {
        "name": repository.place.resource,
        "format": repository.format.upper(),
        "mode": f"{repository.mode.upper()}_REPOSITORY",
    }
    if repository.mode != "virtual":
        return body
    upstreams = json.loads(upstream_policies(repository))
    return {**body, "virtualRepositoryConfig": {"upstreamPolicies": upstreams}}


def grant(api: ProjectApi, scope: Scope | str, member: str, role: str, **more: Any) -> None:
    match scope:
        case Project(name):
            resource = f"projects/{name}"
        case ServiceAccount(project, email):
            resource = f"projects/{project}/serviceAccounts/{email}"
        case Place():
            resource = scope.resource
        case _:
            resource = scope
    bindings = api.policies.setdefault(resource, [])
    bindings.append({"role": role, "members": [member], **more})


def test_every_printed_command_runs_in_a_shell_and_then_nothing_is_missing(
    api: ProjectApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole sample with its function, a person and cleanup policies."""
    policy = tmp_path / "old packages.json"
    policy.write_text(json.dumps(CLEANUP))
    options = ["--member", ANN, "--cleanup-policy", str(policy)]
    assert run(SAMPLE, *options) == 0
    script = capsys.readouterr().out
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
    assert len(writes(api)) == len(script.split("\n\n")) == 38
    before = copy.deepcopy(api.state())
    assert run(SAMPLE, *options, "--apply") == 0
    assert writes(api) == []
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("done: 0 created, 43 were there\n")
    assert run(SAMPLE, *options, "--check") == 0
    assert api.state() == before
    assert api.roles(PUBLISHER) == {
        (WRITER, "pypi"),
        ("roles/artifactregistry.reader", "docker"),
        ("roles/logging.logWriter", "demo"),
    }
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
    assert captured.err.endswith("done: 20 created, 0 were there\n")
    before = copy.deepcopy(api.state())
    writes(api)
    assert run(root, "--apply", "--json") == 0
    assert writes(api) == []
    assert api.state() == before
    assert json.loads(capsys.readouterr().out)["created"] == []


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
    repository = "the repository us-east4/demo/pypi"
    assert captured.out.splitlines() == [
        (
            f"missing   roles/artifactregistry.reader on {repository} for {CHECKER}:"
            " shipwheel-check compares the version with what is published"
        ),
        f"too many  roles/artifactregistry.writer on {repository} for {CHECKER}",
        (
            "            gcloud artifacts repositories remove-iam-policy-binding pypi"
            f" --location=us-east4 --member={CHECKER} --role={WRITER} --all --project=demo"
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


def test_what_is_there_and_wrong_is_named_with_the_command_that_mends_it(
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
            "error: There is the repository us-east4/demo/pypi, and it is python, remote, not"
            " python, standard"
        ),
        "  hint: name another one in the manifest: a repository's kind cannot be changed",
    ]


def test_a_kill_in_the_middle_leaves_the_rest_to_the_next_apply(
    api: ProjectApi, root: Path
) -> None:
    seed(api, root)
    complete = copy.deepcopy(api.state())
    for resource in [*api.policies][:2]:
        api.policies[resource].pop()

    def at_the_second(_request: Request) -> bool:
        return sum("setIamPolicy" in it.path for it in api.requests) == 2

    terminate_at(at_the_second, api, root, "setup", "--apply")
    assert api.state() != complete

    assert run(root, "--apply") == 0
    assert api.state() == complete


@pytest.mark.parametrize(
    "expected",
    [
        (
            "/services",
            403,
            5,
            "it takes roles/viewer and roles/iam.securityReviewer in the project",
        ),
        ("/services", 401, 5, "log in: gcloud auth login"),
        ("/services", 404, 4, "what was done before stays; run the same command again"),
        (
            "POST /v1/projects/demo/serviceAccounts?",
            403,
            5,
            "it takes roles/iam.serviceAccountAdmin",
        ),
        (
            "setIamPolicy",
            403,
            5,
            "it takes roles/artifactregistry.admin in the project 'demo': ask",
        ),
    ],
)
def test_an_error_of_a_service_has_its_code_and_says_what_it_takes(
    api: ProjectApi,
    root: Path,
    expected: tuple[str, int, int, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    where, status, code, hint = expected
    seed(api, root)
    api.accounts.popitem()
    api.policies[PYPI].clear()
    api.fault = lambda it: status if where in f"{it.method} {it.path}" else None

    assert run(root, "--apply") == code

    error, said = capsys.readouterr().err.splitlines()[-2:]
    assert error.startswith("error: `gcloud ")
    assert said.startswith(f"  hint: {hint}")


def test_without_a_login_it_ends_before_anything_is_asked(
    api: ProjectApi,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("CLOUDSDK_AUTH_DISABLE_CREDENTIALS")

    assert run(root, "--apply") == 5

    assert api.requests == []
    assert capsys.readouterr().err.splitlines()[-1] == "  hint: log in: gcloud auth login"


def test_a_login_to_another_project_is_said_and_the_manifests_project_is_set_up(
    api: ProjectApi,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seed(api, root)
    monkeypatch.setenv("CLOUDSDK_CORE_PROJECT", "elsewhere")

    assert run(root, "--check") == 0

    assert capsys.readouterr().err.splitlines()[1] == (
        "warning: gcloud's active configuration is for the project 'elsewhere'; every command here"
        " names the manifest's, 'demo'"
    )
    assert {"demo"} == {it.path.split("/")[3].partition(":")[0] for it in api.requests} - {"-"}


def test_the_api_that_tells_which_apis_are_on_may_be_off_itself(
    api: ProjectApi, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api.service_usage = False

    assert run(root, "--apply") == 4

    assert capsys.readouterr().err.splitlines()[-1] == (
        "  hint: enable it: gcloud services enable serviceusage.googleapis.com --project=demo"
    )


def test_without_gcloud_the_commands_are_printed_all_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(root))

    assert run(root) == 0
    assert capsys.readouterr().out.count("\ngcloud ") == 16

    assert run(root, "--check") == 2
    assert capsys.readouterr().err.splitlines()[1:] == [
        "error: gcloud is not installed, and Google Cloud is reached through it",
        "  hint: https://cloud.google.com/sdk/docs/install",
    ]


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
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
