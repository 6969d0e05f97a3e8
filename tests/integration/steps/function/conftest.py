"""A repository with a function, a private registry and a public index."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from builder.server import Emulator
from tests.integration.steps.function.place import TOKEN, Place
from tests.tiny import make_distributions, make_project
from tests.tree import git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    root = tmp_path / "work"
    (root / "f").mkdir(parents=True)
    (root / "f/main.py").write_text("def main(request): ...\n")
    git(root, "init", "--quiet")
    made = {
        "berths": make_project(tmp_path / "1", "berths", requires=["tides>=1"]),
        "tides": make_project(tmp_path / "1", "tides", "1.0"),
        "framework": make_project(tmp_path / "2", "functions_framework", "3.0", requires=["flask"]),
        "flask": make_project(tmp_path / "2", "flask", "3.1"),
        # Somebody took the name on the public index.
        "attack": make_project(tmp_path / "2", "tides", "9.0", text="not ours"),
    }
    files = {key: make_distributions(directory) for key, directory in made.items()}
    for key, distributions in files.items():
        private = key in {"berths", "tides"}
        for repository in ("pypi", "virtual") if private else ("public", "virtual"):
            if (repository, key) != ("virtual", "attack"):
                folder = tmp_path / "registry" / "demo" / repository / distributions[0].name
                folder.mkdir(parents=True, exist_ok=True)
                for it in distributions:
                    shutil.copy(it.path, folder)
    names = ("demo/pypi", "demo/virtual")
    with (
        Emulator(tmp_path / "registry", repositories=names, token=TOKEN) as private_registry,
        Emulator(tmp_path / "registry", repositories=("demo/public",)) as public,
    ):
        yield Place(root, private_registry, public, files)
