"""The main job from the outside: real builds, real uploads, one registry emulator."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from builder.__main__ import main
from tests.tree import commit

if TYPE_CHECKING:
    from builder.server import Emulator


pytestmark = pytest.mark.emulator(repositories=["demo/pypi"])

TESTS = Path(__file__).parents[3]


@pytest.fixture(name="host")
def _host(emulator: Emulator) -> str:
    return emulator.host


@pytest.fixture(name="registry")
def _registry(host: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ARTIFACT_REGISTRY_EMULATOR_HOST", host)
    return "us-east4/demo/pypi"


@pytest.fixture(name="sample")
def _sample(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("dist", "*.egg-info", "__pycache__")
    return Path(shutil.copytree(TESTS / "example/packages", tmp_path / "sample", ignore=ignored))


@pytest.fixture(name="flit")
def _flit(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("dist")
    return Path(shutil.copytree(TESTS / "packages/flit", tmp_path / "flit", ignore=ignored))


def outcomes(text: str) -> set[tuple[str, str]]:
    return {(row["outcome"], row["result"]) for row in json.loads(text)}


def test_a_repository_is_published_and_published_again_and_refused_when_edited(
    sample: Path, host: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTIFACT_REGISTRY_EMULATOR_HOST", host)
    command = ["-q", "publish", "--all", str(sample), "--registry", "us-east4/demo/pypi", "--json"]

    assert main(command) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["project"] for row in rows[::2]] == [
        "harbour-berths",
        "harbour-dues",
        "harbour-signals",
        "harbour-tides",
    ]
    assert {(row["outcome"], row["result"]) for row in rows} == {("new", "uploaded")}
    assert {row["registry"] for row in rows} == {f"http://{host}/demo/pypi/"}
    assert main(command) == 0
    assert outcomes(capsys.readouterr().out) == {("identical", "found")}

    module = sample / "tides/src/harbour_tides/__init__.py"
    module.write_text(module.read_text() + "\nEDITED = True\n")
    assert main(command) == 1
    printed = capsys.readouterr()
    refused = {row["project"]: row["result"] for row in json.loads(printed.out)}
    assert refused.pop("harbour-tides") == "refused"
    assert set(refused.values()) == {"held"}
    assert printed.err == (
        "error: harbour-tides 1.2.0 is already published with different contents:"
        " file changed: harbour_tides/__init__.py; file changed: src/harbour_tides/__init__.py\n"
        "  hint: set the version to one of: 1.2.1, 1.3.0, 2.0.0, 1.2.1rc1\n"
    )


def test_this_very_project_can_be_published(
    registry: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ignored = shutil.ignore_patterns(".*", "dist")
    source = shutil.copytree(TESTS.parent, tmp_path / "shipwheel", ignore=ignored)

    assert main(["-q", "publish", str(source), "--strict", "--registry", registry, "--json"]) == 0
    assert outcomes(capsys.readouterr().out) == {("new", "uploaded")}


def test_an_older_version_is_refused_and_nothing_of_the_call_is_uploaded(
    flit: Path, sample: Path, registry: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-q", "publish", str(flit), "--registry", registry]) == 0
    pyproject = flit / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('"1.0"', '"0.9"'))
    module = flit / "condition_flit.py"
    module.write_text(module.read_text().replace("1.0", "0.9"))
    capsys.readouterr()

    assert main(["-q", "publish", str(flit), str(sample / "tides"), "--registry", registry]) == 1

    assert capsys.readouterr().err.startswith("error: condition-flit 0.9 is not greater than 1.0,")
    held = {path.name for path in (tmp_path / "registry").rglob("*") if path.is_file()}
    assert held == {"condition_flit-1.0-py3-none-any.whl", "condition_flit-1.0.tar.gz"}


def test_a_half_published_version_is_completed(
    flit: Path, registry: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["-q", "publish", str(flit), "--registry", registry, "--json"]
    assert main(command) == 0
    next((tmp_path / "registry").rglob("condition_flit-1.0.tar.gz")).unlink()
    capsys.readouterr()

    assert main([*command, "--no-upload"]) == 0
    assert outcomes(capsys.readouterr().out) == {("partial", "found"), ("partial", "left")}
    assert [path.name for path in (flit / "dist").glob("*-*")] == ["condition_flit-1.0.tar.gz"]

    assert main(command) == 0

    rows = json.loads(capsys.readouterr().out)
    assert [(row["outcome"], row["file"], row["result"]) for row in rows] == [
        ("partial", "condition_flit-1.0-py3-none-any.whl", "found"),
        ("partial", "condition_flit-1.0.tar.gz", "uploaded"),
    ]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://127.0.0.1:1/demo/pypi/", "4 error: GET http://127.0.0.1:1/demo/pypi/simple/"),
        ("http://{host}/no/such/", "4 error: "),
        ("http://{host}/demo/", "4 error: "),
        ("http://example.com/", "2 error: Plain http is only for a loopback address: "),
        ("pypi", "2 error: The registry address is not an http(s) URL: 'pypi'"),
    ],
)
def test_a_registry_that_is_none_is_one_clean_message(
    address: str, message: str, flit: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = address.format(host=host)

    code = main(["-q", "publish", str(flit), "--registry", registry, "--retry-for", "1"])

    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"{code} {printed.err}".startswith(message)
    assert printed.err.splitlines()[-1].startswith("  hint: ")
    assert "Traceback" not in printed.err


def test_a_missing_registry_is_reported_before_anything_is_built(
    flit: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHIPWHEEL_REGISTRY", raising=False)

    assert main(["publish", str(flit)]) == 2

    assert capsys.readouterr().err.startswith("error: No registry was named\n  hint: use https://")
    assert not (flit / "dist").exists()


def test_only_what_changed_since_a_commit_is_published(
    sample: Path, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(TESTS / "example/.gitignore", sample)
    commit(sample)
    (sample / "signals/README.md").write_text("Flags and lights.\n")
    command = ["publish", "--all", str(sample), "--registry", registry, "--json"]

    assert main([*command, "--changed-since", "HEAD"]) == 1
    told = "would be published with files that git sees as modified or untracked: 'README.md'"
    assert told in capsys.readouterr().err
    assert main([*command, "--changed-since", "HEAD", "--allow-uncommitted"]) == 0
    assert {row["project"] for row in json.loads(capsys.readouterr().out)} == {"harbour-signals"}

    commit(sample)
    assert main([*command, "--changed-since", "HEAD"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == []
    assert "0 of 4 projects changed since HEAD\n" in printed.err
