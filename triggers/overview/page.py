"""The page of an overview: one file of HTML with its style, its script and its data.

It asks nobody for anything, which its content security policy holds: only this style and this
script count, and there is no address that it may connect to. Whatever a registry or a repository
says is data, and the script sets it as text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from dataclasses import asdict
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from triggers.overview.model import STATES

if TYPE_CHECKING:
    from triggers.overview.model import Overview

_MOST_CHARACTERS = 1_700_000
# So many of the highest versions have their files, as long as the page is not too large with them.
_LIMITS = (1000, 50, 20, 10, 5, 3, 2, 1)
_PARTS = ("page.html", "page.css", "graph.js", "page.js")
_ESCAPES = {ord(it): f"\\u{ord(it):04x}" for it in "<>&\u2028\u2029"}


def render_page(overview: Overview) -> str:
    """Return the page of *overview*; where it would be too large, older versions are left out."""
    parts = resources.files("triggers.overview") / "assets"
    texts = {name: (parts / name).read_text(encoding="utf-8") for name in _PARTS}
    style, script = texts["page.css"], texts["graph.js"] + texts["page.js"]
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}';"
        f" script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    return Template(texts["page.html"]).substitute(
        policy=policy,
        title=_text(overview.title),
        registry=_text(overview.registry),
        time=_text(overview.time),
        style=style,
        script=script,
        data=_data(overview),
    )


def _text(text: str) -> str:
    return html.escape(text.encode("utf-8", "backslashreplace").decode())


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _data(overview: Overview) -> str:
    """Return the JSON for the script, in which nothing can end its element."""
    data = asdict(overview) | {"states": STATES}
    versions = [it["versions"] for it in data["components"]]
    text = ""
    for limit in _LIMITS:
        for component, every in zip(data["components"], versions, strict=True):
            component["versions"] = every[:limit]
            component["omitted"] = len(every) - len(component["versions"])
        text = json.dumps(data, separators=(",", ":"))
        if len(text) <= _MOST_CHARACTERS:
            break
    return text.translate(_ESCAPES)
