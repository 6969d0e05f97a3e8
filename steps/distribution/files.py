"""A distribution: one built file, an sdist or a wheel, whose name and metadata agree."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from packaging.metadata import RawMetadata, parse_email
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from steps.distribution.archive import Archive, Sdist, open_archive, readable
from steps.host.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Kind = Literal["sdist", "wheel"]

_CHARACTERS = re.compile(r"[A-Za-z0-9._+!-]+")


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A distribution on disk; *size* is in bytes, *sha256* in hexadecimal."""

    path: Path
    kind: Kind
    name: NormalizedName
    version: Version
    size: int
    sha256: str
    requires: tuple[str, ...] = ()

    @property
    def filename(self) -> str:
        """The name that the registry will know it by."""
        return self.path.name


def parse_filename(filename: str) -> tuple[Kind, NormalizedName, Version]:
    """Return what the file name says; raise ValueError unless it is a distribution's.

    Sdists are `.tar.gz` (PEP 625); the zip, bz2 and egg forms of old are not built any more.
    """
    if not _CHARACTERS.fullmatch(filename):
        raise InvalidSdistFilename(f"no registry takes such a name: {filename!r}")
    if filename.endswith(".whl"):
        name, version, _build, _tags = parse_wheel_filename(filename)
        return "wheel", name, version
    if filename.endswith(".tar.gz"):
        name, version = parse_sdist_filename(filename)
        return "sdist", name, version
    raise InvalidSdistFilename(f"neither a wheel nor a .tar.gz sdist: {filename!r}")


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_distribution(
    path: Path,
    *,
    also_check: Callable[[Path], object] | None = None,
    sha256: Callable[[Path], str] = file_sha256,
) -> Distribution:
    """Read the distribution at *path*; *also_check* checks it while *sha256* hashes it.

    Raises InputError when its name is not a distribution's, its archive is broken or hostile, or
    its metadata names another project or version than its file name; and what *also_check* and
    *sha256* raise, which are given only a distribution whose members were looked at.
    """
    try:
        kind, name, version = parse_filename(path.name)
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise InputError(
            f"{path.name!r} is not the name of a distribution ({error})",
            "keep only what `shipwheel build` puts there",
        ) from None
    if not path.is_file():  # a pipe would be read for ever
        raise InputError(f"{path.name!r} is not a file", "remove it, and build it again")
    metadata = read_metadata(path)
    _check_identity(path, name, version, metadata)
    with readable(path):  # it may go away meanwhile
        digest = sha256(path) if also_check is None else _checked(path, also_check, sha256)
        size = path.stat().st_size
    return Distribution(
        path=path,
        kind=kind,
        name=name,
        version=version,
        size=size,
        sha256=digest,
        requires=tuple(metadata.get("requires_dist", ())),
    )


def read_metadata(path: Path) -> RawMetadata:
    """Return the core metadata of a wheel or an sdist; raise InputError when there is none."""
    with open_archive(path) as archive:
        name = metadata_member(archive)
        if name is None:
            raise InputError(f"{path.name!r} holds no metadata", "build it again")
        return parse_email(archive.read(name))[0]


def metadata_member(archive: Archive) -> str | None:
    """Return the name of the member that holds the core metadata."""
    names = archive.names()
    if isinstance(archive, Sdist):
        return "PKG-INFO" if "PKG-INFO" in names else None
    found = [
        name for name in names if name.endswith(".dist-info/METADATA") and name.count("/") == 1
    ]
    return found[0] if len(found) == 1 else None


def _check_identity(
    path: Path, name: NormalizedName, version: Version, metadata: RawMetadata
) -> None:
    said = metadata.get("name", ""), metadata.get("version", "")
    try:
        same = canonicalize_name(said[0]) == name and Version(said[1]) == version
    except ValueError:  # InvalidVersion, or more digits than Python reads
        same = False
    if not same:
        raise InputError(
            f"{path.name!r} holds the metadata of another distribution: {said[0]!r} {said[1]!r}",
            "build it again, and do not rename distributions",
        )


def _checked(path: Path, check: Callable[[Path], object], sha256: Callable[[Path], str]) -> str:
    """Return the sha256; raise one InputError for all that *check* and hashing refuse.

    Hashing leaves the processor to other threads.
    """
    problems: list[Problem] = []
    with ThreadPoolExecutor(1) as pool:
        digest = pool.submit(sha256, path)
        for ask in (partial(check, path), digest.result):
            try:
                ask()
            except InputError as error:
                problems.extend(error.problems)
    InputError.raise_all(dict.fromkeys(problems))
    return digest.result()
