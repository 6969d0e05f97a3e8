"""The nouns of an overview, in the form of its JSON: texts, numbers and lists of these.

`shipwheel status --json` prints an Overview; `docs/reference/results.schema.json` describes it.
"""

from __future__ import annotations

from dataclasses import dataclass
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
        """Whether somebody has to do something: publish, bump, follow, or apply."""
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
