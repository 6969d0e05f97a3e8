"""Builds real projects with `python -m build` and with `shipwheel build`, and compares the wheels.

    python -m tests.benchmark.equality [PROJECT...]

Their sdists come from the package index, through pip. Says what differs, and fails when anything
does: the members and their contents, RECORD and all, but compiled ones only between two builds of
ours, from two clones, in a kept and in a fresh environment; for a project that cannot be built, the
last thing that its backend said. (Some backends, given an unpacked sdist, pack its PKG-INFO twice,
so sdists are compared in the test suite, from sources.)
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from steps.backend.environments import FIXED_ENVIRONMENT
from tests.archives import member_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable

# By backend, with what is special about it.
PROJECTS = {
    "flit-core": "click docutils flask idna installer jinja2 more-itertools packaging"
    " pyproject-hooks typing-extensions werkzeug wheel",
    "flit-core, in its own tree": "flit-core",
    "hatchling": "httpx jsonschema pygments soupsieve starlette virtualenv",
    "hatchling with plugins that read the version and the readme": "argcomplete attrs filelock"
    " platformdirs structlog urllib3",
    "hatchling, in its own tree": "hatchling",
    "pdm-backend": "fastapi",
    "pdm-backend, in its own tree": "pdm-backend",
    "poetry-core": "rich tomlkit",
    "poetry-core, in its own tree": "poetry-core",
    "setuptools": "build requests sniffio tenacity cachetools h11 trove-classifiers",
    "setuptools-scm": "anyio pluggy pytest tqdm zipp importlib-metadata python-dateutil",
    "setuptools, namespace packages": "jaraco-classes jaraco-functools zope-event",
    "setuptools, in its own tree": "setuptools",
    "setuptools, extension module": "markupsafe msgpack simplejson wrapt zope-interface",
    "setuptools, with cffi": "cffi",
    "meson-python": "contourpy",
}
EPOCH = "1700000000"
COMPILED = (".so", ".pyd", ".cdx.json", ".cyclonedx.json")


@dataclass(frozen=True)
class Built:
    """What a builder left, and what it said when it failed."""

    members: dict[str, str]
    failure: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("projects", nargs="*", help="projects of the package index")
    projects = parser.parse_args().projects or [
        name for names in PROJECTS.values() for name in names.split()
    ]
    equal = different = 0
    for number, project in enumerate(projects, 1):
        with tempfile.TemporaryDirectory() as folder:
            verdict = compare(project, Path(folder))
        print(f"{number:3} {project:20} {verdict}", flush=True)
        equal += verdict.startswith("equal")
        different += verdict.startswith("DIFFERENT")
    not_fetched = len(projects) - equal - different
    print(f"{len(projects)} projects: {equal} equal, {different} not, {not_fetched} not fetched")
    return min(different, 1)


def compare(project: str, folder: Path) -> str:
    """Return what there is to say about *project*."""
    source = fetch(project, folder)
    if source is None:
        return "not fetched"
    pristine = Path(shutil.copytree(source, folder / "pristine", symlinks=True))
    theirs = build_with_build(source, folder / "theirs")
    # Without what was left there.
    shutil.rmtree(source)
    second = Path(shutil.copytree(pristine, folder / "clone" / "another-name", symlinks=True))
    ours = build_with_us(pristine.rename(source), folder)
    if theirs.failure:
        said = theirs.failure.strip().splitlines()[-1]
        return f"{'equally' if said in ours.failure else 'DIFFERENTLY'} failed: {said}"
    if ours.failure:
        return f"DIFFERENT: only ours failed: {ours.failure}"
    if build_with_us(second, folder, "--no-build-cache").members != ours.members:
        return "DIFFERENT: from one clone, and from another in a fresh environment"
    names = sorted(theirs.members.keys() | ours.members.keys())
    differ = [name for name in names if theirs.members.get(name) != ours.members.get(name)]
    compiled = [name for name in names if name.endswith(COMPILED)]
    if compiled:  # by them it names the folder that it was made in, and so does RECORD, by its hash
        differ = [it for it in differ if it not in compiled and not it.endswith("/RECORD")]
    return f"DIFFERENT: {differ}" if differ else f"equal, {len(names)} members, {source.name}"


def fetch(project: str, folder: Path) -> Path | None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary"]
    command += [":all:", "--dest", str(folder / "sdist"), project]
    if subprocess.run(command, check=False, stdout=sys.stderr).returncode:
        return None
    (archive,) = (folder / "sdist").iterdir()
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    return source


def environ() -> dict[str, str]:
    return {**os.environ, **FIXED_ENVIRONMENT, "SOURCE_DATE_EPOCH": EPOCH}


def build_with_build(source: Path, output: Path) -> Built:
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--installer",
        "uv",
        "--outdir",
        str(output),
    ]
    done = subprocess.run(
        [*command, str(source)], env=environ(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        return Built({}, done.stdout + done.stderr)
    return Built(members(output.iterdir()), "")


def build_with_us(source: Path, folder: Path, *options: str) -> Built:
    command = [sys.executable, "-m", "builder", "build", "--wheel", "--json", *options, str(source)]
    here = {**environ(), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, env=here, capture_output=True, text=True, check=False, cwd=folder
    )
    if done.returncode:
        return Built({}, done.stdout + done.stderr)
    return Built(members(Path(row["path"]) for row in json.loads(done.stdout)), "")


def members(distributions: Iterable[Path]) -> dict[str, str]:
    return {
        f"{path.suffix}: {name}": hash_
        for path in distributions
        for name, hash_ in member_hashes(path).items()
    }


if __name__ == "__main__":
    sys.exit(main())
