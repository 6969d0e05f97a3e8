"""`shipwheel status` over a sample repository, the emulator, and the real gcloud."""

from __future__ import annotations

import json
import shutil
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pydantic import TypeAdapter

from builder.__main__ import main
from tests.integration.machine import needs_gcloud
from tests.integration.servers.faults import Fault, FaultyRegistry, Request
from tests.integration.triggers.live.repository import SAMPLE, seed
from tests.tiny import make_distributions, make_project
from tests.tree import write
from triggers.overview.model import Overview

if TYPE_CHECKING:
    from pathlib import Path

    from builder.server import Emulator
    from tests.integration.servers.cloud_build_api import CloudBuildApi

LOCK = '[[package]]\nname = "harbour-tides"\nversion = "1.1.0"\n'


@pytest.fixture(name="root")
def _root(tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the sample, with releases of its packages, and go there.

    Berths is published as it is here, dues in a higher version, tides in two lower ones.
    """
    root = tmp_path / "harbour"
    shutil.copytree(SAMPLE, root)
    write(root, {"uv.lock": LOCK})
    releases = {"berths": ["0.4.1"], "dues": ["2.1.0"], "tides": ["1.0.0", "1.1.0", "1.1.1"]}
    for name, versions in releases.items():
        for version in versions:
            project = make_project(tmp_path / version, f"harbour_{name}", version)
            folder = tmp_path / f"registry/demo/pypi/harbour-{name}"
            folder.mkdir(exist_ok=True)
            for it in make_distributions(project):
                it.path.rename(folder / it.filename)
    monkeypatch.setenv("ARTIFACT_REGISTRY_EMULATOR_HOST", emulator.host)
    monkeypatch.delenv("SHIPWHEEL_REGISTRY", raising=False)
    monkeypatch.chdir(root)
    return root


@pytest.mark.usefixtures("root")
def test_each_package_and_function_has_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-q", "status", "--no-live"]) == 0

    heading, *rows = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in (heading, *rows)]
    states = {row[0]: (row[1], row[2], row[-4]) for row in cells[1:]}
    assert cells[0][:3] == ["NAME", "HERE", "PUBLISHED"]
    assert states == {
        "harbour-berths": ("0.4.1", "0.4.1", "published"),
        "harbour-dues": ("2.0.0", "2.1.0", "not-bumped"),
        "harbour-signals": ("0.1.0", "-", "never-published"),
        "harbour-tides": ("1.2.0", "1.1.1", "new"),
        "berth-finder": ("-", "-", "function"),
    }


@pytest.mark.usefixtures("root")
def test_the_json_is_what_its_schema_says_and_every_file_has_its_size_and_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["-q", "status", "--no-live", "--json", "packages/tides"]) == 0

    found = TypeAdapter(Overview).validate_json(capsys.readouterr().out)
    (tides,) = found.components
    assert (found.title, found.registry.rsplit("/", 3)[1:]) == ("harbour", ["demo", "pypi", ""])
    assert [it.version for it in tides.versions] == ["1.1.1", "1.1.0", "1.0.0"]
    files = [file for version in tides.versions for file in version.files]
    assert all(it.size and it.uploaded and it.sha256 for it in files)
    assert len(files) == 6
    assert {(it.name, it.fit, it.takes) for it in tides.consumers} == {
        ("harbour-berths", "ahead", None),
        ("uv.lock", "older", "1.1.0"),
    }


@pytest.mark.parametrize(
    ("options", "code", "names"),
    [
        (["--state", "not-bumped", "--check"], 1, ["harbour-dues"]),
        (["--outdated", "--check"], 1, ["uv.lock"]),
        (["packages/berths", "--check"], 0, ["harbour-berths"]),
        (["functions"], 0, ["berth-finder"]),
        (["--state", "new", "--state", "never-published"], 0, ["harbour-signals", "harbour-tides"]),
        (["package"], 2, []),
        (["--manifest", "other.yaml"], 2, []),
    ],
)
@pytest.mark.usefixtures("root")
def test_what_is_shown_is_chosen_and_decides_the_exit_code(
    options: list[str], code: int, names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-q", "status", "--no-live", *options]) == code

    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == names


@pytest.mark.usefixtures("root")
def test_a_directory_may_be_written_as_on_windows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("triggers.status.Path", PureWindowsPath)

    assert main(["-q", "status", "--no-live", ".\\packages\\tides\\"]) == 0

    assert capsys.readouterr().out.splitlines()[1].startswith("harbour-tides ")


def test_with_a_build_contents_are_compared(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-q", "publish", "packages/signals"]) == 0
    capsys.readouterr()

    assert main(["-q", "status", "packages", "--no-live", "--build", "--json"]) == 0
    before = {it["name"]: it["state"] for it in json.loads(capsys.readouterr().out)["components"]}
    (root / "packages/signals/harbour_signals.py").write_text("EDITED = True\n")
    assert main(["-q", "status", "packages", "--no-live", "--build", "--json"]) == 0
    after = {it["name"]: it["state"] for it in json.loads(capsys.readouterr().out)["components"]}
    manifest = root / "shipwheel.yaml"
    manifest.write_text(f"releases: when-bumped\n{manifest.read_text()}")
    assert main(["-q", "status", "packages", "--no-live", "--build", "--json"]) == 0
    later = {it["name"]: it["state"] for it in json.loads(capsys.readouterr().out)["components"]}

    manifest.write_text(f"unversioned: ['*.py']\n{manifest.read_text()}")
    assert main(["-q", "status", "packages", "--no-live", "--build", "--json"]) == 0
    last = {it["name"]: it["state"] for it in json.loads(capsys.readouterr().out)["components"]}

    states = [it["harbour-signals"] for it in (before, after, later, last)]
    assert states == ["identical", "changed", "unreleased", "identical"]


def test_the_name_that_only_a_build_tells_is_asked_for_after_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setup = "from setuptools import setup\nname = 'tides'.replace('t', 'harbour-t')\n"
    write(root, {"Tide_Tables/setup.py": f"{setup}setup(name=name, version='1.0.' + '1')\n"})
    (root / "shipwheel.yaml").unlink()
    shutil.rmtree(root / "packages/tides")
    found = []
    for options in ([], ["--build"]):
        arguments = ["status", "Tide_Tables", "--json", "--registry", "us-central1/demo/pypi"]
        assert main(["-q", *arguments, *options]) == 0
        found += json.loads(capsys.readouterr().out)["components"]

    assert [(it["name"], it["state"], it["highest"]) for it in found] == [
        ("Tide_Tables", "unknown", None),
        ("harbour-tides", "not-bumped", "1.1.1"),
    ]
    assert {it["path"] for it in found[1]["consumers"]} == {"packages/berths", "uv.lock"}


def test_without_a_manifest_it_shows_what_is_here(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "shipwheel.yaml").unlink()

    assert main(["-q", "status", "--json", "--registry", "us-central1/demo/pypi"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert (found["title"], found["notes"]) == ("harbour", [])
    assert len(found["components"]) == 5
    assert not any(it["triggers"] for it in found["components"])


def test_each_package_is_asked_for_once_and_the_files_of_all_at_once(
    root: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def script(request: Request) -> Fault | None:
        asked.append(request.path.partition("?")[0])
        return None

    with FaultyRegistry(emulator, script) as registry:
        monkeypatch.setenv("ARTIFACT_REGISTRY_EMULATOR_HOST", registry.host)
        assert main(["-q", "status", "--no-live", "--manifest", str(root / "shipwheel.yaml")]) == 0

    api = "/v1/projects/demo/locations/us-central1/repositories/pypi/files"
    pages = [f"/demo/pypi/simple/harbour-{it}/" for it in ("berths", "dues", "signals", "tides")]
    assert sorted(asked) == [*pages, api]


@pytest.mark.usefixtures("root")
def test_a_registry_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTIFACT_REGISTRY_EMULATOR_HOST", "127.0.0.1:1")

    assert main(["-q", "status", "--no-live", "--retry-for", "0"]) == 4


@needs_gcloud
def test_live_triggers_are_compared(
    root: Path, api: CloudBuildApi, capsys: pytest.CaptureFixture[str]
) -> None:
    def states() -> dict[str, Any]:
        assert main(["-q", "status", "--json"]) == 0
        components = json.loads(capsys.readouterr().out)["components"]
        return {it["name"]: it["live"] for each in components for it in each["triggers"]}

    assert {*states().values()} == {"create"}
    seed(api, root)
    assert {*states().values()} == {"unchanged"}
    manifest = yaml.safe_load((root / "shipwheel.yaml").read_text())
    (root / "shipwheel.yaml").write_text(yaml.safe_dump({**manifest, "tags": ["more"]}))
    assert {*states().values()} == {"update"}


@needs_gcloud
@pytest.mark.usefixtures("root")
def test_a_version_is_of_the_build_that_ran_when_it_came(
    api: CloudBuildApi, capsys: pytest.CaptureFixture[str]
) -> None:
    commit = "5c1e" * 10
    day = {"startTime": "2020-01-01T00:00:00.123456789Z", "finishTime": "2999-01-01T00:00:00Z"}
    for key, trigger in (("b1", "packages-tides-publish"), ("b2", "packages-tides-check")):
        given = {"TRIGGER_NAME": trigger, "COMMIT_SHA": commit}
        api.builds.append({"id": key, "status": "SUCCESS", "substitutions": given, **day})
    api.builds.append({"id": "b3", "status": "SUCCESS"})

    assert main(["-q", "status", "--json", "packages"]) == 0

    found = {it["name"]: it for it in json.loads(capsys.readouterr().out)["components"]}
    versions = {name: [it["commit"] for it in each["versions"]] for name, each in found.items()}
    assert versions["harbour-tides"] == [commit] * 3
    assert versions["harbour-dues"] == [None]
    assert found["harbour-tides"]["versions"][0]["build"] == "b1"


@needs_gcloud
def test_a_trigger_of_the_repository_is_told_apart_and_waits_too(
    root: Path, api: CloudBuildApi, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = yaml.safe_load((root / "shipwheel.yaml").read_text())
    nightly = {"schedule": "0 5 * * *", "buildConfig": "cloudbuild/status.yaml"}
    (root / "shipwheel.yaml").write_text(yaml.safe_dump({**manifest, "kinds": {"status": nightly}}))

    assert main(["-q", "status", "--json", "--check"]) == 1
    (trigger,) = json.loads(capsys.readouterr().out)["triggers"]
    seed(api, root)
    assert main(["-q", "status", "--json"]) == 0
    (after,) = json.loads(capsys.readouterr().out)["triggers"]

    assert trigger == {
        "name": "harbour-status",
        "kind": "status",
        "starts_on": "the schedule 0 5 * * *",
        "live": "create",
    }
    assert after["live"] == "unchanged"


def test_the_page_is_written_in_the_place_of_the_table(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--no-live", "--html", "status.html"]) == 0

    captured = capsys.readouterr()
    assert (captured.out, "status.html: written" in captured.err) == ("", True)
    assert "harbour-tides" in (root / "status.html").read_text()
    assert main(["-q", "status", "--no-live", "--html", "none/status.html"]) == 2
    assert "The page cannot be written: 'none/status.html'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folder", "hint"),
    [("packages/tide", "did you mean 'packages/tides'?"), ("x", "choose one of")],
)
@pytest.mark.usefixtures("root")
def test_a_directory_without_packages_is_refused_before_the_registry_is_asked(
    folder: str, hint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARTIFACT_REGISTRY_EMULATOR_HOST", "127.0.0.1:1")

    assert main(["status", "--no-live", folder]) == 2
    said = capsys.readouterr().err
    assert hint in said
    assert "Connection refused" not in said


def test_a_directory_may_be_named_by_its_whole_path(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--no-live", "--json", str(root / "packages/tides")]) == 0
    [only] = json.loads(capsys.readouterr().out)["components"]
    assert only["path"] == "packages/tides"


def test_where_there_is_nothing_no_directory_is_offered(
    tmp_path: Path,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ARTIFACT_REGISTRY_EMULATOR_HOST", emulator.host)
    monkeypatch.chdir(write(tmp_path / "empty", {"README.md": ""}))

    assert main(["status", "x", "--registry", "us-central1/demo/pypi"]) == 2
    assert "hint: there is none at all here\n" in capsys.readouterr().err
