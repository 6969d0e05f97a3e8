"""What `shipwheel settings uv` writes, and tells of what uv reads besides."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from builder.__main__ import main
from tests.unit.steps.client.desk import BASE, PRIVATE, REGISTRY, STANDARD, read_toml

pytestmark = pytest.mark.usefixtures("home")


def test_uv_gets_an_explicit_index_and_a_source_for_each_package(
    capsys: pytest.CaptureFixture[str],
) -> None:
    project = Path("pyproject.toml")
    project.write_text('[tool.uv.sources]\nMy_Tides = { index = "old", marker = "x" }\n')

    packages = ["--package", "my.tides", "--package", "Berths"]
    assert main(["settings", "uv", *packages, "--write", *REGISTRY, *STANDARD]) == 0

    assert read_toml(project)["tool"]["uv"] == {
        "sources": {
            "My_Tides": {"index": "private", "marker": "x"},
            "berths": {"index": "private"},
        },
        "keyring-provider": "subprocess",
        "exclude-newer-package": {"my-tides": False, "berths": False},
        "index": [
            {
                "name": "private",
                "url": f"https://oauth2accesstoken@{PRIVATE}simple/",
                "publish-url": f"https://{PRIVATE}",
                "explicit": True,
                "authenticate": "always",
            },
            {
                "name": "all",
                "url": f"https://oauth2accesstoken@{BASE}simple/",
                "default": True,
                "authenticate": "always",
            },
        ],
    }
    assert "`uv publish --index private --username oauth2accesstoken`" in capsys.readouterr().err


def test_uv_does_not_take_a_package_away_from_its_workspace(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "[tool.uv.sources]\ntides = { workspace = true }\n"
    Path("pyproject.toml").write_text(text)

    assert main(["settings", "uv", "--package", "tides", "--write", *REGISTRY]) == 2

    assert capsys.readouterr().err.endswith(
        "error: tool.uv.sources takes 'tides' from elsewhere: 'workspace'\n"
        "  hint: remove that source, or leave out --package tides\n"
    )
    assert Path("pyproject.toml").read_text() == text


def test_uv_reads_a_uv_toml_in_the_place_of_pyproject() -> None:
    Path("uv.toml").write_text("# ours\nno-cache = true\n")

    assert main(["settings", "uv", "--write", *REGISTRY]) == 0

    text = Path("uv.toml").read_text()
    assert text.startswith("# ours\nno-cache = true\n")
    assert tomllib.loads(text)["index"][0]["default"] is True
    assert "tool" not in read_toml(Path("pyproject.toml"))


def test_uv_has_one_default_index(capsys: pytest.CaptureFixture[str]) -> None:
    text = '[[tool.uv.index]]\nname = "mine"\nurl = "https://mine/"\ndefault = true\n'
    Path("pyproject.toml").write_text(text)

    assert main(["settings", "uv", "--write", *REGISTRY, *STANDARD]) == 2

    assert "There is another index with `default = true`" in capsys.readouterr().err
    assert Path("pyproject.toml").read_text() == text


def test_the_weaker_form_of_uv_is_an_index_of_every_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["settings", "uv", "--write", *REGISTRY]) == 0
    assert main(["settings", "uv", "--extra-index", "--write", *REGISTRY]) == 0

    (index,) = read_toml(Path("pyproject.toml"))["tool"]["uv"]["index"]
    assert {"explicit", "default"} & index.keys() == set()
    assert "uv asks this index first for every name" in capsys.readouterr().err


@pytest.mark.parametrize("variable", ["UV_CONFIG_FILE", "UV_NO_CONFIG", "UV_INDEX"])
def test_what_uv_reads_before_its_files_is_reported(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, "1")

    assert main(["settings", "uv", *REGISTRY]) == 0

    warned = capsys.readouterr().err.splitlines()[0]
    assert warned == f"warning: {variable} is set, and goes before this file"
