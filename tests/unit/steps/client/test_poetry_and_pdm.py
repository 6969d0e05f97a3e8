"""What `shipwheel settings poetry` and `pdm` write into the project, and beside it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from builder.__main__ import main
from tests.unit.steps.client.desk import BASE, PRIVATE, REGISTRY, STANDARD, encoded, read_toml

pytestmark = pytest.mark.usefixtures("home")


def test_poetry_gets_a_source_a_repository_and_for_a_key_a_login(home: Path, key: Path) -> None:
    arguments = ["settings", "poetry", *REGISTRY, *STANDARD, "--json-key", str(key), "--write"]
    assert main(arguments) == 0

    folder = home / ".config/pypoetry"
    assert read_toml(Path("pyproject.toml"))["tool"]["poetry"]["source"] == [
        {"name": "private", "url": f"https://{PRIVATE}simple/", "priority": "explicit"},
        {"name": "all", "url": f"https://{BASE}simple/"},
    ]
    assert read_toml(folder / "config.toml") == {
        "repositories": {"private": {"url": f"https://{PRIVATE}"}}
    }
    login = {"username": "_json_key_base64", "password": encoded(key)}
    assert read_toml(folder / "auth.toml") == {"http-basic": {"private": login, "all": login}}
    assert stat.S_IMODE((folder / "auth.toml").stat().st_mode) == 0o600


def test_the_weaker_form_of_poetry_is_a_supplemental_source() -> None:
    assert main(["settings", "poetry", "--extra-index", "--write", *REGISTRY]) == 0

    (source,) = read_toml(Path("pyproject.toml"))["tool"]["poetry"]["source"]
    assert source["priority"] == "supplemental"


def test_pdm_takes_the_named_packages_from_the_registry(home: Path, key: Path) -> None:
    for name in ("tides", "berths"):
        arguments = ["--package", name, "--json-key", str(key), *REGISTRY, *STANDARD]
        assert main(["settings", "pdm", "--write", *arguments]) == 0

    assert read_toml(Path("pyproject.toml"))["tool"]["pdm"]["source"] == [
        {"name": "pypi", "url": f"https://{BASE}simple/"},
        {
            "name": "private",
            "url": f"https://{PRIVATE}simple/",
            "include_packages": ["tides", "berths"],
        },
    ]
    login = {"username": "_json_key_base64", "password": encoded(key)}
    config = home / ".config/pdm/config.toml"
    assert read_toml(config) == {
        "repository": {"private": {"url": f"https://{PRIVATE}", **login}},
        "pypi": {"private": login, **login},
    }
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


def test_pdm_needs_the_names_of_the_private_packages(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["settings", "pdm", *REGISTRY]) == 2
    assert capsys.readouterr().err == (
        "error: PDM needs the names of the private packages\n"
        "  hint: name each with --package; --extra-index is the weaker form without\n"
    )

    assert main(["settings", "pdm", "--extra-index", "--write", *REGISTRY]) == 0
    (source,) = read_toml(Path("pyproject.toml"))["tool"]["pdm"]["source"]
    assert "include_packages" not in source
