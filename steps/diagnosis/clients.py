"""Settings of pip, uv, Poetry, PDM, twine and netrc on this machine: what is unsafe in them.

Nothing of a setting is repeated but its name, and addresses without logins.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name
from packaging.version import Version

from steps.client.edits import parse_ini
from steps.diagnosis import CheckResult, host_of
from steps.host.errors import InputError
from steps.registry.address import is_loopback, shown
from steps.registry.credentials import KEY_USERNAME, TOKEN_USERNAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from steps.diagnosis import Observations, SettingsFile


class _Weakness(NamedTuple):
    """What is unsafe, and what to do."""

    message: str
    fix: str


_NAMES_USERS = Version("26.2")

_EXTRA_INDEX = _Weakness(
    "pip takes the highest version that any index has, so a private name that someone publishes on"
    " the public index is installed instead",
    "one index-url, that of a virtual repository: `shipwheel settings pip --write`",
)
_BEST_MATCH = _Weakness(
    "uv then takes the highest version that any index has, a public one of a private name, too",
    "remove index-strategy: the first index that has a name is then the only one asked",
)
_OTHERS_READ = _Weakness("it holds secrets, and others on this machine can read it", "chmod 600")


def check_clients(seen: Observations) -> Iterator[CheckResult]:
    """Look through every settings file, a line for each weakness or for each clean file."""
    for file in seen.files:
        where = f"{file.client} ({file.path})"
        try:
            weak = [*_weaknesses(file, seen)]
        except (InputError, ValueError, AttributeError, TypeError, RecursionError):
            # What a parser says may repeat a secret.
            weak = [_Weakness("its client cannot read it", "fix it")]
        for message, fix in weak:
            yield CheckResult(where, "wrong", message, fix)
        if not weak:
            yield _fine(where, file, seen)


def check_variables(seen: Observations) -> Iterator[CheckResult]:
    """Look through the variables that clients read."""
    environ = seen.environ
    for name in sorted(environ):
        if environ[name] and (weak := _VARIABLES.get(name)):
            yield CheckResult(name, "wrong", weak.message, weak.fix)
        elif name.endswith(("INDEX_URL", "_INDEX", "REPOSITORY_URL")) and name.startswith(_CLIENTS):
            for url in map(_address, environ[name].split()):
                for message, fix in _plain(url):
                    yield CheckResult(name, "wrong", message, fix)
    if environ.get("UV_INDEX_STRATEGY", "").startswith("unsafe"):
        message, fix = _BEST_MATCH
        yield CheckResult("UV_INDEX_STRATEGY", "wrong", message, fix)
    if environ.get("TWINE_PASSWORD") and not environ.get("TWINE_USERNAME"):
        yield CheckResult(
            "TWINE_PASSWORD",
            "wrong",
            "it is set without TWINE_USERNAME",
            f"set TWINE_USERNAME={TOKEN_USERNAME} for a token, or unset it",
        )


_CLIENTS = ("PIP_", "UV_", "TWINE_", "PDM_", "POETRY_")
_NO_TLS = "the certificate of a registry is then not checked"
_VARIABLES: dict[str, _Weakness] = {
    "PIP_EXTRA_INDEX_URL": _EXTRA_INDEX,
    "PIP_TRUSTED_HOST": _Weakness(
        _NO_TLS, "unset it, and name the authority in REQUESTS_CA_BUNDLE"
    ),
    "UV_INSECURE_HOST": _Weakness(_NO_TLS, "unset it, and name the authority in SSL_CERT_FILE"),
}


def _weaknesses(file: SettingsFile, seen: Observations) -> Iterator[_Weakness]:
    if file.problem:
        yield _Weakness(f"it cannot be read: {file.problem}", "see who owns it")
        return
    yield from _LOOK[file.client](file, seen)
    if file.readable_by_others and _holds_secret(file):
        message, fix = _OTHERS_READ
        yield _Weakness(message, f"{fix} {file.path}")


def _fine(where: str, file: SettingsFile, seen: Observations) -> CheckResult:
    host = host_of(seen.registry.upload_url) if seen.registry else ""
    secrets = {
        TOKEN_USERNAME: "token for {} goes before keyring, and is good for an hour only",
        KEY_USERNAME: "key for {} goes before keyring, and is valid until it is deleted",
    }
    entry = rf"(?<!\S)machine\s+{re.escape(host)}\s+login\s+({'|'.join(secrets)})(?!\S)"
    if file.client == "netrc" and host and (found := re.search(entry, file.text)):
        return CheckResult(
            where,
            "note",
            f"its {secrets[found[1]].format(host)}",
            "remove the entry once it has grown old, or write it anew with `shipwheel settings"
            " CLIENT --netrc --write`",
        )
    return CheckResult(where, "ok", "nothing unsafe")


def _look_at_pip(file: SettingsFile, seen: Observations) -> Iterator[_Weakness]:
    pip = next((it.version for it in seen.tools if it.name == "pip"), None)
    for section, options in parse_ini(file.text, str(file.path)).items():
        urls = [
            url for key in ("index-url", "extra-index-url") for url in options.get(key, "").split()
        ]
        if section == section.lower():
            yield from _of_section(section, options)
        else:
            unread = f"pip tells capitals apart, and reads no section [{section}]"
            yield _Weakness(unread, f"write [{section.lower()}]")
        yield from _of_urls(urls)
        asks = options.get("keyring-provider") == "subprocess"
        anonymous = any(_is_private(it) and "@" not in it for it in urls)
        if asks and pip and pip < _NAMES_USERS and anonymous:
            yield _Weakness(
                f"pip {pip} asks keyring's command for no login without a user name in the URL",
                f"write {TOKEN_USERNAME}@ before the host, or upgrade pip to 26.2",
            )


def _of_section(section: str, options: Mapping[str, str]) -> Iterator[_Weakness]:
    if options.get("extra-index-url", "").strip():
        yield _named(f"[{section}] extra-index-url", _EXTRA_INDEX)
    if options.get("trusted-host", "").strip():
        weak = _Weakness(_NO_TLS, "remove it, and name the authority in REQUESTS_CA_BUNDLE")
        yield _named(f"[{section}] trusted-host", weak)


def _look_at_uv(file: SettingsFile, _seen: Observations) -> Iterator[_Weakness]:
    root = _tables(file, "uv")
    for table in (root, root.get("pip", {})):
        if str(table.get("index-strategy", "")).startswith("unsafe"):
            yield _named("index-strategy", _BEST_MATCH)
        if table.get("allow-insecure-host"):
            weak = _Weakness(_NO_TLS, "remove it, and name the authority in SSL_CERT_FILE")
            yield _named("allow-insecure-host", weak)
        urls = [index.get("url", "") for index in table.get("index", [])]
        yield from _of_urls([*urls, table.get("index-url", ""), *table.get("extra-index-url", [])])


def _look_at_poetry(file: SettingsFile, _seen: Observations) -> Iterator[_Weakness]:
    root = _tables(file, "poetry")
    sources = root.get("source", [])
    for source in sources:
        if source.get("priority") == "supplemental" and _is_private(source.get("url", "")):
            yield _Weakness(
                f"source {source.get('name')!r} is supplemental: Poetry looks for private names on"
                " the public index first",
                'priority = "explicit", and the source for each private dependency',
            )
    repositories = root.get("repositories", {}).values()
    yield from _of_urls(it.get("url", "") for it in (*sources, *repositories))
    for name, certificates in root.get("certificates", {}).items():
        if certificates.get("cert") is False:
            weak = _Weakness(_NO_TLS, "name the authority's file there")
            yield _named(f"certificates.{name}.cert", weak)


def _look_at_pdm(file: SettingsFile, _seen: Observations) -> Iterator[_Weakness]:
    root = _tables(file, "pdm")
    sources = root.get("source", [])
    repositories = [*root.get("repository", {}).values(), root.get("pypi", {})]
    ordered = root.get("resolution", {}).get("respect-source-order") is True
    # A source of that name takes the public index's place; else that is one more.
    replaced = any(it.get("name") == "pypi" for it in sources)
    unlimited = [it for it in sources if not it.get("include_packages")]
    for source in unlimited if not ordered and (not replaced or len(unlimited) > 1) else ():
        if _is_private(source.get("url", "")):
            yield _Weakness(
                f"source {source.get('name')!r} is one of several, and PDM takes the highest"
                " version that any of them has",
                "include_packages = [NAMES] in it, and exclude_packages in the others",
            )
    for table in (*sources, *repositories):
        if table.get("verify_ssl") is False:
            weak = _Weakness(_NO_TLS, "remove it, and name the authority in ca_certs")
            yield _named("verify_ssl", weak)
    yield from _of_urls(it.get("url", "") for it in (*sources, *repositories))


def _look_at_twine(file: SettingsFile, _seen: Observations) -> Iterator[_Weakness]:
    sections = parse_ini(file.text, str(file.path)).values()
    yield from _of_urls(options.get("repository", "") for options in sections)


_LOOK: dict[str, Callable[[SettingsFile, Observations], Iterator[_Weakness]]] = {
    "pip": _look_at_pip,
    "uv": _look_at_uv,
    "poetry": _look_at_poetry,
    "pdm": _look_at_pdm,
    "twine": _look_at_twine,
    "netrc": lambda _file, _seen: iter(()),
}


def _tables(file: SettingsFile, client: str) -> Mapping[str, Any]:
    document = tomllib.loads(file.text)
    if file.path.name == "pyproject.toml":
        found: Mapping[str, Any] = document.get("tool", {}).get(client, {})
        return found
    return document


def _named(setting: str, weak: _Weakness) -> _Weakness:
    return _Weakness(f"{setting}: {weak.message}", weak.fix)


def _of_urls(urls: Iterable[str]) -> Iterator[_Weakness]:
    for url in urls:
        yield from _plain(url)
        if _has_secret(url):
            yield _Weakness(
                f"the address of {host_of(url)} holds credentials",
                "take them out, and let keyring keep them: `shipwheel settings CLIENT` says how",
            )


def _plain(url: str) -> Iterator[_Weakness]:
    if url.startswith("http://") and not is_loopback(host_of(url)):
        yield _Weakness(
            f"{shown(url)} is plain http: anyone on the network path can read and change it",
            "use https",
        )


def _address(word: str) -> str:
    """Return the URL of uv's NAME=URL."""
    return word.partition("=")[2] if re.match(r"[\w.-]+=", word) else word


def _is_private(url: str) -> bool:
    return host_of(url).endswith(".pkg.dev")


def _has_secret(url: str) -> bool:
    """Return whether there is more than a user name that is not a secret; `${NAME}` is not one."""
    try:
        parts = urlsplit(url)
        user, password = parts.username or "", parts.password or ""
    except ValueError:
        return False
    if password:
        return not password.startswith("$")
    return bool(user) and user not in {TOKEN_USERNAME, KEY_USERNAME} and user[0] != "$"


def _holds_secret(file: SettingsFile) -> bool:
    return bool(
        re.search(r"(?i)\b(?:password|token)\b|_json_key", file.text)
        or any(map(_has_secret, re.findall(r"https?://\S+", file.text)))
    )


def check_cooldown(seen: Observations) -> Iterator[CheckResult]:
    """Look for a cooldown of uv's that hides private packages."""
    with suppress(AttributeError, TypeError):  # check_clients names a file of another form
        yield from _cooldown(seen)


def _cooldown(seen: Observations) -> Iterator[CheckResult]:
    tables = [*_uv_tables(seen)]
    given = [("UV_EXCLUDE_NEWER", seen.environ.get("UV_EXCLUDE_NEWER"))]
    given += [(f"exclude-newer ({path})", table.get("exclude-newer")) for path, table in tables]
    limits = [where for where, value in given if value and value != "false"]
    registry = seen.registry
    if not (limits and registry and registry.is_artifact_registry):
        return
    indexes = [it for _, table in tables for it in table.get("index", [])]
    own = [it for it in indexes if host_of(it.get("url", "")) == host_of(registry.index_url)]
    sources = [it for _, table in tables for it in table.get("sources", {}).items()]
    names = {it.get("name") for it in own}
    private = {canonicalize_name(name) for name, it in sources if _index_of(it) in names}
    spared = {
        canonicalize_name(name)
        for _, table in tables
        for name, value in table.get("exclude-newer-package", {}).items()
        if value is False
    }
    hidden = sorted(private - spared)
    if any(it.get("exclude-newer") is False for it in own) or (not hidden and (private or spared)):
        return
    yield CheckResult(
        f"uv: {limits[0]}",
        "wrong",
        "the registry gives no upload times, so uv finds no version of"
        f" {', '.join(hidden) or 'its packages'}",
        "`shipwheel settings uv --write --package"
        f" {' --package '.join(hidden) or 'NAME'}` writes exclude-newer-package",
    )


def _uv_tables(seen: Observations) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the settings of uv in each file, at its top and for `uv pip`."""
    for file in seen.files:
        if file.client == "uv" and not file.problem:
            with suppress(ValueError, AttributeError, TypeError, RecursionError):
                root = _tables(file, "uv")
                yield str(file.path), root
                yield str(file.path), root.get("pip", {})


def _index_of(source: Any) -> str:
    """Return the name of the index that an entry of `tool.uv.sources` names."""
    return str(source.get("index", "")) if isinstance(source, dict) else ""


CHECKS = (check_variables, check_clients, check_cooldown)
