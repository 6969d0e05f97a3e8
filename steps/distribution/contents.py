"""Comparison by contents: whether two distributions of one version hold the same.

A rebuild with a newer backend is not a change, one edited line is. So what a backend writes about
its own work is left out (`WHEEL`, `RECORD`, an sdist's `SOURCES.txt`), and core metadata is
compared field by field, without the fields that say how it came about.
"""

from __future__ import annotations

import re
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from packaging.metadata import parse_email
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, canonicalize_version
from packaging.version import Version

from steps.distribution.archive import open_archive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steps.distribution.archive import Archive
    from steps.distribution.files import Distribution

# In the metadata folder of a wheel: how it was packed, and signatures of that.
_WHEEL_OWN = {"WHEEL", "RECORD", "RECORD.jws", "RECORD.p7s"}
# In setuptools' folder in an sdist: what is derived from the other members and from PKG-INFO.
_SDIST_OWN = {
    "SOURCES.txt",
    "dependency_links.txt",
    "not-zip-safe",
    "requires.txt",
    "top_level.txt",
    "zip-safe",
}
# Hatchling takes along the nearest one up to the root of the repository, which is every project's.
_IGNORE_FILES = {".gitignore", ".hgignore"}
# License-File names files that are members themselves, and that backends have moved about; the
# imports are what the members say, too, where a backend of late fills them in.
_LEFT_OUT_FIELDS = {
    "metadata-version",
    "dynamic",
    "license-file",
    "import-name",
    "import-namespace",
}
# Poetry adds one for each Python that it knew when it built.
_POETRY_CLASSIFIER = "Programming Language :: Python :: 3"
_ENTRY_POINTS = ".dist-info/entry_points.txt"
_LICENCE_FOLDER = re.compile(r"^(\.dist-info/)(?:licenses|license_files)/")
_DETAIL_CHARACTERS = 60
_PLURAL_FIELDS = {"keywords", "obsoletes", "provides", "requires"}  # named so by their standard

_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing in which a distribution of ours differs from the published one of its kind.

    *name* is a file in the archive, or a core metadata field as its specification spells it;
    *detail* says more where a few words can.
    """

    filename: str
    change: Literal["added", "removed", "changed"]
    kind: Literal["file", "metadata field"]
    name: str
    detail: str = ""

    def __str__(self) -> str:
        """Return the difference in words, whichever distribution it is in."""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.kind} {self.change}: {self.name}{detail}"


def compare(ours: Distribution, theirs: Path) -> tuple[Difference, ...]:
    """Return in what *ours* differs from the published distribution of its kind at *theirs*.

    Nothing when both hold the same. Raises InputError when either is broken or hostile.
    """
    new, old = _Contents(ours.path, ours.name), _Contents(theirs, ours.name)
    found = [
        Difference(filename=ours.filename, change=change, kind="file", name=name)
        for name, change in _changes(old.files, new.files)
    ]
    seen: set[str] = set()
    for member in sorted(old.metadata.keys() & new.metadata.keys()):
        before, after = old.metadata[member], new.metadata[member]
        for name, change in _changes(before, after):
            if name not in seen:
                seen.add(name)
                detail = _detail(before.get(name, ()), after.get(name, ()))
                found.append(
                    Difference(
                        filename=ours.filename,
                        change=change,
                        kind="metadata field",
                        name=_spelled(name),
                        detail=detail,
                    )
                )
    return tuple(found)


class _Contents:
    """What of a distribution counts: files by sha256, metadata by field."""

    def __init__(self, path: Path, project: str) -> None:
        self.files: dict[str, str] = {}
        self.metadata: dict[str, dict[str, tuple[str, ...]]] = {}
        is_wheel = path.suffix == ".whl"
        rename = _wheel_member if is_wheel else _sdist_member
        with open_archive(path) as archive:
            for member, digest in archive.hashes().items():
                self._add(archive, member, rename(member, project), digest)
            backend = _said_of_backend(archive)
        if b"poetry" in backend:
            self._drop_poetry_classifiers()
        if b"uv_build" in backend and "pyproject.toml.orig" in self.files:
            # What the user wrote; of late, uv_build packs its own rendering under the plain name.
            self.files["pyproject.toml"] = self.files.pop("pyproject.toml.orig")

    def _add(self, archive: Archive, member: str, name: str | None, digest: str) -> None:
        if name is None:
            return
        if name in {"METADATA", "PKG-INFO", ".egg-info/PKG-INFO"}:
            self.metadata[name] = _fields(archive.read(member))
        elif name == _ENTRY_POINTS:
            if points := _entry_points(archive.read(member)):
                self.files[name] = points
        else:
            self.files[name] = digest

    def _drop_poetry_classifiers(self) -> None:
        for fields in self.metadata.values():
            kept = [
                it for it in fields.pop("classifier", ()) if not it.startswith(_POETRY_CLASSIFIER)
            ]
            if kept:
                fields["classifier"] = tuple(kept)


def _said_of_backend(archive: Archive) -> bytes:
    """Return the member that names the build backend."""
    for name in archive.names():
        if name == "pyproject.toml" or (name.endswith(".dist-info/WHEEL") and name.count("/") == 1):
            return archive.read(name)
    return b""


def _entry_points(text: bytes) -> str:
    """Return the entry points in one form; nothing for groups that hold none."""
    parser = ConfigParser(delimiters="=", interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    try:
        parser.read_string(text.decode())
    except (ConfigParserError, UnicodeDecodeError):
        return repr(text)
    return "\n".join(
        sorted(
            f"{group}: {key}={value}"
            for group in parser.sections()
            for key, value in parser[group].items()
        )
    )


def _wheel_member(name: str, project: str) -> str | None:
    """Return what to call a wheel's member however its folders are spelled; None: left out."""
    folder, slash, rest = name.partition("/")
    stem, dot, suffix = folder.rpartition(".")
    if not slash or suffix not in {"dist-info", "data"} or not _is_named(stem, project):
        return name
    if suffix == "dist-info" and rest in _WHEEL_OWN:
        return None
    if suffix == "dist-info" and rest == "METADATA":
        return rest
    return _LICENCE_FOLDER.sub(r"\1", f"{dot}{suffix}/{rest}")


def _sdist_member(name: str, project: str) -> str | None:
    """Return what to call an sdist's member however its egg-info is spelled; None: left out."""
    if name in _IGNORE_FILES:
        return None
    folder, _, rest = name.rpartition("/")
    stem, dot, suffix = folder.rpartition("/")[2].rpartition(".")
    if suffix != "egg-info" or not _is_named(stem, project):
        return name
    return None if rest in _SDIST_OWN else f"{dot}{suffix}/{rest}"


def _is_named(stem: str, project: str) -> bool:
    """Return whether *stem* is NAME or NAME-VERSION of *project*."""
    return project in {canonicalize_name(stem), canonicalize_name(stem.rpartition("-")[0])}


def _changes(
    old: dict[str, _Value], new: dict[str, _Value]
) -> Iterator[tuple[str, Literal["added", "removed", "changed"]]]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield name, "added"
        elif name not in new:
            yield name, "removed"
        elif old[name] != new[name]:
            yield name, "changed"


def _fields(metadata: bytes) -> dict[str, tuple[str, ...]]:
    """Return core metadata as sorted values by field: no specification gives them an order."""
    raw, unparsed = parse_email(metadata)
    found = {_field_name(key): _values(value) for key, value in raw.items()}
    for name, strays in unparsed.items():
        found.setdefault(name, []).extend(strays)
    return {
        name: tuple(sorted(_normal(name, value) for value in values))
        for name, values in found.items()
        # Old backends wrote UNKNOWN where they had nothing to say.
        if name not in _LEFT_OUT_FIELDS and values not in ([], ["UNKNOWN"], [""])
    }


def _values(value: object) -> list[str]:
    if isinstance(value, dict):
        return [f"{label}, {url}" for label, url in value.items()]
    return list(map(str, value)) if isinstance(value, list) else [str(value)]


def _normal(field: str, value: str) -> str:
    """Return *value* in the one spelling of what it means; as it is where it means nothing."""
    try:
        match field:
            case "name" | "provides-extra":
                return canonicalize_name(value)
            case "version":
                return canonicalize_version(Version(value))
            case "requires-dist":
                return _requirement(value)
            case "requires-python":
                return str(SpecifierSet(value))
    except ValueError:  # what packaging raises is one, and so are too many digits
        return value
    return "\n".join(line.rstrip() for line in value.strip().splitlines())


def _requirement(text: str) -> str:
    requirement = Requirement(text)
    requirement.name = canonicalize_name(requirement.name)
    requirement.extras = set(map(canonicalize_name, requirement.extras))
    return str(requirement)


def _field_name(key: str) -> str:
    """Return the field's name as in the file, in lower case; `packaging` calls some by a plural."""
    singular = key if key in _PLURAL_FIELDS else key.removesuffix("s")
    return singular.replace("_", "-")


def _spelled(field: str) -> str:
    return "-".join(part.capitalize() for part in field.split("-")).replace("Url", "URL")


def _detail(old: tuple[str, ...], new: tuple[str, ...]) -> str:
    """Return the values on one side only, where they are short."""
    gone = [f"-{value!r}" for value in old if value not in new]
    come = [f"+{value!r}" for value in new if value not in old]
    text = " ".join(gone + come)
    return text if len(text) <= _DETAIL_CHARACTERS else ""
