"""Where uv, Poetry and PDM keep settings: in the project around a directory, or the user's own."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from steps.host.errors import InputError
from steps.project.dependencies import list_in, table_in
from steps.project.source import read_pyproject

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from steps.client.model import Client, Machine

_PYPROJECT = "pyproject.toml"
_UV = "uv.toml"


def project_file(client: Client, directory: Path) -> Path:
    """Return the settings file of the project that *client* finds from *directory* upwards.

    Where there is none, it is the pyproject.toml that *directory* lacks.
    """
    names = (_PYPROJECT, _UV) if client == "uv" else (_PYPROJECT,)
    around = (directory, *directory.parents)
    folder = next((it for it in around if _has_one(it, names)), directory)
    if client == "uv":
        folder = _uv_workspace(folder)
        # Beside a uv.toml, uv reads nothing of a pyproject.toml but its sources.
        if (folder / _UV).exists():
            return folder / _UV
    return folder / _PYPROJECT


def uv_file(machine: Machine) -> Path:
    """Return the user's own settings file of uv."""
    return machine.config_folder(macos=".config", roaming=True) / "uv/uv.toml"


def poetry_folder(machine: Machine) -> Path:
    """Return the folder of Poetry's own config and auth files."""
    own = machine.path_in("POETRY_CONFIG_DIR")
    return own or machine.config_folder(roaming=True) / "pypoetry"


def pdm_file(machine: Machine) -> Path:
    """Return the file of PDM's own config."""
    folder = machine.config_folder(roaming=False) / "pdm"
    own = folder / "pdm" if machine.platform == "win32" else folder
    return machine.path_in("PDM_CONFIG_FILE") or own / "config.toml"


def _has_one(folder: Path, names: Iterable[str]) -> bool:
    return any((folder / name).exists() for name in names)


def _uv_workspace(project: Path) -> Path:
    """Return the root of the workspace that *project* is a member of, or *project* itself.

    uv reads settings such as keyring-provider at the root only; sources there are every member's.
    """
    for folder in project.parents:
        with suppress(InputError):
            tool = table_in(read_pyproject(folder), "tool")
            workspace = table_in(table_in(tool, "uv"), "workspace")
            if _matches(folder, project, list_in(workspace, "members")):
                left_out = _matches(folder, project, list_in(workspace, "exclude"))
                return project if left_out else folder
    return project


def _matches(root: Path, project: Path, patterns: Iterable[object]) -> bool:
    return any(project in root.glob(it) for it in patterns if isinstance(it, str) and it)
