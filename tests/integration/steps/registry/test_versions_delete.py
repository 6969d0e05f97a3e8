"""`shipwheel versions --delete`, with the real gcloud against a loopback API."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from builder.server import Emulator
from tests.integration.machine import needs_gcloud
from tests.integration.program import environment, shipwheel
from tests.integration.selection import exhaustive
from tests.integration.servers.artifact_registry_api import NAME, ArtifactRegistryApi
from tests.integration.servers.google import HOST, Google
from tests.tiny import make_distributions, make_project
from tests.tree import git

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "ya29.planted-token"
PLACE = "--repository=pypi --project=demo --location=us-central1 --format=json --quiet"
ADMIN = "roles/artifactregistry.repoAdmin"
GRANT = (
    f"it takes {ADMIN}: gcloud artifacts repositories add-iam-policy-binding pypi"
    f" --project=demo --location=us-central1 --role={ADMIN} --member=user:ACCOUNT"
)
UNDONE = "warning: a deletion cannot be undone\n"
LOWERED = (
    "warning: the highest version that the gate sees goes down from 1.10 to 1.9: what is lower"
    " than 1.10, or other contents under that number, will be taken for new\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Put two versions and a local one of `tide_tables` where the emulator will serve them."""
    folder = tmp_path / "registry/demo/pypi/tide-tables"
    folder.mkdir(parents=True)
    for version in ("1.9", "1.10", "1.1+here"):
        for file in make_distributions(make_project(tmp_path / version, "tide_tables", version)):
            shutil.copy(file.path, folder)
    return folder


@pytest.fixture
def google(tmp_path: Path, folder: Path) -> Iterator[Google]:
    with (
        Emulator(folder.parents[2], token=TOKEN) as emulator,
        Google(tmp_path, emulator.host, TOKEN) as google,
    ):
        yield google


@pytest.fixture(
    params=[
        pytest.param(False, id="normalised", marks=exhaustive),
        pytest.param(True, id="raw"),
    ]
)
def api(request: pytest.FixtureRequest, folder: Path) -> Iterator[ArtifactRegistryApi]:
    with ArtifactRegistryApi(folder.parent, raw=request.param) as api:
        yield api


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a repository in which a project and a function require the package."""
    root = tmp_path / "checkout"
    make_project(root, "berths", requires=["tide-tables>=1.10"])
    make_project(root, "dues")
    (root / "finder").mkdir()
    (root / "finder/requirements.txt").write_text("tide_tables==1.9  # pinned\n--require-hashes\n")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    (root / "finder/requirements-dev.txt").write_text("tide_tables\n")  # not added to git
    return root


def versions(
    cwd: Path, environ: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    return shipwheel(environ, "versions", *arguments, cwd=cwd)


def held(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


ALL = sorted(
    f"tide_tables-{version}{end}"
    for version in ("1.9", "1.10", "1.1+here")
    for end in ("-py3-none-any.whl", ".tar.gz")
)


@needs_gcloud
def test_a_version_is_deleted_under_the_names_that_the_service_has(
    google: Google, api: ArtifactRegistryApi, folder: Path, checkout: Path
) -> None:
    environ = google.environ | api.environ

    done = versions(checkout / "dues", environ, "Tide.Tables", "--delete", "1.10", "--yes")

    package = "tide_tables" if api.raw else "tide-tables"
    assert (done.returncode, sorted(done.stdout.splitlines())) == (0, sorted([
        f"tide-tables 1.10 in https://{HOST}/demo/pypi/:",
        "  tide_tables-1.10-py3-none-any.whl",
        "  tide_tables-1.10.tar.gz",
        "  berths requires 'tide-tables>=1.10', which nothing that stays satisfies",
        "  finder/requirements.txt requires 'tide_tables==1.9', which 1.9 satisfies",
    ]))  # fmt: skip
    assert done.stderr == (
        f"{UNDONE}{LOWERED}"
        f"$ gcloud artifacts packages list {PLACE}\n"
        f"$ gcloud artifacts versions list --package={package} {PLACE}\n"
        f"$ gcloud artifacts versions delete 1.10 --package={package} {PLACE}\n"
        "Deleted tide-tables 1.10\n"
    )
    assert held(folder) == [name for name in ALL if "1.10" not in name]
    again = versions(checkout, environ, "tide-tables")
    assert again.stdout == "1.1+here\n1.9\n"


@needs_gcloud
@exhaustive
def test_a_local_version_and_a_package_are_deleted(
    google: Google, api: ArtifactRegistryApi, folder: Path, tmp_path: Path
) -> None:
    environ = google.environ | api.environ

    options = ("--delete", "1.1+here", "--yes", "--async")
    version = versions(tmp_path, environ, "tide_tables", *options)
    assert (version.returncode, held(folder)) == (0, [it for it in ALL if "here" not in it])
    deleted, told = version.stderr.splitlines()[-2:]
    assert " --async " in deleted
    assert told == "Asked to delete tide-tables 1.1+here"

    package = versions(tmp_path, environ, "tide_tables", "--delete-package", "--yes", "--json")
    assert (package.returncode, held(folder)) == (0, [])
    told = json.loads(package.stdout)
    assert sorted(told.pop("files")) == [it for it in ALL if "here" not in it]
    assert told == {
        "package": "tide-tables",
        "version": None,
        "dependents": [],
        "warnings": [
            "a deletion cannot be undone",
            "the gate will take any version of tide-tables for a new one",
        ],
        "deleted": True,
    }


def test_without_yes_it_says_what_would_go_and_nothing_goes(
    google: Google, folder: Path, checkout: Path
) -> None:
    # Whoever only asks needs no gcloud.
    git = shutil.which("git")
    assert git
    (checkout / "bin").mkdir()
    (checkout / "bin/git").symlink_to(git)
    environ = {**google.environ, "PATH": str(checkout / "bin")}

    done = versions(checkout, environ, "tide_tables", "--delete", "1.10")
    as_json = versions(checkout, environ, "tide_tables", "--delete", "1.10", "--json")

    assert done.returncode == as_json.returncode == 1
    assert len(done.stdout.splitlines()) == 5
    assert done.stderr == (
        f"{UNDONE}{LOWERED}error: Nothing was deleted\n  hint: add --yes to delete what is listed\n"
    )
    told = json.loads(as_json.stdout)
    assert told["deleted"] is False
    assert told["dependents"] == [
        {"name": "berths", "requirement": "tide-tables>=1.10", "left": None},
        {"name": "finder/requirements.txt", "requirement": "tide_tables==1.9", "left": "1.9"},
    ]
    assert held(folder) == ALL


@needs_gcloud
@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        pytest.param(401, 5, "log in: gcloud auth login", marks=exhaustive),
        (403, 5, GRANT),
        pytest.param(
            500,
            4,
            "what was done before stays; run the same command again",
            marks=exhaustive,
        ),
    ],
)
def test_a_deletion_that_is_refused_says_what_it_takes(
    google: Google, folder: Path, *, status: int, code: int, hint: str
) -> None:
    with ArtifactRegistryApi(
        folder.parent, fault=lambda method, _: status if method == "DELETE" else None
    ) as api:
        environ = google.environ | api.environ
        done = versions(folder, environ, "tide-tables", "--delete", "1.9", "--yes")

    error = done.stderr[done.stderr.index("error: ") :].splitlines()
    assert done.returncode == code, done.stderr
    assert error[0].startswith("error: `gcloud artifacts versions delete` failed: ")
    assert error[1:] == [f"  hint: {hint}"]
    assert held(folder) == ALL


@needs_gcloud
def test_who_is_not_logged_in_is_reported(google: Google, folder: Path, tmp_path: Path) -> None:
    with ArtifactRegistryApi(folder.parent) as api:
        environ = {**google.environ, **api.environ}
        del environ["CLOUDSDK_AUTH_DISABLE_CREDENTIALS"]
        environ["CLOUDSDK_CORE_CHECK_GCE_METADATA"] = "false"
        done = versions(tmp_path, environ, "tide-tables", "--delete", "1.9", "--yes")

    assert done.returncode == 5
    assert done.stderr.endswith("  hint: log in: gcloud auth login\n")
    assert api.requests == []


def test_a_missing_gcloud_is_reported_in_a_sentence(
    google: Google, folder: Path, tmp_path: Path
) -> None:
    environ = {**google.environ, "PATH": str(tmp_path)}

    done = versions(tmp_path, environ, "tide-tables", "--delete", "1.9", "--yes")

    assert done.returncode == 2
    assert done.stderr.endswith(
        "error: gcloud is not installed, and Google Cloud is reached through it\n"
        "  hint: https://cloud.google.com/sdk/docs/install\n"
    )
    assert held(folder) == ALL


@needs_gcloud
def test_what_the_service_does_not_know_is_not_deleted(
    google: Google, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other / "berths")
    with ArtifactRegistryApi(other) as api:
        environ = google.environ | api.environ
        done = versions(tmp_path, environ, "tide-tables", "--delete", "1.9", "--yes")

    assert done.returncode == 2
    assert done.stderr.endswith(
        "error: Artifact Registry has nothing that is 'tide-tables', by gcloud: 'berths'\n"
        "  hint: nothing was deleted; look at what is there: gcloud artifacts packages list\n"
    )
    assert [path for method, path in api.requests if method == "DELETE"] == []
    assert api.requests[0] == ("GET", f"/v1/{NAME}/packages")


@pytest.mark.parametrize(
    ("option", "left"), [(["--delete", "1.1+here"], ALL[2:]), (["--delete-package"], [])]
)
def test_the_emulator_deletes_itself_and_without_gcloud(
    folder: Path, tmp_path: Path, option: list[str], left: list[str]
) -> None:
    with Emulator(folder.parents[2], token=TOKEN, more_tokens={"reads": "reader"}) as emulator:

        def delete(token: str, *more: str) -> subprocess.CompletedProcess[str]:
            login = {"TWINE_USERNAME": "oauth2accesstoken", "TWINE_PASSWORD": token}
            environ = environment(emulator.host, PATH=str(tmp_path), **login)
            return versions(tmp_path, environ, "tide_tables", *option, *more)

        assert (delete(TOKEN).returncode, held(folder)) == (1, ALL)
        refused = delete("reads", "--yes")
        assert (refused.returncode, held(folder)) == (5, ALL)
        assert f"grant it {ADMIN}" in refused.stderr
        done = delete(TOKEN, "--yes")

    assert (done.returncode, held(folder)) == (0, left), done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tides", "--delete", "1", "--delete-package"], "Delete one version, or one package"),
        (["tides", "--delete", "1", "--files"], "Delete one version, or one package"),
        (["--all", "--delete-package"], "Name the package that is deleted"),
        (["tides", "--all", "--delete", "1"], "Name a package, or --all packages"),
        (["--delete", "1"], "Name the package that is deleted, or of which a version is."),
        (["tides", "--yes"], "--yes and --async belong to a deletion: add --delete VERSION."),
        (["tides", "--async"], "--yes and --async belong to a deletion"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    environ = {**os.environ, "ARTIFACT_REGISTRY_EMULATOR_HOST": "127.0.0.1:9"}

    done = versions(tmp_path, environ, *arguments, "--registry", "us-central1/demo/pypi")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("3", "error: The registry holds no version '3' of 'tide-tables'\n"),
        ("three", "error: Not a version that PEP 440 knows: 'three'\n"),
        ("", "error: Not a version that PEP 440 knows: ''\n"),
    ],
)
def test_a_version_that_is_not_there_is_named(
    google: Google, tmp_path: Path, version: str, message: str
) -> None:
    done = versions(tmp_path, google.environ, "tide-tables", "--delete", version, "--yes")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
