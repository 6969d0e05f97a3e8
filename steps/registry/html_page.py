"""Pages of HTML (PEP 503): their links, and what shows that they are an index page, and no other.

A page that says so by its title, or by its version of the API, is believed. PEP 503 asks for
neither: of any other page all that it holds has to be that of an index page.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_OTHER_TITLE = re.compile(
    r"^[45]\d\d\b|^index of\b|^directory listing|\berror\b|\bnot found\b|\b(sign|log)[ -]?[io]n\b|"
    r"\bforbidden\b|\bdenied\b|\bunauthori[sz]ed\b|\bunavailable\b|\bmaintenance\b|\bbad gateway\b",
    re.IGNORECASE,
)
_NAMED_CHARACTERS = 80


class HtmlPage(HTMLParser):
    """A page of HTML; *links* are the address and the text of each anchor."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.api_version = ""
        self.title = ""
        self._text = ""
        self._tags: set[str] = set()
        self._closed = False
        self._in = ""
        self.feed(body.decode("utf-8", errors="replace"))

    def handle_decl(self, decl: str) -> None:
        """Note the document type."""
        if decl.lower().startswith("doctype html"):
            self._tags.add("doctype")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag, and what an index page says with it."""
        known = dict(attrs)
        refreshes = tag == "meta" and (known.get("http-equiv") or "").lower() == "refresh"
        self._tags.add("refresh" if refreshes else tag)
        if tag == "a" and (href := known.get("href")):
            self.links.append((href, ""))
        elif tag == "meta" and known.get("name") == "pypi:repository-version":
            self.api_version = known.get("content") or ""
        self._in = tag

    def handle_endtag(self, tag: str) -> None:
        """Note the end of the page."""
        self._in = ""
        self._closed |= tag in {"html", "body"}

    def handle_data(self, data: str) -> None:
        """Note the text of the title, of an anchor, or of the page."""
        text = data.strip()
        if self._in == "title":
            self.title += text
        elif self._in == "a" and self.links:
            href, before = self.links[-1]
            self.links[-1] = href, before + text
        elif self._in not in {"script", "style"}:
            self._text += text

    @property
    def is_cut_off(self) -> bool:
        """Whether what was opened is not closed, though it is optional: the page is not whole."""
        return bool(self._tags & {"html", "body"}) and not self._closed

    @property
    def is_declared(self) -> bool:
        """Whether it says that it is an index page, as most registries do, be it empty or not."""
        title = self.title.lower()
        return bool(self.api_version) or title.startswith(("links for", "simple index"))

    def empty_objection(self) -> str:
        """Return why this is no index page without links; empty if it may be one."""
        if self.links:
            return f"its title is {self.title!r}, and it links to no distribution"
        if objection := self._objection():
            return objection
        if not self._tags & {"doctype", "html", "body"}:
            return "it is not a page of HTML"
        if scripts := self._tags & {"script", "refresh"}:
            return f"it is empty but for a {scripts.pop()}"
        return "" if self._text in {"", self.title} else self._quoted()

    def root_objection(self, url: str) -> str:
        """Return why this is not a page at *url* that links to projects; empty if it may be one."""
        if not self.links:
            return self.empty_objection()
        if objection := self._objection():
            return objection
        strange = (
            href for href, text in self.links if not _is_project(urljoin(url, href), text, url)
        )
        found = next(strange, None)
        return "" if found is None else f"its link {found!r} is not that of a project"

    def _objection(self) -> str:
        if _OTHER_TITLE.search(self.title):
            return f"its title is {self.title!r}"
        return "it has a form" if self._tags & {"form", "input"} else ""

    def _quoted(self) -> str:
        return f"it says {self._text[:_NAMED_CHARACTERS]!r}"


def project_names(page: HtmlPage) -> Iterator[str]:
    """Yield the names of the projects that a root *page* links to, as its links spell them."""
    for href, _ in page.links:
        name = href.partition("#")[0].rstrip("/").rpartition("/")[2]
        if name not in {"", ".", ".."}:
            yield unquote(name)


def _is_project(link: str, text: str, url: str) -> bool:
    """Return whether *link* leads to a project directly below *url*, and has its name as text."""
    folder, _, name = urlsplit(link).path.rstrip("/").rpartition("/")
    below = folder == urlsplit(url).path.rstrip("/")
    return below and canonicalize_name(unquote(name)) == canonicalize_name(text)
