"""Pages of HTML (PEP 503): their links, and what shows that they are an index page, and no other.

A page that says so by its title, by its version of the API or by its media type is believed.
PEP 503 asks for none of these: of any other page what it holds has to be that of an index page.
"""

from __future__ import annotations

import re
from functools import cached_property
from html.parser import HTMLParser
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from packaging.utils import NormalizedName, canonicalize_name, is_normalized_name

from steps.host.errors import quoted
from steps.registry.address import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIMPLE_API = "application/vnd.pypi."
_INDEX_TITLE = re.compile(r"\blinks for\b|^simple (index|list)\b|: simple list\b", re.IGNORECASE)
_OTHER_TITLE = re.compile(
    r"^[45]\d\d\b|^index of\b|^directory listing|\berror\b|\bnot found\b|\b(sign|log)[ -]?[io]n\b|"
    r"\bforbidden\b|\bdenied\b|\bunauthori[sz]ed\b|\bunavailable\b|\bmaintenance\b|\bbad gateway\b",
    re.IGNORECASE,
)
_NOTHING_HERE = re.compile(
    r"\b(no|0|zero) ([\w-]+ )?(packages?|projects?|files?|releases?|versions?|links?)\b|\bempty\b",
    re.IGNORECASE,
)
# Tags that leave the text that they are in what it is: a title, that of an anchor, or any.
_INLINE = {"abbr", "b", "code", "em", "font", "i", "kbd", "small", "span", "strong", "tt", "u"}
# A tag of our own behind the page: what swallows it has no end.
_END = "shipwheel-end"
_HEADINGS = {"title", "h1", "h2", "h3", "h4", "h5", "h6"}
# What is kept of each text. A name is no longer, and a title is only quoted.
_MOST_CHARACTERS = 300


class Anchor(NamedTuple):
    """An anchor: its *href* as it is written, its URL, empty for what is none, and its text."""

    href: str
    url: str
    text: str
    yanked: bool


class HtmlPage(HTMLParser):
    """A page of HTML at *url*, which was answered with *content_type*."""

    def __init__(self, body: bytes, url: str, content_type: str) -> None:
        super().__init__()
        self.api_version = ""
        self._url = url
        self._is_simple_api = content_type.startswith(_SIMPLE_API)
        self._base: str | None = None
        self._anchors: list[tuple[str, str, bool]] = []
        self._titles: dict[str, str] = {}
        self._text = ""
        self._tags: set[str] = set()
        self._open: set[str] = set()
        self._omits_end_tags = False
        self._in = ""
        text = body.decode("utf-8", errors="replace")
        self._ends_in_a_tag = text.rfind("<") > text.rfind(">")
        # Closing the parser would read each tag that has no end to the end, and all text behind it.
        self.feed(f"{text}<{_END}>")

    def handle_decl(self, decl: str) -> None:
        """Note the document type."""
        if decl.lower().startswith("doctype html"):
            self._tags.add("doctype")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag, and what an index page says with it."""
        known = dict(attrs)
        href = (known.get("href") or "").strip()
        refreshes = tag == "meta" and (known.get("http-equiv") or "").lower() == "refresh"
        self._tags.add("refresh" if refreshes else tag)
        if tag == "a" and href:
            self._anchors.append((href, "", "data-yanked" in known))
        elif tag == "base" and href and self._base is None:
            self._base = href
        elif tag == "meta" and known.get("name") == "pypi:repository-version":
            self.api_version = known.get("content") or ""
        before = "head" if tag == "body" else tag
        self._omits_end_tags |= before in {"a", "p", "head"} and before in self._open
        self._open.add(tag)
        if tag not in _INLINE:
            self._in = tag

    def handle_endtag(self, tag: str) -> None:
        """Note the end of an element."""
        self._open.discard(tag)
        if tag not in _INLINE:
            self._in = ""
        if tag in {"html", "body"}:
            self._open -= {"html", "body"}

    def handle_data(self, data: str) -> None:
        """Note the text of a title or heading, of an anchor, or of the page."""
        text = data.strip()
        if self._in in _HEADINGS:
            self._titles[self._in] = _longer(self._titles.get(self._in, ""), text)
        elif self._in == "a" and self._anchors:
            href, before, yanked = self._anchors[-1]
            self._anchors[-1] = href, _longer(before, text), yanked
        elif self._in not in {"script", "style"}:
            self._text = _longer(self._text, text)

    @property
    def title(self) -> str:
        """The title; empty where there is none."""
        return self._titles.get("title", "")

    @property
    def base(self) -> str:
        """The URL that links are relative to; empty for one that cannot be."""
        return self._url if self._base is None else joined(self._url, self._base)

    @cached_property
    def links(self) -> tuple[Anchor, ...]:
        """The anchors that lead somewhere."""
        base = self.base
        return tuple(
            Anchor(href, joined(base, href), text, yanked) for href, text, yanked in self._anchors
        )

    @property
    def is_cut_off(self) -> bool:
        """Whether it ends before its end.

        The end tags of html and body may be left out: by a page that leaves out others, too.
        """
        unclosed = bool(self._open & {"html", "body"}) and not self._omits_end_tags
        return self._ends_in_a_tag or unclosed or _END not in self._tags

    @property
    def is_declared(self) -> bool:
        """Whether it says that it is an index page, as most registries do, be it empty or not."""
        return (
            self._is_simple_api
            or bool(self.api_version)
            or _INDEX_TITLE.search(self.title) is not None
        )

    def empty_objection(self) -> str:
        """Return why this is not an index page without distributions; empty if it may be one."""
        if self.is_declared:
            return ""
        if not all(self._leads_up(it) or _names_file(it) for it in self.links):
            return f"its title is {quoted(self.title)}, and it links to no distribution"
        return self._refuse_reason() or self._strange_content()

    def root_objection(self) -> str:
        """Return why this is not a page that links to projects; empty if it may be one."""
        if self.is_declared or not self._anchors:
            return self.empty_objection()
        if reason := self._refuse_reason():
            return reason
        strange = [it.href for it in self.links if not self._is_project(it)]
        # A listing of a folder has a way up, or links that sort it; another page has no project.
        folder = [href for href in strange if href.startswith(("..", "?"))]
        if folder or len(strange) == len(self.links):
            return f"its link {shown((folder or strange)[0])!r} is not that of a project"
        return ""

    def project_names(self) -> Iterator[NormalizedName]:
        """Yield the names of the projects that a root page links to."""
        for link in self.links:
            name = canonicalize_name(_last_part(link))
            listed = self.is_declared or self._is_project(link)
            if listed and is_normalized_name(name) and not self._leads_up(link):
                yield name

    def _refuse_reason(self) -> str:
        for tag, text in self._titles.items():
            if _OTHER_TITLE.search(text):
                return f"its {'title' if tag == 'title' else 'heading'} is {quoted(text)}"
        return "it has a form" if self._tags & {"form", "input"} else ""

    def _strange_content(self) -> str:
        """Return what there is on a page without links, and not on an empty index page."""
        if not self._tags & {"doctype", "html", "body"}:
            return "it is not a page of HTML"
        if scripts := self._tags & {"script", "refresh"}:
            return f"it is empty but for a {scripts.pop()}"
        if self._text in {"", self.title} or _NOTHING_HERE.search(self._text):
            return ""
        return f"it says {quoted(self._text)}"

    def _leads_up(self, link: Anchor) -> bool:
        """Return whether *link* leads to this page, or to a folder that it is in."""
        target, page = urlsplit(link.url), urlsplit(self._url)
        above = page.path.startswith(f"{target.path.rstrip('/')}/")
        return above and target.netloc == page.netloc

    def _is_project(self, link: Anchor) -> bool:
        """Return whether *link* leads to a project of this index, and has its name as text."""
        folder = urlsplit(link.url).path.rstrip("/").rpartition("/")[0]
        here = folder == urlsplit(self._url).path.rstrip("/") or folder.endswith("/simple")
        return here and canonicalize_name(_last_part(link)) == canonicalize_name(link.text)


def joined(base: str, link: str) -> str:
    """Return the http(s) URL of *link* on a page at *base*; empty for what cannot be one."""
    try:
        url = link if link.startswith(("https://", "http://")) else urljoin(base, link)
        return url if urlsplit(url).scheme in {"https", "http"} else ""
    except ValueError:  # such as a bracket of IPv6 that is not closed
        return ""


def _longer(text: str, more: str) -> str:
    return text if len(text) >= _MOST_CHARACTERS else (text + more)[:_MOST_CHARACTERS]


def _last_part(link: Anchor) -> str:
    return unquote(urlsplit(link.url).path.rstrip("/").rpartition("/")[2])


def _names_file(link: Anchor) -> bool:
    """Return whether *link* has the name of a file as its text, as PEP 503 asks for."""
    return "." in link.text and _last_part(link) == link.text
