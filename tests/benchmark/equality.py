"""Publishes real projects twice, and compares the wheels with those of `python -m build`.

    python -m tests.benchmark.equality [PROJECT...]

Their sdists come from the package index, through pip. Each is published to the emulator, and then
from another clone in a fresh environment, which has to be `identical`; or `rebuilt`, for a backend
that compiles in a folder with a name of chance. Says what differs, and fails
when anything does: the members of the wheel and their contents, RECORD and all, but compiled ones
only between the two of ours; for a project that cannot be built, the last thing that its backend
said. (Sdists differ where a backend, given an unpacked one, packs its PKG-INFO twice; they are
compared in the test suite, from sources.)
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from builder.server import Emulator
from steps.backend.variables import FIXED_ENVIRONMENT
from tests.archives import member_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable

# By backend, with what is special about it.
PROJECTS = {
    "flit-core": "click docutils flask idna installer jinja2 more-itertools packaging"
    " pyproject-hooks typing-extensions werkzeug wheel",
    "flit-core, in its own tree": "flit-core",
    "hatchling": "httpx jsonschema pygments soupsieve starlette virtualenv",
    "hatchling with plugins that read the version and the readme": "argcomplete attrs"
    " structlog urllib3",
    "hatchling, in its own tree": "hatchling",
    "pdm-backend": "fastapi",
    "pdm-backend, in its own tree": "pdm-backend",
    "poetry-core": "rich tomlkit",
    "poetry-core, in its own tree": "poetry-core",
    "setuptools": "build requests sniffio tenacity cachetools h11 trove-classifiers",
    "setuptools-scm": "anyio pluggy pytest tqdm zipp importlib-metadata python-dateutil",
    "setuptools, namespace packages": "jaraco-classes jaraco-functools zope-event",
    "setuptools, in its own tree": "setuptools",
    "setuptools, extension module": "bitarray coverage greenlet hiredis kiwisolver markupsafe mmh3"
    " msgpack psutil pyyaml regex setproctitle simplejson ujson wrapt xxhash zope-interface",
    "setuptools, behind a backend in its own tree": "frozenlist multidict propcache",
    "setuptools, with cffi": "cffi",
    "meson-python": "contourpy",
    "scikit-build-core": "levenshtein",
}
EPOCH = "1700000000"
SECONDS = 600  # for one program
COMPILED = (".so", ".pyd", ".cdx.json", ".cyclonedx.json")


@dataclass(frozen=True)
class Built:
    """What a builder left, what it said when it failed, and how a publish ended."""

    members: dict[str, str] = field(default_factory=dict)
    failure: str = ""
    outcome: str = ""


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
    if isinstance(source, str):
        return f"not fetched: {source}"
    pristine = Path(shutil.copytree(source, folder / "pristine", symlinks=True))
    theirs = build_with_build(source, folder / "theirs")
    # Without what was left there.
    shutil.rmtree(source)
    second = Path(shutil.copytree(pristine, folder / "clone" / "another-name", symlinks=True))
    with Emulator(folder / "registry") as emulator:
        ours = publish(pristine.rename(source), emulator)
        again = publish(second, emulator, "--no-build-cache")
    if theirs.failure:
        said = theirs.failure.strip().splitlines()[-1].removeprefix("ERROR ")
        return f"{'equally' if said in ours.failure else 'DIFFERENTLY'} failed: {said}"
    if ours.failure:
        return f"DIFFERENT: only ours failed: {ours.failure}"
    if again.outcome not in {"identical", "rebuilt"}:
        return f"DIFFERENT: published twice: {again.outcome or again.failure}"
    names = sorted(theirs.members.keys() | ours.members.keys())
    differ = [name for name in names if theirs.members.get(name) != ours.members.get(name)]
    compiled = [name for name in names if name.endswith(COMPILED)]
    if compiled:  # by them it names the folder that it was made in, and so does RECORD, by its hash
        differ = [it for it in differ if it not in compiled and not it.endswith("/RECORD")]
    count = f"{len(names)} members" + (f", {len(compiled)} compiled" if compiled else "")
    return f"DIFFERENT: {differ}" if differ else f"equal, {again.outcome}, {count}, {source.name}"


def fetch(project: str, folder: Path) -> Path | str:
    """Return where the sdist of *project* was unpacked, or the last thing that pip said."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary"]
    command += [project, "--dest", str(folder / "sdist"), project]
    if (done := run(command)).returncode:
        return done.stderr.strip().rpartition("\n")[2]
    (archive,) = (folder / "sdist").iterdir()
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    return source


def run(command: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, or end it and its children when it takes too long."""
    variables = {**os.environ, **FIXED_ENVIRONMENT, "SOURCE_DATE_EPOCH": EPOCH, **environ}
    with subprocess.Popen(
        command,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            output, errors = process.communicate()
            errors += f"\ntook more than {SECONDS} s"
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def build_with_build(source: Path, output: Path) -> Built:
    command = [sys.executable, "-m", "build", "--installer", "uv", "--outdir", str(output)]
    done = run([*command, str(source)])
    if done.returncode:
        return Built(failure=done.stdout + done.stderr)
    return Built(members(output.glob("*.whl")))


def publish(source: Path, emulator: Emulator, *options: str) -> Built:
    command = [sys.executable, "-m", "builder", "publish", "--json", *options, str(source)]
    done = run(
        command,
        PYTHONPATH=str(Path(__file__).parents[2]),
        ARTIFACT_REGISTRY_EMULATOR_HOST=emulator.host,
        SHIPWHEEL_REGISTRY="us-central1/demo/pypi",
    )
    if done.returncode:
        return Built(failure=done.stdout + done.stderr)
    outcomes = {row["outcome"] for row in json.loads(done.stdout)}
    return Built(members(source.glob("dist/*.whl")), outcome=", ".join(outcomes))


def members(distributions: Iterable[Path]) -> dict[str, str]:
    return {
        f"{path.suffix}: {name}": hash_
        for path in distributions
        for name, hash_ in member_hashes(path).items()
    }


if __name__ == "__main__":
    sys.exit(main())
