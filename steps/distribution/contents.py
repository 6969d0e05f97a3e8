"""Comparison by contents: whether two distributions of one version hold the same.

A rebuild with a newer backend is not a change, one edited line is. So what a backend writes about
its own work is compared by what it means (`WHEEL`, `RECORD`), and core metadata field by field,
without the fields that say how it came about.

The comparison is a bijection: every member of one distribution has exactly one partner in the
other. Where two members would get one name, both keep their own. Which names mean the same is
decided by our own distribution, never by what the published one says.

Which files need no release is decided by our own project: what differs in these is marked.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from typing import TYPE_CHECKING, Literal, TypeVar

from packaging.utils import canonicalize_name
from packaging.version import Version

from steps.distribution.archive import Content, Wheel, open_archive
from steps.distribution.files import record_mismatches
from steps.distribution.metadata import (
    changed_values,
    compiled_form,
    entry_points,
    metadata_fields,
    parse_metadata,
    spelled,
    table_in_one_form,
    wheel_says,
    without_own_table,
)
from steps.host.errors import visible
from steps.project.dependencies import valid_requirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from steps.distribution.archive import Archive
    from steps.distribution.files import Distribution

Change = Literal["added", "removed", "changed"]

# In front of what we name ourselves: no member has a name with it in it.
_OURS = "\0"
_DIST_INFO, _EGG_INFO = f"{_OURS}.dist-info/", f"{_OURS}.egg-info/"
_METADATA, _RECORD, _WHEEL = (f"{_DIST_INFO}{it}" for it in ("METADATA", "RECORD", "WHEEL"))
_ENTRY_POINTS = f"{_DIST_INFO}entry_points.txt"
_SBOMS = f"{_DIST_INFO}sboms/"
_PYPROJECT, _ORIGINAL = "pyproject.toml", "pyproject.toml.orig"
# In setuptools' folder in an sdist: what is derived from PKG-INFO and written anew by each build.
_DERIVED = {
    "dependency_links.txt",
    "not-zip-safe",
    "requires.txt",
    "top_level.txt",
    "zip-safe",
}
# Hatchling takes along the nearest one up to the root of the repository, which is every project's.
_IGNORE_FILES = {".gitignore", ".hgignore"}
_LICENCE_FOLDER = re.compile(r"^(?:licenses|license_files)/")
_LICENCE_NAME = re.compile(r"(?:LICEN[CS]E|COPYING|NOTICE|AUTHORS)[^/]*")
# A file of these names means something to installers, wherever a backend keeps licences.
_NO_LICENCE = re.compile(
    r"METADATA|WHEEL|RECORD(\..*)?|INSTALLER|REQUESTED|direct_url\.json|entry_points\.txt"
    r"|namespace_packages\.txt|top_level\.txt|sboms/.*"
)
_NAME_CHARACTERS = 200
# What these say in one form, which is compared in the place of their bytes.
_MEANINGS = {
    _WHEEL: wheel_says,
    _ENTRY_POINTS: entry_points,
    _PYPROJECT: without_own_table,
    _ORIGINAL: without_own_table,
}
_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing in which a distribution of ours differs from the published one of its kind.

    *name* is a file in the archive, a core metadata field as its specification spells it, or where
    the published archive has data outside its members; *detail* says more where a few words can.
    *rebuilt* says that the same source may give other bytes there: in a wheel, what a compiler has
    written, or a bill of materials. What is *unversioned* needs no release.
    """

    filename: str
    change: Change
    kind: Literal["file", "metadata field", "archive"]
    name: str
    detail: str = ""
    rebuilt: bool = False
    unversioned: bool = False

    def __str__(self) -> str:
        """Return the difference in words, whichever distribution it is in."""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.kind} {self.change}: {self.name}{detail}"


def compare(ours: Distribution, theirs: Path) -> tuple[Difference, ...]:
    """Return in what *ours* differs from the published distribution of its kind at *theirs*.

    Nothing when both hold the same. Raises InputError when either is broken or hostile.
    """
    with open_archive(ours.path) as archive:
        rules = _rules(archive, ours)
        new = _read(archive, ours.path, rules)
    with open_archive(theirs) as archive:
        old = _read(archive, theirs, rules)
        unlisted = archive.unlisted()
        if _RECORD in old.names and isinstance(archive, Wheel):
            folder = old.names[_RECORD].partition("/")[0]
            if mismatch := next(record_mismatches(archive, folder), ""):
                old.files[_RECORD] = Content(mismatch)
    if "uv-build" in rules.backend and _ORIGINAL in new.files and _ORIGINAL not in old.files:
        # What the user wrote, which uv_build once packed alone.
        new.files[_PYPROJECT] = new.files.pop(_ORIGINAL)
    found = [*_file_differences(old.files, new.files, rules), *_field_differences(old, new, rules)]
    if unlisted:
        found.append(_difference("archive", "removed", unlisted))
    wheel = ours.kind == "wheel"  # whatever an sdist holds is source
    return tuple(replace(it, filename=ours.filename, rebuilt=it.rebuilt and wheel) for it in found)


@dataclass(frozen=True)
class _Rules:
    """By which rules names and contents are the same, as our own distribution has it.

    *backend* are the projects that its backend may be of, *licences* the licence files below its
    metadata folder, *egg_infos* the folders that setuptools put one of its own into. *folders* are
    where in the project a wheel's top folders and files are.
    """

    ours: Distribution
    backend: frozenset[str]
    licences: frozenset[str] = frozenset()
    egg_infos: frozenset[str] = frozenset()
    folders: Mapping[str, str] = field(default_factory=dict)

    def unversioned(self, name: str) -> bool:
        """Return whether what is compared by *name* is a file that needs no release."""
        if name.startswith(_DIST_INFO):
            source = name.removeprefix(_DIST_INFO)
            return source in self.licences and self.ours.unversioned.matches(source)
        return self.ours.unversioned.matches(self.folders.get(name.partition("/")[0], "") + name)


@dataclass(frozen=True)
class _Contents:
    """What of a distribution counts, by the name that it is compared by.

    *names* are the members' own names, *metadata* the fields of what holds core metadata.
    """

    names: dict[str, str]
    files: dict[str, Content]
    metadata: dict[str, dict[str, tuple[str, ...]]]


def _rules(archive: Archive, ours: Distribution) -> _Rules:
    names = archive.names()
    if isinstance(archive, Wheel):
        folder = _info_folder(names, ours) or ""
        said = message_from_bytes(_read_if_there(archive, f"{folder}/WHEEL"))
        generator = canonicalize_name(str(said.get("Generator", "")).partition(" ")[0])
        metadata = parse_metadata(ours.path, _read_if_there(archive, f"{folder}/METADATA"))[0]
        below = (name.removeprefix(f"{folder}/") for name in names if name.startswith(folder))
        licences = {*metadata.get("license_files", ()), *filter(_is_licence, below)}
        bare = {_LICENCE_FOLDER.sub("", name) for name in licences}
        kept = frozenset(name for name in bare if not _NO_LICENCE.fullmatch(name))
        folders = ours.unversioned.source_folders(names)
        return _Rules(ours, frozenset({generator}), licences=kept, folders=folders)
    backend = _declared_backend(_read_if_there(archive, _PYPROJECT))
    return _Rules(ours, backend, egg_infos=frozenset(_egg_infos(names, ours)))


def _read_if_there(archive: Archive, name: str) -> bytes:
    return archive.read(name) if name in archive.names() else b""


def _is_licence(name: str) -> bool:
    return bool(_LICENCE_FOLDER.match(name) or _LICENCE_NAME.fullmatch(name))


def _declared_backend(pyproject: bytes) -> frozenset[str]:
    """Return the projects that [build-system] names."""
    try:
        table = tomllib.loads(pyproject.decode()).get("build-system", {})
        names = {str(table.get("build-backend", "")).partition(".")[0]}
        names |= {it.name for it in valid_requirements(table.get("requires", ()))}
    except (ValueError, TypeError, AttributeError):
        return frozenset()
    return frozenset(map(canonicalize_name, names))


def _read(archive: Archive, path: Path, rules: _Rules) -> _Contents:
    """Read what counts; members that would get one name keep their own, and their bytes count."""
    wheel = isinstance(archive, Wheel)
    rename, root = (_wheel_names, "") if wheel else (_sdist_names, "PKG-INFO")
    groups: defaultdict[str, list[str]] = defaultdict(list)
    renamed = rename(archive.names(), rules)
    for member, name in renamed.items():
        groups[name].append(member)
    names = {name: members[0] for name, members in groups.items() if len(members) == 1}
    read = archive.contents()
    found = _Contents(names, {}, {})
    for member, name in renamed.items():
        if name not in names:
            found.files[member] = read[member]
        elif name in {_METADATA, root} or name.endswith(f"{_EGG_INFO}PKG-INFO"):
            found.metadata[name] = metadata_fields(path, archive.read(member), rules.backend)
            found.files[name] = Content("", read[member].executable)
        elif (meaning := _meaning(archive, member, name, renamed, rules)) is None:
            found.files[name] = read[member]
        elif meaning or name != _ENTRY_POINTS:
            found.files[name] = Content(meaning, read[member].executable)
    return found


def _meaning(
    archive: Archive, member: str, name: str, renamed: Mapping[str, str], rules: _Rules
) -> str | None:
    """Return what a member of this name says; None where its bytes count."""
    if name == _RECORD:
        return ""  # it follows from the other members, and is checked apart
    if name == _PYPROJECT and "uv-build" in rules.backend and _ORIGINAL in renamed:
        return table_in_one_form(archive.read(member))  # rendered from the original
    if name.endswith(f"{_EGG_INFO}SOURCES.txt"):
        # It tells setuptools which of the members a wheel gets.
        lines = archive.read(member).decode("utf-8", "replace").splitlines()
        sources = {renamed[line] for line in lines if line in renamed}
        kept = (it for it in sources if not (_is_generated(it) or rules.unversioned(it)))
        return json.dumps(sorted(kept))
    meaning = _MEANINGS.get(name)
    return meaning(archive.read(member)) if meaning else None


def _is_generated(name: str) -> bool:
    return name in {"PKG-INFO", "setup.cfg"} or _EGG_INFO in name


def _wheel_names(names: Iterable[str], rules: _Rules) -> dict[str, str]:
    """Return what to call a wheel's members however the folders of its metadata are spelled."""
    folder = _info_folder(names, rules.ours)
    data = f"{(folder or '').removesuffix('.dist-info')}.data"
    renamed = {}
    for name in names:
        top, slash, rest = name.partition("/")
        renamed[name] = name
        if folder and slash and top == data:
            renamed[name] = f"{_OURS}.data/{rest}"
        elif folder and slash and top == folder:
            licence = _LICENCE_FOLDER.sub("", rest)
            renamed[name] = f"{_DIST_INFO}{licence if licence in rules.licences else rest}"
    return renamed


def _info_folder(names: Iterable[str], ours: Distribution) -> str | None:
    """Return the one folder with a wheel's metadata; None where none or several may be it."""
    tops = {name.partition("/")[0] for name in names if "/" in name}
    own = [it for it in tops if it.endswith(".dist-info") and _is_named(it[:-10], ours)]
    return own[0] if len(own) == 1 else None


def _is_named(stem: str, ours: Distribution) -> bool:
    """Return whether *stem* is the name and the version of *ours*, however they are spelled."""
    name, _, version = stem.rpartition("-")
    try:
        return canonicalize_name(name) == ours.name and Version(version) == ours.version
    except ValueError:  # InvalidVersion is one, and so is a number of thousands of digits
        return False


def _sdist_names(names: Iterable[str], rules: _Rules) -> dict[str, str]:
    """Return what to call an sdist's members however its egg-info is spelled, if they count."""
    egg_infos = _egg_infos(names, rules.ours)
    renamed = {}
    for name in names:
        if name in _IGNORE_FILES and "hatchling" in rules.backend:
            continue
        folder, _, rest = name.rpartition("/")
        parent, slash, _ = folder.rpartition("/")
        renamed[name] = name
        if parent in rules.egg_infos and egg_infos.get(parent) == {folder}:
            renamed[name] = f"{parent}{slash}{_EGG_INFO}{rest}"
            if rest in _DERIVED:
                del renamed[name]
    return renamed


def _egg_infos(names: Iterable[str], ours: Distribution) -> dict[str, set[str]]:
    """Return the folders that setuptools may have written about the project, by their parent."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for folder in {name.rpartition("/")[0] for name in names}:
        parent, _, last = folder.rpartition("/")
        stem = last.removesuffix(".egg-info")
        if stem != last and canonicalize_name(stem) == ours.name:
            found[parent].add(folder)
    return found


def _file_differences(
    old: dict[str, Content], new: dict[str, Content], rules: _Rules
) -> Iterator[Difference]:
    for name, change in _changes(old, new):
        detail, rebuilt = "", False
        if change == "changed":
            before, after = old[name], new[name]
            if before.executable != after.executable:
                detail = "now executable" if after.executable else "no longer executable"
            else:
                form = compiled_form(after.head)
                same = form is not None and form == compiled_form(before.head)
                rebuilt = same or name.startswith(_SBOMS)
        found = _difference("file", change, name, detail, rebuilt=rebuilt)
        yield replace(found, unversioned=rules.unversioned(name))


def _field_differences(old: _Contents, new: _Contents, rules: _Rules) -> Iterator[Difference]:
    seen: set[str] = set()
    for member in sorted(old.metadata.keys() & new.metadata.keys()):
        before, after = old.metadata[member], new.metadata[member]
        for name, change in _changes(before, after):
            if name not in seen:
                seen.add(name)
                detail = changed_values(before.get(name, ()), after.get(name, ()))
                found = _difference("metadata field", change, spelled(name), detail)
                is_readme = name == "description" and rules.ours.unversioned.explain(
                    "".join(before.get(name, ())), "".join(after.get(name, ()))
                )
                yield replace(found, unversioned=is_readme)


def _difference(
    kind: Literal["file", "metadata field", "archive"],
    change: Change,
    name: str,
    detail: str = "",
    *,
    rebuilt: bool = False,
) -> Difference:
    """Return a difference whose name a terminal shows as it is."""
    name = name.replace(_OURS, "")
    shown = visible(name, _NAME_CHARACTERS)
    return Difference(
        filename="", change=change, kind=kind, name=shown, detail=detail, rebuilt=rebuilt
    )


def _changes(old: dict[str, _Value], new: dict[str, _Value]) -> Iterator[tuple[str, Change]]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield name, "added"
        elif name not in new:
            yield name, "removed"
        elif old[name] != new[name]:
            yield name, "changed"
