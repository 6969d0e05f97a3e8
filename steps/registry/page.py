"""What the registry holds of a project: the nouns, and the reader of the index pages that say it.

Pages are those of the Simple API, in HTML (PEP 503) or JSON (PEP 691). The version gate rests on
this: a page has to prove that it is one, and a file name that cannot be read is kept, not dropped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urljoin

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from steps.host.errors import RegistryError
from steps.registry.address import shown
from steps.registry.html_page import HtmlPage, project_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from steps.distribution.files import Kind

_SIMPLE_API = "application/vnd.pypi."
_CUT_OFF = "it is cut off before its end"
FAILS_CLOSED = "the check fails closed: nothing is published while the registry cannot be read"


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A file that the registry holds; *sha256* and *size* (bytes) where the index tells them."""

    filename: str
    url: str
    kind: Kind
    version: Version
    sha256: str | None = None
    size: int | None = None


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

    Raises RegistryError when *body* is no index page (PEP 503, 691), another project's, or cut off.
    """
    normal = canonicalize_name(name)
    if _is_json(content_type):
        return _parse_json(body, normal, url)
    return _parse_html(body, normal, url, content_type)


def parse_root(body: bytes, *, url: str, content_type: str) -> tuple[NormalizedName, ...]:
    """Return the names of the projects on the page at *url* that lists those of a repository.

    Raises RegistryError when *body* is no such page.
    """
    if _is_json(content_type):
        try:
            return tuple(canonicalize_name(it["name"]) for it in json.loads(body)["projects"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise _not_an_index(url, f"its JSON is wrong: {error!r}") from None
    page = HtmlPage(body)
    if page.is_cut_off:
        raise _not_an_index(url, _CUT_OFF)
    declared = page.is_declared or content_type.startswith(_SIMPLE_API)
    if not declared and (objection := page.root_objection(url)):
        raise _not_an_index(url, objection)
    return tuple(map(canonicalize_name, project_names(page)))


def _is_json(content_type: str) -> bool:
    media = content_type.partition(";")[0].strip().lower()
    return media == "application/json" or media.endswith("+json")


def _parse_json(body: bytes, name: NormalizedName, url: str) -> PublishedProject:
    try:
        page = json.loads(body)
        _check_api_version(page["meta"]["api-version"], url)
        if canonicalize_name(page["name"]) != name:
            raise _not_an_index(url, f"it is that of {page['name']!r}")
        links = [
            (file["filename"], file["url"], file["hashes"].get("sha256"), file.get("size"))
            for file in page["files"]
        ]
        return _project(name, url, links, page.get("versions", ()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _not_an_index(url, f"its JSON is wrong: {error!r}") from None


def _parse_html(body: bytes, name: NormalizedName, url: str, content_type: str) -> PublishedProject:
    page = HtmlPage(body)
    _check_api_version(page.api_version, url)
    if page.is_cut_off:
        raise _not_an_index(url, _CUT_OFF)
    project = _project(name, url, [_link(href) for href, _ in page.links])
    declared = page.is_declared or content_type.startswith(_SIMPLE_API)
    if not (project.files or declared) and (objection := page.empty_objection()):
        raise _not_an_index(url, objection)
    return project


def _link(href: str) -> tuple[str, str, str | None, None]:
    """Return file name, URL, sha256 and (unknown) size of a link."""
    url, _, fragment = href.partition("#")
    filename = unquote(url.partition("?")[0].rpartition("/")[2])
    sha256 = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else None
    return filename, url, sha256, None


def _project(
    name: NormalizedName,
    page_url: str,
    links: Iterable[tuple[str, str, str | None, int | None]],
    listed: Iterable[str] = (),
) -> PublishedProject:
    reader = _Filenames(name)
    files, unreadable = [], []
    for filename, link, sha256, size in links:
        if not filename:
            continue  # a folder: the way up, which some registries show
        url = link if link.startswith(("https://", "http://")) else _joined(page_url, link)
        read = reader.read(filename) if url.startswith("http") else None
        if read is None:
            unreadable.append(filename)
            continue
        kind, version = read
        files.append(
            PublishedFile(
                filename=filename, url=url, kind=kind, version=version, sha256=sha256, size=size
            )
        )
    versions = [version for version in map(reader.version, listed) if version]
    return PublishedProject(
        name=name, files=tuple(files), unreadable=tuple(unreadable), listed=tuple(versions)
    )


def _joined(page_url: str, link: str) -> str:
    try:
        return urljoin(page_url, link)
    except ValueError:  # such as a bracket of IPv6 that is not closed
        return ""


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
        if "/" in filename or "\\" in filename or "\0" in filename:
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
            f"{shown(url)!r} speaks version {text!r} of the Simple API,"
            " and 1 is what Shipwheel knows",
            "use a newer Shipwheel",
        )


def _not_an_index(url: str, why: str) -> RegistryError:
    return RegistryError(
        f"{shown(url)!r} is not an index page: {why}",
        f"check the registry's address and any proxy before it; {FAILS_CLOSED}",
    )
