"""Tiny projects whose distributions are written, not built: where the registry is the point."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import os
import tarfile
import tomllib
import zipfile
from typing import TYPE_CHECKING

from steps.distribution.files import Distribution, read_distribution

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Where there is no git, a build is as old as the newest file.
_TIME = 1_600_000_000
_PYPROJECT = """\
[build-system]
requires = ["flit_core>=3.11,<4"]
build-backend = "flit_core.buildapi"

[project]
name = "{name}"
version = "{version}"
description = "A tiny project."
dependencies = [{requires}]
"""
_MODULE = """\
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_c", __FILE__, -1, NULL};
PyMODINIT_FUNC PyInit__c(void) { return PyModule_Create(&module); }
"""


def make_project(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: Sequence[str] = (),
    text: str = "",
    padding: int = 0,
) -> Path:
    """Write the source of a project into *folder*/*name* and return that directory.

    *padding* is the number of bytes that its package data has, which do not compress.
    """
    directory = folder / name
    directory.mkdir(parents=True, exist_ok=True)
    dependencies = ", ".join(f'"{line}"' for line in requires)
    (directory / "pyproject.toml").write_text(
        _PYPROJECT.format(name=name, version=version, requires=dependencies)
    )
    (directory / name).mkdir(exist_ok=True)
    (directory / name / "__init__.py").write_text(f'"""{name} {text}"""\n')
    if padding:
        (directory / name / "data.bin").write_bytes(noise(padding))
    for path in (directory / "pyproject.toml", *(directory / name).iterdir()):
        os.utime(path, (_TIME, _TIME))
    return directory


def make_distributions(
    directory: Path, *, metadata_version: str = "2.4", requires_python: str = ""
) -> tuple[Distribution, ...]:
    """Write wheel and sdist of a tiny project into its `dist/`, the same bytes each time."""
    table = tomllib.loads((directory / "pyproject.toml").read_text())["project"]
    name, version = table["name"], table["version"]
    lines = [f"Metadata-Version: {metadata_version}", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {line}" for line in table["dependencies"]]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    metadata = "".join(f"{line}\n" for line in lines)
    sources = {
        f"{name}/{path.name}": path.read_bytes() for path in sorted((directory / name).iterdir())
    }
    folder = directory / "dist"
    folder.mkdir(exist_ok=True)
    stem = f"{name}-{version}"
    wheel, sdist = folder / f"{stem}-py3-none-any.whl", folder / f"{stem}.tar.gz"
    _write_wheel(wheel, f"{stem}.dist-info", sources, metadata)
    _write_sdist(sdist, stem, {**sources, "PKG-INFO": metadata.encode()}, directory)
    return read_distribution(wheel), read_distribution(sdist)


def make_compiled(
    folder: Path, name: str, member: str, content: bytes, text: str = ""
) -> tuple[Distribution, ...]:
    """Write a wheel with a *member* that its sdist has not: as a compiler leaves one."""
    project = make_project(folder, name, text=text)
    _, sdist = make_distributions(project)
    kept = sdist.path.read_bytes()
    (project / name / member).write_bytes(content)
    wheel, sdist = make_distributions(project)
    sdist.path.write_bytes(kept)
    return wheel, read_distribution(sdist.path)


def add_extension(directory: Path) -> None:
    """Let setuptools build the tiny project in *directory*, with a module in C."""
    text = (directory / "pyproject.toml").read_text()
    text = text.replace("flit_core>=3.11,<4", "setuptools>=77")
    text = text.replace("flit_core.buildapi", "setuptools.build_meta")
    name = directory.name
    sources = {
        "pyproject.toml": f'{text}[tool.setuptools]\npackages = ["{name}"]\n',
        "setup.py": "from setuptools import Extension, setup\n"
        f"setup(ext_modules=[Extension('{name}._c', ['{name}/c.c'], extra_compile_args=['-g'])])\n",
        f"{name}/c.c": _MODULE,
    }
    for path, content in sources.items():
        (directory / path).write_text(content)
        os.utime(directory / path, (_TIME, _TIME))


def _write_wheel(path: Path, info: str, sources: dict[str, bytes], metadata: str) -> None:
    members = {
        **sources,
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tiny\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    }
    record = io.StringIO()
    for member, data in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        csv.writer(record).writerow([member, f"sha256={digest}", len(data)])
    csv.writer(record).writerow([f"{info}/RECORD", "", ""])
    members[f"{info}/RECORD"] = record.getvalue().encode()
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(zipfile.ZipInfo(member), data)


def _write_sdist(path: Path, stem: str, members: dict[str, bytes], directory: Path) -> None:
    members = {**members, "pyproject.toml": (directory / "pyproject.toml").read_bytes()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, data in members.items():
            info = tarfile.TarInfo(f"{stem}/{member}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    path.write_bytes(gzip.compress(buffer.getvalue(), mtime=0))


def noise(size: int) -> bytes:
    """Return bytes that look random and are the same each time."""
    return hashlib.shake_256(b"tiny").digest(size)
