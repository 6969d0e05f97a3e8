"""A function with private packages, installed as the buildpack installs it, and served."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

import pytest
import uv

from builder.server import Emulator
from tests.integration.program import environment, shipwheel
from tests.integration.selection import exhaustive, sample
from tests.ports import unused_port
from tests.tree import commit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXAMPLE = Path(__file__).parents[3] / "example"
TOKEN = "ya29.planted-3c1f9a7e5b2d"
FUNCTION = "functions/berth-finder"
RUNTIME = f"python3{sys.version_info.minor}"
VENDORED = ["--no-index", "--find-links", "vendor"]
QUERY = "?length=24&draught=2.4&tide=1"
ANSWER = {"name": "North", "length": 30, "depth": 2.0}
UV = uv.find_uv_bin()
VENV = [UV, "venv", "--quiet", "--seed", "--python", sys.executable]
PIP = ["PYTHON", "-m", "pip", "--disable-pip-version-check", "--quiet"]
# What the buildpack runs, to install and to check: pip up to Python 3.13, uv from 3.14 on.
BUILDPACK = {
    "pip": (
        [
            *(*PIP, "install", "--requirement", "requirements.txt", "--upgrade"),
            *("--upgrade-strategy", "only-if-needed", "--force-reinstall", "--no-compile"),
            *("--no-warn-script-location", "--no-warn-conflicts"),
        ],
        [*PIP, "check"],
    ),
    "uv": (
        [
            *(UV, "pip", "install", "--quiet", "--python", "PYTHON"),
            *("--requirement", "requirements.txt", "--reinstall", "--no-cache"),
        ],
        [UV, "pip", "check", "--quiet", "--python", "PYTHON"],
    ),
}


@dataclass(frozen=True)
class Harbour:
    """The sample repository, its packages published, and a virtual repository over them."""

    root: Path
    emulator: Emulator

    @property
    def environ(self) -> dict[str, str]:
        return environment(
            self.emulator.host,
            SHIPWHEEL_VIRTUAL="us-central1/demo/virtual",
            TWINE_USERNAME="oauth2accesstoken",
            TWINE_PASSWORD=TOKEN,
        )

    def shipwheel(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return shipwheel(self.environ, *arguments, cwd=self.root)


@pytest.fixture(scope="module")
def framework(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Download functions-framework and what it needs, from the index that pip is configured for."""
    folder = tmp_path_factory.mktemp("framework")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--quiet",
            "--disable-pip-version-check",
            "download",
            "--dest",
            str(folder),
            "functions-framework==3.10.2",
        ],
        check=True,
        timeout=300,
    )
    return folder


@pytest.fixture(scope="module")
def registry(framework: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Serve the packages of the sample, and a virtual repository over them and the framework."""
    folder = tmp_path_factory.mktemp("registry")
    root = folder / "harbour"
    copy_sample(root)
    files = folder / "files"
    with Emulator(files, repositories=("demo/pypi", "demo/virtual"), token=TOKEN) as emulator:
        published = Harbour(root, emulator).shipwheel("publish", "--all", "packages")
        assert published.returncode == 0, published.stderr
        shutil.copytree(files / "demo/pypi", files / "demo/virtual", dirs_exist_ok=True)
        for wheel in framework.iterdir():
            project = files / "demo/virtual" / wheel.name.split("-")[0].replace("_", "-").lower()
            project.mkdir(exist_ok=True)
            shutil.copy(wheel, project)
        yield emulator


@pytest.fixture
def harbour(registry: Emulator, tmp_path: Path) -> Harbour:
    copy_sample(tmp_path / "harbour")
    return Harbour(tmp_path / "harbour", registry)


def copy_sample(root: Path) -> None:
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("dist", "*.egg-info"))
    commit(root, "The sample")


def build(
    harbour: Harbour, tool: str, options: Sequence[str] = (), function: str = FUNCTION
) -> Path:
    """Install the function as the buildpack does; return the interpreter that has it.

    The login is in a netrc file, where the buildpack writes it; nothing else knows of it.
    """
    home = harbour.root.parent / f"home-{tool}"
    home.mkdir()
    netrc = home / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login oauth2accesstoken password {TOKEN}\n")
    netrc.chmod(0o600)
    python = home / "environment/bin/python"
    subprocess.run([*VENV, str(python.parents[1])], check=True, timeout=120)
    install, check = BUILDPACK[tool]
    for command in ([*install, *options], check):
        done = subprocess.run(
            [str(python) if word == "PYTHON" else word for word in command],
            cwd=harbour.root / function,
            env={**os.environ, "HOME": str(home), "NETRC": str(netrc)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout
    return python


def ask(python: Path, folder: Path, target: str, query: str) -> object:
    """Start the function under functions-framework, and return its answer to one request."""
    port = unused_port()
    log = python.parents[2] / "log"
    with log.open("wb") as stream:
        served = subprocess.Popen(
            [
                str(python.parent / "functions-framework"),
                "--target",
                target,
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
            ],
            cwd=folder,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(
                    f"http://127.0.0.1:{port}/{query}", timeout=10
                ) as answer:
                    return json.load(answer)
            except URLError:
                assert served.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.1)
    finally:
        served.terminate()
        try:
            served.wait(10)
        except subprocess.TimeoutExpired:
            served.kill()
            served.wait()


@sample("tool", ["pip", "uv"], "pip")
@pytest.mark.parametrize(
    ("mode", "options"),
    [
        pytest.param([], [], id="index line"),
        pytest.param(["--pin"], [], id="pin", marks=exhaustive),
        pytest.param(["--vendor", "vendor"], VENDORED, id="vendor", marks=exhaustive),
        pytest.param(["--bundle"], [], id="bundle", marks=exhaustive),
    ],
)
def test_the_sample_function_is_built_and_answers(
    harbour: Harbour, tool: str, mode: list[str], options: list[str]
) -> None:
    done = harbour.shipwheel(
        "requirements", FUNCTION, "--runtime", RUNTIME, "--entry-point", "find", *mode
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    text = (harbour.root / FUNCTION / "requirements.txt").read_text()
    assert TOKEN not in text
    assert ("--index-url" in text) == (options == [])

    python = build(harbour, tool, options)

    assert ask(python, harbour.root / FUNCTION, "find", QUERY) == ANSWER
    again = harbour.shipwheel("requirements", FUNCTION, "--runtime", RUNTIME, *mode)
    assert f"{FUNCTION}/requirements.txt is as it should be\n" in again.stderr
    assert (harbour.root / FUNCTION / "requirements.txt").read_text() == text


def test_bundled_packages_need_not_be_published(harbour: Harbour) -> None:
    tides = harbour.root / "packages/tides"
    settings = tides / "pyproject.toml"
    settings.write_text(settings.read_text().replace("1.2.0", "1.9.0"))
    (harbour.root / FUNCTION / "requirements.txt").write_text(
        "functions-framework==3.10.2\nharbour-berths  # from here\n"
    )

    done = harbour.shipwheel("requirements", FUNCTION, "--runtime", RUNTIME, "--bundle")

    assert done.returncode == 0, done.stderr
    text = (harbour.root / FUNCTION / "requirements.txt").read_text()
    assert "# from here\n./wheels/harbour_berths-0.4.1-py3-none-any.whl \\\n" in text
    assert "./wheels/harbour_tides-1.9.0-py3-none-any.whl \\\n    --hash=sha256:" in text
    python = build(harbour, "pip")
    assert ask(python, harbour.root / FUNCTION, "find", QUERY) == ANSWER

    settings.write_text(settings.read_text().replace("1.9.0", "2.0.0"))
    done = harbour.shipwheel("requirements", FUNCTION, "--runtime", RUNTIME, "--bundle", "--json")
    changed = json.loads(done.stdout)
    assert changed["removed"] == [f"{FUNCTION}/wheels/harbour_tides-1.9.0-py3-none-any.whl"]
    assert f"{FUNCTION}/wheels/harbour_tides-2.0.0-py3-none-any.whl" in changed["files"]
    assert sorted(path.name for path in (harbour.root / FUNCTION / "wheels").iterdir()) == [
        "harbour_berths-0.4.1-py3-none-any.whl",
        "harbour_tides-2.0.0-py3-none-any.whl",
    ]


RECIPE = """\
--extra-index-url https://oauth2accesstoken:{{ACCESS_TOKEN}}@{{REGION}}-python.pkg.dev/{{PROJECT}}/{{REPO}}/simple/
functions-framework==3.10.2
harbour-tides==1.2.0
"""
FANCY = """\
import harbour_tides

def hello(request):
    return {"package": harbour_tides.__name__}
"""


def test_the_recipe_of_old_still_works_with_its_token_out_of_sight(harbour: Harbour) -> None:
    name = "functions/my-fancy-function"
    folder = harbour.root / name
    folder.mkdir()
    (folder / "requirements.txt.tmpl").write_text(RECIPE)
    (folder / "main.py").write_text(FANCY)

    refused = harbour.shipwheel("requirements", name, "--entry-point", "hello")
    assert refused.returncode == 1
    assert "SW852 error: The template asks for an access token" in refused.stdout
    assert not (folder / "requirements.txt").exists()

    done = harbour.shipwheel("requirements", name, "--entry-point", "hello", "--write-ignores")

    assert done.returncode == 0, done.stderr
    assert "SW821 warning: --extra-index-url" in done.stdout
    assert TOKEN not in done.stdout + done.stderr
    requirements = folder / "requirements.txt"
    assert requirements.read_text() == (
        "# Written by shipwheel requirements from requirements.txt.tmpl\n"
        + RECIPE.replace(
            "https://oauth2accesstoken:{{ACCESS_TOKEN}}@{{REGION}}-python.pkg.dev"
            "/{{PROJECT}}/{{REPO}}",
            f"http://oauth2accesstoken:{TOKEN}@{harbour.emulator.host}/demo/pypi",
        )
    )
    assert requirements.stat().st_mode & 0o777 == 0o600
    assert git_sees(harbour.root) == {
        f"{name}/{file}"
        for file in (".gcloudignore", ".gitignore", "main.py", "requirements.txt.tmpl")
    }
    python = build(harbour, "pip", function=name)
    assert ask(python, folder, "hello", "") == {"package": "harbour_tides"}


def git_sees(root: Path) -> set[str]:
    """Return the files of the new function that a `git add .` would take."""
    done = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "functions/my-fancy-function"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return set(done.stdout.split())
