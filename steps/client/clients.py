"""The settings of a client for a registry: what goes into which file, and what is weak about it.

Those of the clients with INI files are here: an index in pip's `pip.conf`, and a section of twine's
`.pypirc`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from steps.client.edits import add_value, drop_option, parse_ini, set_option
from steps.client.files import netrc_edit
from steps.client.model import ClientSettings, FileEdit, with_login, without_login
from steps.client.toml_clients import pdm_settings, poetry_settings, uv_settings
from steps.host.errors import InputError
from steps.registry.credentials import KEY_USERNAME, TOKEN_USERNAME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from steps.client.model import Client, Machine, Scope, Wanted
    from steps.registry.address import Registry
    from steps.registry.credentials import Login

_HIGHEST = (
    "pip takes the highest version that any of its indexes has: a higher version of a private"
    " package's name on the public index is installed instead. Use one index"
    " (without --extra-index, a virtual repository), or pin with --require-hashes"
)
_PIN = (
    "also of a virtual repository pip takes the highest version that any upstream has: pin"
    " private packages (NAME==VERSION with --hash), and reserve their names on the public index"
)

_PIP_VARIABLES = ("PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")
_KEYRING_OUTSIDE = (
    "for keyring: `uv tool install keyring --with keyrings.google-artifactregistry-auth`, once"
    " and outside the environments; its command has to be on PATH"
)
_KEYRING_INSIDE = (
    "for keyring: `pip install keyring keyrings.google-artifactregistry-auth` in each environment;"
    " --no-input needs --keyring-provider as well, and with `subprocess` pip before 26.2 the user"
    f" name {TOKEN_USERNAME} in the URL, which the form without --extra-index has"
)
_KEYRING_BESIDE = "for keyring: `pip install keyrings.google-artifactregistry-auth` beside twine"
# twine knows these two unless a list of index servers leaves them out.
_IMPLIED = ("pypi", "testpypi")


def pip_settings(wanted: Wanted, machine: Machine) -> ClientSettings:
    """Return one index, or with --extra-index Google's form.

    Raises InputError where no environment is active.
    """
    path = wanted.file or _pip_path(wanted, machine)
    keyring = _KEYRING_INSIDE if wanted.extra_index else _KEYRING_OUTSIDE
    edit = FileEdit(
        path=path,
        edit=partial(_edit_pip, wanted=wanted, where=str(path)),
        personal=True,
        look=lambda text: () if wanted.extra_index else _beside(text, str(path)),
    )
    return ClientSettings(
        edits=(edit,),
        alone=not wanted.extra_index,
        warnings=(_HIGHEST if wanted.extra_index else _PIN, *machine.goes_before(*_PIP_VARIABLES)),
        steps=(keyring,) if wanted.keyring else (),
        variables=partial(_pip_variables, wanted),
    )


def _pip_path(wanted: Wanted, machine: Machine) -> Path:
    name = "pip.ini" if machine.platform == "win32" else "pip.conf"
    if wanted.scope == "environment":
        environment = machine.path_in("VIRTUAL_ENV")
        if environment is None:
            raise InputError(
                "There is no active virtual environment: VIRTUAL_ENV is not set",
                "activate it, or leave out --scope environment for the user's settings",
            )
        return environment / name
    support = machine.home / "Library/Application Support/pip"
    if machine.platform == "darwin" and support.is_dir():
        return support / name
    return machine.config_folder(macos=".config", roaming=True) / "pip" / name


def _edit_pip(text: str, wanted: Wanted, where: str) -> str:
    if login := wanted.key:
        url = with_login(wanted.only.index_url, login.username, login.password)
    else:
        url = wanted.only.index_url if wanted.extra_index else wanted.index_url(wanted.only)
    if wanted.extra_index:
        return _with_extra_index(text, url, where)
    text = set_option(text, "global", "index-url", url, where)
    if wanted.keyring:
        text = set_option(text, "global", "keyring-provider", "subprocess", where)
    return text


def _with_extra_index(text: str, url: str, where: str) -> str:
    """Add *url* to the indexes that are there, in the place of itself with another login."""
    there = parse_ini(text, where).get("global", {}).get("extra-index-url", "").split()
    if url in there:
        return text
    new = [url if without_login(it) == without_login(url) else it for it in there]
    if there and url not in new:
        return add_value(text, "global", "extra-index-url", [url], where)
    value = "\n".join(["", *new] if len(new) > 1 else [url])
    return set_option(text, "global", "extra-index-url", value, where)


def _beside(text: str, where: str) -> tuple[str, ...]:
    """Return warnings of other indexes in *text*: pip reads them first, as well, or not at all."""
    before, extra, unread = [], [], []
    for name, options in parse_ini(text, where).items():
        # pip's own names are in lower case, and it takes a section for its own by its exact name.
        if name != name.lower():
            if not options.keys().isdisjoint({"index-url", "extra-index-url"}):
                unread.append(
                    f"{where!r} names an index in [{name}], and pip reads no such section"
                )
            continue
        if options.get("extra-index-url"):
            extra.append(f"{where!r} has extra-index-url in [{name}], too: remove it. {_HIGHEST}")
        if name != "global" and "index-url" in options:
            before.append(f"{where!r} has index-url in [{name}], which goes before [global]")
    return (*extra, *before, *unread)


def _pip_variables(wanted: Wanted, login: Login) -> dict[str, str]:
    variable = "PIP_EXTRA_INDEX_URL" if wanted.extra_index else "PIP_INDEX_URL"
    return {variable: with_login(wanted.only.index_url, login.username, login.password)}


def twine_settings(wanted: Wanted, machine: Machine) -> ClientSettings:
    """Return a repository to upload to; raise InputError for netrc, which twine does not read."""
    if wanted.netrc:
        raise InputError(
            "twine does not read the netrc file",
            "leave out --netrc: keyring, --json-key alone or --shell",
        )
    path = wanted.file or machine.home / ".pypirc"
    edit = partial(_edit_pypirc, wanted=wanted, where=str(path))
    return ClientSettings(
        edits=(FileEdit(path=path, edit=edit, personal=True),),
        steps=(_KEYRING_BESIDE,) if wanted.keyring else (),
        publish=f"twine upload --verbose --non-interactive --repository {wanted.name} dist/*",
        variables=lambda login: {
            "TWINE_REPOSITORY_URL": wanted.private.upload_url,
            "TWINE_USERNAME": login.username,
            "TWINE_PASSWORD": login.password,
        },
    )


def _edit_pypirc(text: str, wanted: Wanted, where: str) -> str:
    found = parse_ini(text, where)
    servers = [wanted.name]
    if "index-servers" not in found.get("distutils", {}):
        servers = [*(name for name in _IMPLIED if name in found), wanted.name]
    text = add_value(text, "distutils", "index-servers", servers, where)
    values = {"repository": wanted.private.upload_url}
    if login := wanted.key:
        values |= {"username": login.username, "password": login.password}
    elif found.get(wanted.name, {}).get("username") == KEY_USERNAME:  # of an earlier run
        for key in ("username", "password"):
            text = drop_option(text, wanted.name, key)
    for key, value in values.items():
        text = set_option(text, wanted.name, key, value, where, sign=":")
    return text


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
