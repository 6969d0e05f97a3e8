"""A distribution: one built file, an sdist or a wheel, whose name, metadata and RECORD agree.

Installers go by a wheel's RECORD, twine by its METADATA: so the RECORD has to be true, and the
METADATA what twine takes for it.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from installer.records import InvalidRecordEntry, RecordEntry, parse_record_file
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from steps.distribution.archive import (
    Archive,
    Sdist,
    open_archive,
    open_sdist,
    open_wheel,
    readable,
)
from steps.distribution.metadata import parse_metadata
from steps.host.errors import InputError, Problem, quoted
from steps.project.unversioned import Unversioned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from packaging.metadata import RawMetadata

    from steps.distribution.archive import Wheel
    from steps.project.source import Project

Kind = Literal["sdist", "wheel"]

_CHARACTERS = re.compile(r"[A-Za-z0-9._+!-]+")
# What cannot hold its own hash, and signatures of it.
_UNLISTED = ("RECORD", "RECORD.jws", "RECORD.p7s")
_HEXADECIMAL = 64  # digits of a sha256
_SHOWN = 5  # the first ones show what is wrong
_PYTHON_TAG = re.compile(r"(?:py|cp|pp)([23])(\d*)")
# More than there will be, of releases and of their patches.
_MINORS, _PATCHES = 40, (*range(40), 99)


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A distribution on disk; *size* is in bytes, *sha256* in hexadecimal.

    *project* is what it was built of, where that is known.
    """

    path: Path
    kind: Kind
    name: NormalizedName
    version: Version
    size: int
    sha256: str
    requires: tuple[str, ...] = ()
    requires_python: str = ""
    project: Project | None = field(default=None, compare=False)

    @property
    def filename(self) -> str:
        """The name that the registry will know it by."""
        return self.path.name

    @property
    def unversioned(self) -> Unversioned:
        """The files of its project whose changes need no release."""
        own = self.project
        return Unversioned(own.directory, own.unversioned) if own else Unversioned(Path(), ())


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
            "keep it elsewhere, or name the files to upload",
        ) from None
    if not path.is_file():  # a pipe would be read for ever
        raise InputError(f"{path.name!r} is not a file", "name a file that exists, or build it")
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
        requires_python=metadata.get("requires_python", ""),
    )


def read_metadata(path: Path) -> RawMetadata:
    """Return the core metadata of a wheel or an sdist; raise InputError when there is none."""
    with open_archive(path) as archive:
        return parse_metadata(path, archive.read(_require_metadata(path, archive)))[0]


def _require_metadata(path: Path, archive: Archive) -> str:
    """Return the name of the member with the core metadata; raise InputError when there is none."""
    name = metadata_member(archive)
    if name is None:
        raise InputError(f"{path.name!r} holds no metadata", "build it again")
    return name


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
            f"{path.name!r} holds the metadata of another distribution: {quoted(said[0])}"
            f" {quoted(said[1])}",
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


def read_whole(path: Path, sha256: Callable[[Path], str] = file_sha256) -> Distribution:
    """Read the distribution at *path*; raise InputError, too, where `check_built` does."""
    return read_distribution(path, also_check=check_built, sha256=sha256)


def check_built(path: Path) -> None:
    """Raise InputError for a distribution that may be read, and not published."""
    check = _check_wheel if path.suffix == ".whl" else _check_sdist
    check(path)


def _check_sdist(path: Path) -> None:
    """Raise InputError when the sdist at *path* holds distributions of its own project.

    They are what an earlier build left in `dist/`, and change with each build.
    """
    own = parse_filename(path.name)[1]
    with open_sdist(path) as sdist:
        packed = [name for name in sdist.names() if _is_distribution_of(own, name)]
        problems = [
            Problem(
                f"{path.name!r} holds a distribution of its own project: {quoted(name)}",
                "exclude that folder in the settings of the build backend, or move it out of the"
                " project",
            )
            for name in packed[:_SHOWN]
        ]
        InputError.raise_all([*problems, *_unlisted_bytes(path, sdist)])


def _is_distribution_of(project: NormalizedName, member: str) -> bool:
    with suppress(InvalidWheelFilename, InvalidSdistFilename):
        return parse_filename(member.rpartition("/")[2])[1] == project
    return False


def _unlisted_bytes(path: Path, archive: Archive) -> Iterator[Problem]:
    if found := archive.unlisted():
        yield Problem(f"{path.name!r} holds {found}, which no installer reads", "build it again")


def _check_wheel(path: Path) -> None:
    """Raise InputError unless the wheel at *path* holds exactly what its RECORD says.

    Every member is read for it, so that a damaged one is found as well. A member that twine takes
    for the metadata, and that is not, is refused, too: the registry would store what it says.
    """
    from steps.distribution.twine_library import other_metadata  # noqa: PLC0415 - imported early

    with open_wheel(path) as wheel:
        metadata = _require_metadata(path, wheel)
        folder = metadata.partition("/")[0]
        mismatches = [*islice(record_mismatches(wheel, folder), _SHOWN)]
        problems = [f"does not match its RECORD: {it}" for it in mismatches]
        if not _is_own_folder(path, folder):
            problems.insert(0, f"has its metadata in {quoted(folder)}, where no installer looks")
        hint = "build it again, and change nothing in a wheel that is built"
        found = [Problem(f"{path.name!r} {problem}", hint) for problem in problems]
        found += [*_unlisted_bytes(path, wheel), *other_metadata(path, wheel, metadata)]
        requires = parse_metadata(path, wheel.read(metadata))[0].get("requires_python")
        InputError.raise_all([*found, *_tag_problems(path, requires or "")])


def _tag_problems(path: Path, requires_python: str) -> Iterator[Problem]:
    """Yield a problem when no Python that the tags of the wheel at *path* name may install it."""
    tags = parse_wheel_filename(path.name)[3]
    try:
        allowed = SpecifierSet(requires_python)
    except InvalidSpecifier:
        return  # twine says so
    if not any(_may_install(tag.interpreter, tag.abi, allowed) for tag in tags):
        yield Problem(
            f"{path.name!r} is for {', '.join(sorted({tag.interpreter for tag in tags}))}, and its"
            f" own Requires-Python is {quoted(requires_python)}",
            "build it with a Python that requires-python allows, which --python names, or correct"
            " that",
        )


def _may_install(interpreter: str, abi: str, allowed: SpecifierSet) -> bool:
    """Return whether *allowed* has a Python for these tags; those of other kinds may have one."""
    if not (tag := _PYTHON_TAG.fullmatch(interpreter)):
        return True
    major, minor = int(tag[1]), int(tag[2] or 0)
    later = not tag[2] or interpreter.startswith("py") or abi == "abi3"  # as `packaging` has it
    minors = range(minor, _MINORS if later else minor + 1)
    return any(allows_python(allowed, (major, each)) for each in minors)


def allows_python(allowed: SpecifierSet, python: tuple[int, ...]) -> bool:
    """Return whether *allowed* has a patch release of *python*, such as (3, 12)."""
    name = ".".join(map(str, python))
    return any(allowed.contains(f"{name}.{patch}", prereleases=True) for patch in _PATCHES)


def _is_own_folder(path: Path, folder: str) -> bool:
    """Return whether *folder* has the name and the version of the wheel at *path*."""
    try:
        own = parse_wheel_filename(f"{folder.removesuffix('.dist-info')}-x-x-x.whl")
    except InvalidWheelFilename:
        return False
    return own[:2] == parse_filename(path.name)[1:]


def record_mismatches(wheel: Wheel, folder: str) -> Iterator[str]:
    """Yield in what *wheel* differs from the RECORD in *folder*, member by member."""
    text = ""
    with suppress(KeyError):
        text = wheel.read(f"{folder}/RECORD").decode("utf-8", "replace")
    unlisted = {f"{folder}/{name}" for name in _UNLISTED}
    held = {*wheel.names()} - unlisted
    try:
        rows = {row[0]: row for row in parse_record_file(filter(None, text.splitlines()))}
    except (InvalidRecordEntry, csv.Error) as error:
        yield f"the file cannot be read: {error}"
        return
    for member in sorted(held | rows.keys() - unlisted):
        if member not in rows:
            yield f"{quoted(member)} is not listed"
        elif member not in held:
            yield f"{quoted(member)} is listed and missing"
        elif not _matches(wheel, rows[member]):
            yield f"{quoted(member)} has another hash or size"


def _matches(wheel: Wheel, row: tuple[str, str, str]) -> bool:
    """Return whether *wheel* holds the member that *row* describes by its hash."""
    try:
        entry = RecordEntry.from_elements(*row)
        if entry.hash_ is None:
            return False
        entry.hash_.value = _base64(entry.hash_.value)
        with wheel.open(entry.path) as stream:
            return entry.validate_stream(cast("BinaryIO", stream))
    except (InvalidRecordEntry, ValueError, TypeError):  # or a hash that needs a length
        return False


def _base64(digest: str) -> str:
    """Return *digest* as the specification spells it, and early releases of uv_build did not."""
    if len(digest) == _HEXADECIMAL:
        digest = base64.urlsafe_b64encode(bytes.fromhex(digest)).decode()
    return digest.rstrip("=")
