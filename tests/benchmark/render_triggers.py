"""How long rendering the triggers of a large repository takes; a measurement, and no test.

    python tests/benchmark/render_triggers.py [PACKAGES]

The measure is what nobody can do without: PyYAML's C dumper for the same documents, and reading
every `pyproject.toml`. Each takes place in a new process, in turns; imports are not counted.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

import yaml

from steps.host.documents import dump
from triggers.rendering.repository import open_repository, render_repository

ROUNDS = 7
MANIFEST = """\
project: my-project
region: us-central1
registry: us-central1/my-project/pypi
image: us-central1-docker.pkg.dev/my-project/docker/shipwheel:1.0
source: {github: {owner: acme, name: monorepo}}
"""
PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "package-{number}"
version = "1.{number}"
description = "One of many."
requires-python = ">=3.11"
dependencies = ["requests>=2", "attrs", "package-{dependency}>=1"]

[project.optional-dependencies]
test = ["pytest>=8", "hypothesis"]

[tool.uv.sources]
package-{dependency} = {{ workspace = true }}
"""


def make_repository(root: Path, packages: int) -> None:
    """Write *packages* packages, in chains of ten, each of which depends upon the one before."""
    (root / "shipwheel.yaml").write_text(MANIFEST)
    (root / "cloudbuild").mkdir()
    for name in ("check-package", "publish-package"):
        (root / f"cloudbuild/{name}.yaml").write_text("steps: [{name: image}]\n")
    for number in range(packages):
        folder = root / f"packages/group-{number // 100}/package-{number}/src"
        folder.mkdir(parents=True)
        dependency = number - 1 if number % 10 else number
        text = PYPROJECT.format(number=number, dependency=dependency)
        (folder.parent / "pyproject.toml").write_text(text)
        (folder / "module.py").write_text("")


def render(root: Path) -> str:
    """Do what `shipwheel triggers render` does, from the files to the text."""
    rendering = render_repository(open_repository(root / "shipwheel.yaml"))
    return dump(trigger.document() for trigger in rendering.triggers)


def floor(root: Path, documents: list[Any]) -> str:
    """Read every pyproject.toml and dump the finished documents."""
    for path in sorted(root.rglob("pyproject.toml")):
        tomllib.loads(path.read_text(encoding="utf-8"))
    return str(yaml.dump_all(documents, Dumper=yaml.CSafeDumper, sort_keys=False))


def measure(what: str, root: Path) -> None:
    """Print how long *what* takes in this process, which has done nothing before."""
    documents = [*yaml.load_all((root / "triggers.yaml").read_text(), yaml.CSafeLoader)]
    start = time.perf_counter()
    _ = render(root) if what == "render" else floor(root, documents)
    print(time.perf_counter() - start)


def seconds(what: str, root: Path) -> float:
    """Return how long *what* takes in a process of its own."""
    command = [sys.executable, __file__, what, str(root)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    return float(done.stdout)


def main() -> None:
    """Print the two medians and their ratio."""
    packages = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_repository(root, packages)
        (root / "triggers.yaml").write_text(render(root))
        rounds = [(seconds("render", root), seconds("floor", root)) for _ in range(ROUNDS)]
    ours, least = (statistics.median(times) for times in zip(*rounds, strict=True))
    ratio = statistics.median(ours / least for ours, least in rounds)
    print(f"{packages} packages, {2 * packages} triggers, medians of {ROUNDS} rounds")
    print(f"render {ours:.3f} s, dump and read alone {least:.3f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
