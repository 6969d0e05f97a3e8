"""The clients with INI files: an index in pip's `pip.conf`, and a section of twine's `.pypirc`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from steps.client.edits import add_value, parse_ini, set_option
from steps.client.model import ClientSettings, FileEdit, with_login, without_login
from steps.host.errors import InputError
from steps.registry.credentials import TOKEN_USERNAME

if TYPE_CHECKING:
    from pathlib import Path

    from steps.client.model import Machine, Wanted
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
    publish = f"`twine upload --verbose --non-interactive --repository {wanted.name} dist/*`"
    edit = partial(_edit_pypirc, wanted=wanted, where=str(path))
    return ClientSettings(
        edits=(FileEdit(path=path, edit=edit, personal=True),),
        steps=(*((_KEYRING_BESIDE,) if wanted.keyring else ()), f"to publish: {publish}"),
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
    for key, value in values.items():
        text = set_option(text, wanted.name, key, value, where, sign=":")
    return text
