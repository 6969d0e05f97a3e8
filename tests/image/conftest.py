"""Tests of the real image, in a real engine: `make image-test`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from steps import __version__
from tests.image.base import TAG, can_make_base, make_base
from tests.image.engine import Docker, NoEngine, open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
IMAGE = "local.test/shipwheel:under-test"
BASE_VARIABLE = "SHIPWHEEL_BASE_IMAGE"
DEFAULT_BASE = "python:3.13-slim"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    try:
        with open_engine() as engine:
            yield engine
    except NoEngine as error:
        pytest.exit(f"The image cannot be tested here: {error}", returncode=1)


@pytest.fixture(scope="session")
def base(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base image: the one that is given, else Debian's packages, else the Dockerfile's."""
    if BASE_VARIABLE in os.environ:
        yield os.environ[BASE_VARIABLE]
    elif can_make_base():
        yield make_base(docker, tmp_path_factory.mktemp("base"))
        docker("rmi", "--force", TAG)
    else:
        docker("pull", DEFAULT_BASE)
        yield DEFAULT_BASE


@pytest.fixture(scope="session")
def revision() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="session")
def image(docker: Docker, base: str, revision: str) -> Iterator[str]:
    docker(*build_command(IMAGE, base, revision))
    yield IMAGE
    docker("rmi", "--force", IMAGE)


def build_command(tag: str, base: str, revision: str) -> list[str]:
    """Return the command of docker that builds the image as *tag*."""
    arguments = [f"BASE_IMAGE={base}", f"VERSION={__version__}", f"REVISION={revision}"]
    # Docker takes proxies by name from here, and keeps them out of the history.
    arguments += [name for name in PROXIES if name in os.environ]
    options = [part for argument in arguments for part in ("--build-arg", argument)]
    file = str(ROOT / "builder" / "Dockerfile")
    return ["build", "--network=host", "--file", file, "--tag", tag, *options, str(ROOT)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured."""
    for report in terminalreporter.stats.get("passed", []):
        for _, text in report.user_properties if report.when == "call" else ():
            terminalreporter.write_line(text)
