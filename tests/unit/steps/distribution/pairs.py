"""Pairs of distributions of one version: what is built, and what is published."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

from steps.distribution.contents import compare
from steps.distribution.files import read_distribution

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from steps.distribution.contents import Difference

INFO = "tide_tables-1.0.dist-info"
METADATA = "Metadata-Version: 2.4\nName: tide-tables\nVersion: 1.0\n"
WHEEL = {
    "tide_tables/__init__.py": "HIGH = 1\n",
    f"{INFO}/METADATA": METADATA,
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\n",
    f"{INFO}/RECORD": "",
}
SDIST = {
    "tide_tables/__init__.py": "HIGH = 1\n",
    "pyproject.toml": "[project]\n",
    "PKG-INFO": METADATA,
    "src/tide_tables.egg-info/PKG-INFO": METADATA,
    "src/tide_tables.egg-info/SOURCES.txt": "",
}


def write(path: Path, members: dict[str, str], executable: Collection[str] = ()) -> Path:
    """Write a distribution; the RECORD of a wheel says what is in it where it is to be empty."""
    path.parent.mkdir(exist_ok=True)
    data = {name: it.encode(errors="surrogateescape") for name, it in members.items()}
    modes = {name: 0o755 if name in executable else 0o644 for name in data}
    if path.suffix == ".whl":
        records = [name for name in data if name.endswith("/RECORD") and not data[name]]
        for record in records:
            data[record] = record_of(data).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in data.items():
                entry = zipfile.ZipInfo(name)
                entry.external_attr = modes[name] << 16
                archive.writestr(entry, content)
        return path
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in data.items():
            info = tarfile.TarInfo(f"tide_tables-1.0/{name}")
            info.mode, info.size = modes[name], len(content)
            if content.startswith(b"-> "):
                info.type, info.size = tarfile.SYMTYPE, 0
                info.linkname = f"../{content[3:].decode()}"
            tar.addfile(info, io.BytesIO(content))
    path.write_bytes(gzip.compress(buffer.getvalue()))
    return path


def record_of(members: dict[str, bytes]) -> str:
    return "".join(
        f"{name},sha256={hashlib.sha256(content).hexdigest()},{len(content)}\n"
        for name, content in members.items()
    )


def wheels(tmp_path: Path, ours: dict[str, str], theirs: dict[str, str]) -> tuple[Difference, ...]:
    name = "tide_tables-1.0-py3-none-any.whl"
    built = read_distribution(write(tmp_path / "ours" / name, ours))
    return compare(built, write(tmp_path / "theirs" / name, theirs))


def sdists(tmp_path: Path, ours: dict[str, str], theirs: dict[str, str]) -> tuple[Difference, ...]:
    name = "tide_tables-1.0.tar.gz"
    built = read_distribution(write(tmp_path / "ours" / name, ours))
    return compare(built, write(tmp_path / "theirs" / name, theirs))


def with_metadata(text: str) -> dict[str, str]:
    return {**WHEEL, f"{INFO}/METADATA": text}


def said(differences: tuple[Difference, ...]) -> list[str]:
    return [str(it) for it in differences]


def of_backend(backend: str, comment: str = "") -> str:
    return f'[build-system]\nrequires = ["{backend}>=0.9"]{comment}\n'
