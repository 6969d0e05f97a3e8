"""PDM: a source for the private packages in `pyproject.toml`, and a repository in its config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steps.client.edits import set_entry, table_at, toml_edit
from steps.client.model import ClientSettings
from steps.host.errors import InputError

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

    from steps.client.model import Machine, Wanted
    from steps.registry.credentials import Login

_EQUAL = (
    "PDM takes all sources for equal, and of all their versions the highest: whoever publishes a"
    " higher version of a private package's name on the public index gets it installed. Name the"
    " private packages with --package instead of --extra-index"
)

# A source of this name takes the public index's place.
_PUBLIC = "pypi"


def settings(wanted: Wanted, machine: Machine) -> ClientSettings:
    """Return what PDM is to be told; raise InputError where no private package is named."""
    if not (wanted.packages or wanted.extra_index):
        raise InputError(
            "PDM has to be told which packages are private",
            "name each with --package; --extra-index is the weaker form without",
        )
    project = wanted.file or machine.directory / "pyproject.toml"
    return ClientSettings(
        edits=(
            toml_edit(project, lambda it: _add_source(it, wanted), personal=False),
            toml_edit(config_file(machine), lambda it: _add_repository(it, wanted), personal=True),
        ),
        warnings=(_EQUAL,) if wanted.extra_index else (),
        steps=_steps(wanted),
        variables=_variables,
        limit="PDM has variables for the login of `pdm publish` only: to install, use keyring,"
        " --netrc or --json-key",
    )


def config_file(machine: Machine) -> Path:
    """Return the file of PDM's own config."""
    folder = machine.config_folder(roaming=False) / "pdm"
    own = folder / "pdm" if machine.platform == "win32" else folder
    return machine.path_in("PDM_CONFIG_FILE") or own / "config.toml"


def _add_source(document: MutableMapping[str, Any], wanted: Wanted) -> None:
    root = table_at(document, "tool", "pdm")
    if wanted.public:
        set_entry(root, "source", {"name": _PUBLIC, "url": wanted.index_url(wanted.public)})
    entry = {"name": wanted.name, "url": wanted.index_url(wanted.private)}
    held = set_entry(root, "source", entry)
    if wanted.extra_index:
        held.pop("include_packages", None)
        return
    named = held.get("include_packages", [])
    missing = [package for package in wanted.packages if package not in named]
    if missing:
        held["include_packages"] = [*named, *missing]


def _add_repository(document: MutableMapping[str, Any], wanted: Wanted) -> None:
    held = table_at(document, "repository", wanted.name)
    held["url"] = wanted.private.upload_url
    if login := wanted.key:
        sources = [table_at(document, "pypi", wanted.name)]
        if wanted.public:
            sources.append(table_at(document, "pypi"))
        for table in (held, *sources):
            table["username"], table["password"] = login.username, login.password


def _steps(wanted: Wanted) -> tuple[str, ...]:
    keyring = "for keyring: `pdm self add keyring keyrings.google-artifactregistry-auth`"
    return (
        *((keyring,) if wanted.keyring else ()),
        f"to publish: `pdm publish --repository {wanted.name}`",
    )


def _variables(login: Login) -> dict[str, str]:
    return {"PDM_PUBLISH_USERNAME": login.username, "PDM_PUBLISH_PASSWORD": login.password}
