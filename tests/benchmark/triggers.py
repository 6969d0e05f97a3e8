"""How long triggers of a large repository take to render, lint and explain.

    python -m tests.benchmark.triggers WHAT ROOT

prints the processor time of WHAT for the repository at ROOT, in a process that has done nothing
else; imports are not counted. `floor` is what nobody can do without: PyYAML's C dumper for the
documents of `triggers.yaml`, and reading every `pyproject.toml`.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from steps.host.documents import dump
from triggers.cloudbuild.conditions import read_conditions
from triggers.rendering.explanation import ChangedFiles, Event, explain
from triggers.rendering.repository import open_repository, render_repository
from triggers.rules.linter import lint

if TYPE_CHECKING:
    from collections.abc import Callable

    from triggers.rendering.trigger import Trigger

CHANGED = 10_000
MANIFEST = """\
project: my-project
region: us-central1
registry: us-central1/my-project/pypi
image: us-central1-docker.pkg.dev/my-project/docker/shipwheel:1.0
source: {github: {owner: acme, name: monorepo}}
"""
_CONFIG = "steps: [{name: image}]\noptions: {logging: NONE}\n"
_REQUIRED = 3
_PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "package-{number}"
version = "1.{number}"
description = "One of many."
requires-python = ">=3.11"
dependencies = ["requests>=2", "attrs"{required}]

[project.optional-dependencies]
test = ["pytest>=8", "hypothesis"]
"""


def make_repository(root: Path, packages: int) -> Path:
    """Write *packages* packages, each of which requires random earlier ones; return *root*."""
    chosen = random.Random(packages)  # noqa: S311 - the same repository each time
    root.mkdir()
    (root / "shipwheel.yaml").write_text(MANIFEST)
    (root / "cloudbuild").mkdir()
    for name in ("check-package", "publish-package"):
        (root / f"cloudbuild/{name}.yaml").write_text(_CONFIG)
    for number in range(packages):
        folder = root / _folder(number) / "src"
        folder.mkdir(parents=True)
        earlier = sorted(chosen.sample(range(number), min(_REQUIRED, number)))
        required = "".join(f', "package-{it}>=1"' for it in earlier)
        text = _PYPROJECT.format(number=number, required=required)
        (folder.parent / "pyproject.toml").write_text(text)
        (folder / "module.py").write_text("")
    (root / "triggers.yaml").write_text(dump(it.document() for it in _triggers(root)))
    return root


def _folder(number: int) -> str:
    return f"packages/group-{number // 100}/package-{number}"


def _triggers(root: Path) -> tuple[Trigger, ...]:
    return render_repository(open_repository(root / "shipwheel.yaml")).triggers


def _render(root: Path) -> None:
    dump(trigger.document() for trigger in _triggers(root))


def _lint(root: Path) -> None:
    lint(root / "shipwheel.yaml", [], frozenset(), str)


def _explain(root: Path) -> None:
    triggers = _triggers(root)
    packages = len(triggers) // 2
    names = tuple(f"{_folder(it % packages)}/src/{it}.py" for it in range(CHANGED))
    conditions = [read_conditions(trigger.document()) for trigger in triggers]
    explain(conditions, ChangedFiles(files=names), Event(kind="push", branch="main"))


def _floor(root: Path) -> None:
    for path in sorted(root.rglob("pyproject.toml")):
        tomllib.loads(path.read_text(encoding="utf-8"))
    yaml.dump_all(_DOCUMENTS, Dumper=yaml.CSafeDumper, sort_keys=False)


_DOCUMENTS: list[object] = []
_WORK: dict[str, Callable[[Path], None]] = {
    "render": _render,
    "lint": _lint,
    "explain": _explain,
    "floor": _floor,
}


def measured(what: str, root: Path) -> float:
    """Return the seconds of processor time that *what* takes, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmark.triggers", what, str(root)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    return float(done.stdout)


def main() -> None:
    what, root = sys.argv[1], Path(sys.argv[2])
    if what == "floor":
        _DOCUMENTS.extend(yaml.load_all((root / "triggers.yaml").read_text(), yaml.CSafeLoader))
    start = time.process_time()
    _WORK[what](root)
    print(time.process_time() - start)


if __name__ == "__main__":
    main()
