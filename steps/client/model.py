"""The nouns of client settings: what is wanted, of which machine, and the edits that follow."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from steps.host.errors import InputError
from steps.registry.credentials import TOKEN_USERNAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from steps.registry.address import Registry
    from steps.registry.credentials import Login

Client = Literal["pip", "uv", "poetry", "pdm", "twine"]
Scope = Literal["user", "project", "environment"]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where settings live: the variables, the home, the project's directory, `sys.platform`."""

    environ: Mapping[str, str]
    home: Path
    directory: Path
    platform: str

    def config_folder(self, *, macos: str = "Library/Application Support", roaming: bool) -> Path:
        """Return the folder of the user's settings, as platformdirs knows it for each system.

        *macos* is where it is there, below the home; *roaming* chooses between Windows' two.
        """
        if self.platform == "win32":
            variable, usual = ("APPDATA", "Roaming") if roaming else ("LOCALAPPDATA", "Local")
            return self.path_in(variable) or self.home / "AppData" / usual
        if self.platform == "darwin":
            return self.home / macos
        return self.path_in("XDG_CONFIG_HOME") or self.home / ".config"

    def goes_before(self, *variables: str) -> tuple[str, ...]:
        """Return a warning for each of *variables* that is set, and so counts more than a file."""
        found = (it for it in variables if self.environ.get(it))
        return tuple(f"{variable} is set, and goes before this file" for variable in found)

    def path_in(self, variable: str) -> Path | None:
        """Return the path that *variable* holds, if it is set."""
        text = self.environ.get(variable, "").strip()
        if text.startswith("~/"):
            return self.home / text[2:]
        return self.directory / text if text else None


def this_machine() -> Machine:
    """Return the machine of this process; raise InputError where the user has no home."""
    try:
        home = Path.home()
    except RuntimeError:  # a number without a name, such as in a container
        raise InputError("This user has no home directory", "set HOME to a folder") from None
    return Machine(environ=os.environ, home=home, directory=Path.cwd(), platform=sys.platform)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a client is to know.

    *private* is where the private *packages* are, whose names are normalised, and where uploads
    go; clients call it *name*. *public* is the virtual repository that all others come from,
    called *public_name*, or None for the public index itself. *key* is the login of a
    service-account key that goes into the client's file; *netrc* one that goes into the netrc file.
    """

    private: Registry
    name: str
    public: Registry | None = None
    public_name: str = ""
    packages: tuple[str, ...] = ()
    extra_index: bool = False
    key: Login | None = None
    netrc: Login | None = None
    scope: Scope | None = None
    file: Path | None = None

    @property
    def keyring(self) -> bool:
        """Whether the client gets its credentials from keyring, which knows no emulator."""
        serves = self.private.is_artifact_registry and not self.private.emulated
        return self.key is None and self.netrc is None and serves

    @property
    def only(self) -> Registry:
        """The registry for a client that reads no other."""
        return self.public or self.private

    @property
    def names(self) -> tuple[str, ...]:
        """What the client calls the registries that it reads."""
        return (self.name, self.public_name) if self.public else (self.name,)

    def index_url(self, registry: Registry) -> str:
        """Return the index, with the user name that keyring's command line needs: no secret."""
        return with_login(registry.index_url, TOKEN_USERNAME if self.keyring else "")


@dataclass(frozen=True, kw_only=True)
class FileEdit:
    """One file that is to hold settings.

    *edit* turns its text into the wanted one, "" into what a new file would hold, and raises
    InputError where it cannot. Only its owner may read a *personal* file once it holds a secret.
    *look* says what is weak in the text that comes out, *if_missing* what to do where the file is
    not there; without it, a new one is made.
    """

    path: Path
    edit: Callable[[str], str]
    personal: bool
    look: Callable[[str], tuple[str, ...]] = field(default=lambda _text: ())
    if_missing: str = ""


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """The settings of one client.

    *warnings* say what is weak, *steps* what to do next; the command *publish* uploads. *variables*
    set a login for one shell. *limit* says what they do not do. *alone* says that the client reads
    no other index.
    """

    edits: tuple[FileEdit, ...]
    alone: bool = False
    warnings: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    publish: str = ""
    variables: Callable[[Login], Mapping[str, str]] = field(default=lambda _login: {})
    limit: str = ""


def in_variable(name: str) -> str:
    """Return *name* as clients spell it in the names of variables."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def with_login(url: str, username: str, password: str = "") -> str:
    """Return *url* with a user name, and with a password if there is one."""
    parts = urlsplit(url)
    # A slash of base64 would end the host; `=` and `+` may stay as gcloud prints them.
    login = ":".join(quote(it, safe="=+") for it in (username, password) if it)
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}")) if login else url


def without_login(url: str) -> str:
    """Return *url* as two addresses of one index compare: without login and last slash."""
    return re.sub(r"(?<=://)[^/]*@", "", url).rstrip("/")
