"""Everything that the checks look at: tools, settings files, certificates, and the registry.

Every program that is asked for its version has a few seconds, and so has every request. Nothing is
changed or uploaded.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import ssl
import stat
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from steps.client.files import netrc_path
from steps.client.places import pdm_file, poetry_folder, project_file, uv_file
from steps.diagnosis import Access, Contact, Observations, SettingsFile, Tool
from steps.diagnosis.machine import CA_BUNDLES
from steps.diagnosis.registry import find_access, reach
from steps.host.children import Children, each

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steps.client.model import Machine
    from steps.diagnosis import Client
    from steps.registry.transport import Transport

_SECONDS = 15.0
_LIBRARIES = ("keyring", "keyrings.google-artifactregistry-auth", "google-auth", "twine", "uv")
_PROGRAMS = ("pip", "uv", "poetry", "pdm", "twine", "gcloud", "git")
_VERSION = re.compile(r"\b\d+(?:\.\d+)+(?:[a-z0-9.+]*)")
_NAMED_FILES = (
    "GOOGLE_APPLICATION_CREDENTIALS",
    "PIP_CONFIG_FILE",
    "UV_CONFIG_FILE",
    "NETRC",
    "TWINE_CLIENT_CERT",
)


def observe(
    transport: Transport | None, machine: Machine, *, read_only: bool = False
) -> Observations:
    """Look at *machine*, and ask the registry of *transport* meanwhile.

    *read_only* says that this machine does not upload.
    """
    environ = machine.environ
    with ThreadPoolExecutor(3, thread_name_prefix="doctor") as pool:
        tools = pool.submit(find_tools, environ)
        backends = pool.submit(list_keyring_backends, environ)
        contact, access = Contact(), None
        if transport:
            contact = reach(transport.registry, transport.certificates)
            access = pool.submit(find_access, transport, environ, contact)
        return Observations(
            registry=transport.registry if transport else None,
            environ=environ,
            python=Version(platform.python_version().rstrip("+")),
            tools=tools.result(),
            files=find_settings(machine),
            ca_bundles=check_bundles(environ),
            missing_files=find_missing_files(environ),
            keyring_backends=backends.result(),
            read_only=read_only,
            contact=contact,
            access=access.result() if access else Access(),
        )


def find_tools(environ: Mapping[str, str]) -> tuple[Tool, ...]:
    """Return the libraries that Shipwheel itself uses, and the programs on PATH."""
    own = [
        Tool(name=name, where="with Shipwheel", version=_read_version(metadata.version(name)))
        for name in _LIBRARIES
    ]
    path = environ.get("PATH", os.defpath)
    found = [(name, where) for name in _PROGRAMS if (where := shutil.which(name, path=path))]
    programs = each(
        lambda it: Tool(
            name=it[0], where=it[1], version=_read_version(_printed([it[1], "--version"], environ))
        ),
        found,
        workers=len(_PROGRAMS),
    )
    return (*own, *programs)


def list_keyring_backends(environ: Mapping[str, str]) -> str | None:
    """Return what the `keyring` on PATH lists, or None where there is none."""
    keyring = shutil.which("keyring", path=environ.get("PATH", os.defpath))
    return _printed([keyring, "--list-backends"], environ) if keyring else None


def find_settings(machine: Machine) -> tuple[SettingsFile, ...]:
    """Read every settings file of a client that is there."""
    places = dict.fromkeys((client, path) for client, path in _places(machine))
    return tuple(
        file
        for client, path in places
        if (file := _read(client, path)) and (file.problem or _concerns(file))
    )


def check_bundles(environ: Mapping[str, str]) -> dict[str, str]:
    """Return for each variable that names a CA bundle why that cannot be used, or nothing."""
    return {name: _bundle_problem(environ[name]) for name in CA_BUNDLES if environ.get(name)}


def find_missing_files(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that name a file which is not there, with its path."""
    return {
        name: path
        for name in _NAMED_FILES
        if (path := environ.get(name, "")) and not _exists(name, path)
    }


def _exists(name: str, path: str) -> bool:
    """Return whether the file is there for those who look for it: only for netrc `~` is a home."""
    try:
        return (Path(path).expanduser() if name == "NETRC" else Path(path)).exists()
    except RuntimeError:  # a `~user` without a home
        return False


def _places(machine: Machine) -> Iterator[tuple[Client, Path]]:
    """Yield where settings may be, whichever scope they are of."""
    project = project_file("pdm", machine.directory)  # Poetry finds the same
    directory, uv = project.parent, project_file("uv", machine.directory).parent
    for path in _pip_places(machine):
        yield "pip", path
    if named := machine.path_in("UV_CONFIG_FILE"):
        yield "uv", named
    for path in (uv_file(machine), Path("/etc/uv/uv.toml"), uv / "uv.toml", uv / project.name):
        yield "uv", path
    folder = poetry_folder(machine)
    for path in (folder / "config.toml", folder / "auth.toml", directory / "poetry.toml", project):
        yield "poetry", path
    for path in (pdm_file(machine), directory / "pdm.toml", project):
        yield "pdm", path
    yield "twine", machine.home / ".pypirc"
    yield "netrc", netrc_path(machine)


def _pip_places(machine: Machine) -> Iterator[Path]:
    windows = machine.platform == "win32"
    for folder in (
        *((Path("/etc"), Path("/etc/xdg/pip")) if not windows else ()),
        machine.config_folder(roaming=True) / "pip",
        machine.config_folder(macos=".config", roaming=True) / "pip",
        machine.home / ".pip",
        machine.path_in("VIRTUAL_ENV") or Path(sys.prefix),
    ):
        yield folder / ("pip.ini" if windows else "pip.conf")
    if named := machine.path_in("PIP_CONFIG_FILE"):
        yield named


def _read(client: Client, path: Path) -> SettingsFile | None:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return None  # such as /dev/null, by which people switch a file off
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        return SettingsFile(client=client, path=path, problem=why or "it cannot be opened")
    others = os.name == "posix" and bool(status.st_mode & (stat.S_IRGRP | stat.S_IROTH))
    return SettingsFile(client=client, path=path, text=text, readable_by_others=others)


def _concerns(file: SettingsFile) -> bool:
    """Return whether a project's file says anything to this client."""
    if file.path.name != "pyproject.toml":
        return True
    try:
        return file.client in tomllib.loads(file.text).get("tool", {})
    except (tomllib.TOMLDecodeError, RecursionError, TypeError):
        return file.client == "uv"  # reported once


def _bundle_problem(path: str) -> str:
    try:
        folder = Path(path).is_dir()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(**{"capath" if folder else "cafile": path})
    except ssl.SSLError:
        return "it holds no certificate"
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or "it is not a path"
    return ""


def _printed(command: list[str], environ: Mapping[str, str]) -> str:
    """Return what a program prints, or nothing when it fails or takes too long."""
    quiet = {**environ, "CLOUDSDK_CORE_DISABLE_PROMPTS": "true", "NO_COLOR": "1"}
    with suppress(OSError, subprocess.SubprocessError), Children(timeout=_SECONDS) as children:
        done = children.ask(command, environ=quiet)
        return done.stdout if done.returncode == 0 else ""
    return ""


def _read_version(text: str) -> Version | None:
    match = _VERSION.search(text)
    try:
        return Version(match[0]) if match else None
    except InvalidVersion:
        return None
