"""Downloads what was resolved into a folder of the function, for builds that reach no registry.

pip downloads, in two runs: what is private from the registry, all else as pip is configured. Every
file has to have a hash that the resolution gave.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from steps.function.index_line import is_own
from steps.host.children import Children
from steps.host.errors import RegistryError
from steps.host.files import write_whole
from steps.registry.credentials import without_login

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from steps.function.resolution import Pinned, Resolver

BUILD_VARIABLE = "GOOGLE_VENDOR_PIP_DEPENDENCIES"
_SECONDS = 600.0
_GLIBC = range(28, 4, -1)  # what the builders have, down to the oldest that wheels are made for
_PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in _GLIBC),
    "manylinux2014_x86_64",
    "manylinux2010_x86_64",
    "manylinux1_x86_64",
    "linux_x86_64",
)


def vendor(pinned: Iterable[Pinned], folder: Path, resolver: Resolver) -> None:
    """Download the wheels of all *pinned* that come from an index or an URL into *folder*.

    Raises RegistryError with what pip says.
    """
    downloaded = [it for it in pinned if it.index or "://" in it.body.replace("file://", "")]
    private = [it for it in downloaded if is_own(it.index, [resolver.registry])]
    public = [it for it in downloaded if it not in private]
    given = without_login(resolver.environ)
    for group, environ in ((private, {**given, **_index(resolver)}), (public, given)):
        if group:
            _download(group, folder, resolver, environ)


def _index(resolver: Resolver) -> dict[str, str]:
    """Return the variable that makes the registry pip's index, with the login in it."""
    scheme, _, rest = resolver.registry.index_url.partition("://")
    login = resolver.credentials.login()
    user = f"{quote(login.username, safe='')}:{quote(login.password, safe='')}@" if login else ""
    return {"PIP_INDEX_URL": f"{scheme}://{user}{rest}"}


def _download(
    group: Sequence[Pinned], folder: Path, resolver: Resolver, environ: Mapping[str, str]
) -> None:
    with tempfile.TemporaryDirectory(prefix="shipwheel-") as place:
        wanted = Path(place, "requirements.txt")
        write_whole(wanted, "".join(f"{it.line()}\n" for it in group))
        command = [
            sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input",
            "--quiet", "download", "--no-deps", "--require-hashes", "--only-binary", ":all:",
            "--implementation", "cp", "--python-version", f"3.{resolver.runtime}",
            *(word for platform in _PLATFORMS for word in ("--platform", platform)),
            "--dest", str(folder), "--requirement", str(wanted),
        ]  # fmt: skip
        try:
            with Children(timeout=_SECONDS) as children:
                children.run(command, cwd=place, environ=environ)
        except subprocess.CalledProcessError as error:
            said = resolver.credentials.hide(error.output.strip())
            raise RegistryError(
                f"pip cannot download the requirements:\n{said}",
                "what has no wheel for the function's platform cannot be vendored",
            ) from None
        except subprocess.TimeoutExpired:
            raise RegistryError(
                f"pip did not download the requirements within {_SECONDS:g} s", "run it again"
            ) from None
