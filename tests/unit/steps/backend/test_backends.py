from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from steps.backend.context import Environment, Environments
from steps.host.children import Children
from steps.host.errors import BuildFailed
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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
    with _environments(environ) as environments:
        return _names(environments.get([requirement]))


class _Counting(Children):
    """Children that are counted when they have ended."""

    ended = 0

    def run(self, command: Sequence[str], **options: Any) -> str:
        try:
            return super().run(command, **options)
        finally:
            self.ended += 1


@contextmanager
def _environments(
    environ: dict[str, str], children: Children | None = None
) -> Iterator[Environments]:
    # Nothing here may reach an index: what is not in a folder is not to be had.
    mine = ("UV_", "PIP_", "SHIPWHEEL_")
    plain = {key: value for key, value in os.environ.items() if not key.startswith(mine)}
    offline = {**plain, "UV_NO_CONFIG": "1", "UV_OFFLINE": "1", "UV_NO_CACHE": "1", **environ}
    with children or Children() as own, Environments(own, offline) as environments:
        yield environments


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


def test_requirements_that_cannot_be_installed_are_tried_once(folder: Path) -> None:
    with _environments({}) as environments:
        with pytest.raises(BuildFailed) as first:
            environments.get(["backend"])
        environments.environ["UV_FIND_LINKS"] = str(folder)  # they could be now
        with pytest.raises(BuildFailed) as second:
            environments.get(["backend"])

    assert str(second.value) == str(first.value)


def test_environments_are_made_before_they_are_asked_for(folder: Path) -> None:
    children = _Counting()
    with _environments({"UV_FIND_LINKS": str(folder)}, children) as environments:
        environments.make_early([frozenset({"library"}), frozenset({"missing"})])
        end = time.monotonic() + 30
        while children.ended < 4:  # for each an environment, and what goes into it
            assert time.monotonic() < end
            time.sleep(0.01)

        assert _names(environments.get(["library"])) == "library1.0"
        with pytest.raises(BuildFailed, match="'missing'"):
            environments.get(["missing"])
        assert children.ended == 4
