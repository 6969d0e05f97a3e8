"""The build configs that publish and check, on clones as Cloud Build makes them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.integration.selection import sample
from tests.integration.servers.google_api import Answer, GoogleApi, Request, error_answer
from tests.tiny import make_project
from tests.tree import commit, git

if TYPE_CHECKING:
    from builder.server import Emulator

pytestmark = pytest.mark.emulator(repositories=["demo/pypi"])

CONFIGS = Path(__file__).parents[4] / "triggers" / "build_configs"
ALL_CHECKED = "The history could not be fetched: every package below packages is checked"


class PrivateRemote(GoogleApi):
    """A git remote that asks everybody for a user name."""

    endpoints = ()

    def answer(self, request: Request) -> Answer:
        return error_answer(401, "UNAUTHENTICATED", request.path)


@pytest.fixture(name="origin")
def _origin(tmp_path: Path) -> Path:
    """A repository of two packages on main, in one commit."""
    origin = tmp_path / "origin"
    for name in ("berths", "tides"):
        make_project(origin / "packages", name)
    (origin / ".gcloudignore").write_text("dist/\n")  # with it, the local builder brings .git
    commit(origin)
    return origin


def run(
    name: str,
    origin: Path,
    emulator: Emulator,
    *,
    branch: str = "main",
    url: str = "",
    directory: str = "packages",
    configs: Path = CONFIGS,
) -> str:
    """Run the build config *name* on a clone of one commit; return what the build printed."""
    clone = Path(tempfile.mkdtemp(dir=origin.parent))
    shallow = ("--quiet", "--depth=1", f"--branch={branch}")
    git(origin, "clone", *shallow, origin.as_uri(), str(clone))
    git(clone, "remote", "set-url", "origin", url or origin.as_uri())
    given = f"_DIRECTORY={directory},_IMAGE=shipwheel,_PROJECT=demo,_REGION=us-central1,_REPO=pypi"
    more = {"check-directory.yaml": ",_BASE_BRANCH=main", "status.yaml": ",_BUCKET=pages"}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SHIPWHEEL_")}
    done = subprocess.run(
        [
            *(sys.executable, "-I", "-m", "builder", "run", str(configs / name)),
            *(
                "--source",
                str(clone),
                "--host-tools",
                "--substitutions",
                f"{given}{more.get(name, '')}",
            ),
        ],
        env={**inherited, "ARTIFACT_REGISTRY_EMULATOR_HOST": emulator.host},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def stored(tmp_path: Path) -> set[str]:
    wheels = (tmp_path / "registry").rglob("*.whl")
    return {"-".join(wheel.name.split("-")[:2]) for wheel in wheels}


def test_all_commits_of_a_push_are_published_also_of_a_repository_with_one(
    origin: Path, emulator: Emulator, tmp_path: Path
) -> None:
    run("publish-directory.yaml", origin, emulator)
    assert stored(tmp_path) == {"berths-1.0", "tides-1.0"}

    git(origin, "checkout", "--quiet", "-b", "next")
    project = origin / "packages/berths/pyproject.toml"
    project.write_text(project.read_text().replace('"1.0"', '"1.1"'))
    commit(origin)
    for text in ("a", "b"):  # the same push goes on, and touches no package
        (origin / "README.md").write_text(text)
        commit(origin)
    run("publish-directory.yaml", origin, emulator, branch="next")
    assert stored(tmp_path) == {"berths-1.0", "berths-1.1", "tides-1.0"}


def test_the_page_of_the_status_is_written_for_the_step_that_copies_it(
    origin: Path, emulator: Emulator, tmp_path: Path
) -> None:
    """The second step is left out: there is no bucket here."""
    config = yaml.safe_load((CONFIGS / "status.yaml").read_text())
    file = config["steps"][1]["args"][2]
    check = f"grep -o '<title>.*</title>' {file}; grep -c 'packages/tides' {file}"
    config["steps"][1] = {"name": "bash", "args": ["-c", check]}
    (tmp_path / "status.yaml").write_text(yaml.safe_dump(config))

    output = run("status.yaml", origin, emulator, directory=".", configs=tmp_path)

    assert re.search("<title>.+: status</title>", output)
    assert "1" in output.split()


PARTIAL = ("1 uploaded, 1 found", "1 found, 1 uploaded")


@sample("kind", ["package", "directory"], "package")
def test_what_starts_deployments_reads_whether_anything_was_published(
    origin: Path, emulator: Emulator, tmp_path: Path, kind: str
) -> None:
    """Of the second step the question alone is run: there is no Cloud Build here."""
    name = f"publish-{kind}-then-deploy.yaml"
    config = yaml.safe_load((CONFIGS / name).read_text())
    [question] = re.findall("grep --quiet ('.*') published.txt", config["steps"][1]["script"])
    assert all(re.search(question[1:-1], f" {it}  3.0 kB") for it in PARTIAL)
    script = f"#!/bin/sh\necho $(grep -c {question} published.txt) published"
    config["steps"][1:] = [{"name": "${_IMAGE}", "script": script}]
    (tmp_path / name).write_text(yaml.safe_dump(config, sort_keys=False))
    directory = "packages/tides" if kind == "package" else "packages"

    printed = [run(name, origin, emulator, directory=directory, configs=tmp_path) for _ in range(2)]

    rows = 1 if kind == "package" else 2
    assert [f"{rows} published" in printed[0], "0 published" in printed[1]] == [True, True]


def test_a_pull_request_is_checked_for_what_it_changes_where_the_history_can_be_fetched(
    origin: Path, emulator: Emulator
) -> None:
    git(origin, "checkout", "--quiet", "-b", "feature")
    (origin / "packages/tides/tides/new.py").touch()
    commit(origin)
    (origin / "README.md").touch()
    commit(origin)

    printed = run("check-directory.yaml", origin, emulator, branch="feature")

    assert "1 of 2 projects changed since refs/remotes/origin/main" in printed
    assert ALL_CHECKED not in printed


def test_every_package_is_checked_where_the_remote_asks_for_credentials(
    origin: Path, emulator: Emulator
) -> None:
    with PrivateRemote() as remote:
        printed = run("check-directory.yaml", origin, emulator, url=f"{remote.url}a.git")

    assert "could not read Username for 'http://127.0.0.1" in printed
    assert ALL_CHECKED in printed
    assert all(f'Step #0 - "check": {name} ' in printed for name in ("berths", "tides"))


def test_a_native_build_that_failed_after_its_upload_succeeds_when_it_is_run_again(
    origin: Path, emulator: Emulator, tmp_path: Path
) -> None:
    def build() -> str:
        name = "publish-package-native.yaml"
        return run(name, origin, emulator, directory="packages/tides")

    assert "Uploading 2 files to http" in build()
    uploaded = {path.name for path in (tmp_path / "registry").rglob("tides-1.0*")}
    assert len(uploaded) == 2

    again = build()
    assert "WARNING: no file matches packages/tides/dist/*: Google does not document" in again
    assert "Uploading" not in again

    next((tmp_path / "registry").rglob("tides-1.0.tar.gz")).unlink()
    assert "Uploading 1 file to http" in build()
    assert {path.name for path in (tmp_path / "registry").rglob("tides-1.0*")} == uploaded


def test_what_is_released_when_it_is_bumped_is_checked_and_published_as_the_manifest_says(
    origin: Path, emulator: Emulator
) -> None:
    (origin / "shipwheel.yaml").write_text("releases: when-bumped\n")
    commit(origin)
    run("publish-directory.yaml", origin, emulator)
    (origin / "packages/tides/tides/__init__.py").write_text('"""Changed."""\n')
    make_project(origin / "packages", "berths", "1.1")
    commit(origin)

    checked = run("check-package.yaml", origin, emulator, directory="packages/tides")
    published = run("publish-directory.yaml", origin, emulator)

    assert "unreleased  unreleased changes in tides/__init__.py; to release them, bump" in checked
    assert re.search(r"tides +1\.0 +unreleased +2 found; unreleased changes in tides/", published)
    assert re.search(r"berths +1\.1 +new +2 uploaded", published)
