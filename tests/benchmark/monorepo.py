"""Makes the monorepo that is measured: small packages of four backends, in turn, under git."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# What a package of each backend writes into its pyproject.toml, next to [project].
BACKENDS = {
    "setuptools": """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[tool.setuptools]
packages = ["{module}"]
""",
    "hatchling": """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
""",
    "flit-core": """\
[build-system]
requires = ["flit_core>=3.11"]
build-backend = "flit_core.buildapi"
""",
    "poetry-core": """\
[build-system]
requires = ["poetry-core>=2"]
build-backend = "poetry.core.masonry.api"
""",
}

_PROJECT = """\
[project]
name = "{name}"
version = "{version}"
description = "Package {name} of the measured monorepo."
readme = "README.md"
requires-python = ">=3.11"
license = "Apache-2.0"
dependencies = ["packaging"]

"""
_README = "# {name}\n\nA package that is built, looked at and published.\n\n- one\n- two\n"
_MODULES = 6


def make_package(directory: Path, name: str, backend: str, *, version: str = "1.0") -> Path:
    """Write a package into *directory* and return it."""
    module = name.replace("-", "_")
    sources = directory / module
    sources.mkdir(parents=True)
    text = (_PROJECT + BACKENDS[backend]).format(name=name, version=version, module=module)
    (directory / "pyproject.toml").write_text(text, encoding="utf-8")
    (directory / "README.md").write_text(_README.format(name=name), encoding="utf-8")
    (sources / "__init__.py").write_text(f'"""Package {name}."""\n', encoding="utf-8")
    for number in range(_MODULES):
        code = "".join(
            f"def function_{number}_{line}() -> int:\n    return {line}\n" for line in range(50)
        )
        (sources / f"module_{number}.py").write_text(code, encoding="utf-8")
    return directory


def make_monorepo(root: Path, packages: int) -> Path:
    """Write so many *packages* into *root*, commit them, and return it."""
    for number in range(packages):
        name = f"measured-{number:03}"
        make_package(root / "packages" / name, name, [*BACKENDS][number % len(BACKENDS)])
    (root / ".gitignore").write_text(
        "dist*/\n__pycache__/\n*.egg-info/\nbuild/\n", encoding="utf-8"
    )
    commit(root)
    return root


def commit(root: Path) -> None:
    """Commit everything in *root*, which becomes a repository when it is none."""
    who = {
        f"GIT_{role}_{part}": "nobody@localhost"
        for role in ("AUTHOR", "COMMITTER")
        for part in ("NAME", "EMAIL")
    }
    for command in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["commit", "--quiet", "--message", "Measure"],
    ):
        subprocess.run(["git", *command], cwd=root, env={**os.environ, **who}, check=True)
