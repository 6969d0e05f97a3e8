"""pip: one index in `pip.conf`, or with --extra-index Google's form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.client.edits import add_value, parse_ini, set_option
from steps.client.model import (
    ClientSettings,
    FileEdit,
    with_login,
    without_login,
)
from steps.host.errors import InputError
from steps.registry.credentials import TOKEN_USERNAME

if TYPE_CHECKING:
    from pathlib import Path

    from steps.client.model import Machine, Wanted
    from steps.registry.credentials import Login

_HIGHEST = (
    "pip takes the highest version that any of its indexes has: whoever publishes a higher"
    " version of a private package's name on the public index gets it installed. Use one index"
    " (without --extra-index, a virtual repository), or pin with --require-hashes"
)
_PIN = (
    "also of a virtual repository pip takes the highest version that any upstream has: pin"
    " private packages (NAME==VERSION with --hash), and reserve their names on the public index"
)

_VARIABLES = ("PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")
_KEYRING_OUTSIDE = (
    "for keyring: `uv tool install keyring --with keyrings.google-artifactregistry-auth`, once"
    " and outside the environments; its command has to be on PATH"
)
_KEYRING_INSIDE = (
    "for keyring: `pip install keyring keyrings.google-artifactregistry-auth` in each environment;"
    " --no-input needs --keyring-provider as well, and with `subprocess` pip before 26.2 the user"
    f" name {TOKEN_USERNAME} in the URL, which the form without --extra-index has"
)


def settings(wanted: Wanted, machine: Machine) -> ClientSettings:
    """Return what pip is to be told; raise InputError where no environment is active."""
    path = wanted.file or _path(wanted, machine)
    login = wanted.key
    if login:
        url = with_login(wanted.only.index_url, login.username, login.password)
    else:
        url = wanted.only.index_url if wanted.extra_index else wanted.index_url(wanted.only)
    edit = FileEdit(
        path=path,
        edit=lambda text: _edit(text, wanted, url, str(path)),
        personal=True,
        look=lambda text: () if wanted.extra_index else _beside(text, str(path)),
    )
    return ClientSettings(
        edits=(edit,),
        alone=not wanted.extra_index,
        warnings=(_HIGHEST if wanted.extra_index else _PIN, *machine.goes_before(*_VARIABLES)),
        steps=_steps(wanted),
        variables=lambda login: _variables(wanted, login),
    )


def _beside(text: str, where: str) -> tuple[str, ...]:
    """Say what goes before the one index, or stands beside it."""
    sections = parse_ini(text, where)
    # pip's own names are in lower case, and it takes a section for its own by its exact name.
    found = {name: options for name, options in sections.items() if name == name.lower()}
    unread = [
        name
        for name, options in sections.items()
        if name not in found and not options.keys().isdisjoint({"index-url", "extra-index-url"})
    ]
    extra = [name for name, options in found.items() if options.get("extra-index-url")]
    before = [
        name for name, options in found.items() if name != "global" and "index-url" in options
    ]
    return (
        *(
            f"{where!r} has extra-index-url in [{name}], too: remove it. {_HIGHEST}"
            for name in extra
        ),
        *(f"{where!r} has index-url in [{name}], which goes before [global]" for name in before),
        *(
            f"{where!r} names an index in [{name}], and pip reads no such section"
            for name in unread
        ),
    )


def _edit(text: str, wanted: Wanted, url: str, where: str) -> str:
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


def _path(wanted: Wanted, machine: Machine) -> Path:
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


def _steps(wanted: Wanted) -> tuple[str, ...]:
    if not wanted.keyring:
        return ()
    return (_KEYRING_INSIDE if wanted.extra_index else _KEYRING_OUTSIDE,)


def _variables(wanted: Wanted, login: Login) -> dict[str, str]:
    variable = "PIP_EXTRA_INDEX_URL" if wanted.extra_index else "PIP_INDEX_URL"
    return {variable: with_login(wanted.only.index_url, login.username, login.password)}
