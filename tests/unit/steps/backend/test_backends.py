from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from steps.backend.environments import AnyEnvironment, Environments
from steps.backend.fork_server import ForkServers
from steps.backend.variables import FIXED_ENVIRONMENT, backend_environ
from steps.host.children import Children
from steps.host.errors import BuildFailed, InputError
from tests.tiny import make_distributions, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of wheels, as the image has one: an old backend that needs a library."""
    return _wheels(tmp_path / "image", backend="1.0", library="1.0", wheel="1.0")


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
        return _names(_get(environments, requirement))


def _get(environments: Environments, requirement: str) -> AnyEnvironment:
    with environments.of_project(Path(tempfile.mkdtemp())) as environment:
        return environment([requirement])


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
    with (
        children or Children() as own,
        ForkServers(own) as servers,
        Environments(own, servers, offline, python=sys.executable) as environments,
    ):
        yield environments


def _names(environment: AnyEnvironment) -> str:
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


def test_names_the_option_where_a_requirement_is_for_another_python(tmp_path: Path) -> None:
    tool, _ = make_distributions(make_project(tmp_path, "tool"), requires_python=">=3.39")

    with pytest.raises(BuildFailed) as caught:
        _install("tool", {"UV_FIND_LINKS": str(tool.path.parent)})

    assert caught.value.problems[0].hint == (
        "name a Python that they fit with --python, or require versions that fit this one"
    )


@pytest.mark.attack("secrets")
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("backend @ https://127.0.0.1:9/${SECRET}/b-1-py3-none-any.whl", "names a variable"),
        ("-r /etc/passwd", "is not valid"),
        ("backend\n--index-url https://127.0.0.1:9", "is not valid"),
        ("backend --hash=sha256:00", "is not valid"),
        ("./backend", "is not valid"),
    ],
)
def test_a_build_requirement_tells_the_installer_nothing_else(line: str, said: str) -> None:
    children = _Counting()
    with (
        _environments({"SECRET": "hunter2"}, children) as environments,
        pytest.raises(InputError, match=said),
    ):
        _get(environments, line)

    assert children.ended == 0


def test_requirements_that_cannot_be_installed_are_tried_once(folder: Path) -> None:
    children = _Counting()
    with _environments({"UV_FIND_LINKS": str(folder)}, children) as environments:
        with pytest.raises(BuildFailed) as first:
            _get(environments, "hatchling")
        with pytest.raises(BuildFailed) as second:
            _get(environments, "hatchling")

    assert str(second.value) == str(first.value)
    assert children.ended == 2


def test_environments_are_made_before_they_are_asked_for(folder: Path) -> None:
    children = _Counting()
    with _environments({"UV_FIND_LINKS": str(folder)}, children) as environments:
        environments.make_early([frozenset({"wheel"}), frozenset({"hatchling"})])
        end = time.monotonic() + 30
        while children.ended < 4:  # for each an environment, and what goes into it
            assert time.monotonic() < end
            time.sleep(0.01)

        assert _names(_get(environments, "wheel")) == "wheel1.0"
        with pytest.raises(BuildFailed, match="'hatchling'"):
            _get(environments, "hatchling")
        assert children.ended == 4


def test_a_backend_gets_what_is_allowed_or_named_and_no_secret() -> None:
    secrets = (
        "GITHUB_TOKEN PYPI_PASSWORD CARGO_REGISTRY_TOKEN MATURIN_PASSWORD AWS_SECRET_ACCESS_KEY"
        " CLOUDSDK_AUTH_ACCESS_TOKEN GOOGLE_APPLICATION_CREDENTIALS UV_PUBLISH_TOKEN CMAKE_API_KEY"
        " UV_INDEX_PRIVATE_PASSWORD SHIPWHEEL_EMULATOR_TOKEN TWINE_USERNAME RUST_SIGNING_KEY"
    )
    with_login = {"PIP_INDEX_URL": "https://user:pass@host/simple", "HTTPS_PROXY": "http://u:p@h"}
    allowed = {"PATH": "/bin", "CFLAGS": "-O2", "https_proxy": "http://proxy", "LC_CTYPE": "C"}
    environ = {**dict.fromkeys(secrets.split(), "s"), **with_login, **allowed, "VERSION": "1"}

    assert backend_environ(environ) == allowed | FIXED_ENVIRONMENT
    assert backend_environ(environ, ["VERSION", "GITHUB_TOKEN"]) == (
        allowed | FIXED_ENVIRONMENT | {"VERSION": "1", "GITHUB_TOKEN": "s"}
    )
