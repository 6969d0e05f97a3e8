"""uv: an explicit index in `pyproject.toml` and the sources that name it, or a `uv.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tomlkit
from packaging.utils import canonicalize_name

from steps.client.edits import set_entry, table_at, toml_edit
from steps.client.model import ClientSettings, in_variable
from steps.host.errors import InputError
from steps.registry.credentials import TOKEN_USERNAME

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

    from steps.client.model import Machine, Wanted
    from steps.registry.address import Registry
    from steps.registry.credentials import Login

_FIRST = (
    "uv asks this index first for every name, and takes what it finds there: any name that"
    " somebody publishes in the registry hides the public project, and a private one that is"
    " missing comes from the public index. Name the private packages with --package instead"
)
_ONE = (
    "a uv.toml holds no sources, so this is the one index of all packages: a virtual repository,"
    " of which uv takes the highest version that any upstream has. Pin private packages"
)

_VARIABLES = (
    "UV_CONFIG_FILE",
    "UV_NO_CONFIG",
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
)
_KEYRING = (
    "for keyring: `uv tool install keyring --with keyrings.google-artifactregistry-auth`; its"
    " command has to be on PATH"
)


def settings(wanted: Wanted, machine: Machine) -> ClientSettings:
    """Return what uv is to be told; raise InputError for a key, which has no place in its files."""
    if wanted.key:
        raise InputError(
            "A key has no place in uv's settings, which people commit and share",
            "add --netrc to put it into the netrc file, which uv reads, or --shell",
        )
    path = wanted.file or _path(wanted, machine)
    alone = path.name == "uv.toml"
    edit = toml_edit(path, lambda it: _change(it, wanted, alone=alone), personal=False)
    return ClientSettings(
        edits=(edit,),
        alone=alone and not wanted.extra_index,
        warnings=(
            *((_FIRST,) if wanted.extra_index else (_ONE,) if alone else ()),
            *machine.goes_before(*_VARIABLES),
        ),
        steps=_steps(wanted, alone=alone),
        variables=lambda login: _variables(wanted, login),
        limit="a login alone: `shipwheel settings uv --write` names the registry itself",
    )


def _change(document: MutableMapping[str, Any], wanted: Wanted, *, alone: bool) -> None:
    root = document if alone else table_at(document, "tool", "uv")
    if wanted.keyring and root.get("keyring-provider") != "subprocess":
        root["keyring-provider"] = "subprocess"
    _spare_from_cooldown(root, wanted)
    if alone:
        index = _index(wanted, wanted.only, wanted.public_name or wanted.name)
        _set_index(root, index, "" if wanted.extra_index else "default")
        return
    _set_index(
        root, _index(wanted, wanted.private, wanted.name), "" if wanted.extra_index else "explicit"
    )
    if wanted.public:
        _set_index(root, _index(wanted, wanted.public, wanted.public_name), "default")
    _pin_sources(root, wanted)


def _index(wanted: Wanted, registry: Registry, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "url": wanted.index_url(registry)}
    if registry == wanted.private:
        entry["publish-url"] = registry.upload_url
    if registry.is_artifact_registry and not registry.emulated:
        # Where the registry refuses, uv stops, and does not look for the name elsewhere.
        entry["authenticate"] = "always"
    return entry


def _set_index(root: MutableMapping[str, Any], entry: dict[str, Any], kind: str) -> None:
    others = [it for it in root.get("index", []) if it.get("name") != entry["name"]]
    if kind == "default" and any(it.get("default") for it in others):
        raise InputError(
            "There is another index with `default = true`, and uv knows one default only",
            "remove that one, and run this again; nothing was written",
        )
    held = set_entry(root, "index", {**entry, kind: True} if kind else entry)
    for other in {"explicit", "default"} - {kind}:
        held.pop(other, None)


def _spare_from_cooldown(root: MutableMapping[str, Any], wanted: Wanted) -> None:
    """Let uv's `exclude-newer` pass the private packages: the registry gives no upload times."""
    for package in wanted.packages:
        limits = table_at(root, "exclude-newer-package")
        spelled = next((it for it in limits if canonicalize_name(it) == package), package)
        if limits.get(spelled) is not False:
            limits[spelled] = False


def _pin_sources(root: MutableMapping[str, Any], wanted: Wanted) -> None:
    for package in wanted.packages:
        sources = table_at(root, "sources")
        spelled = next((it for it in sources if canonicalize_name(it) == package), package)
        held = sources.get(spelled)
        if held is None:
            sources[spelled] = tomlkit.inline_table()
            sources[spelled]["index"] = wanted.name
        elif "index" in held:
            if held["index"] != wanted.name:
                held["index"] = wanted.name
        else:
            raise InputError(
                f"tool.uv.sources takes {spelled!r} from elsewhere: {', '.join(map(str, held))!r}",
                f"remove that source, or leave out --package {package}",
            )


def user_file(machine: Machine) -> Path:
    """Return the user's own settings file."""
    return machine.config_folder(macos=".config", roaming=True) / "uv/uv.toml"


def _path(wanted: Wanted, machine: Machine) -> Path:
    if wanted.scope == "user":
        return user_file(machine)
    alone = machine.directory / "uv.toml"
    # Beside a uv.toml, uv reads nothing of a pyproject.toml but its sources.
    return alone if alone.exists() else machine.directory / "pyproject.toml"


def _steps(wanted: Wanted, *, alone: bool) -> tuple[str, ...]:
    steps = []
    if wanted.keyring:
        steps += [
            _KEYRING,
            f"to publish: `uv publish --index {wanted.name} --username {TOKEN_USERNAME}`",
        ]
    if not (alone or wanted.extra_index or wanted.packages):
        steps.append("name the private packages with --package: nothing else comes from this index")
    return tuple(steps)


def _variables(wanted: Wanted, login: Login) -> dict[str, str]:
    found: dict[str, str] = {}
    for prefix in (*(f"UV_INDEX_{in_variable(it)}" for it in wanted.names), "UV_PUBLISH"):
        found |= {f"{prefix}_USERNAME": login.username, f"{prefix}_PASSWORD": login.password}
    return found
