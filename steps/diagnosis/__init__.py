"""The nouns of a diagnosis: what was observed, and what was found in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from packaging.version import Version

    from steps.host.errors import Problem
    from steps.registry.address import Registry
    from steps.registry.artifact_registry import Repository

Status = Literal["ok", "note", "wrong"]
Client = Literal["pip", "uv", "poetry", "pdm", "twine", "netrc"]


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check; what is `wrong` has a *fix*, and a `note` may have one."""

    check: str
    status: Status
    message: str
    fix: str = ""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A program or a library; *where* it is, and its *version* or None when it does not tell."""

    name: str
    where: str
    version: Version | None


@dataclass(frozen=True, kw_only=True)
class SettingsFile:
    """A settings file of a client that is there; *problem* says why it could not be read."""

    client: Client
    path: Path
    text: str = field(default="", repr=False)
    readable_by_others: bool = False
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Contact:
    """What a request without credentials was answered: a status, or else the fault in words.

    *skew* is how many seconds the registry's clock is ahead of this machine's.
    """

    status: int | None = None
    fault: str = ""
    skew: float | None = None


@dataclass(frozen=True, kw_only=True)
class Access:
    """What the credentials allow; *source* is where they come from, *failure* why there are none.

    *problem* is why no page could be read, *repository_problem* why the API shows no *repository*.
    *may_write* is None where that is not known, and then *unknown_reason* says why.
    """

    source: str = ""
    account: str = ""
    failure: str = ""
    problem: Problem | None = None
    repository: Repository | None = None
    repository_problem: Problem | None = None
    may_write: bool | None = None
    unknown_reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Observations:
    """All that the checks look at.

    *registry* is None where none was named. *ca_bundles* maps each variable that names a CA bundle
    to what is wrong with that, or to nothing; *missing_files* maps other variables to the file that
    each names and that is not there. *keyring_backends* is what the `keyring` on PATH lists, None
    where there is none, and *read_only* says that this machine does not upload.
    """

    registry: Registry | None
    environ: Mapping[str, str] = field(repr=False)
    python: Version
    tools: tuple[Tool, ...] = ()
    files: tuple[SettingsFile, ...] = ()
    ca_bundles: Mapping[str, str] = field(default_factory=dict)
    missing_files: Mapping[str, str] = field(default_factory=dict)
    keyring_backends: str | None = None
    read_only: bool = False
    contact: Contact = Contact()
    access: Access = Access()

    @property
    def place(self) -> Registry:
        """The registry, for the checks that are made where there is one."""
        if self.registry is None:
            raise TypeError("no registry was named")
        return self.registry


def host_of(url: str) -> str:
    """Return the host of *url* in lower case, or nothing where it has none."""
    try:
        return urlsplit(url.strip()).hostname or ""
    except ValueError:
        return ""
