"""The image itself: what is in it, how it starts and ends, and that it needs no package index."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from steps import __version__
from tests.image.conftest import BASE_VARIABLE, DEFAULT_BASE, ROOT, build_command
from tests.image.engine import Docker
from tests.image.layers import findings
from tests.tree import commit, git

# In one container, since one without a network has a loopback of its own.
PUBLISH_TWICE = """
import json, os, subprocess, sys, tempfile
from pathlib import Path
from builder.server import Emulator

command = [sys.executable, "-I", "-m", "builder", "publish", "--all", "packages", "--json"]
with tempfile.TemporaryDirectory() as root, Emulator(Path(root)) as emulator:
    registry = {"SHIPWHEEL_REGISTRY": "us-central1/demo/pypi"}
    environ = {**os.environ, **registry, "ARTIFACT_REGISTRY_EMULATOR_HOST": emulator.host}
    for _ in range(2):
        ended = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True)
        print(json.dumps(json.loads(ended.stdout)))
"""
Record = Callable[[str, object], None]

PYTHON = "/opt/shipwheel/bin/python"
RUN = ("run", "--rm", "--network", "none")
BACKENDS = {
    "flit": ("flit_core>=3.12,<5", "flit_core.buildapi"),
    "hatch": ("hatchling>=1.27", "hatchling.build"),
    "hatchvcs": ("hatchling', 'hatch-vcs", "hatchling.build"),
    "pdm": ("pdm-backend", "pdm.backend"),
    "poetry": ("poetry-core>=2,<3", "poetry.core.masonry.api"),
    "scm": ("setuptools>=80', 'setuptools-scm>=8", "setuptools.build_meta"),
    "setup": ("setuptools>=61', 'wheel", "setuptools.build_meta"),
    "uvb": ("uv_build>=0.11,<1", "uv_build"),
}


def as_in_cloud_build(workspace: Path, *options: str) -> tuple[str, ...]:
    """The options of `docker run` that make a container what a step is: no terminal among them."""
    outputs = workspace.parent / "outputs"
    home = workspace.parent / "home"
    for folder in (outputs, home):
        folder.mkdir(exist_ok=True)
    mounts = {workspace: "/workspace", home: "/builder/home", outputs: "/builder/outputs"}
    volumes = [part for here, there in mounts.items() for part in ("--volume", f"{here}:{there}")]
    environ = ("--env", "HOME=/builder/home", "--env", "BUILDER_OUTPUT=/builder/outputs")
    return (*RUN, *volumes, *environ, "--workdir", "/workspace", *options)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A tagged checkout, of another user's, with a project for each backend of the image."""
    directory = tmp_path / "workspace"
    for name, (requires, backend) in BACKENDS.items():
        dynamic = name in {"hatchvcs", "scm"}
        version = 'dynamic = ["version"]' if dynamic else 'version = "1.0"'
        module = directory / name / "src" / name
        module.mkdir(parents=True)
        (module / "__init__.py").write_text(f'"""The project {name}."""\n\n__version__ = "1.0"\n')
        (directory / name / "README.md").write_text(f"# {name}\n")
        (directory / name / "pyproject.toml").write_text(
            f"[build-system]\nrequires = ['{requires}']\nbuild-backend = '{backend}'\n\n"
            f'[project]\nname = "{name}"\n{version}\ndescription = "A project."\n'
            'readme = "README.md"\n'
            + ("\n[tool.setuptools_scm]\nroot = '..'\n" if name == "scm" else "")
            + ("\n[tool.hatch.version]\nsource = 'vcs'\n" if name == "hatchvcs" else "")
            + ("raw-options = {root = '..'}\n" if name == "hatchvcs" else "")
        )
    when = "2024-05-06T07:08:09+00:00"
    commit(directory, "Eight projects", GIT_AUTHOR_DATE=when, GIT_COMMITTER_DATE=when)
    git(directory, "tag", "v1.0")
    for path in (directory, *directory.rglob("*")):
        os.chown(path, 1000, 1000)
    return directory


def test_runs_shipwheel_and_never_the_users_files(
    docker: Docker, image: str, tmp_path: Path
) -> None:
    for package in ("builder", "steps", "click"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('shadowed')\n")
    options = ("--volume", f"{tmp_path}:/workspace", "--env", "PYTHONPATH=/workspace")

    assert docker(*RUN, *options, image, "--version") == f"shipwheel {__version__}"


def test_is_configured_for_cloud_build(docker: Docker, image: str, revision: str) -> None:
    config = json.loads(docker("image", "inspect", "--format", "{{json .Config}}", image))

    assert config["Entrypoint"] == [PYTHON, "-I", "-m", "builder"]
    assert not config.get("User")  # root, as all that Cloud Build mounts
    assert config["WorkingDir"] == "/workspace"
    labels = {key.rpartition(".")[2]: value for key, value in config["Labels"].items()}
    assert labels == {
        "title": "shipwheel",
        "version": __version__,
        "revision": revision,
        "source": "https://github.com/shipwheel/shipwheel",
        "licenses": "Apache-2.0",
    }


def test_is_the_same_built_with_buildkit(
    docker: Docker, image: str, base: str, revision: str
) -> None:
    # A docker command of 23 or later needs its plugin buildx, and not each on PATH may have it.
    folders = docker.environ["PATH"].split(os.pathsep)
    for folder in (it for it in folders if shutil.which("docker", path=it)):
        path = os.pathsep.join([folder, *folders])
        buildkit = Docker({**docker.environ, "DOCKER_BUILDKIT": "1", "PATH": path})
        built = buildkit.run(*build_command(f"{image}-buildkit", base, revision))
        if "buildx component is missing" not in built.stderr:
            break
    else:
        pytest.skip("no docker command can use BuildKit: install its plugin buildx")
    assert built.returncode == 0, built.stderr

    def files(tag: str) -> str:
        find = ("/opt/shipwheel", "/usr/local/bin", "-not", "-name", "*.pyc")
        return docker(*RUN, "--entrypoint", "find", tag, *find)

    try:
        assert docker(*RUN, f"{image}-buildkit", "--version") == f"shipwheel {__version__}"
        assert {*files(f"{image}-buildkit").split()} == {*files(image).split()}
    finally:
        docker("rmi", "--force", f"{image}-buildkit")


def test_has_the_python_that_the_dockerfile_takes_by_default(
    docker: Docker, image: str, record_property: Record
) -> None:
    found = docker(*RUN, "--entrypoint", PYTHON, image, "--version")

    record_property("python", f"The image was tested with {found}")
    if BASE_VARIABLE not in os.environ:
        assert found.startswith(f"Python {DEFAULT_BASE.partition(':')[2].removesuffix('-slim')}.")


def test_keeps_its_environment_apart_from_what_steps_install(docker: Docker, image: str) -> None:
    programs = "python3 pip3 shipwheel twine keyring uv git"
    script = f"for program in {programs}; do command -v $program; done"

    found = docker(*RUN, "--entrypoint", "sh", image, "-c", script).splitlines()

    assert [Path(path).name for path in found] == programs.split()
    assert not [path for path in found if path.startswith("/opt/shipwheel")]


def test_holds_no_secret_and_no_cache(
    docker: Docker, image: str, base: str, tmp_path: Path
) -> None:
    assert findings(docker, image, base, tmp_path) == []
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    assert "proxy" not in history.lower()


def test_the_search_finds_what_a_later_layer_deleted(
    docker: Docker, base: str, tmp_path: Path
) -> None:
    key = "-----BEGIN PRIVATE KEY-----\\n" + "A" * 64
    dockerfile = (
        f"FROM {base}\n"
        f"RUN printf -- '{key}' > /opt/planted && mkdir -p /root/.cache && touch /root/.cache/x\n"
        "RUN rm -r /opt/planted /root/.cache\n"
    )
    docker("build", "--network=none", "--tag", "planted", "-", stdin=dockerfile)
    try:
        found = findings(docker, "planted", base, tmp_path)
    finally:
        docker("rmi", "--force", "planted")

    assert found == ["secret: opt/planted with PRIVATE KEY-----", "cache: root/.cache/x"]


def test_has_the_perl_of_the_base_since_no_command_of_git_needs_another(
    docker: Docker, image: str
) -> None:
    script = "! grep -lsE '^#!.*perl' /usr/lib/git-core/* /usr/bin/git*"

    assert docker(*RUN, "--entrypoint", "sh", image, "-c", script) == ""


def test_adds_to_its_base_only_what_is_listed_with_a_purpose(
    docker: Docker, image: str, base: str, record_property: Record
) -> None:
    command = [str(ROOT / "builder" / "image-size.sh"), image, base]
    ended = subprocess.run(
        command, env={**docker.environ}, capture_output=True, text=True, check=False
    )

    record_property("size", ended.stdout.strip())
    assert (ended.returncode, ended.stderr) == (0, "")


def test_starts_quickly(docker: Docker, image: str, record_property: Record) -> None:
    def seconds(*command: str) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            docker(*RUN, *command)
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    container = seconds("--entrypoint", "true", image)
    ours = seconds(image, "--version")

    said = f"`shipwheel --version` takes {ours - container:.2f} s in a container"
    record_property("start", f"{said}, and Docker's part before it {container:.2f} s")
    assert ours - container < 1


@pytest.mark.parametrize("when", ["building", "serving"])
def test_ends_at_once_with_all_its_children_when_a_build_is_cancelled(
    docker: Docker, image: str, tmp_path: Path, when: str
) -> None:
    (tmp_path / "backend.py").write_text(
        "import subprocess, time\n\n\n"
        "def build_sdist(directory, settings=None):\n"
        "    subprocess.Popen(['sleep', '300'])\n"
        "    open('/workspace/started', 'w').close()\n"
        "    time.sleep(300)\n"
    )
    (tmp_path / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n\n"
        "[project]\nname = 'hangs'\nversion = '1.0'\n"
    )
    command = "emulator --root /workspace/started" if when == "serving" else "build"
    name = "shipwheel-test-cancelled"
    options = (
        "--detach",
        "--name",
        name,
        "--network",
        "none",
        "--volume",
        f"{tmp_path}:/workspace",
    )
    docker("run", *options, image, *command.split())
    try:
        last = time.monotonic() + 30
        while not (tmp_path / "started").exists() and time.monotonic() < last:
            time.sleep(0.05)
        start = time.monotonic()
        docker("stop", "--time", "20", name)
        took = time.monotonic() - start
        code = docker("inspect", "--format", "{{.State.ExitCode}}", name)
        said = docker.run("logs", name).stderr.splitlines()
    finally:
        docker("rm", "--force", name)

    if when == "serving":
        assert (code, said[-1]) == ("0", "Stopped")
    else:
        again = "Terminated. Run the same command again to finish the job."
        assert (code, said[-1]) == ("143", again)
    assert took < 5


def test_builds_with_every_baked_backend_without_a_network_and_the_same_bytes_again(
    docker: Docker, image: str, workspace: Path
) -> None:
    other = workspace.parent / "other" / "workspace"
    other.parent.mkdir()
    # Another folder and later files: what is left to tell the time is the commit.
    shutil.copytree(workspace, other, copy_function=shutil.copy)

    first, second = (
        json.loads(docker(*as_in_cloud_build(place), image, "build", "--all", "--json"))
        for place in (workspace, other)
    )

    assert {row["project"] for row in first} == set(BACKENDS)
    assert {row["version"] for row in first} == {"1.0"}
    assert len(first) == 2 * len(BACKENDS)
    assert first == second


def test_publishes_the_sample_without_a_network_and_finds_it_identical(
    docker: Docker, image: str, tmp_path: Path
) -> None:
    source = tmp_path / "workspace"
    shutil.copytree(ROOT / "tests" / "example", source)
    options = as_in_cloud_build(source, "--interactive", "--entrypoint", PYTHON)

    lines = docker(*options, image, "-I", "-", stdin=PUBLISH_TWICE).splitlines()

    new, identical = (json.loads(line) for line in lines)
    files = {(row["file"], row["sha256"]) for row in new}
    assert len(files) == 2 * len([*source.glob("packages/*/pyproject.toml")])
    assert {row["outcome"] for row in new} == {"new"}
    assert {(row["file"], row["sha256"]) for row in identical} == files
    assert {row["outcome"] for row in identical} == {"identical"}
