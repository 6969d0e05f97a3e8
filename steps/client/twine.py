"""twine: a section of `.pypirc`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.client.edits import add_value, parse_ini, set_option
from steps.client.model import ClientSettings, FileEdit
from steps.host.errors import InputError

if TYPE_CHECKING:
    from steps.client.model import Machine, Wanted
    from steps.registry.credentials import Login

_IMPLIED = ("pypi", "testpypi")


def settings(wanted: Wanted, machine: Machine) -> ClientSettings:
    """Return what twine is to be told; raise InputError for netrc, which it does not read."""
    if wanted.netrc:
        raise InputError(
            "twine does not read the netrc file",
            "leave out --netrc: keyring, --json-key alone or --shell",
        )
    path = wanted.file or machine.home / ".pypirc"
    publish = f"`twine upload --verbose --non-interactive --repository {wanted.name} dist/*`"
    keyring = "for keyring: `pip install keyrings.google-artifactregistry-auth` beside twine"
    return ClientSettings(
        edits=(
            FileEdit(path=path, edit=lambda text: _edit(text, wanted, str(path)), personal=True),
        ),
        steps=(
            *((keyring,) if wanted.keyring else ()),
            f"to publish: {publish}",
        ),
        variables=lambda login: _variables(wanted, login),
    )


def _edit(text: str, wanted: Wanted, where: str) -> str:
    found = parse_ini(text, where)
    if "index-servers" in found.get("distutils", {}):
        servers = [wanted.name]
    else:
        # Without the list twine knows these two; with it, only what it lists.
        servers = [*(name for name in _IMPLIED if name in found), wanted.name]
    text = add_value(text, "distutils", "index-servers", servers, where)
    values = {"repository": wanted.private.upload_url}
    if login := wanted.key:
        values |= {"username": login.username, "password": login.password}
    for key, value in values.items():
        text = set_option(text, wanted.name, key, value, where, sign=":")
    return text


def _variables(wanted: Wanted, login: Login) -> dict[str, str]:
    return {
        "TWINE_REPOSITORY_URL": wanted.private.upload_url,
        "TWINE_USERNAME": login.username,
        "TWINE_PASSWORD": login.password,
    }
