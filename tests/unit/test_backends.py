from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from steps.children import Children
from steps.environment import Environment, Environments
from steps.errors import BuildFailed
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of wheels, as the image has one: an old backend that needs a library."""
    return _wheels(tmp_path / "image", backend="1.0", library="1.0")


def _wheels(folder: Path, **versions: str) -> Path:
    folder.mkdir()
    for name, version in versions.items():
        requires = ["library"] if name == "backend" else []
        project = make_project(folder, name, version, requires=requires)
        for distribution in make_distributions(project):
            distribution.path.rename(folder / distribution.filename)
    return folder


def _install(requirement: str, environ: dict[str, str]) -> str:
    # Nothing here may reach an index: what is not in a folder is not to be had.
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("UV_", "PIP_"))}
    offline = {**plain, "UV_NO_CONFIG": "1", "UV_OFFLINE": "1", "UV_NO_CACHE": "1", **environ}
    with Children() as children, Environments(children, offline) as environments:
        return _names(environments.get([requirement]))


def _names(environment: Environment) -> str:
    script = (
        "import importlib.metadata as m;"
        " print(*sorted(d.name + d.version for d in m.distributions()))"
    )
    command = [environment.python_executable, "-I", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_takes_a_backend_and_its_requirements_from_the_folder_without_an_index(
    folder: Path,
) -> None:
    assert _install("backend>=1", {"SHIPWHEEL_BACKENDS": str(folder)}) == "backend1.0 library1.0"


def test_asks_the_index_for_a_backend_that_the_folder_is_too_old_for(
    folder: Path, tmp_path: Path
) -> None:
    index = _wheels(tmp_path / "index", backend="2.0", library="2.0")
    environ = {"SHIPWHEEL_BACKENDS": str(folder), "UV_FIND_LINKS": str(index)}

    assert _install("backend>=2", environ) == "backend2.0 library2.0"


def test_takes_what_satisfies_from_the_folder_though_the_index_has_a_newer_one(
    folder: Path, tmp_path: Path
) -> None:
    index = _wheels(tmp_path / "index", backend="2.0", library="2.0")
    environ = {"SHIPWHEEL_BACKENDS": str(folder), "UV_FIND_LINKS": str(index)}

    assert _install("backend", environ) == "backend1.0 library1.0"


def test_reports_what_the_index_says_when_neither_has_the_backend(folder: Path) -> None:
    with pytest.raises(BuildFailed, match="The build requirements cannot be installed: 'missing'"):
        _install("missing", {"SHIPWHEEL_BACKENDS": str(folder)})
