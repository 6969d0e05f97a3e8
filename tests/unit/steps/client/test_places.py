"""Which files the settings of a client go into, on each system, and under which name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from builder.__main__ import main
from steps.client.clients import default_name, settings
from steps.client.model import Client, Machine, Wanted
from steps.client.places import project_file
from steps.host.errors import InputError
from steps.registry.address import parse_registry
from tests.unit.steps.client.desk import REGISTRY

if TYPE_CHECKING:
    from steps.client.model import Scope

pytestmark = pytest.mark.usefixtures("home")


def test_names_that_clients_know_are_not_used() -> None:
    registries = [
        parse_registry("us-east4/my-project/pypi", {}),
        parse_registry("us-east4/example.com:harbour/testpypi", {}),
        parse_registry("us-east4/my-project/private", {}),
        parse_registry("https://packages.example.com/", {}),
    ]

    assert [default_name(it) for it in registries] == [
        "my-project-pypi",
        "example-com-harbour-testpypi",
        "private",
        "packages",
    ]


@pytest.mark.parametrize("name", ["PyPI", "testpypi", "a.b", "", "a b", "-a"])
def test_a_name_that_no_index_can_have_is_refused(name: str) -> None:
    assert main(["settings", "twine", "--name", name, *REGISTRY]) == (0 if name == "" else 2)


@pytest.mark.parametrize(
    ("client", "platform", "scope", "paths"),
    [
        ("pip", "linux", None, ["~/.config/pip/pip.conf"]),
        ("pip", "darwin", None, ["~/.config/pip/pip.conf"]),
        ("pip", "win32", None, ["~/AppData/Roaming/pip/pip.ini"]),
        ("pip", "linux", "environment", ["/venv/pip.conf"]),
        ("pip", "win32", "environment", ["/venv/pip.ini"]),
        ("uv", "linux", None, ["/project/pyproject.toml"]),
        ("uv", "darwin", "user", ["~/.config/uv/uv.toml"]),
        ("uv", "win32", "user", ["~/AppData/Roaming/uv/uv.toml"]),
        ("poetry", "linux", None, ["/project/pyproject.toml", "~/.config/pypoetry/config.toml"]),
        (
            "poetry",
            "darwin",
            None,
            ["/project/pyproject.toml", "~/Library/Application Support/pypoetry/config.toml"],
        ),
        (
            "poetry",
            "win32",
            None,
            ["/project/pyproject.toml", "~/AppData/Roaming/pypoetry/config.toml"],
        ),
        ("pdm", "linux", None, ["/project/pyproject.toml", "~/.config/pdm/config.toml"]),
        (
            "pdm",
            "darwin",
            None,
            ["/project/pyproject.toml", "~/Library/Application Support/pdm/config.toml"],
        ),
        ("pdm", "win32", None, ["/project/pyproject.toml", "~/AppData/Local/pdm/pdm/config.toml"]),
        ("twine", "win32", None, ["~/.pypirc"]),
    ],
)
def test_every_system_has_its_places(
    client: Client, platform: str, scope: Scope | None, paths: list[str]
) -> None:
    registry = parse_registry("us-east4/my-project/all", {})
    wanted = Wanted(private=registry, name="all", packages=("a",), scope=scope)
    machine = Machine(
        environ={"VIRTUAL_ENV": "/venv"},
        home=Path("/home/anne"),
        directory=Path("/project"),
        platform=platform,
    )

    found = settings(client, wanted, machine)

    assert [str(it.path).replace("/home/anne", "~") for it in found.edits] == paths


@pytest.mark.parametrize(
    ("client", "files", "directory", "expected"),
    [
        ("uv", {"pyproject.toml": ""}, "src/a", "pyproject.toml"),
        ("poetry", {"pyproject.toml": ""}, "src/a", "pyproject.toml"),
        ("pdm", {"pyproject.toml": "", "uv.toml": ""}, ".", "pyproject.toml"),
        ("uv", {"pyproject.toml": "", "uv.toml": ""}, "src/a", "uv.toml"),
        ("uv", {"pyproject.toml": "", "a/pyproject.toml": ""}, "a", "a/pyproject.toml"),
        ("uv", {"pyproject.toml": 'members = ["*"]', "a/pyproject.toml": ""}, "a/b",
         "pyproject.toml"),
        ("uv", {"pyproject.toml": 'members = ["*"]\nexclude = ["a"]', "a/pyproject.toml": ""}, "a",
         "a/pyproject.toml"),
        ("uv", {"pyproject.toml": 'members = ["b", 1]', "a/pyproject.toml": ""}, "a",
         "a/pyproject.toml"),
        ("uv", {"pyproject.toml": 'members = "', "a/pyproject.toml": ""}, "a", "a/pyproject.toml"),
        ("poetry", {"pyproject.toml": 'members = ["*"]', "a/pyproject.toml": ""}, "a",
         "a/pyproject.toml"),
        ("uv", {}, "a", "a/pyproject.toml"),
    ],
)  # fmt: skip
def test_the_project_is_found_as_its_client_finds_it(
    client: Client, files: dict[str, str], directory: str, expected: str, tmp_path: Path
) -> None:
    (tmp_path / directory).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (tmp_path / name).write_text(f"[tool.uv.workspace]\n{text}\n" if text else "")

    assert project_file(client, tmp_path / directory) == tmp_path / expected


@pytest.mark.parametrize("client", ["uv", "poetry", "pdm"])
@pytest.mark.parametrize("option", ["--write", "--diff"])
def test_no_project_is_made_where_none_is(
    client: str, option: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pyproject.toml").unlink()
    arguments = ["settings", client, "--package", "a", *REGISTRY]

    assert main([*arguments, option]) == 2

    assert capsys.readouterr().err.endswith(
        f"error: There is no pyproject.toml in {str(Path.cwd())!r} or above it\n"
        f"  hint: run this in your project, or make one with `{client} init`\n"
    )
    assert [*Path().iterdir(), *home.iterdir()] == []
    assert main(arguments) == 0
    assert main([*arguments, "--write", "--file", "new.toml"]) == 0


def test_a_scope_that_a_client_has_not_is_refused() -> None:
    registry = parse_registry("us-east4/my-project/all", {})
    wanted = Wanted(private=registry, name="all", scope="environment")
    machine = Machine(environ={}, home=Path("/"), directory=Path("/"), platform="linux")

    with pytest.raises(InputError) as caught:
        settings("poetry", wanted, machine)

    assert str(caught.value) == (
        "poetry has no settings for this scope: 'environment'\n  hint: it has project"
    )


def test_old_macos_folder_of_pip_is_taken_where_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "Library/Application Support/pip"
    folder.mkdir(parents=True)
    registry = parse_registry("us-east4/my-project/all", {})
    machine = Machine(environ={}, home=tmp_path, directory=tmp_path, platform="darwin")

    found = settings("pip", Wanted(private=registry, name="all"), machine)

    assert [it.path for it in found.edits] == [folder / "pip.conf"]
