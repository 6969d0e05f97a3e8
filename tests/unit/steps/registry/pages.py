"""Pages of a project, in HTML and JSON, written for a test."""

from __future__ import annotations

import json

from steps.registry.page import PublishedProject, parse_page

URL = "https://us-east4-python.pkg.dev/demo/pypi/simple/tide-tables/"


FILES = "https://us-east4-python.pkg.dev/demo/pypi/tide-tables/"


SHA = "ab" * 32


HTML = "text/html; charset=utf-8"


JSON = "application/vnd.pypi.simple.v1+json"


def page(*links: str, title: str = "Links for tide-tables", head: str = "") -> bytes:
    body = "".join(f"{link}<br/>\n" for link in links)
    head = f"<head>{head}<title>{title}</title></head>"
    return f"<!DOCTYPE html><html>{head}<body>{body}</body></html>".encode()


def link(filename: str, *, base: str = FILES, fragment: str = f"#sha256={SHA}") -> str:
    return f'<a href="{base}{filename}{fragment}" data-requires-python="&gt;=3.8">{filename}</a>'


def parse(body: bytes, content_type: str = HTML, name: str = "Tide_Tables") -> PublishedProject:
    return parse_page(body, name=name, url=URL, content_type=content_type)


def as_json(**changes: object) -> bytes:
    content: dict[str, object] = {
        "meta": {"api-version": "1.1"},
        "name": "Tide.Tables",
        "files": [],
        **changes,
    }
    return json.dumps(content).encode()
