"""The settings of a client for a registry: what goes into which file, and what is weak about it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from steps.client.files import netrc_edit
from steps.client.ini_clients import pip_settings, twine_settings
from steps.client.toml_clients import pdm_settings, poetry_settings, uv_settings
from steps.host.errors import InputError
from steps.registry.credentials import KEY_USERNAME, TOKEN_USERNAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.client.model import Client, ClientSettings, Machine, Scope, Wanted
    from steps.registry.address import Registry

# Names that clients give a meaning of their own.
_TAKEN = {"pypi", "testpypi"}
_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_]+[A-Za-z0-9]+)*")
# Whose settings each client has, and what makes them.
_CLIENTS: dict[Client, tuple[tuple[Scope, ...], Callable[[Wanted, Machine], ClientSettings]]] = {
    "pip": (("user", "environment"), pip_settings),
    "uv": (("project", "user"), uv_settings),
    "poetry": (("project",), poetry_settings),
    "pdm": (("project",), pdm_settings),
    "twine": (("user",), twine_settings),
}
_KEY = (
    "a service-account key does not expire: anyone who reads it can act as the account until the"
    " key is deleted. Google advises Application Default Credentials with keyring instead"
)
_EMULATOR = (
    f"for an emulator with a token: set TWINE_USERNAME={TOKEN_USERNAME} and TWINE_PASSWORD, and add"
    " {}; keyring serves Google's addresses only"
)
_TOKEN = "the token in the netrc file is good for an hour at most"  # noqa: S105 - a sentence


def settings(client: Client, wanted: Wanted, machine: Machine) -> ClientSettings:
    """Return the edits that make *client* find *wanted*, with what to know and to do besides.

    Nothing is read or written yet. Raises InputError for what *client* has no setting for.
    """
    _require_names(wanted)
    _require_one_host(wanted)
    scopes, make = _CLIENTS[client]
    if wanted.scope not in {None, *scopes}:
        raise InputError(
            f"{client} has no settings for this scope: {wanted.scope!r}",
            f"it has {' and '.join(scopes)}",
        )
    if wanted.netrc:
        wanted = replace(wanted, key=None)
    found = make(wanted, machine)
    edits, warnings = [*found.edits], [*found.warnings]
    if login := wanted.netrc:
        edits.append(netrc_edit(wanted.private, login, machine))
        warnings.append(_TOKEN if login.username != KEY_USERNAME else _KEY)
    elif wanted.key:
        warnings.append(_KEY)
    asked: tuple[str, ...] = ()
    if wanted.private.emulated and not (login or wanted.key):
        # twine does not read the netrc file.
        options = "--shell" if client == "twine" else "--shell or, with --write, --netrc"
        asked = (_EMULATOR.format(options),)
    return replace(
        found, edits=tuple(edits), warnings=tuple(warnings), steps=(*asked, *found.steps)
    )


def _require_one_host(wanted: Wanted) -> None:
    """Keep a login from another host than its own; a virtual repository is where its upstreams are.

    Raises InputError where the two repositories are at different ones.
    """
    if wanted.public is None:
        return
    hosts = [urlsplit(it.upload_url).netloc for it in (wanted.public, wanted.private)]
    if hosts[0] != hosts[1]:
        raise InputError(
            f"The two repositories are at different hosts, with one login: {', '.join(hosts)!r}",
            "name a virtual repository, and with --standard one that is behind it",
        )


def default_name(registry: Registry) -> str:
    """Return what clients call *registry*: as its repository, unless that means something else."""
    name = registry.repository or (urlsplit(registry.upload_url).hostname or "").split(".")[0]
    if name.lower() in _TAKEN or not _NAME.fullmatch(name):
        name = "-".join(re.findall(r"[A-Za-z0-9]+", f"{registry.project or 'private'}-{name}"))
    return name


def _require_names(wanted: Wanted) -> None:
    for name in wanted.names:
        if name.lower() in _TAKEN:
            raise InputError(
                f"Clients know another index by this name: {name!r}", "choose another with --name"
            )
        if not _NAME.fullmatch(name):
            raise InputError(
                f"No index can have this name: {name!r}", "letters, digits, and - _ between them"
            )
    if wanted.name == wanted.public_name:
        raise InputError(
            f"Both repositories have this name: {wanted.name!r}",
            "choose another for the standard one with --name",
        )
