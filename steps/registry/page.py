"""What the registry holds of a project: the nouns, and the reader of the index pages that say it.

Pages are those of the Simple API, in HTML (PEP 503) or JSON (PEP 691). The version gate rests on
this: a page has to prove that it is one, and a file name that cannot be read is kept, not dropped.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import unquote

from packaging.utils import NormalizedName, canonicalize_name, is_normalized_name
from packaging.version import Version

from steps.host.errors import RegistryError, quoted
from steps.registry.address import shown
from steps.registry.html_page import HtmlPage, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from steps.distribution.files import Kind
    from steps.registry.html_page import Anchor

# PEP 503 has one hash in a fragment; some registries have `egg=` or another hash beside it.
_SHA256 = re.compile(r"(?:^|[#&;])sha256=([^#&;]+)", re.IGNORECASE)
# What a file system takes for a name. Reading a longer one, or version, would take its square.
_MOST_BYTES = 255
# A way to another folder, and what no name has, but a stream of Windows or a command of a CI.
_NOT_IN_NAMES = re.compile(r"[/\\:]")
FAILS_CLOSED = "the check fails closed: nothing is published while the registry cannot be read"


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A file that the registry holds; *sha256* and *size* (bytes) where the index tells them.

    Who *yanked* it wants it installed only where its version is named (PEP 592). *uploaded* is
    when it came, as the index writes it (PEP 700).
    """

    filename: str
    url: str
    kind: Kind
    version: Version
    sha256: str | None = None
    size: int | None = None
    yanked: bool = False
    uploaded: str | None = None


@dataclass(frozen=True, kw_only=True)
class PublishedProject:
    """What the registry holds of a project, in the order of its index page.

    *unreadable* are file names from which no version of this project can be read, *listed* the
    versions that the index names apart from its files (PEP 700).
    """

    name: NormalizedName
    files: tuple[PublishedFile, ...] = ()
    unreadable: tuple[str, ...] = ()
    listed: tuple[Version, ...] = ()
    exists: bool = True

    @classmethod
    def of_versions(cls, name: NormalizedName, versions: Iterable[str]) -> Self:
        """Return a project of which only *versions* are known, as far as PEP 440 knows them."""
        read = map(_Filenames(name).version, versions)
        return cls(name=name, listed=tuple(version for version in read if version))

    @cached_property
    def versions(self) -> tuple[Version, ...]:
        """All versions, each once, in their PEP 440 order."""
        return tuple(sorted({file.version for file in self.files}.union(self.listed)))

    def files_of(self, version: Version) -> tuple[PublishedFile, ...]:
        """Return the files of one version."""
        return tuple(file for file in self.files if file.version == version)


def parse_page(body: bytes, *, name: str, url: str, content_type: str) -> PublishedProject:
    """Return what the index page of project *name* at *url* says.

    Raises RegistryError when *body* is cut off, not an index page (PEP 503, 691), or another's.
    """
    normal = canonicalize_name(name)
    if _is_json(content_type):
        with _reading_json(url):
            return _parse_json(json.loads(body), normal, url)
    page = _html_page(body, url, content_type)
    project = _project(normal, map(_link, page.links))
    if not project.files and (objection := page.empty_objection()):
        raise _not_an_index(url, objection)
    return project


def parse_root(body: bytes, *, url: str, content_type: str) -> tuple[NormalizedName, ...]:
    """Return the names of the projects on the page at *url* that lists those of a repository.

    Raises RegistryError when *body* is not such a page.
    """
    if _is_json(content_type):
        with _reading_json(url):
            return tuple(_project_name(it["name"]) for it in json.loads(body)["projects"])
    page = _html_page(body, url, content_type)
    if objection := page.root_objection():
        raise _not_an_index(url, objection)
    return tuple(page.project_names())


def _is_json(content_type: str) -> bool:
    media = content_type.partition(";")[0].strip().lower()
    return media == "application/json" or media.endswith("+json")


@contextmanager
def _reading_json(url: str) -> Iterator[None]:
    """Turn what is raised for JSON that is not that of the Simple API into a RegistryError."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _not_an_index(url, f"its JSON is wrong: {error!r}") from None


def _parse_json(page: Any, name: NormalizedName, url: str) -> PublishedProject:
    _check_api_version(_text(page["meta"]["api-version"]), url)
    if canonicalize_name(_text(page["name"])) != name:
        raise _not_an_index(url, f"it is that of {quoted(page['name'])}")
    links = [
        _Link(
            filename=_text(file["filename"]),
            url=joined(url, _text(file["url"])),
            sha256=_text(file["hashes"].get("sha256") or "").lower() or None,
            size=file["size"] if isinstance(file.get("size"), int) else None,
            yanked=file.get("yanked") not in {None, False},
            uploaded=file["upload-time"] if isinstance(file.get("upload-time"), str) else None,
        )
        for file in page["files"]
    ]
    return _project(name, links, map(_text, page.get("versions", ())))


def _text(value: object) -> str:
    """Return *value* if it is a text. An error names the type only: the value may be huge."""
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} in the place of a text")
    return value


def _project_name(value: object) -> NormalizedName:
    name = canonicalize_name(_text(value))
    if not is_normalized_name(name):
        raise ValueError(f"{quoted(name)} is not the name of a project")
    return name


def _html_page(body: bytes, url: str, content_type: str) -> HtmlPage:
    try:
        page = HtmlPage(body, url, content_type)
    except (ValueError, AssertionError) as error:  # such as &#9…9; or <![x[
        raise _not_an_index(url, f"its HTML is wrong: {quoted(str(error))}") from None
    _check_api_version(page.api_version, url)
    if page.is_cut_off:
        raise _not_an_index(url, "it is cut off before its end, or lacks its last end tags")
    if not page.base:
        raise _not_an_index(url, "its <base> is not an http(s) URL")
    return page


class _Link(NamedTuple):
    """A link to a file as the page has it; *size* in bytes."""

    filename: str
    url: str
    sha256: str | None
    size: int | None = None
    yanked: bool = False
    uploaded: str | None = None


def _link(anchor: Anchor) -> _Link:
    """Return what a link of HTML says; its fragment may hold more than the hash."""
    url, _, fragment = (anchor.url or anchor.href).partition("#")
    filename = unquote(url.partition("?")[0].rpartition("/")[2])
    found = _SHA256.search(fragment)
    sha256 = found[1].lower() if found else None
    return _Link(filename, url if anchor.url else "", sha256, yanked=anchor.yanked)


def _project(
    name: NormalizedName, links: Iterable[_Link], listed: Iterable[str] = ()
) -> PublishedProject:
    reader = _Filenames(name)
    files, unreadable = [], []
    versions = [version for version in map(reader.version, listed) if version]
    for link in links:
        if not link.filename:
            continue  # a folder: the way up, which some registries show
        read = reader.read(link.filename)
        if read is None or not link.url:
            unreadable.append(link.filename)
            versions += [read[1]] if read else []  # published, even if it cannot be downloaded
            continue
        kind, version = read
        files.append(PublishedFile(kind=kind, version=version, **link._asdict()))
    return PublishedProject(
        name=name, files=tuple(files), unreadable=tuple(unreadable), listed=tuple(versions)
    )


class _Filenames:
    """Reads kind and version from file names of one project, each part once.

    `packaging` judges names and versions. Its readers of whole file names are not used: they cost
    more than the page itself where a project has thousands, and refuse a wheel for its tags.
    """

    def __init__(self, project: NormalizedName) -> None:
        self._project = project
        self._own: dict[str, bool] = {}
        self._versions: dict[str, Version | None] = {}

    def read(self, filename: str) -> tuple[Kind, Version] | None:
        if len(filename.encode(errors="replace")) > _MOST_BYTES or not filename.isprintable():
            return None
        if _NOT_IN_NAMES.search(filename):
            return None
        if filename.endswith(".whl"):
            parts = filename.split("-")
            named = len(parts) in {5, 6} and self._is_own(parts[0])  # a build tag is optional
            version = self.version(parts[1]) if named else None
            return ("wheel", version) if version else None
        for suffix in (".tar.gz", ".zip"):
            if filename.endswith(suffix):
                version = self._sdist_version(filename.removesuffix(suffix))
                return ("sdist", version) if version else None
        return None

    def version(self, text: str) -> Version | None:
        if len(text) > _MOST_BYTES:
            return None
        if text not in self._versions:
            try:
                self._versions[text] = Version(text)
            except ValueError:  # InvalidVersion is one, and so is a number of thousands of digits
                self._versions[text] = None
        return self._versions[text]

    def _sdist_version(self, stem: str) -> Version | None:
        """Return the version behind the project's own name: both may hold a dash."""
        for text in _tails(stem):
            if self._is_own(stem[: -len(text) - 1]):
                return self.version(text)
        return None

    def _is_own(self, name: str) -> bool:
        if name not in self._own:
            self._own[name] = canonicalize_name(name) == self._project
        return self._own[name]


def _tails(stem: str) -> Iterator[str]:
    """Yield what is behind each dash, the shortest first."""
    at = stem.rfind("-")
    while at > 0:
        if stem[at + 1 :]:
            yield stem[at + 1 :]
        at = stem.rfind("-", 0, at)


def _check_api_version(text: str, url: str) -> None:
    """Raise RegistryError for a major version that is not known, as PEP 629 demands."""
    major = text.partition(".")[0]
    if major not in {"", "1"}:
        raise RegistryError(
            f"{shown(url)!r} speaks version {quoted(text)} of the Simple API,"
            " and 1 is what Shipwheel knows",
            "use a newer Shipwheel",
        )


def _not_an_index(url: str, why: str) -> RegistryError:
    return RegistryError(
        f"{shown(url)!r} is not an index page: {why}",
        f"check the registry's address and any proxy before it; {FAILS_CLOSED}",
    )
