"""Poetry: an explicit source in `pyproject.toml`, and a repository to publish to in its config."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from steps.client.edits import set_entry, table_at, toml_edit
from steps.client.model import ClientSettings, in_variable

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence
    from pathlib import Path

    from steps.client.model import Machine, Wanted
    from steps.registry.credentials import Login

_SUPPLEMENTAL = (
    "Poetry asks a supplemental source only for what no other source has: a public project of a"
    " private package's name goes before it. Leave out --extra-index, and add private packages"
    " with `poetry add --source NAME PACKAGE`"
)


def settings(wanted: Wanted, machine: Machine) -> ClientSettings:
    """Return what Poetry is to be told: the project's file, its config, and for a key its auth."""
    project = wanted.file or machine.directory / "pyproject.toml"
    folder = config_folder(machine)
    edits = [
        toml_edit(project, lambda it: _add_source(it, wanted), personal=False),
        toml_edit(folder / "config.toml", lambda it: _add_repository(it, wanted), personal=True),
    ]
    if login := wanted.key:
        add_logins = partial(_add_logins, names=wanted.names, login=login)
        edits.append(toml_edit(folder / "auth.toml", add_logins, personal=True))
    return ClientSettings(
        edits=tuple(edits),
        warnings=(_SUPPLEMENTAL,) if wanted.extra_index else (),
        steps=_steps(wanted),
        variables=lambda login: _variables(wanted, login),
        limit="a login alone: `shipwheel settings poetry --write` names the registry itself",
    )


def config_folder(machine: Machine) -> Path:
    """Return the folder of Poetry's own config and auth files."""
    own = machine.path_in("POETRY_CONFIG_DIR")
    return own or machine.config_folder(roaming=True) / "pypoetry"


def _add_source(document: MutableMapping[str, Any], wanted: Wanted) -> None:
    priority = "supplemental" if wanted.extra_index else "explicit"
    sources = [{"name": wanted.name, "url": wanted.private.index_url, "priority": priority}]
    if wanted.public:  # the first source without a priority takes the public index's place
        sources.append({"name": wanted.public_name, "url": wanted.public.index_url})
    for source in sources:
        set_entry(table_at(document, "tool", "poetry"), "source", source)


def _add_repository(document: MutableMapping[str, Any], wanted: Wanted) -> None:
    table_at(document, "repositories", wanted.name)["url"] = wanted.private.upload_url


def _add_logins(document: MutableMapping[str, Any], names: Sequence[str], login: Login) -> None:
    for name in names:
        held = table_at(document, "http-basic", name)
        held["username"], held["password"] = login.username, login.password


def _steps(wanted: Wanted) -> tuple[str, ...]:
    source = "" if wanted.extra_index else f"--source {wanted.name} "
    packages = " ".join(wanted.packages) or "PACKAGE"
    keyring = "for keyring: `poetry self add keyrings.google-artifactregistry-auth`"
    return (
        *((keyring,) if wanted.keyring else ()),
        f"to depend on private packages: `poetry add {source}{packages}`",
        f"to publish: `poetry publish --build --repository {wanted.name}`",
    )


def _variables(wanted: Wanted, login: Login) -> dict[str, str]:
    found: dict[str, str] = {}
    for prefix in (f"POETRY_HTTP_BASIC_{in_variable(name)}" for name in wanted.names):
        found |= {f"{prefix}_USERNAME": login.username, f"{prefix}_PASSWORD": login.password}
    return found
