"""The clients with TOML files, uv, Poetry and PDM: their settings, and where they differ."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import tomlkit
from packaging.utils import canonicalize_name

from steps.client.edits import set_entry, table_at, toml_edit
from steps.client.model import ClientSettings, in_variable
from steps.client.places import pdm_file, poetry_folder, project_file, uv_file
from steps.host.errors import InputError
from steps.registry.credentials import KEY_USERNAME, TOKEN_USERNAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, MutableMapping, Sequence

    from steps.client.model import Client, FileEdit, Machine, Wanted
    from steps.registry.address import Registry
    from steps.registry.credentials import Login


@dataclass(frozen=True)
class _TomlClient:
    """What differs between clients: words about keyring, publishing, --extra-index and --shell."""

    keyring: str
    publish: str
    extra_index: str
    limit: str


_LOGIN_ALONE = "a login alone: `shipwheel settings {} --write` names the registry itself"
_UV = _TomlClient(
    keyring="uv tool install keyring --with keyrings.google-artifactregistry-auth",
    publish=f"uv publish --index {{}} --username {TOKEN_USERNAME}",
    extra_index="uv asks this index first for every name, and takes what it finds there: any name"
    " that is published in the registry hides the public project, and a private one that is"
    " missing comes from the public index. Name the private packages with --package instead",
    limit=_LOGIN_ALONE.format("uv"),
)
_POETRY = _TomlClient(
    keyring="poetry self add keyrings.google-artifactregistry-auth",
    publish="poetry publish --build --repository {}",
    extra_index="Poetry asks a supplemental source only for what no other source has: a public"
    " project of a private package's name goes before it. Leave out --extra-index, and add private"
    " packages with `poetry add --source NAME PACKAGE`",
    limit=_LOGIN_ALONE.format("poetry"),
)
_PDM = _TomlClient(
    keyring="pdm self add keyring keyrings.google-artifactregistry-auth",
    publish="pdm publish --repository {}",
    extra_index="PDM treats all sources alike, and takes the highest version of all: a higher"
    " version of a private package's name on the public index is installed instead."
    " Name the private packages with --package instead of --extra-index",
    limit="PDM has variables for the login of `pdm publish` only: to install, use keyring, --netrc"
    " or --json-key",
)
_UV_ONE_INDEX = (
    "a uv.toml holds no sources, so this is the one index of all packages: a virtual repository,"
    " of which uv takes the highest version that any upstream has. Pin private packages"
)
_UV_VARIABLES = (
    "UV_CONFIG_FILE",
    "UV_NO_CONFIG",
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
)
_NO_PROJECT = "run this in your project, or make one with `{} init`"
_PDM_PUBLIC = "pypi"  # a source of this name takes the public index's place


def uv_settings(wanted: Wanted, machine: Machine) -> ClientSettings:
    """Return an explicit index, and the sources that name it, or a `uv.toml` with one index.

    Raises InputError for a key, which has no place in uv's files.
    """
    if wanted.key:
        raise InputError(
            "A key has no place in uv's settings, which people commit and share",
            "add --netrc to put it into the netrc file, which uv reads, or --shell",
        )
    if wanted.scope == "user" and not wanted.file:
        wanted = replace(wanted, file=uv_file(machine))
    path = wanted.file or project_file("uv", machine.directory)
    alone = path.name == "uv.toml"
    weak = (_UV.extra_index,) if wanted.extra_index else (_UV_ONE_INDEX,) if alone else ()
    change = partial(_change_uv, alone=alone)
    return ClientSettings(
        edits=(_project_edit("uv", wanted, machine, change),),
        alone=alone and not wanted.extra_index,
        warnings=(*weak, *machine.goes_before(*_UV_VARIABLES)),
        steps=_uv_steps(wanted, alone=alone),
        # A uv.toml has the index of all packages only.
        publish=_UV.publish.format(wanted.name) if not (alone and wanted.public) else "",
        variables=lambda login: _login_variables(
            (*(f"UV_INDEX_{in_variable(it)}" for it in wanted.names), "UV_PUBLISH"), login
        ),
        limit=_UV.limit,
    )


def poetry_settings(wanted: Wanted, machine: Machine) -> ClientSettings:
    """Return an explicit source, a repository in Poetry's config, and for a key its auth."""
    folder = poetry_folder(machine)
    changes = {"config.toml": partial(_add_poetry_repository, wanted=wanted)}
    if wanted.key or (folder / "auth.toml").exists():
        changes["auth.toml"] = partial(_set_poetry_logins, wanted=wanted)
    personal = [toml_edit(folder / name, it, personal=True) for name, it in changes.items()]
    source = "" if wanted.extra_index else f"--source {wanted.name} "
    packages = " ".join(wanted.packages) or "PACKAGE"
    return ClientSettings(
        edits=(_project_edit("poetry", wanted, machine, _add_poetry_source), *personal),
        warnings=(_POETRY.extra_index,) if wanted.extra_index else (),
        steps=_steps(
            _POETRY, wanted, f"to depend on private packages: `poetry add {source}{packages}`"
        ),
        publish=_POETRY.publish.format(wanted.name),
        variables=lambda login: _login_variables(
            (f"POETRY_HTTP_BASIC_{in_variable(it)}" for it in wanted.names), login
        ),
        limit=_POETRY.limit,
    )


def pdm_settings(wanted: Wanted, machine: Machine) -> ClientSettings:
    """Return a source for the private packages, and a repository in PDM's config.

    Raises InputError where no private package is named.
    """
    if not (wanted.packages or wanted.extra_index):
        raise InputError(
            "PDM needs the names of the private packages",
            "name each with --package; --extra-index is the weaker form without",
        )
    add_repository = partial(_add_pdm_repository, wanted=wanted)
    return ClientSettings(
        edits=(
            _project_edit("pdm", wanted, machine, _add_pdm_source),
            toml_edit(pdm_file(machine), add_repository, personal=True),
        ),
        warnings=(_PDM.extra_index,) if wanted.extra_index else (),
        steps=_steps(_PDM, wanted),
        publish=_PDM.publish.format(wanted.name),
        variables=partial(_login_variables, ["PDM_PUBLISH"]),
        limit=_PDM.limit,
    )


def _project_edit(
    client: Client,
    wanted: Wanted,
    machine: Machine,
    add: Callable[[MutableMapping[str, Any], Wanted], None],
) -> FileEdit:
    path = wanted.file or project_file(client, machine.directory)
    edit = toml_edit(path, lambda document: add(document, wanted), personal=False)
    return edit if wanted.file else replace(edit, if_missing=_NO_PROJECT.format(client))


def _steps(client: _TomlClient, wanted: Wanted, *others: str) -> tuple[str, ...]:
    keyring = (f"for keyring: `{client.keyring}`",) if wanted.keyring else ()
    return (*keyring, *others)


def _login_variables(prefixes: Iterable[str], login: Login) -> dict[str, str]:
    found: dict[str, str] = {}
    for prefix in prefixes:
        found |= {f"{prefix}_USERNAME": login.username, f"{prefix}_PASSWORD": login.password}
    return found


def _set_login(
    document: MutableMapping[str, Any], keys: Sequence[str], login: Login | None
) -> None:
    """Put *login* at *keys*; without one, remove the service-account key that an earlier run put.

    It would go before keyring and netrc.
    """
    if login:
        table_at(document, *keys).update(username=login.username, password=login.password)
        return
    tables = [document]
    for key in keys:
        tables.append(tables[-1].get(key, {}))
    if tables[-1].get("username") == KEY_USERNAME:
        for name in ("username", "password"):
            tables[-1].pop(name, None)
        for parent, key in reversed([*zip(tables, keys, strict=False)]):
            if not parent[key]:
                del parent[key]


def _add_poetry_source(document: MutableMapping[str, Any], wanted: Wanted) -> None:
    priority = "supplemental" if wanted.extra_index else "explicit"
    sources = [{"name": wanted.name, "url": wanted.private.index_url, "priority": priority}]
    if wanted.public:  # the first source without a priority takes the public index's place
        sources.append({"name": wanted.public_name, "url": wanted.public.index_url})
    for source in sources:
        set_entry(table_at(document, "tool", "poetry"), "source", source)


def _add_poetry_repository(document: MutableMapping[str, Any], wanted: Wanted) -> None:
    table_at(document, "repositories", wanted.name)["url"] = wanted.private.upload_url


def _set_poetry_logins(document: MutableMapping[str, Any], wanted: Wanted) -> None:
    for name in wanted.names:
        _set_login(document, ("http-basic", name), wanted.key)


def _add_pdm_source(document: MutableMapping[str, Any], wanted: Wanted) -> None:
    root = table_at(document, "tool", "pdm")
    if wanted.public:
        set_entry(root, "source", {"name": _PDM_PUBLIC, "url": wanted.index_url(wanted.public)})
    entry = {"name": wanted.name, "url": wanted.index_url(wanted.private)}
    held = set_entry(root, "source", entry)
    if wanted.extra_index:
        held.pop("include_packages", None)
        return
    named = held.get("include_packages", [])
    missing = [package for package in wanted.packages if package not in named]
    if missing:
        held["include_packages"] = [*named, *missing]


def _add_pdm_repository(document: MutableMapping[str, Any], wanted: Wanted) -> None:
    held = table_at(document, "repository", wanted.name)
    held["url"] = wanted.private.upload_url
    places = [("repository", wanted.name), ("pypi", wanted.name)]
    for keys in (*places, *([("pypi",)] if wanted.public else [])):
        _set_login(document, keys, wanted.key)


def _uv_steps(wanted: Wanted, *, alone: bool) -> tuple[str, ...]:
    steps = []
    if wanted.keyring:
        steps.append(f"for keyring: `{_UV.keyring}`; its command has to be on PATH")
    if not (alone or wanted.extra_index or wanted.packages):
        steps.append("name the private packages with --package: nothing else comes from this index")
    return tuple(steps)


def _change_uv(document: MutableMapping[str, Any], wanted: Wanted, *, alone: bool) -> None:
    root = document if alone else table_at(document, "tool", "uv")
    if wanted.keyring and root.get("keyring-provider") != "subprocess":
        root["keyring-provider"] = "subprocess"
    _spare_from_cooldown(root, wanted)
    if alone:
        index = _uv_index(wanted, wanted.only, wanted.public_name or wanted.name)
        _set_uv_index(root, index, "" if wanted.extra_index else "default")
        return
    _set_uv_index(
        root,
        _uv_index(wanted, wanted.private, wanted.name),
        "" if wanted.extra_index else "explicit",
    )
    if wanted.public:
        _set_uv_index(root, _uv_index(wanted, wanted.public, wanted.public_name), "default")
    _pin_sources(root, wanted)


def _uv_index(wanted: Wanted, registry: Registry, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "url": wanted.index_url(registry)}
    if registry == wanted.private:
        entry["publish-url"] = registry.upload_url
    if registry.is_artifact_registry and not registry.emulated:
        # Where the registry refuses, uv stops, and does not look for the name elsewhere.
        entry["authenticate"] = "always"
    return entry


def _set_uv_index(root: MutableMapping[str, Any], entry: dict[str, Any], kind: str) -> None:
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
        spelled = _spelled(package, limits)
        if limits.get(spelled) is not False:
            limits[spelled] = False


def _pin_sources(root: MutableMapping[str, Any], wanted: Wanted) -> None:
    for package in wanted.packages:
        sources = table_at(root, "sources")
        spelled = _spelled(package, sources)
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


def _spelled(package: str, names: Iterable[str]) -> str:
    """Return *package* as it is spelled in *names*, if it is there."""
    return next((it for it in names if canonicalize_name(it) == package), package)
