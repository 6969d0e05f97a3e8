"""The nouns of an overview, in the form of its JSON, and the page that shows them.

`shipwheel status --json` prints an Overview; `docs/reference/results.schema.json` describes it. The
page is one file of HTML with its style, its script and its data. It makes no requests: its content
security policy allows only this style and this script, and no connections. All that a registry or
a repository says is data, which the script sets as text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from dataclasses import asdict, dataclass
from importlib import resources
from string import Template
from typing import Literal

from steps.release.judgement import Outcome

ConsumerKind = Literal["package", "function", "lock file", "requirements"]
LiveState = Literal["unchanged", "update", "create", "taken", "unknown"]
Fit = Literal["current", "older", "ahead", "unknown"]

NEVER_PUBLISHED = "never-published"
UNKNOWN = "unknown"
STATES = (*map(str, Outcome), NEVER_PUBLISHED, UNKNOWN)
"""Every state of a package: what its publish would do, or why that is not known."""
_WAITING = {"new", "not-bumped", "partial", "changed", "unreleased", NEVER_PUBLISHED}
_OUT_OF_STEP = {"create", "update", "taken"}
_MOST_CHARACTERS = 1_700_000
# So many of the highest versions have their files, as long as the page is not too large with them.
_LIMITS = (1000, 50, 20, 10, 5, 3, 2, 1)
_PARTS = ("page.html", "page.css", "graph.js", "page.js")
_ESCAPES = {ord(it): f"\\u{ord(it):04x}" for it in "<>&\u2028\u2029"}


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """A published file; *size* in bytes, *sha256* and *uploaded* where the registry tells them."""

    filename: str
    kind: Literal["sdist", "wheel"]
    size: int | None = None
    sha256: str | None = None
    uploaded: str | None = None


@dataclass(frozen=True, kw_only=True)
class VersionRecord:
    """A published version: when its first file came, and the build and the commit, if known."""

    version: str
    files: tuple[FileRecord, ...] = ()
    uploaded: str | None = None
    commit: str | None = None
    build: str | None = None


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """What requires a package, and whether it takes the *highest* version that is published.

    *path* is the directory of a package or function, or a file. *takes* is the version that is
    locked, or the highest that *requirement* admits. `ahead` admits nothing that is published.
    """

    kind: ConsumerKind
    name: str
    path: str
    requirement: str
    fit: Fit
    takes: str | None = None


@dataclass(frozen=True, kw_only=True)
class TriggerStatus:
    """A rendered trigger of a *kind*, such as publish.

    *live* is what `triggers diff` says of it, or unknown.
    """

    name: str
    kind: str
    starts_on: str
    live: LiveState = "unknown"

    @property
    def waits(self) -> bool:
        """Whether the live trigger differs from this one, or is not there."""
        return self.live in _OUT_OF_STEP


@dataclass(frozen=True, kw_only=True)
class ComponentStatus:
    """A package or function.

    *version* is the one in its files, *highest* the highest release that is published. *state* is
    one of STATES for a package, and empty for a function. *requires* are the paths of what it is
    built from or runs with in this repository; *versions* come with the highest first.
    """

    kind: Literal["package", "function"]
    name: str
    path: str
    version: str | None = None
    highest: str | None = None
    state: str = ""
    reason: str = ""
    hint: str = ""
    requires: tuple[str, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    triggers: tuple[TriggerStatus, ...] = ()
    versions: tuple[VersionRecord, ...] = ()

    @property
    def outdated(self) -> tuple[Consumer, ...]:
        """Who takes an older version than the highest."""
        return tuple(it for it in self.consumers if it.fit == "older")

    @property
    def waits(self) -> bool:
        """Whether something is to be done: publish, bump, follow, or apply."""
        waits = self.state in _WAITING or bool(self.outdated)
        return waits or any(it.waits for it in self.triggers)


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Everything at one moment; *triggers* are those for no package or function alone.

    *notes* say what is not known, and why.
    """

    title: str
    registry: str
    time: str
    components: tuple[ComponentStatus, ...]
    triggers: tuple[TriggerStatus, ...] = ()
    notes: tuple[str, ...] = ()


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
